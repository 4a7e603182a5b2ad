"""Confidence intervals from additive measures, at every cell of a table at once."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def wilson_interval(
    hits: Floats, trials: Floats, *, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Wilson score interval of a proportion.

    Keeps its coverage at small counts and at 0 and 1, where the textbook interval collapses.

    Parameters
    ----------
    hits, trials : array of float64, shape (n,)
        Successes and trials, 0 <= hits <= trials.
    confidence : float, default 0.95
        Two-sided coverage, in (0, 1).

    Returns
    -------
    tuple of array of float64, shape (n,)
        Lower and upper end, in [0, 1]; NaN where there are no trials.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    JASA 22, equation on p. 210.

    Examples
    --------
    >>> low, high = wilson_interval(np.array([2.0]), np.array([4.0]))
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.15, 0.85)
    """
    z = _z(confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = hits / trials
        spread = 1 + z**2 / trials
        centre = (rate + z**2 / (2 * trials)) / spread
        half = z * np.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2)) / spread
    empty = trials == 0
    low = np.where(empty, np.nan, np.clip(centre - half, 0, 1))
    high = np.where(empty, np.nan, np.clip(centre + half, 0, 1))
    return np.where(hits == 0, np.where(empty, np.nan, 0.0), low), np.where(
        hits == trials, np.where(empty, np.nan, 1.0), high
    )


def mean_interval(
    count: Floats, total: Floats, squares: Floats, *, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Normal interval of a mean, from count, sum and sum of squares.

    Parameters
    ----------
    count, total, squares : array of float64, shape (n,)
        Rows, Σx and Σx².
    confidence : float, default 0.95
        Two-sided coverage.

    Returns
    -------
    tuple of array of float64, shape (n,)
        NaN where there are fewer than two rows.

    Examples
    --------
    >>> low, high = mean_interval(np.array([100.0]), np.array([50.0]), np.array([50.0]))
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.402, 0.598)
    """
    return ratio_interval(count, total, count, squares, count, total, confidence=confidence)


def ratio_interval(
    count: Floats,
    total: Floats,
    total_per: Floats,
    squares: Floats,
    squares_per: Floats,
    products: Floats,
    *,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Delta-method interval of Σx / Σy.

    Rows are taken as independent. The variance is that of the residuals x − R·y over n rows:
    n / (n − 1) · Σ(x − R·y)² / (Σy)², with Σ(x − R·y)² = Σx² − 2R·Σxy + R²·Σy².

    Parameters
    ----------
    count : array of float64, shape (n,)
        Rows.
    total, total_per, squares, squares_per, products : array of float64, shape (n,)
        Σx, Σy, Σx², Σy² and Σxy.
    confidence : float, default 0.95
        Two-sided coverage.

    Returns
    -------
    tuple of array of float64, shape (n,)
        NaN where there are fewer than two rows or Σy is 0.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 6.3 (the ratio estimate).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = total / total_per
        residual = squares - 2 * ratio * products + ratio**2 * squares_per
        # Rounding can leave a residual of 0 slightly negative.
        variance = count / (count - 1) * np.maximum(residual, 0) / total_per**2
        half = _z(confidence) * np.sqrt(variance)
    known = (count >= 2) & (total_per != 0)
    return np.where(known, ratio - half, np.nan), np.where(known, ratio + half, np.nan)


def newcombe_interval(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float]:
    """Interval of the difference of two independent proportions.

    Square-and-add of the proportions' own intervals, which keeps the coverage that Wilson
    intervals have at small n.

    Parameters
    ----------
    first, second : tuple of float
        Proportion, lower and upper end of its Wilson interval.

    Returns
    -------
    tuple of float
        Ends of the interval of first − second, at the coverage of the two.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent
    proportions. Statistics in Medicine 17, method 10.

    Examples
    --------
    >>> low, high = newcombe_interval((0.7, 0.573, 0.803), (0.6, 0.481, 0.709))
    >>> round(low, 3), round(high, 3)
    (-0.067, 0.257)
    """
    change = first[0] - second[0]
    below = math.hypot(first[0] - first[1], second[2] - second[0])
    above = math.hypot(first[2] - first[0], second[0] - second[1])
    return change - below, change + above


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + confidence / 2)
