"""How rare the last hours of rates are: the likelihood of a shift, over every length up to 2 days.

Small slices have few rows an hour, and a fall of their rate shows in many hours only. The most that
can be had from so few rows is the ratio of likelihoods, with and without a shift, so that is what
is scanned; it needs the level before to be known well, and rows that depend on each other to be
allowed for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Sides = NDArray[np.int8]

LENGTHS = {24: (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 30, 36, 42, 48), 1: (1, 2, 3, 4, 5, 6, 7)}
_BLOCKS = {24: (8, 24), 1: (1, 4)}
_WEEK, _FOUR_WEEKS, _LEAST_DAYS = 7, 28, 14
# A day so many deviations off is an incident, and no part of the level.
_INCIDENT = 4.0
# A level that moved by more than this is no chance: the last week alone counts.
_MOVED = 3.0
_LEAST_TRIALS, _LEAST_VARIANCE, _MOST_SQUARE = 200.0, 0.5, 9.0
# Blocks that an even chance counts for in the spread of one series; errors that show it wrong.
_PRIOR, _ERRORS = 30.0, 3.0
_EDGE = 1e-3
# Where a likelihood ratio is small its normal form does.
_SMALL = 1.0
_APART, _LEAST_PAST = 8, 100
_TAIL_SHARE, _CENSORED = 0.05, 0.1
# A ratio of likelihoods over so many lengths, as rare as this factor more where nothing is known.
_LOOKS = 2.0


@dataclass(frozen=True, slots=True)
class Trials:
    """Rates as counts; of points at which nothing is told, none.

    Attributes
    ----------
    hits, trials, expected : array of float64, shape (series, points)
        What was seen, of how many, and what was foretold of `hits`.
    is_known, is_past : array of bool, same shape
        Where something is told; the points that chance is learned from.
    points_a_day : int
    """

    hits: Floats
    trials: Floats
    expected: Floats
    is_known: Bools
    is_past: Bools
    points_a_day: int


def rarest_shifts(seen: Trials) -> tuple[Floats, Sides]:
    """Return how rare the likeliest shift is that ends at each point, and its side.

    Returns
    -------
    p_values : array of float64, shape (series, points)
        NaN where nothing is told.
    side : array of int8, same shape
        1 where the rate is above what was foretold, -1 below.

    References
    ----------
    Siegmund, D. and Venkatraman, E. S. (1995). Using the generalized likelihood ratio statistic
    for sequential detection of a change-point. Annals of Statistics 23(1).
    """
    levelled, behind = _levelled(seen)
    spread, alike = _spread(levelled, behind)
    best = np.zeros(seen.hits.shape)
    side = np.zeros(seen.hits.shape, dtype=np.int8)
    for length in LENGTHS[seen.points_a_day]:
        hits, trials, expected = _sums(levelled, length)
        ratio = _ratio(hits, trials, expected, behind) / np.maximum(spread, 1 + alike * trials)
        is_better = seen.is_known & (ratio > best)
        best = np.where(is_better, ratio, best)
        side = np.where(is_better, np.sign(hits - expected), side).astype(np.int8)
    return np.where(seen.is_known, _as_rare(best, seen.is_past & seen.is_known), np.nan), side


def _levelled(seen: Trials) -> tuple[Trials, Floats]:
    """Return trials with their level known better, and the trials that are behind it.

    The level of a day is that of the week before, drawn to the four weeks before by as much as
    chance explains: levels of small slices hardly move, and a week of them is few rows. The season
    within the day stays.

    References
    ----------
    Efron, B. and Morris, C. (1972). Limiting the risk of Bayes and empirical Bayes estimators,
    part II. JASA 67: what is far off is not drawn.
    """
    count, points = seen.hits.shape
    shape = (count, points // seen.points_a_day, seen.points_a_day)
    hits, trials, expected = (part.reshape(shape)
                              for part in (seen.hits, seen.trials, seen.expected))  # fmt: skip
    usual = _usual_days(*(part.sum(axis=2) for part in (hits, trials, expected)))
    kept_hits, kept_trials = (np.where(usual, part.sum(axis=2), 0.0) for part in (hits, trials))
    levelled = expected.copy()
    behind = np.ones(shape)
    for day in range(1, shape[1]):
        week, weeks = slice(max(day - _WEEK, 0), day), slice(max(day - _FOUR_WEEKS, 0), day)
        level, known = _level(*(part[:, span].sum(axis=1) for span in (week, weeks)
                                for part in (kept_hits, kept_trials)))  # fmt: skip
        behind[:, day] = np.maximum(known, 1.0)[:, None]
        if day < _LEAST_DAYS:
            continue
        rates = _divided(expected[:, day], trials[:, day])
        weights = np.where(np.isfinite(rates), trials[:, week].sum(axis=1), 0.0)
        stands_on = _divided((np.nan_to_num(rates) * weights).sum(axis=1), weights.sum(axis=1))
        better = np.clip(rates + (level - stands_on)[:, None], _EDGE, 1 - _EDGE) * trials[:, day]
        levelled[:, day] = np.where(np.isfinite(better), better, expected[:, day])
    found = Trials(seen.hits, seen.trials, levelled.reshape(count, points), seen.is_known,
                   seen.is_past, seen.points_a_day)  # fmt: skip
    return found, behind.reshape(count, points)


def _usual_days(hits: Floats, trials: Floats, expected: Floats) -> Bools:
    variance = expected * (1 - np.clip(_divided(expected, trials), 0, 1))
    return ~((hits - expected) ** 2 > _INCIDENT**2 * np.maximum(variance, 1.0))


def _level(
    week_hits: Floats, week_trials: Floats, hits: Floats, trials: Floats
) -> tuple[Floats, Floats]:
    """Return the level by a week within four, and how many trials tell it; shape (series,)."""
    lately, long = _divided(week_hits, week_trials), _divided(hits, trials)
    apart = 1 / np.maximum(week_trials, 1e-9) - 1 / np.maximum(trials, 1e-9)
    chance = np.clip(long * (1 - long), _EDGE / 10, None) * apart
    moved = (lately - long) ** 2
    is_told = (week_trials > _LEAST_TRIALS) & np.isfinite(moved) & (apart > 0)
    excess = (moved - chance)[is_told]
    # What one series did by itself is not what levels do.
    drift = np.minimum(excess, np.quantile(excess, 0.95)).mean() if len(excess) else 0.0
    drift = max(float(drift), 1e-7)
    weight = np.where(week_trials > 0, drift / (drift + chance), 0.0)
    weight = np.where(moved > _MOVED**2 * (chance + drift), 1.0, weight)
    known = 1 / (weight / np.maximum(week_trials, 1e-9) + (1 - weight) / np.maximum(trials, 1e-9))
    return long + np.where(weight > 0, weight * (lately - long), 0.0), np.nan_to_num(known)


def _spread(seen: Trials, behind: Floats) -> tuple[Floats, float]:
    """Return how much more sums of each series vary than independent rows; shape (series, 1).

    1 unless the past clearly shows otherwise.
    """
    found = np.ones(len(seen.hits))
    alike = 0.0
    for length in _BLOCKS[seen.points_a_day]:
        hits, trials, expected = (part[:, length - 1 :: length] for part in _sums(seen, length))
        variance = expected * (1 - np.clip(_divided(expected, trials), 0, 1))
        known = behind[:, length - 1 :: length]
        is_told = seen.is_past[:, length - 1 :: length] & (variance >= _LEAST_VARIANCE)
        squares = (hits - expected) ** 2 / np.maximum(variance, 1e-9) * known / (known + trials)
        squares = np.where(is_told, np.minimum(squares, _MOST_SQUARE), 0.0)
        blocks = is_told.sum(axis=1)
        many = np.where(is_told, trials, 0.0)
        own = float(((squares - 1) * many)[is_told].sum() / max((many**2).sum(), 1.0))
        alike = max(alike, own)
        typical = squares.sum(axis=1) / np.maximum(blocks, 1)
        pooled = max(squares.sum() / max(blocks.sum(), 1), 1.0)
        own = (blocks * typical + _PRIOR * pooled) / (blocks + _PRIOR)
        is_wide = typical > 1 + _ERRORS * np.sqrt(2 / np.maximum(blocks, 1))
        found = np.maximum(found, np.where(is_wide, own, 1.0))
    return found[:, None], alike


def _ratio(hits: Floats, trials: Floats, expected: Floats, behind: Floats) -> Floats:
    """Return the logarithm of the ratio of likelihoods, less what the level may be off by."""
    foretold = np.clip(_divided(expected, trials, 0.5), _EDGE / 1000, 1 - _EDGE / 1000)
    variance = np.maximum(trials, 1e-9) * foretold * (1 - foretold)
    ratio = np.where(trials > 0, (hits - trials * foretold) ** 2 / (2 * variance), 0.0)
    far = ratio > _SMALL
    own, count, mean = hits[far], trials[far], foretold[far]
    rate = np.clip(own / count, 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio[far] = count * (
            np.where(rate > 0, rate * np.log(rate / mean), 0.0)
            + np.where(rate < 1, (1 - rate) * np.log((1 - rate) / (1 - mean)), 0.0)
        )
    return np.asarray(ratio * behind / (behind + trials))


def _as_rare(ratio: Floats, is_past: Bools) -> Floats:
    """Return how rare ratios are: by ranks in the past of all series, beyond it exponentially.

    References
    ----------
    Epstein, B. and Sobel, M. (1953). Life testing. JASA 48: the mean of an exponential law of which
    the largest values are only known to be large, as past incidents would be among them.
    """
    every = slice(_APART - 1, None, _APART)
    past = np.sort(ratio[:, every][is_past[:, every]])
    if len(past) < _LEAST_PAST:
        return np.minimum(1.0, np.exp(_LOOKS - ratio))
    beyond = max(_LEAST_PAST // 4, int(len(past) * _TAIL_SHARE))
    edge = past[-beyond]
    kept = beyond - int(beyond * _CENSORED)
    excess = past[-beyond:][:kept] - edge
    stretch = max(1.0, (excess.sum() + (beyond - kept) * excess[-1]) / kept)
    rank = (len(past) - np.searchsorted(past, ratio - 1e-12) + 1) / (len(past) + 1)
    tail = beyond / len(past) * np.exp(-np.maximum(ratio - edge, 0.0) / stretch)
    return np.asarray(np.where(ratio > edge, np.minimum(tail, rank), rank))


def _sums(seen: Trials, length: int) -> Iterator[Floats]:
    """Yield hits, trials and expected hits of the last points that end at each."""
    for part in (seen.hits, seen.trials, seen.expected):
        total = np.concatenate([np.zeros((len(part), 1)), np.cumsum(part, axis=1)], axis=1)
        start = np.maximum(np.arange(1, total.shape[1]) - length, 0)
        yield total[:, 1:] - total[:, start]


def _divided(part: Floats, whole: Floats, otherwise: float = np.nan) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(part), otherwise), where=whole > 0)
