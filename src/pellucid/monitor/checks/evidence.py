"""How rare the last hours of many series are, told hour by hour: one p-value a point.

A collapse shows in one hour, a small fall only in many. So each point is judged by the sums of the
last 1, 2, 4, ... points together, and by the rarest of those sums (rates by the likeliest shift,
see `shifts`); how rare it truly is is read off the same quantity in the past of all series
together, so that neither the several lengths nor hours that depend on each other need a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.monitor.anomalies.calibration import calibrate, calibrated
from pellucid.monitor.anomalies.judge import chances
from pellucid.monitor.anomalies.series import SeriesSet
from pellucid.monitor.checks.shifts import Trials, rarest_shifts
from pellucid.stats.discovery import null_scale
from pellucid.stats.distributions import count_tails, normal_scores, normal_tails, rate_tails

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

LENGTHS = {24: (1, 2, 4, 8, 24), 1: (1, 2, 4, 7)}
_RECENT = {24: 8, 1: 2}
# How far back the begin of what is off is looked for.
_BACK = 72
# So many series at once stay in a processor's cache.
_AT_ONCE = 500
# So many points apart the rarest sums hardly share any.
_APART = 8
_LEAST_PAST = 100
_MOST_SCORE = 8.0
_FAR = 2.0
# Where none were ever seen, none are foretold: no law of counts has a mean of 0.
_LEAST_COUNT = 1e-6
_MOST_DEVIATIONS = 3.0
# Independent sums that the spread of all series counts for in that of one.
_POOLED = 30.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Points of a span, each judged by itself and by those just before it.

    Attributes
    ----------
    scores : array of float64, shape (series, points)
        Standard scores of single points, above or below 0 as the value is what was expected; NaN
        where nothing is told. History and span.
    p_values : array of float64, same shape
        Of a point with those before it, as rare as they say.
    side : array of int8, same shape
        1 where the rarest sum is above, -1 below.
    recent : array of float64, same shape
        p-values of the last 8 hours, or 2 days, together: whether it still goes on.
    expected, deviation : array of float64, same shape
        What was foretold of each point, and its standard deviation by chance.
    """

    scores: Floats
    p_values: Floats
    side: NDArray[np.int8]
    recent: Floats
    expected: Floats
    deviation: Floats


def gather_evidence(
    series: SeriesSet, *, first: int, holidays: Sequence[np.datetime64] = (),
    has_trials: bool = False,
) -> Evidence:  # fmt: skip
    """Judge the points of series from a day on, each by what was known before its day.

    Parameters
    ----------
    series : SeriesSet
        History and span in one.
    first : int
        First day of the span.
    holidays : sequence of numpy.datetime64[D], optional
        Days that are neither learned from nor judged.
    has_trials : bool, default False
        Whether values are rates of rows that each hit or miss by themselves, as approvals do, and
        shares of traffic, which candidates take from each other, do not.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.

    References
    ----------
    Sums over several lengths: Frick, K., Munk, A. and Sieling, H. (2014). Multiscale change point
    inference. JRSS B 76(3).
    """
    days_off = series.days_off(holidays)
    parts = [
        chances(series.rows(start, start + _AT_ONCE), first=first, days_off=days_off)
        for start in range(0, max(len(series.values), 1), _AT_ONCE)
    ]
    is_past = np.concatenate([part.is_past for part in parts])
    expected = np.concatenate([part.expected for part in parts])
    deviation = np.concatenate([part.deviation for part in parts])
    p_values = np.concatenate([part.p_values for part in parts])
    scores = _scores(series, p_values, expected, is_past)
    summed = _Summed.of(series, expected, deviation, np.isfinite(p_values))
    best, side = (
        rarest_shifts(_trials(series, expected, np.isfinite(p_values), is_past))
        if has_trials
        else _rarest(summed, p_values, is_past, LENGTHS[series.points_a_day])
    )
    recent = normal_tails(summed.scores(_RECENT[series.points_a_day]))
    return Evidence(scores, best, side, recent, expected, deviation)


def since_when(scores: Floats, points: Places) -> Places:
    """Return since which point each series has been off, by least squares.

    Parameters
    ----------
    scores : array of float64, shape (series, points)
    points : array of int64, shape (series,)
        The point as of which each is asked about.
    """
    back = np.arange(-_BACK + 1, 1)
    places = points[:, None] + back
    own = np.where(places >= 0, np.take_along_axis(scores, np.maximum(places, 0), axis=1), np.nan)
    # From the end backwards: the squares that a mean of its own takes away.
    total = np.cumsum(np.nan_to_num(own)[:, ::-1], axis=1)
    gained = total**2 / np.arange(1.0, _BACK + 1)
    return np.asarray(np.maximum(points - gained.argmax(axis=1), 0))


def _scores(
    series: SeriesSet, p_values: Floats, expected: Floats, is_past: NDArray[np.bool_]
) -> Floats:
    past = calibrate(p_values[is_past & np.isfinite(p_values)])
    rare = normal_scores(calibrated(p_values, past))
    return np.asarray(np.sign(series.values - expected) * np.minimum(rare, _MOST_SCORE))


