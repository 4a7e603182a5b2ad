"""Series with hours and weekdays, and chance of a known law."""

from __future__ import annotations

import numpy as np

from pellucid.monitor.anomalies.series import Floats, SeriesSet

MONDAY = np.datetime64("2026-01-05")
DAYS, LAST_DAYS, HOURS = 70, 14, 24
FIRST = (DAYS - LAST_DAYS) * HOURS


def season(days: int = DAYS) -> Floats:
    hours = np.arange(days * HOURS)
    weekend = np.where(hours // HOURS % 7 > 4, 0.6, 1.0)
    return np.asarray((1 + 0.6 * np.sin(2 * np.pi * hours / HOURS)) * weekend)


def counts(draw: np.random.Generator, level: Floats, *, days: int = DAYS) -> SeriesSet:
    """Return overdispersed counts: variance m + m^2 / 200."""
    mean = level[:, None] * season(days)
    values = draw.negative_binomial(200, 200 / (200 + mean)).astype(np.float64)
    return SeriesSet(kind="count", values=values, n=values.copy(), start_on=MONDAY,
                     points_a_day=HOURS)  # fmt: skip


def rates(draw: np.random.Generator, level: Floats, *, days: int = DAYS) -> SeriesSet:
    """Return rates of about 85% that are higher by 4 points on some weekdays."""
    trials = draw.poisson(level[:, None] * season(days)).astype(np.float64)
    expected = 0.85 + 0.04 * np.sin(2 * np.pi * np.arange(days * HOURS) / (7 * HOURS))
    hits = draw.binomial(trials.astype(np.int64), np.broadcast_to(expected, trials.shape))
    values = np.divide(hits, trials, out=np.full(trials.shape, np.nan), where=trials > 0)
    return SeriesSet(kind="rate", values=values, n=trials, start_on=MONDAY, points_a_day=HOURS)


def plain(values: Floats, *, points_a_day: int = HOURS) -> SeriesSet:
    return SeriesSet(kind="value", values=values, n=np.full(values.shape, 100.0), start_on=MONDAY,
                     points_a_day=points_a_day)  # fmt: skip
