"""What scipy knows of distributions and fits: loaded when it is asked for."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import MissingExtraError

Floats = NDArray[np.float64]

# Sums of a beta-binomial: always of so few hits or misses; for rare values up to so many trials.
_FEW, _MOST_SUMMED = 30, 2000
_WORTH_SUMMING = 0.01
_LEAST_WITHIN = 1e-7
_NOTHING = 1e-12


def chi_square_tail(statistic: ArrayLike, degrees: ArrayLike) -> Floats:
    """Return the probability of a chi-square as large or larger.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    return np.asarray(_special().chdtrc(degrees, statistic), dtype=np.float64)


def chi_square_quantile(probability: ArrayLike, degrees: ArrayLike) -> Floats:
    """Return what a chi-square stays below with a probability.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    above = 1 - np.asarray(probability, dtype=np.float64)
    return np.asarray(_special().chdtri(degrees, above), dtype=np.float64)


def normal_tails(scores: ArrayLike) -> Floats:
    """Return the probability of a standard normal as far from 0 or farther, both sides.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    away = -np.abs(np.asarray(scores, dtype=np.float64))
    return np.asarray(2 * _special().ndtr(away), dtype=np.float64)


def normal_scores(p_values: ArrayLike) -> Floats:
    """Return how far from 0 a standard normal is with two-sided p-values; inverts `normal_tails`.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    half = np.maximum(np.asarray(p_values, dtype=np.float64) / 2, 1e-308)
    return np.asarray(-_special().ndtri(half), dtype=np.float64)


def student_tails(scores: ArrayLike, degrees: ArrayLike) -> Floats:
    """Return the probability of Student's t as far from 0 or farther, both sides.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    away = -np.abs(np.asarray(scores, dtype=np.float64))
    return np.asarray(2 * _special().stdtr(degrees, away), dtype=np.float64)


