"""How far from what is expected chance alone takes a point, and how rarely as far as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.monitor.anomalies.series import WEEK, Floats, SeriesSet
from pellucid.monitor.anomalies.typical import middle
from pellucid.stats.distributions import count_tails, normal_tails, rate_tails

# Median of a chi-square of 1 degree of freedom.
_MEDIAN_SQUARE = 0.4549
# Below so many expected the median of squares is coarse: a capped mean instead.
_FEW = 10.0
_MOST_SQUARE = 16.0
_MOST_WITHIN = 0.5
_SEASON_DEPTH = 1.5
_STEPS = 40


@dataclass(frozen=True, slots=True)
class Spread:
    """How values of a series vary about what is expected.

    Attributes
    ----------
    linear, square : array of float64, shape (series,)
        Variance of a count or total with expectation m: linear x m + square x m^2; of other values
        `square` is the variance beside that of their own errors.
    within : array of float64, shape (series,)
        Of rates: the correlation of the trials of one point.
    """

    linear: Floats
    square: Floats
    within: Floats


def fit_spread(series: SeriesSet, expected: Floats) -> Spread:
    """Learn how values vary about what was expected of them, incidents left aside.

    Parameters
    ----------
    series : SeriesSet
        Of the points to learn from alone: gaps (NaN) where not.
    expected : array of float64, shape of its values
    """
    off = series.values - expected
    nothing = np.zeros(len(off))
    if series.is_volume:
        linear, square = _fit_volume(off**2, expected, is_count=series.kind == "count")
        return Spread(linear, square, nothing)
    if series.kind == "rate":
        return Spread(nothing, nothing, _fit_within(off**2, expected, series.n))
    own = np.zeros_like(off) if series.errors is None else np.nan_to_num(series.errors) ** 2
    return Spread(nothing, _fit_variance(off**2, own), nothing)


def _typical_square(squares: Floats, size: Floats) -> Floats:
    """Return the variance that squares speak of, where 1 is no more than chance."""
    few = np.nan_to_num(middle(size)) < _FEW
    found = middle(squares) / _MEDIAN_SQUARE
    capped = np.minimum(squares[few], _MOST_SQUARE)
    is_known = np.isfinite(capped)
    total = np.where(is_known, capped, 0.0).sum(axis=1)
    found[few] = total / np.maximum(is_known.sum(axis=1), 1)
    return np.nan_to_num(found)


def _fit_volume(squares: Floats, expected: Floats, *, is_count: bool) -> tuple[Floats, Floats]:
    relative = np.divide(squares, expected, out=np.full_like(squares, np.nan), where=expected > 0)
    usual = middle(expected)[:, None]
    parts = []
    for side in (expected <= usual, expected > usual):
        own = np.where(side, expected, np.nan)
        size = own if is_count else np.full_like(own, np.inf)
        parts.append((_typical_square(np.where(side, relative, np.nan), size),
                      np.nan_to_num(middle(own))))  # fmt: skip
    (low, at_low), (high, at_high) = parts
    is_deep = at_high > _SEASON_DEPTH * at_low
    square = np.divide(high - low, at_high - at_low, out=np.zeros_like(low), where=is_deep)
    # Without a season there is one size of points, and one term is enough.
    square = np.clip(square, 0.0, np.divide(low, at_low, out=np.zeros_like(low), where=at_low > 0))
    flat = np.where(is_deep, low - square * at_low, (low + high) / 2)
    return np.maximum(flat, 1.0) if is_count else np.maximum(flat, 0.0), square


def _fit_within(squares: Floats, expected: Floats, trials: Floats) -> Floats:
    chance = expected * (1 - expected) / np.maximum(trials, 1)
    squares = np.where((trials > 0) & (chance > 0), squares / np.maximum(chance, 1e-300), np.nan)
    # A rate near 0 or 1 is coarse at more trials.
    excess = _typical_square(squares, trials * np.minimum(expected, 1 - expected)) - 1
    most = np.maximum(np.nan_to_num(middle(np.where(trials > 1, trials, np.nan))) - 1, 1.0)
    return np.clip(excess / most, 0.0, _MOST_WITHIN)


def _fit_variance(squares: Floats, own: Floats) -> Floats:
    """Return the variance that makes the median of squares that of chance."""
    plain = middle(squares) / _MEDIAN_SQUARE
    low, high = np.zeros(len(squares)), np.nan_to_num(plain)
    if not own.any():
        return high
    for _ in range(_STEPS):
        half = (low + high) / 2
        total = half[:, None] + own
        told = np.divide(squares, total, out=np.zeros_like(squares), where=total > 0)
        is_wide = np.nan_to_num(middle(told)) > _MEDIAN_SQUARE
        low, high = np.where(is_wide, half, low), np.where(is_wide, high, half)
    return high


def spread_of(series: SeriesSet, expected: Floats, spread: Spread) -> Floats:
    """Return the standard deviation of each point by chance."""
    if series.is_volume:
        least = np.maximum(expected, _least(series))
        variance = spread.linear[:, None] * least + spread.square[:, None] * least**2
    elif series.kind == "rate":
        trials = np.maximum(series.n, 1)
        own = expected * (1 - expected) / trials
        variance = own * (1 + (trials - 1) * spread.within[:, None])
    else:
        variance = spread.square[:, None] + np.zeros_like(expected)
        if series.errors is not None:
            variance = variance + np.nan_to_num(series.errors) ** 2
    # A series that never moved: any move is one, but for rounding.
    size = np.abs(expected) + np.abs(np.nan_to_num(series.values))
    return np.sqrt(np.maximum(variance, (1e-9 * size) ** 2 + 1e-300))


def _least(series: SeriesSet) -> float:
    # Of a series that is all but silent: what a week with half a row would say.
    return 0.5 / (WEEK * series.points_a_day) if series.kind == "count" else 0.0


def tails(series: SeriesSet, expected: Floats, spread: Spread) -> Floats:
    """Return two-sided p-values of points; NaN where there is no value or no expectation.

    Counts: a negative binomial; rates: a beta-binomial; both with mid-p. Others: a normal law.
    """
    deviation = spread_of(series, expected, spread)
    is_known = np.isfinite(series.values) & np.isfinite(expected)
    p_values = np.full(expected.shape, np.nan)
    values, mean, sd = series.values[is_known], expected[is_known], deviation[is_known]
    if series.kind == "count":
        p_values[is_known] = count_tails(values, np.maximum(mean, _least(series)), sd**2)
    elif series.kind == "rate":
        within = np.broadcast_to(spread.within[:, None], expected.shape)[is_known]
        trials = series.n[is_known]
        p_values[is_known] = rate_tails(values * trials, trials, mean, within)
    else:
        p_values[is_known] = normal_tails((values - mean) / sd)
    return p_values
