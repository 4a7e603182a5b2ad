"""Leaves of two windows: how far each moved from its baseline, and how far chance alone moves it.

Two kinds. Those of a count or total move by a symmetric relative deviation, those of a rate, mean
or ratio by a difference. Each knows its noise from itself: no leaf needs a history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ShapeError
from pellucid.monitor.localize.lattice import Cells

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Trials that the mean rate counts for in a leaf's variance, never in its rate.
SHRUNK = 20.0
# More of the baseline alone: there the variance of a lucky leaf must not seem smaller.
_BASE_SHRUNK = 60.0
_LEAST_LEAVES = 10
_MOST_BINS = 20
_LEAST_IN_BIN = 20
# A forecast without any error would make every difference certain.
_LEAST_RELATIVE_VARIANCE = 1e-6
_MAD = 1.4826
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Deviations:
    """How far leaves moved.

    Attributes
    ----------
    residual : array of float64, shape (leaves,)
        What was seen less what was expected, in the metric's unit.
    scale : array of float64, shape (leaves,)
        What a residual is an effect times of: the volume of the leaf.
    variance : array of float64, shape (leaves,)
        Of the residual where nothing changed, by both windows alike; 0 where a leaf says nothing.
    base_variance : array of float64, shape (leaves,)
        The same, by the baseline alone.
    spread : float
        How many times the variance of independent rows that is, at least 1.
    """

    residual: Floats
    scale: Floats
    variance: Floats
    base_variance: Floats
    spread: float = 1.0


class Leaves(Protocol):
    """Leaves of two windows."""

    def deviations(self, shift: float) -> Deviations:
        """Return how far leaves moved, beyond a shift that all of them share."""

    def summed(self, cells: Cells, rest: Mask) -> Self:
        """Return cells of those leaves that are left."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Leaves of a count or total.

    Attributes
    ----------
    value : array of float64, shape (leaves,)
    expected : array of float64, shape (leaves,)
        Of the baseline, at the length of the window.
    least_noise : float
        Least variance for each unit of volume: of a count of independent rows 1 + the length of the
        window over that of the baseline; 0 of sums whose noise is all relative.
    """

    value: Floats
    expected: Floats
    least_noise: float = 0.0

    def deviations(self, shift: float) -> Deviations:
        """Return how far leaves moved, beyond a symmetric relative deviation that all share.

        The variance is φ·m + κ·m², m the mean of both sides; φ and κ are fitted to how leaves of
        like volume spread, by their median absolute deviations, so that few that changed matter
        little.
        """
        shift = min(max(shift, -1.99), 1.99)
        expected = self.expected * (2 + shift) / (2 - shift)
        scale = (self.value + expected) / 2
        residual = self.value - expected
        linear, square = _fit_noise(residual, scale, self.least_noise)
        variance = np.where(scale > 0, linear * scale + square * scale**2, 0.0)
        return Deviations(residual, scale, variance, variance)

    def summed(self, cells: Cells, rest: Mask) -> Counts:
        """Return cells of those leaves that are left."""
        value, expected = (_sums(cells, part, rest) for part in (self.value, self.expected))
        return Counts(value, expected, self.least_noise)


@dataclass(frozen=True, slots=True)
class Ratios:
    """Leaves of a rate, mean or ratio: a numerator over a denominator.

    Attributes
    ----------
    above, below : array of float64, shape (leaves,)
        Numerator and denominator in the window; of a rate hits and trials.
    base_above, base_below : array of float64, shape (leaves,)
        The same in the baseline.
    unit_variance : array of float64, shape (leaves,)
        Of the numerator, for each unit of denominator; of a rate Σw² / Σw of its rows, 1 where they
        are no sample, which p(1 − p) is taken times of.
    is_rate : bool
    """

    above: Floats
    below: Floats
    base_above: Floats
    base_below: Floats
    unit_variance: Floats
    is_rate: bool

    def deviations(self, shift: float) -> Deviations:
        """Return how far leaves moved, beyond a difference that all share.

        The variance knows that the baseline is a sample too, and is raised where most leaves spread
        wider than independent rows would. Of a rate it is that of both windows together, since
        given all hits those of the window vary about their part of them whatever the rate is; by
        the baseline alone a leaf that was lucky there would seem surer of having fallen.
        """
        is_known = (self.below > 0) & (self.base_below > 0)
        base = np.where(is_known, self.base_below, 1.0)
        size = np.where(is_known, self.below * (1 + self.below / base), 0.0)
        residual = self.above - self.below * (self.base_above / base + shift)
        residual = np.where(is_known, residual, 0.0)
        both, spread = _spread_out(residual, size * self.variances())
        alone = both
        if self.is_rate:
            mean = _ratio(self.base_above.sum(), self.base_below.sum())
            rates = _shrunk(self.base_above, self.base_below, mean, _BASE_SHRUNK)
            alone, _ = _spread_out(residual, size * rates * (1 - rates) * self.unit_variance)
        return Deviations(residual, np.where(is_known, self.below, 0.0), both, alone, spread)

    def variances(self) -> Floats:
        """Return what each unit of denominator adds to the variance, drawn a little to the mean."""
        volume = self.below + self.base_below
        if self.is_rate:
            hits = self.above + self.base_above
            rates = _shrunk(hits, volume, _ratio(hits.sum(), volume.sum()))
            return rates * (1 - rates) * self.unit_variance
        total = self.unit_variance * volume
        return _shrunk(total, volume, _ratio(total.sum(), volume.sum()))

    def summed(self, cells: Cells, rest: Mask) -> Ratios:
        """Return cells of those leaves that are left."""
        volume = self.below + self.base_below
        variance, total = (_sums(cells, part, rest) for part in
                           (self.unit_variance * volume, volume))  # fmt: skip
        above, below, base_above, base_below = (
            _sums(cells, part, rest)
            for part in (self.above, self.below, self.base_above, self.base_below)
        )
        unit = np.divide(variance, total, out=np.ones(cells.count), where=total > 0)
        return Ratios(above, below, base_above, base_below, unit, self.is_rate)


def rate_leaves(
    hits: Floats, trials: Floats, base_hits: Floats, base_trials: Floats, *,
    weight: Floats | None = None,
) -> Ratios:  # fmt: skip
    """Return the leaves of a rate.

    Parameters
    ----------
    hits, trials, base_hits, base_trials : array of float64, shape (leaves,)
        Weighted where rows are a sample.
    weight : array of float64, shape (leaves,), optional
        Σw² / Σw of the rows of a leaf; 1 where rows are not a sample.

    Raises
    ------
    ShapeError
        If a window has no trials.
    """
    _check_sides(trials, base_trials)
    each = np.ones(len(hits)) if weight is None else weight
    return Ratios(hits, trials, base_hits, base_trials, each, is_rate=True)


def mean_leaves(
    sums: Floats, below: Floats, base_sums: Floats, base_below: Floats, *, unit_variance: Floats
) -> Ratios:
    """Return the leaves of a mean or ratio.

    Parameters
    ----------
    sums, below, base_sums, base_below : array of float64, shape (leaves,)
        Numerators and denominators; of a mean, sums and rows.
    unit_variance : array of float64, shape (leaves,)
        Of a numerator, for each unit of denominator.

    Raises
    ------
    ShapeError
        If a window has nothing below the line.
    """
    _check_sides(below, base_below)
    return Ratios(sums, below, base_sums, base_below, unit_variance, is_rate=False)


def _check_sides(below: Floats, base_below: Floats) -> None:
    for name, volume in (("window", below), ("baseline", base_below)):
        if not volume.sum() > 0:
            raise ShapeError(f"the {name} has no rows to localize in; widen it or `where`")


def _sums(cells: Cells, values: Floats, rest: Mask) -> Floats:
    return np.bincount(cells.of, np.where(rest, values, 0.0), cells.count).astype(np.float64)


def _shrunk(above: Floats, below: Floats, mean: float, shrunk: float = SHRUNK) -> Floats:
    return (above + shrunk * mean) / (below + shrunk)


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below > 0 else 0.0


def _spread_out(residual: Floats, variance: Floats) -> tuple[Floats, float]:
    """Return the variance raised to how most leaves spread, and how many times it was raised."""
    is_known = variance > 0
    spread = 1.0
    if is_known.sum() >= _LEAST_LEAVES:
        scores = residual[is_known] / np.sqrt(variance[is_known])
        spread = max(1.0, _robust_variance(scores))
    return variance * spread, spread


def _robust_variance(values: Floats) -> float:
    return float((_MAD * np.median(np.abs(values - np.median(values)))) ** 2)


def _fit_noise(residual: Floats, scale: Floats, least: float) -> tuple[float, float]:
    """Return the parts of the variance that grow with the volume and with its square.

    By least squares over bins of like volume of the relative error of their variance, both parts at
    least 0 and the first at least `least`.
    """
    is_known = scale > 0
    residual, scale = residual[is_known], scale[is_known]
    if not len(scale):
        return least, _LEAST_RELATIVE_VARIANCE
    bins = max(1, min(_MOST_BINS, len(scale) // _LEAST_IN_BIN))
    parts = np.array_split(np.argsort(scale, kind="stable"), bins)
    volume = np.array([np.median(scale[part]) for part in parts])
    variance = volume**2 * np.array([_robust_variance(residual[part] / scale[part])
                                     for part in parts])  # fmt: skip
    spreads = variance > 0
    if not spreads.any():
        return least, _LEAST_RELATIVE_VARIANCE
    one = volume[spreads] / variance[spreads]
    two = volume[spreads] ** 2 / variance[spreads]
    linear, square = _two_parts(one, two)
    if linear < least:
        linear, square = least, float(((1 - least * one) @ two) / (two @ two))
    if square < 0:
        linear, square = max(float(one.sum() / (one @ one)), least), 0.0
    return linear, max(square, _LEAST_RELATIVE_VARIANCE)


def _two_parts(one: Floats, two: Floats) -> tuple[float, float]:
    """Return the coefficients of least squares of 1 on two columns."""
    determinant = (one @ one) * (two @ two) - (one @ two) ** 2
    if determinant <= _TINY * (one @ one) * (two @ two):
        return 0.0, float(two.sum() / (two @ two))
    linear = ((two @ two) * one.sum() - (one @ two) * two.sum()) / determinant
    square = ((one @ one) * two.sum() - (one @ two) * one.sum()) / determinant
    return float(linear), float(square)
