"""The verdict: whether a model learned an incident, a habit or both, or it is not clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.explain.learned.training import lower_tail

Floats = NDArray[np.float64]

Kind = Literal["incident", "habit", "mixed", "unclear"]

MOST_Q = 0.01
# An incident alone takes most of the effect with it when its date is left out, and leaves no sign
# of another: from so many standard deviations below what was expected on, the others are in doubt.
LEAST_REMOVED = 0.7
_DOUBT_Z = -2.0
# Less than this of the effect and the worst date is one of a habit's, days being uneven.
LEAST_TAKEN = 1 / 3
# What is left without the worst date is a habit of its own from so many standard deviations on.
HABIT_Z = -3.0
LEAST_DATES = 3


@dataclass(frozen=True, slots=True)
class Slice:
    """The training rows of a candidate on one value of the calendar, by date.

    Attributes
    ----------
    day : array of int64, shape (n,)
        Days since 1970.
    rows : array of int64, shape (n,)
    surplus, variance : array of float64, shape (n,)
        As of `training.DayScores`; `variance` times the square of its scale.
    q : array of float64, shape (n,)
    """

    day: NDArray[np.int64]
    rows: NDArray[np.int64]
    surplus: Floats
    variance: Floats
    q: Floats


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a slice of the training rows says.

    Attributes
    ----------
    kind : str
        ``incident``: one date alone taught it. ``habit``: most dates did. ``mixed``: most dates
        did, and one far more than the others. ``unclear``: the counts do not tell.
    worst : int
        Place of the date that stands out most.
    effect, effect_without : float
        Mean outcome less the expected one, over all dates and without the worst.
    removed : float
        Part of the effect that goes with the worst date; NaN where there is no effect.
    effective_dates : float
        As many dates of equal deficit would share it as unevenly: 1 for a single bad date.
    z, z_without : float
        Standard scores of the effects.
    """

    kind: Kind
    worst: int
    effect: float
    effect_without: float
    removed: float
    effective_dates: float
    z: float
    z_without: float

    @property
    def has_grounds(self) -> bool:
        """Whether the training rows teach less than was to be expected at all, clear or not."""
        return self.kind != "unclear" or self.z <= HABIT_Z


def judge(found: Slice) -> Verdict:
    """Judge the dates of a slice.

    The worst date is an incident if its q is below 1 %, if it also falls below its like (what the
    other dates would have on it, at 1 % over all dates), and if a third of the effect goes with it.
    The others are a habit if without it they are 3 standard deviations below what was to be
    expected, and their effective number is at least half of them. An incident alone takes 70 % of
    the effect or more with it, and leaves the others within 2 standard deviations of what was to be
    expected. Anything else is not clear: so are fewer than 3 dates, and an incident beside which
    the others are neither usual nor a habit.

    Raises
    ------
    ValueError
        If there is no date.
    """
    if not len(found.day):
        raise ValueError("a slice has no dates")
    worst = int(np.argmin(found.surplus / np.sqrt(found.variance)))
    rest = np.arange(len(found.day)) != worst
    effect, z = _effect(found, np.ones(len(rest), dtype=bool))
    effect_without, z_without = _effect(found, rest)
    removed = 1 - effect_without / effect if effect < 0 else float("nan")
    is_incident = (
        found.q[worst] < MOST_Q and removed >= LEAST_TAKEN and _stands_out(found, worst, rest)
    )
    is_habit = z_without <= HABIT_Z and 2 * effective_dates(found.surplus[rest]) >= rest.sum()
    kind: Kind = "unclear"
    if len(found.day) >= LEAST_DATES and z <= HABIT_Z:
        if is_incident and is_habit:
            kind = "mixed"
        elif is_habit:
            kind = "habit"
        elif is_incident and removed >= LEAST_REMOVED and z_without > _DOUBT_Z:
            kind = "incident"
    return Verdict(kind, worst, effect, effect_without, removed, effective_dates(found.surplus), z,
                   z_without)  # fmt: skip


def effective_dates(surplus: Floats) -> float:
    """Return how many dates of equal deficit would share it as unevenly; 0 without any deficit.

    Examples
    --------
    >>> effective_dates(np.array([-10.0, -10.0, 3.0])), effective_dates(np.array([-20.0, 1.0]))
    (2.0, 1.0)
    """
    deficit = np.maximum(-surplus, 0.0)
    if not deficit.any():
        return 0.0
    part = deficit / deficit.max()
    return float(part.sum() ** 2 / (part**2).sum())


def _effect(found: Slice, dates: NDArray[np.bool_]) -> tuple[float, float]:
    total, rows = float(found.surplus[dates].sum()), int(found.rows[dates].sum())
    spread = float(np.sqrt(found.variance[dates].sum()))
    return (total / rows if rows else 0.0), (total / spread if spread else 0.0)


def _stands_out(found: Slice, worst: int, rest: NDArray[np.bool_]) -> bool:
    others = int(found.rows[rest].sum())
    if not others:
        return False
    part = found.rows[worst] / others
    expected = part * float(found.surplus[rest].sum())
    spread = np.sqrt(found.variance[worst] + part**2 * found.variance[rest].sum())
    return lower_tail((found.surplus[worst] - expected) / spread) * len(found.day) < MOST_Q
