"""What recurs on one day of the week in one series, and not in those like it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.monitor.anomalies.series import WEEK, Floats, SeriesSet
from pellucid.monitor.anomalies.typical import mean_of, middle
from pellucid.stats.recurrence import LEAST_WEEKS, recurrences

_MOST_WEEKS = 12
_LEAST_PEERS = 3
# Shuffles cost by the series: those with most rows are looked at.
_MOST_SERIES = 100
# A Monday.
_MONDAY = np.datetime64("1970-01-05")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A series that differs from others on one day of the week, week after week.

    Attributes
    ----------
    series : int
        Place of the series.
    weekday : int
        0 for Monday.
    effect : float
        Of the day less the other days of its week, less the same of the others: of volumes in
        their usual level, else in the unit of the values.
    weeks, weeks_alike : int
        Since it began, and those in which the day differs that way.
    begun_on : numpy.datetime64[D]
        First day of the week in which it began.
    p_value : float
        Adjusted for all series, days and begins.
    """

    series: int
    weekday: int
    effect: float
    weeks: int
    weeks_alike: int
    begun_on: np.datetime64
    p_value: float


def weekday_patterns(series: SeriesSet) -> tuple[Pattern, ...]:
    """Return on which weekdays a series differs from the others of its metric.

    A weekday that all series share is a season. With fewer than 3 series without gaps, or 4 weeks,
    there is nothing to compare with.
    """
    shape = (len(series.values), series.days, series.points_a_day)
    weights = series.n if series.kind == "rate" else np.ones_like(series.n)
    days = mean_of(series.values.reshape(shape), weights.reshape(shape))
    known = np.flatnonzero(np.isfinite(days).any(axis=0))
    end = int(known[-1]) + 1 if len(known) else 0
    weeks = min(end // WEEK, _MOST_WEEKS)
    if weeks < LEAST_WEEKS:
        return ()
    first = end - weeks * WEEK
    recent = days[:, first:end]
    if series.is_volume:
        usual = middle(recent)[:, None]
        recent = np.divide(recent, usual, out=np.full_like(recent, np.nan), where=usual > 0)
    places = _most_rows(series, recent)
    if len(places) < _LEAST_PEERS:
        return ()
    off = recent[places] - np.median(recent[places], axis=0)
    found = recurrences(off.reshape(len(places), weeks, WEEK))
    start_on = series.start_on + first
    monday = int((start_on - _MONDAY) / np.timedelta64(1, "D"))
    return tuple(
        Pattern(int(places[item.series]), (monday + item.weekday) % WEEK, item.effect, item.weeks,
                item.weeks_alike, start_on + WEEK * item.first_week, item.p_value)
        for item in found
    )  # fmt: skip


def _most_rows(series: SeriesSet, recent: Floats) -> np.ndarray:
    whole = np.flatnonzero(np.isfinite(recent).all(axis=1))
    rows = np.nansum(series.n, axis=1)[whole]
    return np.sort(whole[np.argsort(-rows, kind="stable")[:_MOST_SERIES]])
