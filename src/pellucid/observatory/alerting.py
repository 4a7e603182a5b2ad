"""Checks at work: runs, incidents with their states, and what would have been said in the past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pellucid.errors import SpecError, UnknownNameError
from pellucid.monitor.checks.panel import joined
from pellucid.monitor.incidents.backtest import Backtest, Tuned, by_cost, tuned
from pellucid.monitor.incidents.book import Book, Diagnose
from pellucid.monitor.incidents.incident import Alert, Cause, Incident, State
from pellucid.monitor.incidents.records import alert_row, incident_of, incident_row
from pellucid.observatory.checking import Watch
from pellucid.observatory.diagnosing import Diagnosing
from pellucid.schema.tables import ALERTS, INCIDENTS, RUNS
from pellucid.spec.bind_checks import check_checks
from pellucid.spec.check import Checks
from pellucid.spec.codec import fingerprint
from pellucid.store.incidents import append_rows, latest_incidents, rows_of
from pellucid.windows import DAY, HOUR, WEEK, Window, hour_of, micros, midnight

_BUDGETS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of the checks did.

    Attributes
    ----------
    window : Window or None
        The looks that it made, from the first, exclusive; None where no hour was over since the
        last run.
    incidents : tuple of Incident
        All that are not resolved, the costliest first.
    changed : tuple of Incident
        Those that this run opened, changed or resolved.
    checks, series : int
    """

    window: Window | None
    incidents: tuple[Incident, ...]
    changed: tuple[Incident, ...]
    checks: int
    series: int


