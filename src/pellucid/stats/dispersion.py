"""How far means over days differ by themselves, from the sums of each day alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DayTotals:
    """Sums of k columns over the weighted rows of each day.

    Attributes
    ----------
    weight, square : array of float64, shape (days,)
        Sums of w and of w².
    total : array of float64, shape (days, k)
        Sums of w x.
    """

    weight: Floats
    square: Floats
    total: Floats

    @property
    def means(self) -> Floats:
        """Weighted means over all days, shape (k,)."""
        return np.asarray(self.total.sum(axis=0) / self.weight.sum())

    @property
    def unevenness(self) -> Floats:
        """What days differ from the mean by, squared, in rows; shape (k,)."""
        rows = self.weight**2 / self.square
        away = self.total / self.weight[:, None] - self.means
        return np.asarray(rows @ away**2)


def mean_variances(sides: Sequence[DayTotals]) -> tuple[list[Floats], float]:
    """Return the variance of the means of each side, where days differ alike on all sides.

    What happens to a day happens to all its rows, so days differ by more than independent rows
    would: by how much is taken from all days at hand, so that a side of a single day has an error.

    Parameters
    ----------
    sides : sequence of DayTotals
        Of the same k columns.

    Returns
    -------
    list of array of float64, shape (k,)
        NaN where each side has one day: there is no saying.
    float
        Degrees of freedom of all of them.

    References
    ----------
    McCullagh, P. and Nelder, J. A. (1989). Generalized Linear Models, section 4.5 (one dispersion,
    from Pearson's statistic); with weights, rows are Kish's effective ones, (Σw)² / Σw².
    """
    degrees = float(sum(len(side.weight) - 1 for side in sides))
    if not degrees:
        return [np.full(side.total.shape[1], np.nan) for side in sides], degrees
    dispersion = np.sum([side.unevenness for side in sides], axis=0) / degrees
    return [dispersion * side.square.sum() / side.weight.sum() ** 2 for side in sides], degrees
