"""What accounts for an incident, and what it costs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property

from pellucid.engine.sql import instant, text
from pellucid.errors import PellucidError, SpecError
from pellucid.metrics.performance import rate_name
from pellucid.monitor.checks.panel import of_slice
from pellucid.monitor.drift.report import ColumnDrift
from pellucid.monitor.incidents.incident import Alert, Cause, Incident, Slice, Stake
from pellucid.monitor.incidents.relation import OUTCOME, SCORE, Stages
from pellucid.monitor.localize.localized import Localized
from pellucid.monitor.localize.reading import MISSING
from pellucid.monitor.localize.wording import Units, conditions_text
from pellucid.observatory.checking import Checking
from pellucid.spec.expression import all_of
from pellucid.spec.system import Metric
from pellucid.windows import FOUR_WEEKS, HOUR, WEEK, Window, midnight

_LEAST_SPAN = HOUR
_NAMED_SLICES = 2
_HARDLY = 0.5
# Of the same hours of few days a column may differ in many rows by chance.
_MOST_OF_HOURS = 0.8
_MEAN_AMOUNT = Metric(name="mean_decision_amount", finalizer="mean", value="amount_minor",
                      value_unit="money")  # fmt: skip


class Diagnosing(Checking):
    """Questions about incidents."""

    @cached_property
    def stages(self) -> Stages:
        """The order in which this system's metrics can be the cause of each other."""
        return Stages(self.system, self.metrics)

    def diagnose(self, alert: Alert, instant: datetime, *, where: str = "") -> Cause:
        """Return what accounts for an alert, the one nearest to the cause, as of an instant.

        What is told of a score or of traffic is set against the columns that they come from: one of
        which most rows changed is the cause. Else the metric is localized.

        Parameters
        ----------
        where : str
            The condition of the check that failed: rows that it leaves out are no cause.
        """
        if alert.kind != "metric":
            return Cause(kind=alert.kind, subject=alert.subject, label=alert.label,
                         slice=alert.slice, told=alert.why)  # fmt: skip
        metric = self.metrics[alert.subject]
        if self.stages.stage(alert) >= SCORE:
            column = self._broken(Window(alert.since_at, instant))
            if column is not None:
                told = f"{column.label} is not as it was: {column.why}"
                return Cause(kind="column", subject=column.drift.column, label=column.label,
                             slice=(), told=told)  # fmt: skip
        return self._localized(alert, metric, instant, where)

    def _localized(self, alert: Alert, metric: Metric, instant: datetime, condition: str) -> Cause:
        asked, fixed = self._of_one(metric, alert.slice)
        asked = replace(asked, where=all_of(asked.where, condition))
        end = instant - self.final_after(metric)
        window = Window(alert.since_at, max(end, alert.since_at + _LEAST_SPAN))
        where, found = alert.slice, None
        # A metric that has no parts, or a window too small to split: the alert's own place.
        with suppress(PellucidError):
            before = _week_before(window)
            dimensions = self._places(alert, asked, window, before)
            found = self.localize(asked, over=window, versus=before, by=dimensions)
        if found is not None and (found.slices or found.whole.shift):
            where = (*fixed, *(found.slices[0].conditions if found.slices else ()))
        where = self._plain(asked, where, fixed, window)
        label = metric.label or metric.name
        told = _told(Units.of(metric), label, where, alert, found)
        return Cause(kind="metric", subject=metric.name, label=label, slice=where, told=told)

    def _plain(self, metric: Metric, where: Slice, fixed: Slice, window: Window) -> Slice:
        """Leave out conditions beyond which nothing could move.

        A route that was never open to debit cards cannot be closed to them: that it closed to
        credit cards is that it closed.
        """
        kept = where
        for pair in where if metric.finalizer == "rate" and len(where) > 1 else ():
            if pair in fixed:
                continue
            rest = tuple(item for item in kept if item != pair)
            inside = " AND ".join(_condition(*item) for item in rest)
            beyond = f"{inside} AND NOT ({_condition(*pair)})"
            own, other, before = (
                self._value(metric, condition, span)
                for condition, span in ((f"{inside} AND {_condition(*pair)}", window),
                                        (beyond, window), (beyond, _week_before(window)))
            )  # fmt: skip
            if own is None or other is None or before is None:
                continue
            if other == before and other in (0.0, 1.0) and abs(own - other) < _HARDLY:
                kept = rest
        return kept

    def _value(self, metric: Metric, where: str, window: Window) -> float | None:
        rows = self.query(metric, where=where, over=window).rows.to_pylist()
        return rows[0]["value"] if rows else None

    def _places(
        self, alert: Alert, metric: Metric, window: Window, before: Window
    ) -> tuple[str, ...]:
        """Return the dimensions that say where the cause is: of volume none of the candidate's."""
        left_out = {"arm"} - {name for name, _ in alert.slice}
        if metric.finalizer in ("count", "total"):
            left_out |= self.stages.of_candidate
        found = self._varied(metric, window, before, "")
        return tuple(name for name in found if name not in left_out)

    def _of_one(self, metric: Metric, where: Slice) -> tuple[Metric, Slice]:
        """Return a share of all candidates as that of the one which an alert is about."""
        own = tuple(pair for pair in where if pair[0] in self.stages.of_candidate)
        if metric.finalizer != "share" or not own:
            return metric, ()
        conditions = " AND ".join(_condition(*pair) for pair in own)
        whole = metric.where or f"{self.system.candidate.name} IS NOT NULL"
        return replace(metric, finalizer="rate", value=conditions, where=whole), own

    def _broken(self, window: Window) -> ColumnDrift | None:
        """Return the feature most rows of which changed against the same hours of four weeks."""
        names = [item.name for item in self._profiled() if item.group == "feature"]
        first = midnight(window.start)
        if not names:
            return None
        try:
            report = self.drift(*names, over=window, baseline=Window(first - FOUR_WEEKS, first),
                                where=_same_hours(window, first))  # fmt: skip
        except SpecError:
            return None
        moved = [item for item in report.moved if item.part_moved >= _MOST_OF_HOURS]
        return max(moved, key=lambda item: item.part_moved, default=None)

    def stake(self, incident: Incident, instant: datetime) -> Stake | None:
        """Return what an incident costs up to an instant; None where no outcome tells.

        The outcomes that are missing against the week before, where the cause is; of a cause before
        the pick, over all candidates, since decisions move between them.
        """
        outcome = next((item for item in self.system.outcomes if item.kind == "yes_no"
                        and (item.is_predicted or item.better == "up")), None)  # fmt: skip
        if outcome is None:
            return None
        rate = self.metrics[rate_name(outcome)]
        end = instant - self.final_after(rate)
        if end <= incident.started_at:
            return None
        window = Window(incident.started_at, end)
        fixed = incident.cause.slice
        if self.stages.stage(incident.cause) != OUTCOME:
            fixed = tuple(pair for pair in fixed if pair[0] not in self.stages.of_candidate)
        where = " AND ".join(_condition(*pair) for pair in fixed)
        before = _week_before(window)
        found = self.compare(rate, where=where, over=window, versus=before).rows.to_pylist()
        row = next(iter(found), None)
        if row is None or row["change"] is None or row["low"] is None:
            return None
        lost, low, high = (-row[name] * row["n"] for name in ("change", "high", "low"))
        money, currency = self._money(where, window)
        minor = None if money is None else money * lost
        return Stake(lost=lost, low=low, high=high, label=outcome.label or outcome.name,
                     money_minor=minor, currency=currency)  # fmt: skip

    def _money(self, where: str, window: Window) -> tuple[float | None, str]:
        """Return the mean amount of a decision and its currency, where there is only one."""
        rows = self.query(
            _MEAN_AMOUNT, by=["currency"], where=where, over=window
        ).finest.to_pylist()
        if len(rows) != 1 or not rows[0]["currency"]:
            return None, ""
        return rows[0]["value"], rows[0]["currency"]


