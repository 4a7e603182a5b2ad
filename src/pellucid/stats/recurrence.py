"""What recurs on one day of the week: within-week contrasts and a max-T permutation test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAYS = 7
LEAST_WEEKS = 4
_DRAWS = 1999
_CELLS_AT_ONCE = 4_000_000
# Of a normal law, 4 typical (median) distances are 2.7 standard deviations.
_MOST_TYPICAL = 4.0


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A series that differs on one day of the week, every week.

    Attributes
    ----------
    series : int
        Place of the series.
    weekday : int
        Place of the day in its week.
    effect : float
        Mean over the pattern's weeks of the day less the other six days of its week.
    first_week : int
        Place of the week in which the pattern begins.
    weeks : int
        Weeks from there on.
    weeks_alike : int
        Those in which the day differs in the direction of the effect.
    p_value : float
        Adjusted for all series, all days and all weeks in which a pattern may begin.
    """

    series: int
    weekday: int
    effect: float
    first_week: int
    weeks: int
    weeks_alike: int
    p_value: float


def weekly_contrasts(values: Floats) -> Floats:
    """Return each day less the mean of the other six days of its week.

    Parameters
    ----------
    values : array of float64, shape (..., weeks, 7)

    Returns
    -------
    array of float64, same shape
        Free of the level of a week, and so of any trend that is slower.
    """
    return (values - values.mean(axis=-1, keepdims=True)) * (DAYS / (DAYS - 1))


def recurrences(
    values: Floats, *, most_p: float = 0.05, draws: int = _DRAWS, seed: int = 0
) -> tuple[Recurrence, ...]:
    """Return the series and days of the week whose difference recurs.

    A day's statistic is its mean distance from the middle of its week, in typical distances of the
    series, times the root of the number of weeks. A distance counts up to 4 typical ones: one odd
    day is then no pattern, and weeks in which a pattern is far stronger, or absent, do not hide it.
    It is the largest over the weeks in which a pattern may begin. The days of a week are shuffled,
    in all series alike; the chance is that of the largest statistic of all series and days.

    Parameters
    ----------
    values : array of float64, shape (series, weeks, 7)
        Finite; for example traffic shares by candidate, week and weekday.
    most_p : float, default 0.05
        Most adjusted p-value of what is returned: how often, at most, anything at all is found
        where days of the week do not differ.
    draws : int, default 1999
        Shuffles.
    seed : int, default 0
        Of the shuffles; the same values give the same answer.

    Returns
    -------
    tuple of Recurrence
        Least p-value first, of equal ones the largest effect. Empty with fewer than 4 weeks.

    References
    ----------
    Westfall, P. H. and Young, S. S. (1993). Resampling-Based Multiple Testing, section 2.3
    (single-step max-T).
    """
    series, weeks = values.shape[:2]
    starts = weeks - LEAST_WEEKS + 1
    if starts < 1 or not series:
        return ()
    contrasts = weekly_contrasts(np.asarray(values, dtype=np.float64))
    distances = _clipped_distances(values)
    observed = _statistics(distances, starts)
    highest = _shuffled_highest(distances, starts, draws, seed)
    exceeding = (highest[:, None, None] >= observed - 1e-12).sum(axis=0)
    adjusted = (1 + exceeding) / (draws + 1)
    found = [
        _described(contrasts[place, :, day], place, day, float(adjusted[place, day]), starts)
        for place, day in np.argwhere(adjusted <= most_p).tolist()
    ]
    return tuple(sorted(found, key=lambda item: (item.p_value, -abs(item.effect))))


def _clipped_distances(values: Floats) -> Floats:
    """Return distances from the median of each week, in typical ones of the series, up to 4."""
    distances = values - np.median(values, axis=-1, keepdims=True)
    typical = np.median(np.abs(distances), axis=(-2, -1), keepdims=True)
    scaled = np.divide(distances, typical, out=np.zeros_like(distances), where=typical > 0)
    return np.clip(scaled, -_MOST_TYPICAL, _MOST_TYPICAL)


def _statistics(distances: Floats, starts: int) -> Floats:
    """Return the largest statistic over the starts: (..., series, weeks, 7) to (..., series, 7)."""
    weeks = distances.shape[-2]
    # From the last week backwards, so that each running sum is that of one start.
    total = np.cumsum(distances[..., ::-1, :], axis=-2)[..., ::-1, :][..., :starts, :]
    count = np.arange(weeks, weeks - starts, -1.0)[:, None]
    return np.asarray((np.abs(total) / np.sqrt(count)).max(axis=-2))


def _shuffled_highest(distances: Floats, starts: int, draws: int, seed: int) -> Floats:
    """Return the highest statistic of each shuffle, shape (draws,)."""
    _, weeks, days = distances.shape
    generator = np.random.default_rng(seed)
    order = generator.random((draws, weeks, days)).argsort(axis=-1)
    step = max(1, _CELLS_AT_ONCE // distances.size)
    highest = np.empty(draws)
    for first in range(0, draws, step):
        some = order[first : first + step, None]
        shuffled = np.take_along_axis(distances[None], some, axis=-1)
        highest[first : first + step] = _statistics(shuffled, starts).max(axis=(1, 2))
    return highest


def _described(own: Floats, place: int, day: int, p_value: float, starts: int) -> Recurrence:
    """Return a recurrence, begun where a step from nothing to its mean fits best."""
    misfit = [
        float((own[:start] ** 2).sum() + ((own[start:] - own[start:].mean()) ** 2).sum())
        for start in range(starts)
    ]
    first = int(np.argmin(misfit))
    effect = float(own[first:].mean())
    alike = int((own[first:] * effect > 0).sum())
    return Recurrence(place, day, effect, first, len(own) - first, alike, p_value)
