"""Stage 5, the proof: the effect in models trained again, without the window and without others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.explain.learned.learner import Learner, Scores
from pellucid.explain.learned.training import TrainingRows

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Without an incident at most so much of its effect may be left; a habit keeps at least so much
# without any one date.
MOST_LEFT, LEAST_KEPT = 0.3, 0.5
_TIMES = 2.0


@dataclass(frozen=True, slots=True)
class Placebo:
    """A date of the same weekday, left out in place of the suspected one.

    Attributes
    ----------
    day : int
        Days since 1970.
    effect : float
        What is left of the effect, in log-odds.
    """

    day: int
    effect: float


@dataclass(frozen=True, slots=True)
class Proof:
    """What the model makes of the weekday, by what it is trained on.

    Attributes
    ----------
    rows : int
        Training rows left out: those of the candidate in the window.
    effect : float
        The weekday's effect on the candidate in a model of all rows, in log-odds: the mean over
        live candidates of the raw score with the weekday's calendar less that with the other days'.
    effect_without : float
        The same in a model trained without the window.
    placebos : tuple of Placebo
        The same without the candidate's rows of another date of this weekday.
    """

    rows: int
    effect: float
    effect_without: float
    placebos: tuple[Placebo, ...]

    @property
    def takes_most(self) -> bool:
        """Whether the window takes away some of the effect, and more than any other date does."""
        return self.effect < 0 < self.taken and self.taken > self.taken_by_others

    @property
    def vanishes(self) -> bool:
        """Whether hardly any effect is left without the window, and no other date takes half."""
        return (
            self.takes_most
            and self.effect_without / self.effect <= MOST_LEFT
            and self.taken >= _TIMES * self.taken_by_others
        )

    @property
    def taken(self) -> float:
        """What the window takes away of the effect, in log-odds."""
        return self.effect_without - self.effect

    @property
    def taken_by_others(self) -> float:
        """The most that any other date takes away."""
        return max((placebo.effect - self.effect for placebo in self.placebos), default=0.0)

    @property
    def is_spread(self) -> bool:
        """Whether at least half of the effect stays, whatever date is left out."""
        every = (self.effect_without, *(placebo.effect for placebo in self.placebos))
        return self.effect < 0 and all(left / self.effect >= LEAST_KEPT for left in every)


@dataclass(frozen=True, slots=True)
class Sample:
    """Live rows of a candidate, and the calendar to give them.

    Attributes
    ----------
    matrix : array of float64, shape (n, features)
    places : tuple of int
        Of the calendar features.
    calendar : array of float64, shape (7, len(places))
        Their values by weekday.
    weekday : int
    """

    matrix: Floats
    places: tuple[int, ...]
    calendar: Floats
    weekday: int

    def effect(self, score: Scores) -> float:
        """Return the mean raw score with the weekday's calendar less that with the others'."""
        means = np.empty(len(self.calendar))
        for day, values in enumerate(self.calendar):
            rows = self.matrix.copy()
            rows[:, list(self.places)] = values
            means[day] = score(rows).mean()
        others = np.arange(len(means)) != self.weekday
        return float(means[self.weekday] - means[others].mean())


def prove(
    learner: Learner, rows: TrainingRows, window: Bools, others: Sequence[tuple[int, Bools]],
    sample: Sample,
) -> tuple[Proof, Scores]:  # fmt: skip
    """Train without a window's rows, and without each of the others in turn.

    Parameters
    ----------
    window : array of bool, shape (n,)
        Training rows to leave out.
    others : sequence of (int, array of bool)
        Placebos: day, and its rows.
    sample : Sample
        Live rows on which the effect is measured.

    Returns
    -------
    Proof
    callable
        Raw scores of the model trained without the window.
    """

    def fit(left_out: Bools) -> Scores:
        kept = ~left_out
        return learner.fit(rows.matrix[kept], rows.label[kept], rows.weight[kept])

    counterfactual = fit(window)
    placebos = tuple(Placebo(day, sample.effect(fit(left_out))) for day, left_out in others)
    proof = Proof(
        int(window.sum()), sample.effect(fit(np.zeros_like(window))),
        sample.effect(counterfactual), placebos,
    )  # fmt: skip
    return proof, counterfactual
