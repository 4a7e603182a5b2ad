"""Whether a column holds card numbers, or ids of which a few look like them by chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum

# One-sided 99%.
_Z = 2.3263478740408408
# Luhn passes one in ten whatever the prefix: ids by chance cannot do better.
CHANCE = 0.1
MAJORITY = 0.5
# A column whose content changes must not rest on what it held long ago.
_MEMORY = 500
_FEWEST = 20
# Passes in excess of failures that chance (1 in 20) reaches once in 10^7 values.
_SURGE = 6


class Verdict(Enum):
    """What to do with a column's values of 12 to 19 digits."""

    UNDECIDED = "too few seen: those that look like cards are masked"
    IDS = "no more card numbers than chance makes: left, counted as suspected"
    MIXED = "more than chance makes: those that look like cards are masked"
    CARDS = "card numbers: all are masked, mistyped ones too"


def wilson_bounds(passes: float, trials: float) -> tuple[float, float]:
    """Return the lower and the upper 99% bound (each one-sided) of a pass rate."""
    if trials <= 0:
        return 0.0, 1.0
    rate, square = passes / trials, _Z * _Z
    middle = rate + square / (2 * trials)
    spread = _Z * math.sqrt(rate * (1 - rate) / trials + square / (4 * trials * trials))
    scale = 1 + square / trials
    return (middle - spread) / scale, (middle + spread) / scale


class ColumnJudge:
    """Counts a column's trials over batches and gives the verdict; one thread at a time.

    A trial is a value of 12 to 19 digits; it passes if Luhn, issuer and length do.
    """

    __slots__ = ("_level", "passes", "trials")

    def __init__(self) -> None:
        self.trials = 0.0
        self.passes = 0.0
        self._level = 0

    def observe(self, passed: Iterable[bool]) -> Verdict:
        """Add a batch's trials and return the verdict on the column, that batch included."""
        trials = passes = peak = 0
        level = self._level
        for item in passed:
            trials += 1
            passes += item
            level = level + 1 if item else max(0, level - 1)
            peak = max(peak, level)
        return self.observe_counts(trials, passes, peak=peak, level=level)

    def observe_counts(self, trials: int, passes: int, *, peak: int, level: int) -> Verdict:
        """Add a batch of which only counts are known.

        Parameters
        ----------
        trials, passes : int
            Values of 12 to 19 digits, and how many pass.
        peak, level : int
            Largest and last value of the running sum: 1 for a pass, -1 for a failure, at least 0,
            starting at `level` of this judge.
        """
        self.trials += trials
        self.passes += passes
        self._level = min(level, 2 * _SURGE)
        verdict = self._verdict(peak)
        if self.trials > _MEMORY:
            self.passes *= _MEMORY / self.trials
            self.trials = _MEMORY
        return verdict

    @property
    def level(self) -> int:
        """The running sum of passes less failures."""
        return self._level

    @property
    def is_mostly_cards(self) -> bool:
        """Whether at least half of what was seen passes."""
        return 2 * self.passes >= self.trials

    def _verdict(self, peak: int) -> Verdict:
        low, high = wilson_bounds(self.passes, self.trials)
        if low > MAJORITY:
            return Verdict.CARDS
        if peak >= _SURGE or low > 2 * CHANCE or (low > CHANCE and self.trials >= _FEWEST):
            return Verdict.MIXED
        return Verdict.IDS if high < MAJORITY else Verdict.UNDECIDED
