"""The points of a span, each with what was expected of it and how rare it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pellucid.monitor.anomalies.baseline import Baseline, walk
from pellucid.monitor.anomalies.calibration import calibrate, calibrated
from pellucid.monitor.anomalies.chance import fit_spread, spread_of, tails
from pellucid.monitor.anomalies.series import WEEK, Bools, Floats, SeriesSet
from pellucid.monitor.anomalies.shifts import cusum, cusum_tail
from pellucid.monitor.anomalies.typical import mean_of
from pellucid.stats.distributions import normal_scores

LEAST_DAYS = 7
LEAST_MATURITY = 0.5
_SEASON_DAYS = 14
# Before so many days a baseline is still learning: what it missed by then says too much.
_LEAST_FIRST = _SEASON_DAYS + WEEK
_PAST_DAYS = 28
_LEAST_SHIFTS = 100
# So many series at once stay in a processor's cache.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Judged:
    """The evaluated span of the series of one metric.

    Attributes
    ----------
    series : SeriesSet
        Its last days, those that were asked about.
    expected, deviation : array of float64, shape (series, points)
        What was foretold of each point by the days before, and its standard deviation by chance.
    p_values : array of float64, shape (series, points)
        Two-sided; NaN where nothing is told: no value, a holiday, outcomes not in, too little data.
    shift_scores : array of float64, shape (series, days)
        Distances of days from the level before the span, in standard deviations.
    frozen : array of float64, shape (series, points)
        What would be expected, had the level stayed that before the span.
    shift_p_values : array of float64, shape (series,)
        Of the highest cumulative sum of those distances.
    is_enough : array of bool, shape (series,)
        Whether there were 7 days to learn from.
    has_season : array of bool, shape (series,)
        Whether there were 14, so that seasons are known.
    """

    series: SeriesSet
    expected: Floats
    deviation: Floats
    p_values: Floats
    shift_scores: Floats
    frozen: Floats
    shift_p_values: Floats
    is_enough: Bools
    has_season: Bools


def judge(series: SeriesSet, *, last_days: int, holidays: Sequence[np.datetime64] = ()) -> Judged:
    """Judge the last days of series by all that came before.

    Parameters
    ----------
    series : SeriesSet
        History and span in one.
    last_days : int
        Days of the span, below the days of the series.
    holidays : sequence of numpy.datetime64[D], optional
        Days that are neither learned from nor judged.

    Returns
    -------
    Judged

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    days_off = series.days_off(holidays)
    first = series.days - last_days
    parts = [
        _part(series.rows(start, start + _AT_ONCE), first, days_off)
        for start in range(0, max(len(series.values), 1), _AT_ONCE)
    ]
    judged, past, past_shifts = (list(items) for items in zip(*parts, strict=True))
    joined = {
        name: np.concatenate([getattr(item, name) for item in judged])
        for name in ("expected", "deviation", "p_values", "shift_scores", "frozen",
                     "shift_p_values", "is_enough", "has_season")
    }  # fmt: skip
    joined["p_values"] = calibrated(joined["p_values"], calibrate(np.concatenate(past)))
    shifts = calibrate(np.concatenate(past_shifts), least=_LEAST_SHIFTS)
    if len(shifts.past):
        joined["shift_p_values"] = calibrated(joined["shift_p_values"], shifts)
    return Judged(series=series.since(first), **joined)


@dataclass(frozen=True, slots=True)
class Chances:
    """Every point of some series, with how rare it is under what the days before foretold.

    Attributes
    ----------
    series : SeriesSet
        History and span in one.
    baseline : Baseline
    expected, deviation, p_values : array of float64, shape (series, points)
        See `Judged`; p-values as the models have them, of the past that is learned from and of the
        span; NaN elsewhere.
    is_past : array of bool, shape (series, points)
        The points that chance was learned from.
    is_off : array of bool, shape (series, points)
        Where nothing is told.
    is_enough, has_season : array of bool, shape (series,)
        See `Judged`.
    """

    series: SeriesSet
    baseline: Baseline
    expected: Floats
    deviation: Floats
    p_values: Floats
    is_past: Bools
    is_off: Bools
    is_enough: Bools
    has_season: Bools


