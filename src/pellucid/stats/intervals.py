"""Confidence intervals from additive measures, at every cell of a table at once."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


_ROUNDING = 1e-13


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


def difference_interval(
    value: Floats, low: Floats, high: Floats,
    other: Floats, other_low: Floats, other_high: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Interval of the difference of two independent estimates, from the interval of each.

    Keeps what each interval knows of its own asymmetry; of two Wilson intervals it makes Newcombe's
    hybrid score interval.

    Parameters
    ----------
    value, low, high : array of float64, shape (n,)
        Estimates, and their intervals of one confidence.
    other, other_low, other_high : array of float64, shape (n,)
        What is taken off.

    Returns
    -------
    tuple of array of float64, shape (n,)
        Of the same confidence; NaN where either interval is.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions.
    Statistics in Medicine 17, 873-890, method 10. Zou, G. Y. and Donner, A. (2008). Construction of
    confidence limits about effect measures. Statistics in Medicine 27, 1693-1702, equation 3.

    Examples
    --------
    Newcombe's first case, 56 of 70 against 48 of 80:

    >>> first = wilson_interval(np.array([56.0]), np.array([70.0]))
    >>> second = wilson_interval(np.array([48.0]), np.array([80.0]))
    >>> low, high = difference_interval(np.array([0.8]), *first, np.array([0.6]), *second)
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.0524, 0.3339)
    """
    change = value - other
    return (
        change - np.hypot(value - low, other_high - other),
        change + np.hypot(high - value, other - other_low),
    )


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

    Of weighted rows x and y are wx and wy, their squares and products w²x², w²y² and w²xy: the
    ratio is Hájek's, and the variance below its linearised one. A mean has y = 1, hence w.

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
    Särndal, C.-E., Swensson, B. and Wretman, J. (1992). Model Assisted Survey Sampling. Springer,
    sections 5.6 and 5.7 (ratio and mean of a weighted sample).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = total / total_per
        residual = squares - 2 * ratio * products + ratio**2 * squares_per
        # Of values that are all the same only rounding is left, which is no spread.
        residual = np.where(residual > _ROUNDING * squares, residual, 0.0)
        # Rounding can leave a residual of 0 slightly negative.
        variance = count / (count - 1) * np.maximum(residual, 0) / total_per**2
        half = _z(confidence) * np.sqrt(variance)
    known = (count >= 2) & (total_per != 0)
    return np.where(known, ratio - half, np.nan), np.where(known, ratio + half, np.nan)


def effective_size(
    hits: Floats,
    trials: Floats,
    hit_weight: Floats,
    weight: Floats,
    hit_squares: Floats,
    squares: Floats,
) -> Floats:
    """Effective number of trials behind a proportion of weighted rows.

    For r = Σ_hit w / Σw it is the number of equally weighted trials whose proportion has the
    variance of r: r(1 − r) over the linearised variance Σw²(z − r)² / (Σw)², z = 1 for a hit. So
    it knows that rows of large weight may be hits more often, as where sampling follows what is
    measured. Where all or no trials are hits that variance is 0, and Kish's (Σw)² / Σw², which
    takes weights and hits as unrelated, stands in. Both factors n / (n − 1) cancel, and equal
    weights give n. Rows are taken as independent.

    Parameters
    ----------
    hits, trials : array of float64, shape (n,)
        Rows, unweighted.
    hit_weight, weight : array of float64, shape (n,)
        Σw over the hits, and over all trials.
    hit_squares, squares : array of float64, shape (n,)
        Σw² over the same.

    Returns
    -------
    array of float64, shape (n,)
        0 where there are no trials. For `wilson_interval`, with as many hits as keep the rate.

    References
    ----------
    Korn, E. L. and Graubard, B. I. (1998). Confidence intervals for proportions with small
    expected number of positive counts estimated from survey data. Survey Methodology 24, p. 193.
    Kish, L. (1992). Weighting for unequal Pi. Journal of Official Statistics 8, p. 183.
    Särndal, C.-E., Swensson, B. and Wretman, J. (1992). Model Assisted Survey Sampling. Springer,
    sections 5.5 and 5.6 (linearised variance of a ratio).

    Examples
    --------
    >>> four, ten = np.array([4.0]), np.array([10.0])
    >>> effective_size(four, ten, four, ten, four, ten)
    array([10.])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = hit_weight / weight
        # Two parts of at least 0; multiplied out, a difference of large sums could be below it.
        residual = hit_squares * (1 - rate) ** 2 + (squares - hit_squares) * rate**2
        linearised = rate * (1 - rate) * weight**2 / residual
        kish = weight**2 / squares
    is_mixed = (hits > 0) & (hits < trials)
    return np.where(trials == 0, 0.0, np.where(is_mixed, linearised, kish))


def total_interval(
    total: Floats, spread: Floats, *, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Normal interval of a count or total of a population that was sampled row by row.

    Sampling is Poisson: each unit was kept with probability 1 / w of its own, independently of all
    others. Then Σwx is the Horvitz-Thompson estimate of Σx, with the variance estimate
    Σw(w − 1)x²; for a count, x is 1. It is the error of sampling alone, 0 where all was kept, and
    not, as in a rate's interval, that of one of many populations that might have been.

    Parameters
    ----------
    total : array of float64, shape (n,)
        Σwx.
    spread : array of float64, shape (n,)
        Σw(w − 1)x² over the units that were kept or left out as one. NaN where it is not known,
        as of candidates: those of one decision are kept together, and a row does not know it.

    Returns
    -------
    tuple of array of float64, shape (n,)
        Lower and upper end.

    References
    ----------
    Horvitz, D. G. and Thompson, D. J. (1952). A generalization of sampling without replacement
    from a finite universe. JASA 47, p. 663.
    Särndal, C.-E., Swensson, B. and Wretman, J. (1992). Model Assisted Survey Sampling. Springer,
    section 3.5 (Poisson sampling).

    Examples
    --------
    >>> low, high = total_interval(np.array([100.0]), np.array([900.0]))
    >>> round(float(low[0]), 1), round(float(high[0]), 1)
    (41.2, 158.8)
    """
    half = _z(confidence) * np.sqrt(np.maximum(spread, 0))
    return total - half, total + half


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