def count_tails(counts: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """Return two-sided mid-p-values of counts with a mean and a variance.

    A negative binomial where the variance is above the mean, a Poisson where it is not.

    Parameters
    ----------
    counts, mean, variance : array of float64
        Broadcast together; `mean` above 0. Estimated counts need not be whole.

    Returns
    -------
    array of float64
        Twice the lesser tail, half of the probability of `counts` itself included; at most 1.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.

    References
    ----------
    Lancaster, H. O. (1961). Significance tests in discrete distributions. Journal of the American
    Statistical Association 56(294).
    """
    special = _special()
    seen, mean, variance = np.broadcast_arrays(
        *(np.asarray(item, dtype=np.float64) for item in (counts, mean, variance))
    )
    excess = variance - mean
    is_wide = excess > 1e-6 * mean
    size = np.divide(mean**2, excess, out=np.ones_like(mean), where=is_wide)
    part = size / (size + mean)
    below = np.where(
        is_wide,
        special.betainc(size, np.maximum(seen, 1e-300), part),
        special.gammaincc(np.maximum(seen, 1e-300), mean),
    )
    below = np.where(seen > 0, below, 0.0)
    above = np.where(
        is_wide, special.betainc(seen + 1, size, 1 - part), special.gammainc(seen + 1, mean)
    )
    at = np.exp(_log_count(special, seen, mean, size, is_wide))
    return np.minimum(2 * (np.minimum(below, above) + at / 2), 1.0)


def _log_count(
    special: ModuleType, seen: Floats, mean: Floats, size: Floats, is_wide: Floats
) -> Floats:
    poisson = special.xlogy(seen, mean) - mean - special.gammaln(seen + 1)
    wide = (
        special.gammaln(seen + size) - special.gammaln(size) - special.gammaln(seen + 1)
        - size * np.log1p(mean / size) - seen * np.log1p(size / mean)
    )  # fmt: skip
    return np.asarray(np.where(is_wide, wide, poisson))


def rate_tails(hits: ArrayLike, trials: ArrayLike, mean: ArrayLike, within: ArrayLike) -> Floats:
    """Return two-sided mid-p-values of hits among trials whose rate itself varies.

    A beta-binomial; of many trials the beta distribution with its mean and variance, which is near.

    Parameters
    ----------
    hits, trials : array of float64
        Broadcast together; estimates from a sample need not be whole.
    mean : array of float64
        Expected rate, above 0 and below 1.
    within : array of float64
        Correlation of the trials of one point, at least 0: 0 is a binomial.

    Returns
    -------
    array of float64
        Twice the lesser tail, half of the probability of `hits` itself included; at most 1.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.

    References
    ----------
    Skellam, J. G. (1948). A probability distribution derived from the binomial distribution by
    regarding the probability of success as variable between the sets of trials. JRSS B 10(2).
    """
    special = _special()
    seen, count, mean, within = np.broadcast_arrays(
        *(np.asarray(item, dtype=np.float64) for item in (hits, trials, mean, within))
    )
    held = np.clip(within, _LEAST_WITHIN, 1 - _LEAST_WITHIN)
    spread = (1 + (count - 1) * held) / np.maximum(count, 1)
    strength = np.maximum(1 / spread - 1, 1e-9)
    first, second = mean * strength, (1 - mean) * strength
    share = np.divide(seen, count, out=np.zeros_like(mean), where=count > 0)
    # No hit at all, or nothing but hits, is half of the last step of a curve that has no steps.
    edge = 0.25 / np.maximum(count, 1)
    share = np.clip(share, edge, 1 - edge)
    below = special.betainc(first, second, share)
    above = special.betainc(second, first, 1 - share)
    tails = np.minimum(2 * np.minimum(below, above), 1.0)
    # Only what may be told is worth an exact sum.
    is_whole = (count > 0) & (count == np.rint(count))
    rare = count * np.minimum(mean, 1 - mean)
    is_short = (count <= _MOST_SUMMED) | ((rare <= _FEW) & (count <= _MOST_SUMMED**2))
    exact = is_whole & is_short & ((rare <= _FEW) | (tails < _WORTH_SUMMING))
    tails = np.array(np.where(count > 0, tails, 1.0))
    if exact.any():
        law = 1 / held[exact] - 1
        tails[exact] = _summed_tails(
            special, np.rint(seen[exact]), count[exact], mean[exact] * law,
            (1 - mean[exact]) * law,
        )  # fmt: skip
    return tails


def _summed_tails(
    special: ModuleType, seen: Floats, count: Floats, first: Floats, second: Floats
) -> Floats:
    """Return two-sided mid-p-values by summing outwards until nothing is added."""
    at = np.exp(
        special.gammaln(count + 1) - special.gammaln(seen + 1) - special.gammaln(count - seen + 1)
        + special.betaln(seen + first, count - seen + second) - special.betaln(first, second)
    )  # fmt: skip
    tails = []
    for step in (-1.0, 1.0):
        place, term, total = seen.copy(), at.copy(), at / 2
        live = np.arange(len(seen))
        while len(live):
            here, n, one, two = place[live], count[live], first[live], second[live]
            # One hit more is one miss fewer: downwards is upwards in misses.
            if step < 0:
                here, one, two = n - here, two, one
            ratio = (n - here) / (here + 1) * (here + one) / np.maximum(n - here - 1 + two, 1e-300)
            grown = term[live] * ratio
            term[live] = grown
            total[live] += grown
            place[live] += step
            live = live[(grown > _NOTHING * total[live]) & (total[live] < 1)]
        tails.append(total)
    return np.minimum(2 * np.minimum(*tails), 1.0)


def normal_tail(score: ArrayLike) -> Floats:
    """Return the probability of a standard normal as large or larger.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    return np.asarray(_special().ndtr(-np.asarray(score, dtype=np.float64)))


def isotonic_fit(values: Floats, weights: Floats) -> Floats:
    """Return the rising sequence that is nearest to some values, by weighted squares.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    _special()
    from scipy.optimize import isotonic_regression

    return np.asarray(isotonic_regression(values, weights=weights).x, dtype=np.float64)


def _special() -> ModuleType:
    try:
        # The special functions alone: scipy.stats takes a second to import.
        from scipy import special
    except ImportError as error:
        raise MissingExtraError(package="scipy", extra="monitor", purpose="monitoring") from error
    return special