def _trials(
    series: SeriesSet, expected: Floats, is_known: NDArray[np.bool_], is_past: NDArray[np.bool_]
) -> Trials:
    trials = np.where(is_known, series.n, 0.0)
    hits, foretold = (np.where(is_known, part * trials, 0.0) for part in (series.values, expected))
    return Trials(hits, trials, foretold, is_known, is_past, series.points_a_day)


@dataclass(frozen=True, slots=True)
class _Summed:
    """Running sums over points: what was seen, what was expected, by how much that varies.

    Of a rate hits and trials, so that hours weigh as the rows that they have.
    """

    kind: str
    is_known: NDArray[np.bool_]
    seen: Floats
    expected: Floats
    variance: Floats
    trials: Floats

    @classmethod
    def of(
        cls, series: SeriesSet, expected: Floats, deviation: Floats, is_known: NDArray[np.bool_]
    ) -> _Summed:
        weights = series.n if series.kind == "rate" else np.ones_like(series.n)

        def running(values: Floats) -> Floats:
            own = np.where(is_known, values, 0.0)
            return np.concatenate([np.zeros((len(own), 1)), np.cumsum(own, axis=1)], axis=1)

        return cls(
            series.kind, is_known, running(series.values * weights), running(expected * weights),
            running((deviation * weights) ** 2), running(weights),
        )  # fmt: skip

    def scores(self, length: int) -> Floats:
        """Return standard scores of the sums of so many points, NaN where nothing is told."""
        seen, expected, variance, trials = (
            _last(sums, length) for sums in (self.seen, self.expected, self.variance, self.trials)
        )
        off = seen - expected
        is_known = self.is_known & (variance > 0)
        score = np.divide(off, np.sqrt(variance), out=np.full_like(off, np.nan), where=is_known)
        if self.kind not in ("rate", "count"):
            return score
        # Sums of few rows are no bell: where it matters their own law says how rare they are.
        far = np.nan_to_num(np.abs(score)) > _FAR
        if self.kind == "count":
            foretold = np.maximum(expected[far], _LEAST_COUNT)
            rare = count_tails(np.rint(seen[far]), foretold, variance[far])
        else:
            own, mean = trials[far], expected[far] / trials[far]
            spread = variance[far] / np.maximum(own * mean * (1 - mean), 1e-12)
            within = np.clip((spread - 1) / np.maximum(own - 1, 1.0), 0.0, 0.5)
            rare = rate_tails(seen[far], own, mean, within)
        score[far] = np.sign(off[far]) * normal_scores(rare)
        return score


def _rarest(
    summed: _Summed, p_values: Floats, is_past: NDArray[np.bool_], lengths: Sequence[int]
) -> tuple[Floats, NDArray[np.int8]]:
    """Return the p-value of the rarest sum that ends at each point, and its side."""
    best = np.full(p_values.shape, np.nan)
    side = np.zeros(p_values.shape, dtype=np.int8)
    for length in lengths:
        score = summed.scores(length)
        is_known = np.isfinite(score)
        score = score / _scales(score, is_past & is_known, length)
        rare = _as_rare(normal_tails(score), is_past & is_known, length)
        is_better = is_known & ~(rare >= best)
        best = np.where(is_better, rare, best)
        side = np.where(is_better, np.sign(score), side).astype(np.int8)
    return _as_rare(best, is_past & np.isfinite(best), _APART), side


def _as_rare(p_values: Floats, is_past: NDArray[np.bool_], apart: int) -> Floats:
    """Return p-values as rare as they say, by those of the past that share no point."""
    every = slice(apart - 1, None, apart)
    past = p_values[:, every][is_past[:, every]]
    return calibrated(p_values, calibrate(past, least=_LEAST_PAST, most_shape=0.0))


def _scales(score: Floats, is_past: NDArray[np.bool_], length: int) -> Floats:
    """Return how far sums of each series spread, shape of the scores.

    Each half of the past is measured by the other: an odd hour must not make itself less odd.
    """
    half = np.cumsum(is_past.any(axis=0)) * 2 <= is_past.any(axis=0).sum()
    found = np.repeat(_scale(score, is_past, length), score.shape[1], axis=1)
    for own in (half, ~half):
        other = _scale(score, is_past & ~own, length)
        found = np.where(is_past & own, other, found)
    return found


def _scale(score: Floats, is_past: NDArray[np.bool_], length: int) -> Floats:
    """Return how far sums of each series spread, at least 1; shape (series, 1).

    Sums of hours that go together spread wider than those of independent ones. Of the past of a
    series and, where that holds few, of all of them; what is beyond three deviations counts as so.
    """
    past = np.where(is_past, score, np.nan)
    pooled = null_scale(past[is_past])
    squares = np.minimum(past**2, (_MOST_DEVIATIONS * pooled) ** 2)
    count = is_past.sum(axis=1)
    mean = np.divide(np.nansum(squares, axis=1), count, out=np.zeros(len(score)), where=count > 0)
    known = count / length
    variance = (known * mean + _POOLED * pooled**2) / (known + _POOLED)
    return np.asarray(np.maximum(np.sqrt(variance), 1.0)[:, None])


def _last(sums: Floats, length: int) -> Floats:
    count = sums.shape[1] - 1
    start = np.maximum(np.arange(1, count + 1) - length, 0)
    return np.asarray(sums[:, 1:] - sums[:, start])