def _told(units: Units, label: str, where: Slice, alert: Alert, found: Localized | None) -> str:
    """Return what moved, where, and what moved besides."""
    value, usual = alert.value, alert.expected
    parts = found.whole.parts[:-1] if found is not None else ()
    if parts and not units.is_relative:
        value, usual = parts[0].value, parts[0].baseline
    elif found is not None and not parts and found.whole.shift:
        value, usual = found.whole.value, found.whole.baseline
    verb = "rose" if value > usual else "fell"
    said = f"{of_slice(label, where)} {verb} from {units.value(usual)} to {units.value(value)}"
    if found is None or not where:
        return f"{said}."
    also = [conditions_text(item.conditions) for item in found.slices[1 : 1 + _NAMED_SLICES]]
    return f"{said}. {'So did ' + ', '.join(also) if also else 'All else is as before'}."


def _same_hours(window: Window, first: datetime) -> str:
    """Return the condition of a window, and before its first day of its hours and weekdays."""
    count = min(-(-(window.end - window.start) // HOUR), int(WEEK / HOUR))
    times = [window.start.astimezone(UTC) + place * HOUR for place in range(count)]
    hours = sorted({time.hour for time in times})
    weekdays = sorted({time.isoweekday() for time in times})
    start, end, before = (instant(at) for at in (window.start, window.end, first))
    return (
        f"(decided_at >= {start} AND decided_at < {end}) OR (decided_at < {before} "
        f"AND hour(decided_at) IN ({', '.join(map(str, hours))}) "
        f"AND isodow(decided_at) IN ({', '.join(map(str, weekdays))}))"
    )


def _week_before(window: Window) -> Window:
    return Window(window.start - WEEK, window.start)


def _condition(name: str, value: str) -> str:
    return f"{name} IS NULL" if value == MISSING else f"{name} = {text(value)}"
