"""Sampling: which requests a logger keeps, and the weight that makes up for the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.errors import SpecError, did_you_mean

_SPAN = 2.0**64


@dataclass(frozen=True, slots=True)
class KeepRate:
    """The keep rate of a segment.

    Attributes
    ----------
    rate : float
        Probability of being kept, in (0, 1].
    where : mapping of str to object
        Dimensions, and ``arm``, with the value that each must have.
    """

    rate: float
    where: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Which requests are kept.

    A request is kept by a hash of its id: on every machine, after every restart and for each of its
    attempts alike. Decisions carry the inverse of their keep rate as ``sample_weight``, and every
    metric honours it. Outcomes are all kept, since they do not name their request.

    Attributes
    ----------
    rate : float
        Keep rate of what no rule names, in (0, 1].
    rules : tuple of KeepRate
        The first that fits counts. Name in them only what all attempts of a request share: with
        other rates for its retries, some are kept without their first attempt.

    Raises
    ------
    SpecError
        If a rate is not in (0, 1]: what is never kept cannot be weighed up.

    Examples
    --------
    >>> sampling = Sampling(rate=0.05, rules=(KeepRate(1.0, {"arm": "control"}),))
    >>> sampling.rate_of({"id": "a", "arm": "control"}), sampling.rate_of({"id": "b"})
    (1.0, 0.05)
    """

    rate: float = 1.0
    rules: tuple[KeepRate, ...] = ()

    def __post_init__(self) -> None:
        rates = {"rate": self.rate}
        rates |= {f"rules[{place}]": rule.rate for place, rule in enumerate(self.rules)}
        problems = [
            f"{name} is {rate!r}; it must lie in (0, 1]"
            for name, rate in rates.items()
            if not (isinstance(rate, (int, float)) and 0 < rate <= 1)
        ]
        problems += [
            f"rules[{place}] names no dimension; what fits all is `rate`"
            for place, rule in enumerate(self.rules)
            if not rule.where
        ]
        if problems:
            raise SpecError("sampling", problems)

    def check(self, dimensions: Iterable[str]) -> None:
        """Raise a SpecError if a rule names something other than these dimensions or ``arm``."""
        known = (*dimensions, "arm")
        problems = [
            f"rules[{place}]: no dimension '{name}'{did_you_mean(name, known)}"
            for place, rule in enumerate(self.rules)
            for name in rule.where
            if name not in known
        ]
        if problems:
            raise SpecError("sampling", problems)

    def rate_of(self, record: Mapping[str, Any]) -> float:
        """Return the keep rate of a decision."""
        if self.rules:
            given = {"arm": record.get("arm"), **(record.get("dims") or {})}
            for rule in self.rules:
                if all(given.get(name) == value for name, value in rule.where.items()):
                    return rule.rate
        return self.rate

    def keeps(self, record: Mapping[str, Any]) -> bool:
        """Return whether a decision is kept."""
        rate = self.rate_of(record)
        return rate == 1 or position(str(record.get("request_id") or record["id"])) < rate


def position(request_id: str) -> float:
    """Return where in [0, 1) a request stands; it is kept at every rate above.

    Examples
    --------
    >>> round(position("request-1"), 6)
    0.392456
    """
    # Imported here: who keeps everything should not wait for it.
    from hashlib import blake2b

    digest = blake2b(request_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") / _SPAN
