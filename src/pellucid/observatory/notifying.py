"""Telling people of incidents, and programs of how monitoring stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pellucid.errors import SpecError
from pellucid.monitor.notices.due import due
from pellucid.monitor.notices.notice import Try
from pellucid.monitor.notices.prometheus import Status
from pellucid.monitor.notices.send import check_channels, send
from pellucid.observatory.alerting import Alerting
from pellucid.schema.tables import NOTICES, RUNS
from pellucid.spec.check import Checks
from pellucid.store.incidents import append_rows, rows_of

_FIELDS = ("notice_id", "tried_at", "incident_id", "channel", "kind", "severity", "state")


class Notifying(Alerting):
    """Sends notices and remembers the tries."""

    def notify(self, checks: Checks, *, now: datetime | None = None) -> tuple[Try, ...]:
        """Send the notices that are due, those that failed before among them; store the tries.

        A notice is sent once; one whose try could not be stored, because the process died in
        between, is sent again.

        Parameters
        ----------
        now : datetime, optional
            Aware; by default the clock's.

        Returns
        -------
        tuple of Try
            One for each notice, sent or failed.

        Raises
        ------
        SpecError
            If a channel's URL is none.
        MissingExtraError
            If Apprise is not installed.
        """
        clock = (now or datetime.now(UTC)).astimezone(UTC)
        notes = {check.name: check.note for check in checks.checks if check.note}
        if not checks.channels:
            return ()
        notices = due(
            self.incidents(), self._tries(), checks.channels, now=clock, notes=notes,
            pages=checks.pages,
        )  # fmt: skip
        tries = send(notices, checks.channels, now=clock)
        append_rows(self.lake, NOTICES, [
            {name: getattr(item, name) for name in _FIELDS} | {"problem": item.problem or None}
            for item in tries
        ])  # fmt: skip
        return tries

    def check_channels(self, checks: Checks) -> None:
        """Check the channels' URLs, without sending anything.

        Raises
        ------
        SpecError
            With every problem.
        MissingExtraError
            If Apprise is not installed.
        """
        problems = check_channels(checks.channels) if checks.channels else ()
        if problems:
            raise SpecError("channels", list(problems))

    def status(self, checks: Checks | None = None) -> Status:
        """Return how monitoring stands: incidents, tries and the last run."""
        runs = rows_of(self.lake, RUNS)
        last: dict[str, Any] = runs[-1] if runs else {}
        return Status(
            system=self.system.name, incidents=self.incidents(), tries=self._tries(),
            channels=checks.channels if checks else (),
            last_run_at=last["ran_at"].astimezone(UTC) if last else None,
            checks=last.get("checks") or 0, series=last.get("series") or 0,
        )  # fmt: skip

    def _tries(self) -> tuple[Try, ...]:
        return tuple(
            Try(**{name: row[name] for name in _FIELDS if name != "tried_at"},
                tried_at=row["tried_at"].astimezone(UTC), problem=row["problem"] or "")
            for row in rows_of(self.lake, NOTICES)
        )  # fmt: skip
