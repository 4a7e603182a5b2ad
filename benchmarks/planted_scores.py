"""How well a monitor told what was planted: pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from pellucid.windows import Window

HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
LATEST_GRAINS = 1.0
"""A monitor that is not later than this, in grains after detectability, is in time."""

Slice = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is planted.

    Attributes
    ----------
    kind : str
        One of `planted_worlds.KINDS`, or ``quiet``.
    judged : Window
        The week in which the monitor is judged.
    column : str
        Feature that goes wrong; empty where none does.
    slices : tuple of tuples of (str, str)
        Where it is; then other conditions on the same rows, of those that it can hit: all payments
        by a route that takes only credit cards are by credit card.
    grain : timedelta
        How often it is looked at.
    start_at, end_at, detectable_at : datetime or None
        None of a quiet world.
    """

    kind: str
    judged: Window
    column: str = ""
    slices: tuple[Slice, ...] = ()
    grain: timedelta = HOUR
    start_at: datetime | None = None
    end_at: datetime | None = None
    detectable_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "kind": self.kind, "column": self.column, "slices": self.slices,
            "judged": [self.judged.start.isoformat(), self.judged.end.isoformat()],
            "grain_h": self.grain / HOUR,
            **{name: at and at.isoformat() for name, at in self._instants().items()},
        }  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Return what `to_json` returned of it."""
        start, end = (datetime.fromisoformat(text) for text in stored["judged"])
        instants = {
            name: stored[name] and datetime.fromisoformat(stored[name])
            for name in ("start_at", "end_at", "detectable_at")
        }
        slices = tuple(tuple((name, value) for name, value in one) for one in stored["slices"])
        return cls(
            kind=stored["kind"], judged=Window(start, end), column=stored["column"], slices=slices,
            grain=stored["grain_h"] * HOUR, **instants,
        )  # fmt: skip

    def _instants(self) -> dict[str, datetime | None]:
        return {"start_at": self.start_at, "end_at": self.end_at,
                "detectable_at": self.detectable_at}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What a monitor names: a kind (``metric``, ``column``, ``late``), what of, where and when.

    Of a cause, `at` is when the incident was opened; of an alert, when it was raised.
    """

    kind: str
    subject: str
    slice: Slice
    at: datetime

    def is_exactly(self, truth: Truth) -> bool:
        """Return whether this is what was planted, no wider and no narrower."""
        if truth.column:
            return self._is_column(truth)
        return self.kind == "metric" and dict(self.slice) in [dict(one) for one in truth.slices]

    def touches(self, truth: Truth) -> bool:
        """Return whether this is part of what was planted, or a whole that it is part of.

        The whole of the traffic is part of nothing, and a slice that shares no row neither.
        """
        if truth.column:
            return self._is_column(truth)
        if self.kind != "metric" or not truth.slices:
            return False
        mine, planted = dict(self.slice), dict(truth.slices[0])
        shared = mine.keys() & planted.keys()
        is_nested = bool(shared) and all(mine[name] == planted[name] for name in shared)
        return is_nested or any(dict(one).items() <= mine.items() for one in truth.slices)

    def _is_column(self, truth: Truth) -> bool:
        return self.kind == "column" and self.subject.removeprefix("f_") == truth.column


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An incident as a monitor told it.

    Attributes
    ----------
    cause : Sign
        As it was when the incident was opened.
    last_cause : Sign
        As it is at the end.
    alerts : tuple of Sign
        All that it was made of until the end.
    """

    cause: Sign
    last_cause: Sign
    alerts: tuple[Sign, ...]

    @property
    def opened_at(self) -> datetime:
        """When people were told."""
        return self.cause.at

    def found_at(self, truth: Truth) -> datetime | None:
        """Return when it first touched what was planted, or None."""
        if self.cause.touches(truth):
            return self.opened_at
        later = [max(sign.at, self.opened_at) for sign in self.alerts if sign.touches(truth)]
        return min(later, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a monitor did in one world.

    Attributes
    ----------
    extra : int
        Other incidents opened since the start.
    false : int
        Incidents opened before the start; in a quiet world, all.
    quiet : timedelta
        How long there was nothing to find.
    delay : float or None
        Grains from detectability to when it was found; None where it was not.
    is_exact, is_exact_at_end : bool
        Whether the incident that found it named just what was planted, when opened and at the end.
    """

    extra: int
    false: int
    quiet: timedelta
    delay: float | None = None
    is_exact: bool = False
    is_exact_at_end: bool = False

    @property
    def is_found(self) -> bool:
        """Whether it was found at all."""
        return self.delay is not None

    @property
    def is_in_time(self) -> bool:
        """Whether it was found within a grain of when it could be."""
        return self.delay is not None and self.delay <= LATEST_GRAINS


def score(truth: Truth, told: Iterable[Told]) -> Score:
    """Return how a monitor did that told these incidents."""
    told = sorted((one for one in told if one.opened_at <= truth.judged.end),
                  key=lambda one: one.opened_at)  # fmt: skip
    start_at = truth.start_at or truth.judged.end
    before = sum(one.opened_at < start_at or truth.start_at is None for one in told)
    since = [] if truth.start_at is None else told[before:]
    finds = [(at, one) for one in since if (at := one.found_at(truth)) is not None]
    calm = Score(extra=len(since), false=before, quiet=start_at - truth.judged.start)
    if not finds or truth.detectable_at is None:
        return calm
    at, first = min(finds, key=lambda find: find[0])
    return replace(
        calm,
        delay=(at - truth.detectable_at) / truth.grain,
        is_exact=first.cause.is_exactly(truth),
        is_exact_at_end=first.last_cause.is_exactly(truth),
        extra=len(since) - 1,
    )


def false_a_week(scores: Sequence[Score]) -> float:
    """Return incidents a week while there was nothing to find; NaN without such a time."""
    quiet = sum((one.quiet for one in scores), timedelta())
    return sum(one.false for one in scores) / (quiet / WEEK) if quiet else math.nan
