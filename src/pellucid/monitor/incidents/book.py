"""The incidents of a system, followed from one look at its checks to the next."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from pellucid.monitor.checks.panel import Key, Looked, key_of
from pellucid.monitor.incidents.incident import Alert, Cause, Incident
from pellucid.monitor.incidents.relation import Stages, fits_known, lead
from pellucid.spec.check import SEVERITIES, Check, Marker
from pellucid.windows import parse_instant

MONITOR = "monitor"
Diagnose = Callable[[Alert, datetime], Cause]

_QUIET_HOURS, _QUIET_DAYS = timedelta(hours=6), timedelta(days=2)
# As long as the longest sums of hours in which a past fall is still seen.
_AGAIN = timedelta(days=2)
_MOST_AT_ONCE = 5
_FIRST = 3
_MARKED_BEFORE = timedelta(days=1)


class Book:
    """Keeps incidents: opens them, adds to them, and resolves those that passed.

    Parameters
    ----------
    stages : Stages
    checks : mapping of str to Check
    markers : iterable of Marker
    incidents : iterable of Incident
        As they stand.
    """

    def __init__(
        self, stages: Stages, checks: Mapping[str, Check], markers: Iterable[Marker] = (),
        incidents: Iterable[Incident] = (),
    ) -> None:  # fmt: skip
        self._stages = stages
        self._checks = checks
        self._markers = tuple(markers)
        self.incidents = {item.incident_id: item for item in incidents}

    def follow(
        self, instant: datetime, looked: Looked, diagnose: Diagnose, *, is_whole: bool = True
    ) -> list[Incident]:
        """Take in what a look at the checks found; return the incidents that changed.

        An alert joins the incident that it may be of; one that is nearer to the cause than what
        the incident was put down to changes that. Of those left over the clear ones make new
        incidents, the one nearest to the cause first. An incident is resolved once nothing of it
        was unusual for six hours, or two days where it is looked at by the day; if it fails again
        within two days, it is the same one.

        Parameters
        ----------
        is_whole : bool, default True
            Whether all checks were looked at: else nothing is resolved.
        """
        before = dict(self.incidents)
        # Two rules may tell the same of one column.
        failing = {key_of(alert): alert for alert in reversed(looked.failing)}
        fresh = [
            alert for alert in reversed(failing.values())
            if not self._joined(alert, instant, looked, diagnose)
        ]  # fmt: skip
        for _ in range(_MOST_AT_ONCE):
            clear = [alert for alert in fresh if alert.alert_id in looked.clear]
            if not clear:
                break
            opened = self._opened(clear, fresh, instant, diagnose)
            told = set(map(key_of, opened.alerts))
            fresh = [alert for alert in fresh if key_of(alert) not in told]
        for incident in list(self.incidents.values()) if is_whole else ():
            self._age(incident, instant, looked.unusual)
        return [item for key, item in self.incidents.items() if item != before.get(key)]

    def _joined(self, alert: Alert, instant: datetime, looked: Looked, diagnose: Diagnose) -> bool:
        recent = [item for item in self.incidents.values() if _is_recent(item, instant)]
        own = [item for item in recent if self._stages.is_of(alert, item)]
        if not own:
            own = [item for item in recent if key_of(alert) in map(key_of, item.alerts)
                   and (alert.kind != "column" or item.cause.kind == "column")]  # fmt: skip
        if not own:
            return False
        incident = max(own, key=lambda item: (key_of(alert) in map(key_of, item.alerts),
                                              item.started_at))  # fmt: skip
        is_known = key_of(alert) in map(key_of, incident.alerts)
        if key_of(alert) not in looked.unusual and (is_known or incident.state == "resolved"):
            # It is still seen in sums of many hours, and not in the last ones.
            return True
        self._join(incident, alert, instant)
        is_clear = alert.alert_id in looked.clear
        if is_clear and self._stages.is_nearer(alert, incident):
            incident = self.incidents[incident.incident_id]
            cause = diagnose(alert, instant)
            title = _title(alert, cause)
            self._put(replace(incident, cause=cause, title=title), instant)
        return True

    def _join(self, incident: Incident, alert: Alert, instant: datetime) -> None:
        is_new = key_of(alert) not in map(key_of, incident.alerts)
        alerts = (*incident.alerts, alert) if is_new else incident.alerts
        severity = max(incident.severity, alert.severity, key=SEVERITIES.index)
        state = "open" if incident.state == "resolved" else incident.state
        found = replace(incident, alerts=alerts, severity=severity, state=state, last_at=instant)
        is_same = replace(found, last_at=incident.last_at) == incident
        self.incidents[incident.incident_id] = found
        if not is_same:
            self._put(found, instant)

    def _opened(
        self, clear: list[Alert], fresh: list[Alert], instant: datetime, diagnose: Diagnose
    ) -> Incident:
        first = lead(clear, self._stages)
        cause = diagnose(first, instant)
        same = self._same_cause(cause, instant)
        if same is not None:
            # A cause that goes on shows in one place after the other.
            self._join(same, first, instant)
            return self.incidents[same.incident_id]
        name = f"{first.alert_id}\n{instant.isoformat()}"
        incident = Incident(
            incident_id=hashlib.sha256(name.encode()).hexdigest()[:12],
            system=self._stages.system.name, state="open", severity=first.severity,
            owner=self._checks[first.check].owner, actor=MONITOR, note="",
            started_at=first.since_at, opened_at=instant, last_at=instant, changed_at=instant,
            muted_until=None, title=_title(first, cause), cause=cause, stake=None, alerts=(first,),
        )  # fmt: skip
        own = [
            alert for alert in fresh if alert is not first and self._stages.is_of(alert, incident)
        ]
        own.sort(key=lambda alert: self._stages.stage(alert))
        severity = max((first.severity, *(alert.severity for alert in own)), key=SEVERITIES.index)
        incident = replace(incident, alerts=(first, *own), severity=severity)
        incident = self._marked(incident)
        self.incidents[incident.incident_id] = incident
        return incident

    def _same_cause(self, cause: Cause, instant: datetime) -> Incident | None:
        for item in self.incidents.values():
            own = (item.cause.kind, item.cause.subject, item.cause.slice)
            if _is_recent(item, instant) and own == (cause.kind, cause.subject, cause.slice):
                return item
        return None

    def _marked(self, incident: Incident) -> Incident:
        """Name what happened shortly before, and mute what is known."""
        named = []
        for marker in self._markers:
            at = parse_instant(marker.at)
            until = parse_instant(marker.until) if marker.until else at
            if at - timedelta(hours=1) <= incident.started_at <= until + _MARKED_BEFORE:
                named.append(marker.name)
            is_known = marker.kind == "known" and at <= incident.started_at <= max(until, at)
            if is_known and fits_known(incident.cause.slice, marker.place):
                incident = replace(incident, state="muted", muted_until=until,
                                   note=f"known: {marker.name}")  # fmt: skip
        return replace(incident, markers=tuple(named))

    def _age(self, incident: Incident, instant: datetime, unusual: frozenset[Key]) -> None:
        if incident.state == "resolved":
            return
        # Of many alerts one is always unusual: an incident is as long as what it began with.
        if unusual & {key_of(alert) for alert in incident.alerts[:_FIRST]}:
            self.incidents[incident.incident_id] = incident = replace(incident, last_at=instant)
        if incident.muted_until is not None and incident.muted_until <= instant:
            incident = self._put(replace(incident, state="open", muted_until=None), instant)
        if instant - incident.last_at >= self._quiet(incident):
            # Whom it was muted for need not be told of its end.
            until = incident.muted_until or instant
            muted_until = until if incident.state == "muted" else None
            self._put(replace(incident, state="resolved", muted_until=muted_until), instant)

    def _quiet(self, incident: Incident) -> timedelta:
        daily = any(
            self._checks[alert.check].rule == "drift" or self._checks[alert.check].grain == "1d"
            for alert in incident.alerts if alert.check in self._checks
        )  # fmt: skip
        return _QUIET_DAYS if daily else _QUIET_HOURS

    def _put(self, incident: Incident, instant: datetime) -> Incident:
        found = replace(incident, actor=MONITOR, changed_at=instant)
        self.incidents[incident.incident_id] = found
        return found


def _is_recent(incident: Incident, instant: datetime) -> bool:
    return incident.state != "resolved" or instant - incident.last_at <= _AGAIN


def _title(alert: Alert, cause: Cause) -> str:
    since = f"since {alert.since_at:%Y-%m-%d %H:%M} UTC"
    return f"{cause.told.split('. ')[0].rstrip('.')}, {since}"
