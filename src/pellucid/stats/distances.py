"""Distances between two distributions, from counts over the same bins or values.

Each takes counts of the window and of the baseline over the same support and scales them itself.
Effect sizes come first: what is large at any n is a test's to say (`Chance`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.stats.distributions import chi_square_quantile, chi_square_tail

Floats = NDArray[np.float64]
# Half a row in each bin and side keeps an empty bin from giving infinity (Jeffreys' prior).
_SMOOTHING = 0.5
_FEWEST_DAYS = 4


def shares(counts: Floats) -> Floats:
    """Return counts as shares of their sum; NaN where there are none."""
    given = np.asarray(counts, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(given / given.sum(axis=-1, keepdims=True))


def psi(counts: Floats, baseline: Floats) -> Floats:
    """Population stability index: Jeffreys' divergence, the sum of both Kullback-Leibler ones.

    Depends on the bins: compare only values over bins made in the same way.

    Parameters
    ----------
    counts, baseline : array of float64, shape (..., bins)
        Half a row is added to each bin of both.

    Returns
    -------
    array of float64, shape (...)
        Nats, at least 0.

    References
    ----------
    Jeffreys, H. (1946). An invariant form for the prior probability in estimation problems.

    Examples
    --------
    >>> round(float(psi(np.array([500.0, 500.0]), np.array([900.0, 100.0]))), 2)
    0.88
    """
    current = shares(np.asarray(counts, dtype=np.float64) + _SMOOTHING)
    before = shares(np.asarray(baseline, dtype=np.float64) + _SMOOTHING)
    return np.asarray(((current - before) * np.log(current / before)).sum(axis=-1))


def jensen_shannon(counts: Floats, baseline: Floats) -> Floats:
    """Jensen-Shannon distance, the root of the divergence, in base 2: from 0 to 1.

    Parameters
    ----------
    counts, baseline : array of float64, shape (..., bins)

    Returns
    -------
    array of float64, shape (...)

    References
    ----------
    Lin, J. (1991). Divergence measures based on the Shannon entropy. IEEE Transactions on
    Information Theory 37, 145-151.

    Examples
    --------
    >>> float(jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    1.0
    """
    current, before = shares(counts), shares(baseline)
    middle = (current + before) / 2
    divergence = (_relative(current, middle) + _relative(before, middle)) / 2
    return np.asarray(np.sqrt(np.clip(divergence, 0, 1)))


def hellinger(counts: Floats, baseline: Floats) -> Floats:
    """Hellinger distance: from 0 to 1.

    Parameters
    ----------
    counts, baseline : array of float64, shape (..., bins)

    Returns
    -------
    array of float64, shape (...)
    """
    overlap = np.sqrt(shares(counts) * shares(baseline)).sum(axis=-1)
    return np.asarray(np.sqrt(np.clip(1 - overlap, 0, 1)))


def l_infinity(counts: Floats, baseline: Floats) -> Floats:
    """Return the largest change of one value's share.

    Parameters
    ----------
    counts, baseline : array of float64, shape (..., bins)
    """
    return np.asarray(np.abs(shares(counts) - shares(baseline)).max(axis=-1))


def kolmogorov_smirnov(counts: Floats, baseline: Floats) -> Floats:
    """Return the largest difference of the two distribution functions, at the bins' edges.

    Of bins, the true statistic is at most the larger share of any one bin above it.

    Parameters
    ----------
    counts, baseline : array of float64, shape (..., bins)
        Bins in order.
    """
    gap = np.cumsum(shares(counts) - shares(baseline), axis=-1)
    return np.asarray(np.abs(gap).max(axis=-1))


def wasserstein(counts: Floats, baseline: Floats, values: Floats) -> Floats:
    """First Wasserstein (earth mover's) distance of two distributions on the same values.

    Parameters
    ----------
    counts, baseline : array of float64, shape (..., bins)
    values : array of float64, shape (bins,)
        In order; the values themselves, or one for each bin.

    Returns
    -------
    array of float64, shape (...)
        In the unit of the values.
    """
    gap = np.cumsum(shares(counts) - shares(baseline), axis=-1)[..., :-1]
    return np.asarray((np.abs(gap) * np.diff(values)).sum(axis=-1))


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """Pearson's test that two samples share one distribution.

    Attributes
    ----------
    statistic : float
    degrees : int
        Values that either sample has, less one.
    p_value : float
    """

    statistic: float
    degrees: int
    p_value: float


def chi_square(counts: Floats, baseline: Floats) -> ChiSquare:
    """Return Pearson's chi-square test of homogeneity; without Yates' correction.

    Parameters
    ----------
    counts, baseline : array of float64, shape (bins,)
    """
    table = np.stack([counts, baseline]).astype(np.float64)
    table = table[:, table.sum(axis=0) > 0]
    degrees = table.shape[1] - 1
    if degrees < 1 or (table.sum(axis=1) == 0).any():
        return ChiSquare(0.0, max(degrees, 0), 1.0)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return ChiSquare(statistic, degrees, float(chi_square_tail(statistic, degrees)))


@dataclass(frozen=True, slots=True)
class Chance:
    """What chance makes of a PSI, as a multiple of a chi-square: `scale` · χ²(`degrees`) / size.

    The size of two samples of n and m rows is nm / (n + m).

    Attributes
    ----------
    scale, degrees : float
    """

    scale: float
    degrees: float

    def expected(self, size: float) -> float:
        """Return the mean of a PSI where nothing moved."""
        return self.scale * self.degrees / size

    def limit(self, size: float, *, confidence: float = 0.95) -> float:
        """Return what a PSI stays below with a probability where nothing moved."""
        return self.scale * float(chi_square_quantile(confidence, self.degrees)) / size

    def tail(self, index: float, size: float) -> float:
        """Return the probability of a PSI as large or larger where nothing moved."""
        return float(chi_square_tail(index * size / self.scale, self.degrees))


def independent_chance(bins: int) -> Chance:
    """Return what chance makes of a PSI whose rows are independent draws.

    The 0.1 and 0.25 of folklore ignore n.

    Parameters
    ----------
    bins : int
        Bins with rows, 2 or more.

    References
    ----------
    Yurdakul, B. and Naranjo, J. (2020). Statistical properties of the population stability index.
    Journal of Risk Model Validation 14.
    """
    return Chance(1.0, bins - 1.0)


def observed_chance(indices: Floats, sizes: Floats, bins: int) -> Chance:
    """Return what chance makes of a PSI, from days of one baseline, each against the others.

    Rows of a day share what made the day, so that days differ by more than independent rows would,
    and mostly in one direction: a chi-square of few degrees. Its mean and variance are those of the
    days; the largest tenth is left out, lest one past incident excuse the next.

    Parameters
    ----------
    indices, sizes : array of float64, shape (days,)
        PSI of each day, and nm / (n + m).
    bins : int
        Bins with rows.

    References
    ----------
    Satterthwaite, F. E. (1946). An approximate distribution of estimates of variance components.
    Biometrics Bulletin 2, 110-114.
    """
    independent = independent_chance(bins)
    statistics = np.sort(indices * sizes)[: len(indices) - len(indices) // 10]
    if len(statistics) < _FEWEST_DAYS:
        return independent
    mean, variance = float(statistics.mean()), float(statistics.var(ddof=1))
    if mean <= independent.degrees or variance <= 0:
        return independent
    degrees = min(max(2 * mean**2 / variance, 1.0), independent.degrees)
    return Chance(mean / degrees, degrees)


def _relative(shares_of: Floats, other: Floats) -> Floats:
    is_shared = (shares_of > 0) & (other > 0)
    ratio = np.divide(shares_of, other, out=np.ones_like(other), where=is_shared)
    return np.asarray((shares_of * np.log2(ratio)).sum(axis=-1))
