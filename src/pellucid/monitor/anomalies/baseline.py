"""What each point of a series should be, by the days before it alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.monitor.anomalies.series import WEEK, Bools, Floats, SeriesSet
from pellucid.monitor.anomalies.typical import MAD, drawn_in, mean_of, middle, typical

Places = NDArray[np.int64]

LEAST_SEASON_DAYS = 14
MOST_WEEKS = 8
_LEAST_MATURITY = 0.5
# A median of whole numbers below this is too coarse, and is biased.
_FEW = 10.0
# Typical distances from which a point is an incident, and is not learned from.
_INCIDENT = 4.0
# The same hour so many days running, or two weeks running, is a new habit: learned from.
_MOST_RUNNING = 3
_FORGET = 0.97
# A season must foretell better than its simpler fellow by so much.
_PREFER = (1.0, 1.03, 1.05)


@dataclass(frozen=True, slots=True)
class Baseline:
    """Expected values of series, each from the days before.

    Attributes
    ----------
    expected : array of float64, shape (series, days x points_a_day)
        NaN where nothing came before.
    level : array of float64, shape (series, days)
        Season apart, by the 7 days before.
    known_days : array of int64, shape (series, days)
        Days with values before each day.
    """

    expected: Floats
    level: Floats
    known_days: np.ndarray


def learnable(series: SeriesSet, days_off: Bools) -> Floats:
    """Return what a baseline learns from, shape (series, days, points_a_day).

    Neither holidays nor points whose outcomes are not in; volumes as if all outcomes were.
    """
    values = series.values
    if series.maturity is not None:
        ripe = np.where(series.maturity >= _LEAST_MATURITY, series.maturity, np.nan)
        values = values / ripe if series.is_volume else values + 0 * ripe
    if series.kind == "rate":
        values = np.where(series.n > 0, values, np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    shaped = values.reshape(len(values), series.days, series.points_a_day).copy()
    shaped[:, days_off] = np.nan
    return shaped


def walk(series: SeriesSet, days_off: Bools) -> Baseline:
    """Foretell every day of series from the days before it.

    The level is the median of the 7 days before, weekdays made comparable. The season is one of
    three, whichever foretold a series better so far: none, hour of the day and day of the week,
    hour of the week; each by medians of what values were above the level of their day, over 14
    days or 8 weeks. Of counts below about 10 means are taken: medians of whole numbers are coarse.
    A point 4 typical distances off is replaced by what was expected before it is learned from,
    unless the same hour was off for three days or two weeks running. With less than 14 days the
    level alone foretells.

    Parameters
    ----------
    days_off : array of bool, shape (days,)
        Holidays: not learned from.
    """
    return _Walk(series, days_off).run()


class _Walk:
    """Day by day over all series at once."""

    def __init__(self, series: SeriesSet, days_off: Bools) -> None:
        self.series = series
        self.values = learnable(series, days_off)
        count, days, points = self.values.shape
        self.is_volume = series.is_volume
        self.is_counted = series.kind in ("count", "rate")
        self.weights = np.ones_like(self.values)
        if series.kind == "rate":
            self.weights = series.n.reshape(self.values.shape)
        self.day = mean_of(self.values, self.weights)
        self.day[np.isfinite(self.values).sum(axis=2) * 2 < points] = np.nan
        self.day_weights = self.weights.sum(axis=2)
        self.few_day, self.few = self._few()
        self.known = np.cumsum(np.isfinite(self.day), axis=1) - np.isfinite(self.day)
        self.level = np.full((count, days), np.nan)
        self.expected = np.full_like(self.values, np.nan)
        # Above the level of their day: of days, and of points once cleaned.
        self.above_day, self.above = self.level.copy(), self.expected.copy()
        self.neutral = 1.0 if self.is_volume else 0.0
        self.learned = np.full((count, WEEK), self.neutral)
        self.learned_from = np.zeros((count, WEEK))
        self.weekday = self.learned.copy()
        self.of_day = np.full((count, days), np.nan)
        self.cost = np.zeros((3, count))
        self.distance = np.full_like(self.values, np.nan)
        self.scale = np.full(count, np.nan)
        self.replaced = np.zeros(self.values.shape, dtype=np.int8)

    def run(self) -> Baseline:
        for day in range(self.values.shape[1]):
            if day:
                self._learn_weekdays(day)
            self.level[:, day] = self._level(day)
            self.of_day[:, day] = self.weekday[:, day % WEEK]
            self._foretell(day)
            if day >= LEAST_SEASON_DAYS and (day % WEEK == 0 or day < 3 * WEEK):
                recent = self.distance[:, max(LEAST_SEASON_DAYS, day - 28) : day + 1]
                scale = MAD * middle(np.abs(recent.reshape(len(recent), -1)))
                # Of small whole numbers most lie close together, and the rest is no incident.
                self.scale = np.maximum(scale, 1.0) if self.is_counted else scale
            self._clean(day)
        shape = self.series.values.shape
        return Baseline(self.expected.reshape(shape), self.level, self.known)

    def _few(self) -> tuple[Bools, Bools]:
        """Return which series have few counts a day, and a point."""
        count = len(self.values)
        nobody = np.zeros(count, dtype=bool)
        if self.series.kind == "count":
            flat = np.nan_to_num(self.values)
            return (flat.sum(axis=2).mean(axis=1) < _FEW,
                    flat.reshape(count, -1).mean(axis=1) < _FEW)  # fmt: skip
        if self.series.kind != "rate":
            return nobody, nobody
        rate = np.nan_to_num(mean_of(self.day, self.day_weights), nan=0.5)
        odd = np.minimum(rate, 1 - rate)
        return (middle(self.day_weights) * odd < _FEW,
                middle(self.weights.reshape(count, -1)) * odd < _FEW)  # fmt: skip

    def _off(self, values: Floats, base: Floats) -> Floats:
        """Return values in terms of what they stand on."""
        if not self.is_volume:
            return values - base
        return np.divide(values, base, out=np.full(np.broadcast(values, base).shape, np.nan),
                         where=base > 0)  # fmt: skip

    def _on(self, base: Floats, season: Floats) -> Floats:
        return base * season if self.is_volume else base + season

    def _level(self, day: int) -> Floats:
        # Nothing before the first week: it stands on itself, and is never judged.
        span = slice(day - WEEK, day) if day >= WEEK else slice(0, WEEK)
        weekdays = np.arange(span.start, min(span.stop, self.day.shape[1])) % WEEK
        comparable = self._off(self.day[:, span], self.weekday[:, weekdays])
        return typical(comparable, self.day_weights[:, span], self.few_day)

    def _learn_weekdays(self, day: int) -> None:
        """Learn the weekday of the day before; of all days once there are two weeks."""
        self.above_day[:, day - 1] = self._off(self.day[:, day - 1], self.level[:, day - 1])
        if day < LEAST_SEASON_DAYS:
            return
        lasts = range(day - WEEK, day) if day == LEAST_SEASON_DAYS else (day - 1,)
        for last in lasts:
            places = np.arange(last, -1, -WEEK)[:MOST_WEEKS][::-1]
            found = typical(self.above_day[:, places], self.day_weights[:, places], self.few_day)
            self.learned[:, last % WEEK] = np.where(np.isfinite(found), found, self.neutral)
            weights = self.day_weights[:, places]
            if self.series.kind == "count":
                weights = weights * 0 + self.level[:, last, None]
            self.learned_from[:, last % WEEK] = np.nansum(
                np.where(np.isfinite(self.above_day[:, places]), weights, 0.0), axis=1
            )
        # Else levels and weekdays could drift apart together.
        middle_day = self.learned.mean(axis=1, keepdims=True)
        season = np.nan_to_num(self._off(self.learned, middle_day), nan=self.neutral)
        if self.is_counted:
            season = self.neutral + drawn_in(season - self.neutral, self.learned_from,
                                             self._chance(day - 1))  # fmt: skip
        self.weekday = season

    def _foretell(self, day: int) -> None:
        level = self.level[:, day, None]
        flat = np.repeat(level, self.values.shape[2], axis=1)
        if day < LEAST_SEASON_DAYS:
            self.expected[:, day] = self._bounded(flat, day)
            self._measure(day)
            return
        of_day = self._on(level, self.of_day[:, day, None])
        span = slice(day - LEAST_SEASON_DAYS, day)
        shape = self._off(self.above[:, span], self.of_day[:, span, None])
        hours = typical(np.moveaxis(shape, 1, 2), np.moveaxis(self.weights[:, span], 1, 2),
                        self.few)  # fmt: skip
        hours = self._shrunk(hours, np.full_like(hours, self.neutral), np.arange(day)[span], day)
        places = np.arange(day - WEEK, -1, -WEEK)[:MOST_WEEKS]
        slots = typical(np.moveaxis(self.above[:, places], 1, 2),
                        np.moveaxis(self.weights[:, places], 1, 2), self.few)  # fmt: skip
        slots = self._shrunk(slots, self._on(self.of_day[:, day, None], hours), places, day)
        found = np.stack([flat, self._on(of_day, hours), self._on(level, slots)])
        is_new = self.known[:, day] < LEAST_SEASON_DAYS
        found = np.where(np.isfinite(found) & ~is_new[:, None], found, flat)
        found = np.stack([self._bounded(item, day) for item in found])
        # With little to go by, days and hours: learned from more values than hours of the week.
        best = np.where(self.cost.sum(axis=0) > 0,
                        (self.cost * np.array(_PREFER)[:, None]).argmin(axis=0), 1)  # fmt: skip
        self.expected[:, day] = np.take_along_axis(found, best[None, :, None], axis=0)[0]
        self._measure(day)
        unit = self._unit(found[0], day)
        off = np.abs(self.values[:, day] - found)
        error = np.divide(off, unit, out=np.full_like(off, np.nan), where=unit > 0)
        most = 3 * middle(error[0])
        capped = np.minimum(error, most[None, :, None])
        self.cost = _FORGET * self.cost + np.nan_to_num(mean_of(capped, np.ones_like(capped)))

    def _shrunk(self, season: Floats, towards: Floats, days: Places, day: int) -> Floats:
        """Draw a season learned from few rows on some days towards what is surer."""
        if not self.is_counted:
            return season
        weights = np.where(np.isfinite(self.above[:, days]), self.weights[:, days], 0.0).sum(axis=1)
        if self.series.kind == "count":
            weights = weights * self.level[:, day, None]
        return towards + drawn_in(season - towards, weights, self._chance(day))

    def _chance(self, day: int) -> Floats:
        """Return the variance by chance of what one row says of a season."""
        level = self.level[:, day, None]
        if self.series.kind == "count":
            return np.ones_like(level)
        return np.clip(level * (1 - level), 1e-6, None)

    def _bounded(self, expected: Floats, day: int) -> Floats:
        if self.is_volume:
            return np.maximum(expected, 0.0)
        if self.series.kind != "rate":
            return expected
        recent = self.day_weights[:, max(0, day - WEEK) : max(day, 1)].sum(axis=1)
        low = high = 0.5 / (recent + 1)
        # A season of few rows must not take a rate that is near one of its ends to it.
        level = np.nan_to_num(self.level[:, day], nan=0.5)
        low = np.where(self.few_day, np.maximum(low, level / 2), low)
        high = np.where(self.few_day, np.maximum(high, (1 - level) / 2), high)
        return np.clip(expected, low[:, None], 1 - high[:, None])

    def _unit(self, expected: Floats, day: int) -> Floats:
        """Return how far a value is off by chance, but for a factor of its series."""
        if self.series.kind == "rate":
            trials = np.maximum(self.weights[:, day], 1)
            return np.sqrt(np.maximum(expected * (1 - expected), 1e-12) / trials)
        if self.is_volume:
            level = self.level[:, day, None]
            return np.sqrt(
                np.maximum(expected, 0.01 * np.abs(level)) + (self.series.kind == "count")
            )
        return np.ones_like(expected)

    def _measure(self, day: int) -> None:
        expected = self.expected[:, day]
        unit = self._unit(expected, day)
        off = self.values[:, day] - expected
        self.distance[:, day] = np.divide(off, unit, out=np.full_like(off, np.nan), where=unit > 0)

    def _clean(self, day: int) -> None:
        off = self.distance[:, day]
        is_odd = np.abs(off) > _INCIDENT * np.where(self.scale > 0, self.scale, np.inf)[:, None]
        side = np.sign(np.where(is_odd, off, 0.0)).astype(np.int8)
        if day >= WEEK:
            before = self.replaced[:, day - _MOST_RUNNING : day]
            is_habit = ((before == side[:, None]).all(axis=1)) | (
                self.replaced[:, day - WEEK] == side
            )
            side[is_habit] = 0
        self.replaced[:, day] = side
        kept = np.where(side != 0, self.expected[:, day], self.values[:, day])
        self.above[:, day] = self._off(kept, self.level[:, day, None])
