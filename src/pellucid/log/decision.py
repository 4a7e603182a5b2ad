"""One decision, filled in as it is made, and handed over when its block ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any


class Decision:
    """Collects what a decision considered; use it as a context.

    Nothing here raises for what it is given: records are checked in the background, and a bad one
    is refused and counted. If the block raises, the decision is not logged, and the exception goes
    on.
    """

    __slots__ = ("_candidates", "_hand_over", "_layers", "_record")

    def __init__(
        self, record: dict[str, Any], hand_over: Callable[[dict[str, Any]], object]
    ) -> None:
        self._record = record
        self._hand_over = hand_over
        self._candidates: list[dict[str, Any]] = []
        self._layers: list[dict[str, Any]] = []
        record["candidates"] = self._candidates
        record["layers"] = self._layers

    def candidate(
        self,
        id: str,  # noqa: A002 - the record's own word
        *,
        features: Mapping[str, Any] | None = None,
        raw_score: float | None = None,
        probability: float | None = None,
        eligible: bool = True,
        reason: str | None = None,
        dims: Mapping[str, Any] | None = None,
        propensity: float | None = None,
    ) -> None:
        """Add a candidate.

        Parameters
        ----------
        id : str
            For example the route.
        features : mapping, optional
            As the model saw them. Handed over by reference: do not change it afterwards.
        raw_score, probability : float, optional
            The model's output before and after the link function.
        eligible : bool
            Whether the rules allowed it.
        reason : str, optional
            The rule that removed it.
        dims : mapping, optional
            Candidate dimensions.
        propensity : float, optional
            Probability that the policy picks it.
        """
        self._candidates.append({
            "id": id, "features": features, "raw_score": raw_score, "probability": probability,
            "is_eligible": eligible, "ineligible_reason": reason, "dims": dims,
            "propensity": propensity,
        })  # fmt: skip

    def layer(
        self, name: str, terms: Mapping[str, float] | None = None, *, picks: str | None = None
    ) -> None:
        """Add a policy layer, in the order in which layers act.

        Parameters
        ----------
        name : str
            Layer name, as in the spec.
        terms : mapping of str to float, optional
            What it adds to each candidate's utility, on the policy's own scale.
        picks : str, optional
            The candidate that it picks outright.
        """
        self._layers.append({"name": name, "terms": terms, "picks": picks})

    def chose(self, id: str | None, *, propensity: float | None = None) -> None:  # noqa: A002
        """Say what was finally picked, and with which probability the policy picks it."""
        self._record["chosen"] = id
        self._record["propensity"] = propensity

    def set(self, **fields: Any) -> None:
        """Set fields that became known on the way, such as ``model_id`` or ``arm``."""
        self._record.update(fields)

    def __enter__(self) -> Decision:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._hand_over(self._record)

    async def __aenter__(self) -> Decision:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)
