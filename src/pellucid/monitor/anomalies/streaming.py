"""One sensor-like series, point by point: what it never did on a usual day.

For series of any regular grain whose values are not counts of decisions: queue lengths, latencies,
loads. Each point is judged by what came before it alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pellucid.monitor.anomalies.series import WEEK, Bools, Floats
from pellucid.monitor.anomalies.typical import middle

# Chosen on half of the streams of the Numenta benchmark, the signals with all of them in view:
# `benchmarks/truth_anomalies.py`.
LEAST_NOVELTY = 1.2
_DAYS_KEPT = 14
_SPREAD_SHARE = 0.1
_QUIET_POINTS = 100
_LOUDER = 2.0
_SEASON_DAYS, _SEASON_WEEKS = 7, 6


def novelty(values: Floats, *, points_a_day: int, warm_up: int) -> Floats:
    """Return by how much each point outdoes what the series does on a usual day.

    Signals of different kinds are followed: the value above and below the median of the day before,
    jumps, the level of an hour, the mean and spread of two hours, and distances from the season by
    the point, the hour and four hours. The season is the same time of the 7 days before, or of the
    6 weeks before where that foretold better. Each signal is divided by the second highest of its
    daily maxima of 14 days, and a tenth of the week's standard deviation: what happened on one day
    is forgiven, what happens on two is usual, and a series that hardly moves must move to be told.
    A level that moves is so new for a day, and usual after two.

    Parameters
    ----------
    values : array of float64, shape (n,)
        At equal steps; gaps (NaN) are filled by the value before.
    points_a_day : int
        Steps in a day.
    warm_up : int
        Points that are learned from alone. Where there are not two days of them, half of them
        stands for a day when maxima are compared.

    Returns
    -------
    array of float64, shape (n,)
        The largest over signals; 0 in the warm-up.
    """
    filled = _filled(np.asarray(values, dtype=np.float64))
    count = len(filled)
    found = np.zeros(count)
    block = max(2, min(points_a_day, warm_up // 2))
    if count < 2 * block:
        return found
    spread = _behind(_windows(filled, min(count, WEEK * points_a_day)).std(axis=1), 1)
    for signal in _signals(filled, points_a_day):
        usual = _usual(signal, block) + _SPREAD_SHARE * spread
        is_known = np.isfinite(usual) & (usual > 0)
        ratio = np.divide(signal, usual, out=np.zeros(count), where=is_known)
        found = np.maximum(found, ratio)
    found[:warm_up] = 0.0
    return found


def stream_alerts(found: Floats, *, least: float = LEAST_NOVELTY) -> Bools:
    """Return which points are told: novel, and not the same that was just told.

    After a point is told the next 100 are not, unless twice as novel.

    Parameters
    ----------
    found : array of float64, shape (n,)
        Of `novelty`.
    least : float, default 1.2
        Least novelty that is told.
    """
    told = np.zeros(len(found), dtype=bool)
    last, height = -_QUIET_POINTS - 1, 0.0
    for place in np.flatnonzero(found > least).tolist():
        if place - last > _QUIET_POINTS or found[place] > _LOUDER * height:
            told[place] = True
            last, height = place, found[place]
    return told


def _signals(values: Floats, day: int) -> Iterator[Floats]:
    """Yield signals that are large where something is odd, each by the past alone."""
    hour = max(3, round(day / 24))
    usual = _behind(_median(values, day), 1)
    yield np.maximum(values - usual, 0.0)
    yield np.maximum(usual - values, 0.0)
    yield np.abs(values - _behind(_median(values, 3), 1))
    yield np.abs(values - _behind(values, 1))
    yield np.abs(_median(values, hour) - _behind(usual, hour))
    yield np.abs(_mean(values, 2 * hour) - _behind(_mean(values, day), 2 * hour))
    yield _windows(values, 2 * hour).std(axis=1)
    off = _seasonal(values, day)
    yield np.abs(off)
    yield np.abs(_mean(off, hour))
    yield np.abs(_mean(off, 4 * hour))


def _seasonal(values: Floats, day: int) -> Floats:
    """Return distances from the season that foretold better in the two weeks before."""
    by_day = values - _same_time(values, day, _SEASON_DAYS)
    by_week = values - _same_time(values, WEEK * day, _SEASON_WEEKS)
    span = 2 * WEEK * day
    if len(values) > span:
        errors = [_behind(_mean(np.abs(np.nan_to_num(off, nan=np.inf)), span), 1)
                  for off in (by_day, by_week)]  # fmt: skip
        by_day = np.where(errors[1] < errors[0], by_week, by_day)
    return np.nan_to_num(by_day)


def _same_time(values: Floats, period: int, most: int) -> Floats:
    before = np.full((len(values), most), np.nan)
    for step in range(most):
        lag = (step + 1) * period
        before[lag:, step] = values[: max(len(values) - lag, 0)]
    return middle(before)


def _usual(signal: Floats, block: int) -> Floats:
    """Return the second highest of the maxima of the blocks before; of few, the highest."""
    count = len(signal)
    highest = sliding_window_view(np.concatenate([np.full(block - 1, -np.inf), signal]), block)
    maxima = highest.max(axis=1)
    blocks = np.full((count, _DAYS_KEPT), -np.inf)
    for step in range(_DAYS_KEPT):
        lag = 1 + step * block
        blocks[lag:, step] = maxima[: max(count - lag, 0)]
    blocks.partition((_DAYS_KEPT - 2, _DAYS_KEPT - 1), axis=1)
    second, first = blocks[:, -2], blocks[:, -1]
    # Until four blocks are over the second highest is too easily outdone.
    return np.where(np.isfinite(second) & (np.arange(count) > 3 * block), second, first)


def _windows(values: Floats, length: int) -> Floats:
    """Return the points up to each one, shape (n, length); before the first its value is held."""
    padded = np.concatenate([np.full(length - 1, values[0]), values])
    return np.asarray(sliding_window_view(padded, length))


def _median(values: Floats, length: int) -> Floats:
    return np.asarray(np.median(_windows(values, length), axis=1))


def _mean(values: Floats, length: int) -> Floats:
    return np.asarray(_windows(values, length).mean(axis=1))


def _behind(values: Floats, lag: int) -> Floats:
    return np.concatenate(
        [np.full(min(lag, len(values)), values[0]), values[: max(len(values) - lag, 0)]]
    )


def _filled(values: Floats) -> Floats:
    is_known = np.isfinite(values)
    if not is_known.any():
        return np.zeros_like(values)
    last = np.maximum.accumulate(np.where(is_known, np.arange(len(values)), -1))
    first = int(np.argmax(is_known))
    return values[np.where(last < 0, first, last)]
