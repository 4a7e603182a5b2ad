"""How far late counts have come, and where they will end: the chain ladder.

A triangle holds cumulative counts by cohort (rows, oldest first) and delay (columns); what is not
known yet is NaN, and the newer a cohort, the fewer delays it has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ShapeError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Development:
    """How counts develop with delay.

    Attributes
    ----------
    share : array of float64, shape (delays,)
        Part of the final count that is known by each delay; the last is 1.
    final : array of float64, shape (cohorts,)
        Final count of each cohort, as it is to be expected.
    error : array of float64, shape (cohorts,)
        Standard error of `final`; 0 where all is known, NaN where too few cohorts tell.
    total_error : float
        Standard error of the sum of `final`, whose cohorts share their development.
    """

    share: Floats
    final: Floats
    error: Floats
    total_error: float


def develop(triangle: Floats) -> Development:
    """Forecast the final counts of cohorts from how older ones developed.

    Parameters
    ----------
    triangle : array of float64, shape (cohorts, delays)
        Cumulative counts; NaN after the last delay that a cohort has reached.

    Raises
    ------
    ShapeError
        If a cohort has a count after one that is missing, or a delay that no cohort has reached.

    References
    ----------
    Mack, T. (1993). Distribution-free calculation of the standard error of chain ladder reserve
    estimates. ASTIN Bulletin 23(2), 213-225: factors (2), errors (7) and (9), extrapolation of the
    last variance p. 217.
    """
    known = ~np.isnan(triangle)
    reached = known.sum(axis=1)
    if (known != (np.arange(triangle.shape[1]) < reached[:, None])).any():
        raise ShapeError("a cohort of the triangle has a count after one that is missing")
    if not known.any(axis=0).all():
        raise ShapeError("no cohort of the triangle has reached its last delay")
    factors, variances, weights = _factors(triangle, known)
    share = np.append(1 / np.cumprod(factors[::-1])[::-1], 1.0)
    latest = np.array([row[count - 1] if count else 0.0
                       for row, count in zip(triangle, reached, strict=True)])  # fmt: skip
    place = np.maximum(reached - 1, 0)
    final = latest / share[place]
    error, total = _errors(triangle, reached, factors, variances, weights, final)
    return Development(share, final, error, total)


def _factors(triangle: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Return the factors of development, their variances and the counts they stand on."""
    delays = triangle.shape[1]
    factors, variances, weights = (np.full(delays - 1, np.nan) for _ in range(3))
    for delay in range(delays - 1):
        rows = known[:, delay + 1]
        before, after = triangle[rows, delay], triangle[rows, delay + 1]
        weights[delay] = before.sum()
        # Where no count was there to develop, or all were taken back, there is no factor to tell.
        factors[delay] = after.sum() / weights[delay] if before.any() and after.any() else 1.0
        used = before > 0
        if used.sum() > 1:
            ratios = after[used] / before[used]
            spread = before[used] * (ratios - factors[delay]) ** 2
            variances[delay] = spread.sum() / (used.sum() - 1)
    for delay in range(2, delays - 1):
        if np.isnan(variances[delay]):
            last, before_last = variances[delay - 1], variances[delay - 2]
            smallest = min(last, before_last)
            variances[delay] = min(last**2 / before_last, smallest) if before_last else smallest
    return factors, variances, weights


def _errors(
    triangle: Floats, reached: NDArray[np.int64], factors: Floats, variances: Floats,
    weights: Floats, final: Floats,
) -> tuple[Floats, float]:  # fmt: skip
    cohorts, delays = triangle.shape
    squares = np.zeros(cohorts)
    shared = np.zeros(cohorts)
    for cohort in range(cohorts):
        if not reached[cohort]:
            squares[cohort] = np.nan
            continue
        count = triangle[cohort, reached[cohort] - 1]
        for delay in range(reached[cohort] - 1, delays - 1):
            if not count or not weights[delay]:
                continue
            step = variances[delay] / factors[delay] ** 2
            squares[cohort] += step * (1 / count + 1 / weights[delay])
            shared[cohort] += 2 * step / weights[delay]
            count *= factors[delay]
        squares[cohort] *= final[cohort] ** 2
    order = np.argsort(-reached, kind="stable")
    newer = np.cumsum(final[order][::-1])[::-1] - final[order]
    covariance = final[order] * newer * shared[order]
    return np.sqrt(squares), float(np.sqrt((squares[order] + covariance).sum()))