class Alerting(Diagnosing):
    """Runs checks and keeps incidents."""

    def monitor(self, checks: Checks, *, now: datetime | None = None) -> Run:
        """Look at the checks for every hour that is over since the last run; store what is found.

        A run that is repeated, or that was killed halfway, changes nothing that is stored already.

        Parameters
        ----------
        checks : Checks
            From `pellucid.read_checks`.
        now : datetime, optional
            Aware; by default the clock's. Series of metrics are looked at up to the last hour that
            records fill, whether records are late up to now.

        Returns
        -------
        Run

        Raises
        ------
        SpecError
            If a check does not bind to the system.
        EngineError
            If nothing is logged yet.
        MissingExtraError
            If scipy is not installed.
        """
        check_checks(checks, self.system, self.metrics)
        clock = (now or datetime.now(UTC)).astimezone(UTC)
        last = self.span()[1]
        until = min(hour_of(clock), hour_of(last))
        known = self._known()
        since = self._judged_until(until)
        book, diagnose = self._book(checks, known), self._diagnose(checks)
        window = Window(since, until) if since < until else None
        series = 0
        for watch, instants in self._watches(checks, window) if window else ():
            series = max(series, watch.series)
            for instant in instants:
                book.follow(instant, self.look(watch, instant), diagnose)
        if clock > until:
            found = self.look_for_late(self.watch_records(checks, last), clock)
            book.follow(clock, found, diagnose, is_whole=False)
        before = {item.incident_id: item for item in known}
        touched = [
            self._costed(item, item.last_at) for item in book.incidents.values()
            if item != before.get(item.incident_id)
        ]  # fmt: skip
        self._store(touched)
        changed = [item for item in touched if not _is_same(item, before.get(item.incident_id))]
        stands = before | {item.incident_id: item for item in touched}
        failing = by_cost([item for item in stands.values() if item.state != "resolved"])
        self._store_run(checks, Window(min(since, until - HOUR), until), series, len(failing))
        return Run(window, failing, tuple(changed), len(checks.checks), series)

    def backtest(self, checks: Checks, *, over: str | Window = "28d") -> Backtest:
        """Tell what checks would have found in the past, looking every hour; nothing is stored.

        Each hour is judged by the weeks before its own, and once its outcomes are mature. Records
        are read as they are now: corrections that came later are in them.

        Parameters
        ----------
        over : str or Window

        Returns
        -------
        Backtest

        Raises
        ------
        SpecError
            If a check does not bind to the system.
        EngineError
            If nothing is logged yet.
        MissingExtraError
            If scipy is not installed.
        """
        window = self._past(checks, over)
        book, diagnose = self._book(checks), self._diagnose(checks)
        opened: dict[str, Incident] = {}
        series = looks = 0
        for watch, instants in self._watches(checks, window):
            series = max(series, watch.series)
            for instant in instants:
                looks += 1
                for item in book.follow(instant, self.look(watch, instant), diagnose):
                    opened.setdefault(item.incident_id, item)
        costed = [self._costed(item, min(item.last_at, window.end))
                  for item in book.incidents.values()]  # fmt: skip
        ranked = by_cost(costed)
        first = tuple(opened[item.incident_id] for item in ranked)
        return Backtest(checks, window, ranked, first, series, looks)

    def tune(self, checks: Checks, *, over: str | Window = "28d") -> Tuned:
        """Tell what checks would have found in the past under several budgets, beside `backtest`.

        Incidents are put down to their first alert, without a search for the cause.

        Parameters
        ----------
        over : str or Window

        Returns
        -------
        Tuned

        Raises
        ------
        SpecError
            If a check does not bind to the system.
        EngineError
            If nothing is logged yet.
        MissingExtraError
            If scipy is not installed.
        """
        window = self._past(checks, over)
        books = {budget: self._book(checks) for budget in {*_BUDGETS, checks.false_a_week}}
        for watch, instants in self._watches(checks, window):
            for instant in instants:
                beside = self.look_beside(watch, instant)
                for budget, book in books.items():
                    series = self.look_at_series(watch, instant, false_a_week=budget)
                    book.follow(instant, joined([series, beside]), _first_alert)
        found = {budget: tuple(book.incidents.values()) for budget, book in books.items()}
        return tuned(window, checks.markers, found)

    def incidents(self, *, state: str = "") -> tuple[Incident, ...]:
        """Return stored incidents as they stand, the costliest first.

        Parameters
        ----------
        state : str
            Only those; by default all.
        """
        return by_cost([item for item in self._known() if not state or item.state == state])

    def incident(self, incident_id: str) -> Incident:
        """Return an incident as it stands.

        Raises
        ------
        UnknownNameError
            If there is no such incident.
        """
        known = {item.incident_id: item for item in self._known()}
        if incident_id not in known:
            raise UnknownNameError(kind="incident", name=incident_id, known=known)
        return known[incident_id]

    def acknowledge(self, incident_id: str, *, actor: str, note: str = "") -> Incident:
        """Say that someone is on an incident; its owner becomes who did.

        Raises
        ------
        UnknownNameError
            If there is no such incident.
        SpecError
            If it is resolved.
        """
        return self._changed(incident_id, "acknowledged", actor, note, owner=actor)

    def mute(
        self, incident_id: str, *, actor: str, until: datetime | None = None, note: str = ""
    ) -> Incident:
        """Tell nobody of an incident until a time, or until it passes.

        Raises
        ------
        UnknownNameError
            If there is no such incident.
        SpecError
            If it is resolved, or the time is not after now.
        """
        if until is not None and until <= datetime.now(UTC):
            raise SpecError("mute", [f"until {until} is not after now"])
        return self._changed(incident_id, "muted", actor, note, until=until)

    def resolve(self, incident_id: str, *, actor: str, note: str = "") -> Incident:
        """Say that an incident is over; if it fails again within two days, it is open again.

        Raises
        ------
        UnknownNameError
            If there is no such incident.
        SpecError
            If it is resolved.
        """
        return self._changed(incident_id, "resolved", actor, note)

    def _changed(
        self, incident_id: str, state: State, actor: str, note: str, *, owner: str = "",
        until: datetime | None = None,
    ) -> Incident:  # fmt: skip
        incident = self.incident(incident_id)
        if incident.state == "resolved":
            raise SpecError(f"incident '{incident_id}'", [
                f"is resolved since {incident.changed_at:%Y-%m-%d %H:%M} UTC; there is nothing to "
                "change"
            ])  # fmt: skip
        found = replace(incident, state=state, actor=actor, note=note,
                        owner=owner or incident.owner, changed_at=datetime.now(UTC),
                        muted_until=until)  # fmt: skip
        self._store([found])
        return found

    def _past(self, checks: Checks, over: str | Window) -> Window:
        """Return a window in whole hours, once the checks bind."""
        check_checks(checks, self.system, self.metrics)
        asked = self.window(over)
        return Window(hour_of(asked.start), hour_of(asked.end))

    def _book(self, checks: Checks, known: Iterable[Incident] = ()) -> Book:
        named = {check.name: check for check in checks.checks}
        return Book(self.stages, named, checks.markers, known)

    def _diagnose(self, checks: Checks) -> Diagnose:
        conditions = {check.name: check.where for check in checks.checks}
        return lambda alert, instant: self.diagnose(alert, instant, where=conditions[alert.check])

    def _watches(self, checks: Checks, window: Window) -> Iterator[tuple[Watch, list[datetime]]]:
        """Yield what each week of a window needs, with the whole hours after its start."""
        start = window.start
        while start < window.end:
            monday = midnight(start) - start.weekday() * DAY
            end = min(monday + WEEK, window.end)
            first = hour_of(start) + HOUR
            count = max((end - first) // HOUR + 1, 0)
            watch = self.watch(checks, Window(monday, max(end, monday + HOUR)))
            yield watch, [first + place * HOUR for place in range(count)]
            start = end

    def _judged_until(self, until: datetime) -> datetime:
        """Return as of when the last run looked; a day back where there was none."""
        runs = [row["judged_until_at"].astimezone(UTC) for row in rows_of(self.lake, RUNS)]
        return max(runs, default=max(until - DAY, hour_of(self.span()[0])))

    def _costed(self, incident: Incident, until: datetime) -> Incident:
        return replace(incident, stake=self.stake(incident, until))

    def _known(self) -> list[Incident]:
        return [incident_of(self.system.name, row, alerts)
                for row, alerts in latest_incidents(self.lake)]  # fmt: skip

    def _store(self, changed: list[Incident]) -> None:
        numbers = {row["incident_id"]: row["change"] + 1 for row, _ in latest_incidents(self.lake)}
        # Alerts first: an incident that can be seen has them.
        append_rows(self.lake, ALERTS, (alert_row(alert, item.incident_id)
                                        for item in changed for alert in item.alerts))  # fmt: skip
        append_rows(self.lake, INCIDENTS, (incident_row(item, numbers.get(item.incident_id, 0))
                                           for item in changed))  # fmt: skip

    def _store_run(self, checks: Checks, window: Window, series: int, failing: int) -> None:
        mark, now = fingerprint(checks), datetime.now(UTC)
        append_rows(self.lake, RUNS, [{
            "run_id": f"{mark}-{micros(window.end)}-{micros(hour_of(now))}", "ran_at": now,
            "fingerprint": mark, "judged_from_at": window.start, "judged_until_at": window.end,
            "checks": len(checks.checks), "series": series, "failing": failing,
        }])  # fmt: skip


def _first_alert(alert: Alert, instant: datetime) -> Cause:
    del instant
    return Cause(kind=alert.kind, subject=alert.subject, label=alert.label, slice=alert.slice,
                 told=alert.why)  # fmt: skip


def _is_same(incident: Incident, before: Incident | None) -> bool:
    """Whether all that an incident did was to go on."""
    return before is not None and incident == replace(
        before, last_at=incident.last_at, stake=incident.stake
    )
