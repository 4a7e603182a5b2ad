"""What checks of columns find: distributions that moved, values that are no longer renewed."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

from pellucid.errors import SpecError
from pellucid.monitor.checks.panel import NOTHING, Looked, Seen, certain, joined, make_alert
from pellucid.monitor.checks.stuck import DAYS_BEFORE, repeated_sql, stuck_columns
from pellucid.monitor.drift.drift import FEWEST_ROWS
from pellucid.monitor.drift.report import ColumnDrift, DriftReport
from pellucid.monitor.incidents.incident import Alert
from pellucid.monitor.profiles.tables import CANDIDATES, picked
from pellucid.observatory.attributing import Attributing
from pellucid.observatory.watching import TRAINING
from pellucid.spec.bind import declared_names
from pellucid.spec.check import Check
from pellucid.windows import DAY, FOUR_WEEKS, Window, parse_duration

_LEAST_MOVED = 0.2
_CLEAR = 0.01
_MOST_DAYS = 7


class Drifting(Attributing):
    """Looks at columns, once a day."""

    def look_at_columns(self, check: Check, instant: datetime) -> Looked:
        """Return which columns fail as of a midnight.

        Judged by the last day; by up to seven where it has too few rows to tell.
        """
        day = Window(instant - DAY, instant)
        return joined([self._stuck(check, day), self._moved(check, day), self._order(check, day)])

    def _moved(self, check: Check, day: Window) -> Looked:
        try:
            report = self._against(check, day)
            rows = max((item.drift.n for item in report.columns), default=0)
            if 0 < rows < FEWEST_ROWS:
                day = _widened(day, rows)
                report = self._against(check, day)
        except SpecError:
            # A day without records, or the first one: `late` and counts speak of that.
            return NOTHING
        # A feature that never varies tells a model nothing: it may be broken since the first day.
        features = {item.name for item in self._profiled() if item.group == "feature"}
        failing = [item for item in report.columns if item.verdict == "moved"
                   or (item.verdict == "constant" and item.drift.column in features)]  # fmt: skip
        alerts = [_column_alert(check, item, day) for item in failing]
        least = _LEAST_MOVED if check.least is None else check.least
        clear = frozenset(
            alert.alert_id for alert, item in zip(alerts, failing, strict=True)
            if item.drift.is_gone or item.drift.is_stuck or item.drift.is_constant
            or (item.q_value <= _CLEAR and item.part_moved >= least)
        )  # fmt: skip
        unusual = {(check.name, item.drift.column, ()) for item in report.columns
                   if item in failing or item.verdict == "slightly"}  # fmt: skip
        return Looked(tuple(alerts), clear, frozenset(unusual))

    def _order(self, check: Check, day: Window) -> Looked:
        """Return whether features rank otherwise than in the baseline, of one model."""
        asked = {item.group for item in picked(self._profiled(), check.columns)}
        if "attribution" not in asked or check.baseline == TRAINING:
            return NOTHING
        try:
            found = self.attribution_drift(over=day, baseline=_before(check, day))
            if found.n < FEWEST_ROWS:
                day = _widened(day, found.n)
                found = self.attribution_drift(over=day, baseline=_before(check, day))
        except SpecError:
            # Nothing explained yet.
            return NOTHING
        # A new model ranks features in its own way: that is no incident.
        is_one = len(set(found.models)) == 1 and found.is_same_reference
        if not (is_one and found.is_reordered):
            return NOTHING
        alert = make_alert(
            check, kind="column", subject="attributions", label="Order of features", where=(),
            since_at=day.start, raised_at=day.end,
            # As of a column: the part that changed.
            seen=Seen(value=1 - found.ndcg, expected=1 - found.ndcg_floor, n=found.n),
            why=found.why,
        )  # fmt: skip
        return certain([alert], [(check.name, alert.subject, ())])

    def _against(self, check: Check, window: Window) -> DriftReport:
        baseline: str | Window = TRAINING
        if check.baseline != TRAINING:
            baseline = _before(check, window)
        return self.drift(*check.columns, over=window, baseline=baseline)

    def _stuck(self, check: Check, day: Window) -> Looked:
        """Return the features of which a day brought nothing new."""
        asked = {item.column: item for item in picked(self._profiled(), check.columns)
                 if item.table == CANDIDATES and item.group == "feature"}  # fmt: skip
        if not asked:
            return NOTHING
        found: dict[str, float] = {}
        for key in ("candidate_id", *self.system.candidate.repeats):
            parts = [self._repeated(tuple(asked), key, day.start - place * DAY)
                     for place in range(DAYS_BEFORE + 1)]  # fmt: skip
            found = stuck_columns(parts[0], parts[1:]) | found
        alerts = [
            make_alert(
                check, kind="column", subject=asked[name].name, label=asked[name].label, where=(),
                since_at=day.start, raised_at=day.end, seen=Seen(value=1.0, expected=most),
                why=f"{asked[name].label} is stuck: all its values are those of the day before, at "
                f"most {most:.0%} on each of the days before that",
            )
            for name, most in found.items()
        ]  # fmt: skip
        return certain(alerts, [(check.name, alert.subject, ()) for alert in alerts])

    def _repeated(
        self, columns: tuple[str, ...], key: str, start: datetime
    ) -> dict[str, float | None]:
        # Of each day it is asked on that day and on the three after it.
        asked = (columns, key, start)
        if asked not in self._repeats:
            rows = self.records.query(
                repeated_sql(CANDIDATES, columns, key, start), (CANDIDATES,),
                Window(start - DAY, start + DAY), names=declared_names(self.system),
            )  # fmt: skip
            self._repeats[asked] = rows.to_pylist()[0]
        return self._repeats[asked]

    @cached_property
    def _repeats(self) -> dict[tuple[tuple[str, ...], str, datetime], dict[str, float | None]]:
        return {}


def _widened(day: Window, rows: int) -> Window:
    """Return as many days as have enough rows, where each has so many."""
    return Window(day.end - min(-(-FEWEST_ROWS // rows), _MOST_DAYS) * DAY, day.end)


def _before(check: Check, window: Window) -> Window:
    length = parse_duration(check.baseline) if check.baseline else FOUR_WEEKS
    return Window(window.start - length, window.start)


def _column_alert(check: Check, item: ColumnDrift, day: Window) -> Alert:
    drift = item.drift
    moved = "" if item.verdict == "constant" else "is not distributed as before: "
    return make_alert(
        check, kind="column", subject=drift.column, label=item.label, where=(), since_at=day.start,
        raised_at=day.end, seen=Seen(value=item.part_moved, n=drift.n, p_value=item.q_value),
        why=f"{item.label} {moved}{item.why}",
    )  # fmt: skip