def chances(series: SeriesSet, *, first: int, days_off: Bools) -> Chances:
    """Return how rare the points from a day on are, and those before that chance is learned from.

    Parameters
    ----------
    first : int
        First day of the span.
    days_off : array of bool, shape (days,)

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    points = series.points_a_day
    baseline = walk(series, days_off)
    expected = baseline.expected
    if series.is_volume and series.maturity is not None:
        # Of outcomes that are still to come, so many are expected by now.
        expected = expected * np.where(np.isfinite(series.maturity), series.maturity, 1.0)
        baseline = replace(baseline, expected=expected)
    known = baseline.known_days[:, first]
    is_enough, has_season = known >= LEAST_DAYS, known >= _SEASON_DAYS
    is_off = np.repeat(days_off, points)[None, :] | np.isnan(series.values)
    if series.maturity is not None:
        is_off = is_off | (series.maturity < LEAST_MATURITY)
    # Where a season is known only days foretold with it speak of chance.
    warm = np.where(has_season, max(_SEASON_DAYS, first - _PAST_DAYS), WEEK) * points
    places = np.arange(series.values.shape[1])
    is_past = (places >= warm[:, None]) & (places < first * points) & ~is_off
    past = replace(series, values=np.where(is_past, series.values, np.nan))
    short = ~is_past.any(axis=1)
    if short.any():
        # A first week alone: how its values lie about their own level.
        week = (places < first * points) & ~is_off[short]
        past.values[short] = np.where(week, series.values[short], np.nan)
    spread = fit_spread(past, expected)
    # What is neither asked about nor learned from costs as much, and says nothing.
    wanted = (is_past | (places >= first * points)) & is_enough[:, None] & ~is_off
    p_values = tails(replace(series, values=np.where(wanted, series.values, np.nan)), expected,
                     spread)  # fmt: skip
    return Chances(series, baseline, expected, spread_of(series, expected, spread), p_values,
                   is_past, is_off, is_enough, has_season)  # fmt: skip


def _part(series: SeriesSet, first: int, days_off: Bools) -> tuple[Judged, Floats, Floats]:
    """Return what is told of some series, with p-values of their past and of its shifts."""
    found = chances(series, first=first, days_off=days_off)
    span = slice(first * series.points_a_day, None)
    scores, past_highest = _shifts(series, found.baseline, first, found.is_off)
    highest = np.abs(cusum(scores)).max(axis=1, initial=0.0)
    shift_p = np.where(found.is_enough, cusum_tail(highest, scores.shape[1]), np.nan)
    judged = Judged(
        series, found.expected[:, span], found.deviation[:, span], found.p_values[:, span], scores,
        _frozen(series, found.baseline, first)[:, span], shift_p, found.is_enough,
        found.has_season,
    )  # fmt: skip
    before = np.where(found.is_past, found.p_values, np.nan)[:, : span.start]
    return judged, before[np.isfinite(before)], past_highest


def _frozen(series: SeriesSet, baseline: Baseline, origin: int) -> Floats:
    """Return what is expected of points, had the level stayed that of a day."""
    level = np.repeat(baseline.level, series.points_a_day, axis=1)
    held = baseline.level[:, origin, None]
    if series.is_volume:
        ratio = np.divide(held, level, out=np.full_like(level, np.nan), where=level > 0)
        return np.where(level > 0, baseline.expected * ratio, held)
    return baseline.expected + held - level


def _shifts(
    series: SeriesSet, baseline: Baseline, first: int, is_off: Bools
) -> tuple[Floats, Floats]:
    """Return scores of the span's days, and the p-values of the shifts of spans before."""
    length = series.days - first
    days = _by_day(series, baseline.expected, is_off)
    learned = slice(max(first - _PAST_DAYS, _SEASON_DAYS if first > _LEAST_FIRST else 0), first)
    is_learned = np.zeros(series.days, dtype=bool)
    is_learned[learned] = True
    past = replace(days[0], values=np.where(is_learned, days[0].values, np.nan))
    spread = fit_spread(past, days[1])

    def scores(origin: int) -> Floats:
        now, usual = _by_day(series, _frozen(series, baseline, origin), is_off)
        span = slice(origin, origin + length)
        usual = np.clip(usual, 1e-6, 1 - 1e-6) if series.kind == "rate" else usual
        rare = normal_scores(tails(now, usual, spread))
        return np.asarray((np.sign(now.values - usual) * rare)[:, span])

    has_past = baseline.known_days[:, first] >= _LEAST_FIRST
    origins = range(first - length, _LEAST_FIRST - 1, -length)
    highest = [np.abs(cusum(scores(origin)[has_past])).max(axis=1) for origin in origins]
    return scores(first), np.concatenate(
        [np.empty(0), *(cusum_tail(item, length) for item in highest)]
    )


def _by_day(series: SeriesSet, expected: Floats, is_off: Bools) -> tuple[SeriesSet, Floats]:
    """Return series of days, and what was expected of the same points; sums of volumes."""
    shape = (len(series.values), series.days, series.points_a_day)
    is_off = is_off | np.isnan(expected)
    weights = np.where(is_off, 0.0, series.n if series.kind == "rate" else 1.0).reshape(shape)
    rows = np.where(is_off, 0.0, series.n).reshape(shape).sum(axis=2)
    found = [mean_of(part.reshape(shape), weights) for part in (series.values, expected)]
    if series.is_volume:
        found = [part * weights.sum(axis=2) for part in found]
    days = SeriesSet(kind=series.kind, values=found[0], n=rows, start_on=series.start_on,
                     points_a_day=1)  # fmt: skip
    return days, found[1]
