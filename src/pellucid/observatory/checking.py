"""What checks find: series against their past, limits, columns, records that stay away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow.compute as pc

from pellucid.monitor.anomalies.gather import POINTS_A_DAY, gather, groups_of
from pellucid.monitor.anomalies.series import SeriesSet, stacked
from pellucid.monitor.checks.evidence import gather_evidence
from pellucid.monitor.checks.panel import (
    NOTHING,
    Looked,
    Panel,
    Seen,
    certain,
    joined,
    look,
    make_alert,
    of_slice,
)
from pellucid.monitor.incidents.incident import Alert, Slice
from pellucid.monitor.localize.reading import MISSING
from pellucid.monitor.localize.wording import Units
from pellucid.observatory.drifting import Drifting
from pellucid.observatory.locating import Locating
from pellucid.observatory.repeating import DecidedHour, Repeating
from pellucid.observatory.spotting import Spotting, whole_until
from pellucid.spec.bind_checks import levels_of
from pellucid.spec.check import Check, Checks
from pellucid.spec.system import Metric
from pellucid.windows import DAY, HOUR, WEEK, Window, midnight, parse_duration

_TABLES = {"decisions": "decided_at", "outcomes": "recorded_at"}


@dataclass(frozen=True, slots=True)
class Watch:
    """What is needed to look at checks within one span.

    Attributes
    ----------
    checks : Checks
    panels : tuple of Panel
    arrivals : mapping of str to list of datetime
        By table, the last instant of a record in each hour that has one, ascending.
    decided : tuple of DecidedHour
        Of the hours that checks of duplicates look at; empty where there is none.
    """

    checks: Checks
    panels: tuple[Panel, ...]
    arrivals: dict[str, list[datetime]]
    decided: tuple[DecidedHour, ...]

    @property
    def series(self) -> int:
        """Series that are judged."""
        return sum(len(panel.slices) for panel in self.panels)


class Checking(Drifting, Locating, Spotting, Repeating):
    """Looks at checks."""

    def watch(self, checks: Checks, span: Window) -> Watch:
        """Gather what the looks of a span need: one query for all metrics of a level.

        Series of one check are judged by the past of all of them, whatever their level.

        Parameters
        ----------
        span : Window
            Within one week.
        """
        begins = midnight(span.start)
        start = max(midnight(begins - parse_duration(checks.history)), midnight(self.span()[0]))
        over = Window(start, max(span.end, begins + DAY))
        watched = [check for check in checks.checks if check.rule == "unusual"] if (
            start < begins
        ) else []  # fmt: skip
        groups: dict[tuple[tuple[str, ...], str, str], list[Check]] = {}
        for check in watched:
            for level in levels_of(check):
                groups.setdefault((level, check.where, check.grain), []).append(check)
        parts: dict[str, list[tuple[SeriesSet, tuple[Slice, ...]]]] = {}
        for group, own in groups.items():
            for name, part in self._series(own, *group, over, span.end):
                parts.setdefault(name, []).append(part)
        panels = [
            self._panel(check, parts[check.name], start, begins, checks.holidays)
            for check in watched if check.name in parts
        ]  # fmt: skip
        late = {check.table for check in checks.checks if check.rule == "late"}
        arrivals: dict[str, list[datetime]] = {
            name: self._last_records(name, span) for name in late
        }
        return Watch(checks, tuple(panels), arrivals, self.decided_hours(checks.checks, span))

    def watch_records(self, checks: Checks, last: datetime) -> Watch:
        """Gather what looking for late records alone needs, as of after the last record."""
        late = {check.table for check in checks.checks if check.rule == "late"}
        span = Window(last - WEEK, last + HOUR)
        return Watch(checks, (), {name: self._last_records(name, span) for name in late}, ())

    def look(self, watch: Watch, instant: datetime) -> Looked:
        """Return what fails as of a whole hour."""
        series = self.look_at_series(watch, instant, false_a_week=watch.checks.false_a_week)
        return joined([series, self.look_beside(watch, instant)])

    def look_at_series(self, watch: Watch, instant: datetime, *, false_a_week: float) -> Looked:
        """Return which series are not what their past foretold, as of a whole hour."""
        grains = sorted({panel.check.grain for panel in watch.panels})
        return joined([
            look([panel for panel in watch.panels if panel.check.grain == grain], instant,
                 most_false=false_a_week / len(grains) / (7 * POINTS_A_DAY[grain]))
            for grain in grains
        ])  # fmt: skip

    def look_beside(self, watch: Watch, instant: datetime) -> Looked:
        """Return what else fails as of a whole hour: limits, columns, records late or twice."""
        found = [self.look_for_late(watch, instant)]
        is_midnight = instant.astimezone(UTC).hour == 0
        for check in watch.checks.checks:
            if check.rule == "drift" and is_midnight:
                found.append(self.look_at_columns(check, instant))
            elif check.rule == "limit" and (is_midnight or check.grain == "1h"):
                found.append(self._beyond(check, instant))
            elif check.rule == "duplicates":
                found.append(self.look_for_duplicates(check, watch.decided, instant))
        return joined(found)

    def look_for_late(self, watch: Watch, instant: datetime) -> Looked:
        """Return which records stay away as of an instant."""
        return joined([self._late(check, watch.arrivals[check.table], instant)
                        for check in watch.checks.checks if check.rule == "late"])  # fmt: skip

    def _series(
        self, own: Sequence[Check], level: tuple[str, ...], where: str, grain: str, over: Window,
        end: datetime,
    ) -> Iterator[tuple[str, tuple[SeriesSet, tuple[Slice, ...]]]]:  # fmt: skip
        """Yield the series of checks that watch the same rows at a level, by name of the check."""
        metrics = list(dict.fromkeys(self.metrics[check.metric] for check in own))
        rows = self.query(*metrics, by=level, where=where, over=over, grain=grain).finest
        if not rows.num_rows:
            return
        places, segments = groups_of(rows, level)
        slices = tuple(_slice(row) for row in segments.to_pylist()) if level else ((),)
        until = whole_until(end, self.span()[1], grain)
        for check in own:
            metric = self.metrics[check.metric]
            is_own = pc.equal(rows.column("metric"), metric.name)
            series = gather(metric, rows.filter(is_own), places[is_own.to_numpy()], over,
                            count=len(slices), grain=grain, whole_until=until)  # fmt: skip
            yield check.name, (series, slices)

    def _panel(
        self, check: Check, parts: Sequence[tuple[SeriesSet, tuple[Slice, ...]]], start: datetime,
        begins: datetime, holidays: Sequence[str],
    ) -> Panel:  # fmt: skip
        series = stacked([part for part, _ in parts])
        days_off = [np.datetime64(date.fromisoformat(day)) for day in holidays]
        metric, step = self.metrics[check.metric], DAY / POINTS_A_DAY[check.grain]
        evidence = gather_evidence(
            series, first=(begins - start) // DAY, holidays=days_off,
            has_trials=metric.finalizer == "rate",
        )  # fmt: skip
        return Panel(check, metric, tuple(own for _, slices in parts for own in slices), series,
                     evidence, start, step, -(-self.final_after(metric) // step))  # fmt: skip

    def final_after(self, metric: Metric) -> timedelta:
        """Return the age at which the outcomes that a metric is about are final."""
        text = f"{metric.where} {metric.value} {metric.per}"
        ages = [parse_duration(outcome.matures_after) for outcome in self.system.outcomes
                if f"{outcome.name}_mature" in text]  # fmt: skip
        return max(ages, default=timedelta(0))

    def _last_records(self, table: str, span: Window) -> list[datetime]:
        time = _TABLES[table]
        sql = (
            f"SELECT max({time}) AS at FROM {table} GROUP BY date_trunc('hour', {time}) ORDER BY 1"
        )
        around = Window(span.start - WEEK, span.end)
        return list(self.records.query(sql, (table,), around).column("at").to_pylist())

    def _late(self, check: Check, arrivals: Sequence[datetime], instant: datetime) -> Looked:
        before = [at for at in arrivals if at < instant]
        if not before or instant - before[-1] <= parse_duration(check.after):
            return NOTHING
        last = before[-1].astimezone(UTC)
        alert = make_alert(
            check, kind="late", subject=check.table, label=check.table, where=(), since_at=last,
            raised_at=instant, seen=Seen(),
            why=f"No {check.table} came since {last:%Y-%m-%d %H:%M} UTC; {check.after} is usual at "
            "most",
        )  # fmt: skip
        return certain([alert], [(check.name, check.table, ())])

    def _beyond(self, check: Check, instant: datetime) -> Looked:
        metric = self.metrics[check.metric]
        end = instant - self.final_after(metric)
        over = Window(end - parse_duration(check.over), end)
        alerts: list[Alert] = []
        unusual = set()
        for level in levels_of(check):
            rows = self.query(metric, by=level, where=check.where, over=over).finest
            for row in rows.to_pylist():
                own = _slice({name: row[name] for name in level})
                if _is_out(row["value"], row["value"], check):
                    unusual.add((check.name, metric.name, own))
                if _is_out(row["low"], row["high"], check):
                    alerts.append(_limit_alert(check, metric, own, row, over, instant))
        return certain(alerts, unusual)


def _slice(row: dict[str, str | None]) -> Slice:
    return tuple((name, MISSING if value is None else str(value)) for name, value in row.items())


def _is_out(low: float | None, high: float | None, check: Check) -> bool:
    if low is None or high is None:
        return False
    is_below = check.below is not None and high < check.below
    return is_below or (check.above is not None and low > check.above)


def _limit_alert(
    check: Check, metric: Metric, own: Slice, row: dict[str, float], over: Window,
    instant: datetime,
) -> Alert:  # fmt: skip
    units = Units.of(metric)
    is_below = check.below is not None and row["high"] < check.below
    limit = check.below if is_below else check.above
    side = "below" if is_below else "above"
    bound = float("nan") if limit is None else limit
    # It did not fail at the look before: what happened is recent.
    since = over.end - max(HOUR, (over.end - over.start) / 4)
    return make_alert(
        check, kind="metric", subject=metric.name, label=units.label, where=own,
        since_at=since, raised_at=instant,
        seen=Seen(row["value"], bound, row["low"], row["high"], int(row["n"])),
        why=f"{of_slice(units.label, own)} is {units.value(row['value'])}, {side} its limit of "
        f"{units.value(bound)}",
    )  # fmt: skip
