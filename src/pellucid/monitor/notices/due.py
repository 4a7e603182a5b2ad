"""Which notices of incidents have to be sent, and which of them cannot be."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pellucid.monitor.incidents.incident import Incident, State
from pellucid.monitor.notices.notice import Failing, Notice, NoticeKind, Try
from pellucid.monitor.notices.wording import body_of, plain, title_of
from pellucid.spec.check import SEVERITIES, Channel, Severity

_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)
_DOUBLINGS = 6
_GIVE_UP_AFTER = timedelta(days=7)


def due(
    incidents: Iterable[Incident], tries: Iterable[Try], channels: Sequence[Channel], *,
    now: datetime, notes: Mapping[str, str] | None = None, pages: str = "",
) -> tuple[Notice, ...]:  # fmt: skip
    """Return the notices that have to be sent now.

    A channel is told once that an incident opened, unless the incident is below the channel's
    severity, another owner's, muted, or acknowledged already. It is told again when the severity
    rises above what it was told, or it is open again after an end that it was told of, and when the
    incident is resolved; the latter even where the channel takes less by now, so that nothing stays
    open in anyone's mind. An incident that was resolved before the channel could be told of it
    gives one notice that says both, for seven days, unless it was muted when it was resolved. What
    fails is tried again after 1, 2, 4, ... minutes, at most an hour, and given up seven days after
    the first try: see `failing`.

    One notice is one incident in one channel. `pellucid.monitor.notices.messages` puts more than
    five that are due at once to a channel into one message, so that a bad night is not forty mails.

    Parameters
    ----------
    incidents : iterable of Incident
        As they stand, each once; resolved ones of the last days among them.
    tries : iterable of Try
        All that were made, in any order.
    channels : sequence of Channel
        Each name once.
    now : datetime
        Aware.
    notes : mapping of str to str or None
        Name of a check to what to do when it fails; part of the message.
    pages : str
        Address of the pages; notices lead to their incident there.

    Returns
    -------
    tuple of Notice
        By channel in the order given, the worst first, then the oldest.
    """
    past = _Past.of(tries)
    return tuple(
        _worded(want, notes or {}, pages)
        for want in _wanted(incidents, past, channels, now)
        if _may_be_tried(past.failures_of(want), now)
    )


def failing(
    incidents: Iterable[Incident], tries: Iterable[Try], channels: Sequence[Channel], *,
    now: datetime,
) -> tuple[Failing, ...]:  # fmt: skip
    """Return the notices that are still wanted and whose tries failed, given up ones among them.

    Parameters as of `due`.
    """
    past = _Past.of(tries)
    found = []
    for want in _wanted(incidents, past, channels, now):
        failures = past.failures_of(want)
        if failures:
            found.append(Failing(
                notice_id=want.notice_id, incident_id=want.incident.incident_id,
                channel=want.channel.name, kind=want.kind, tries=len(failures),
                first_at=failures[0].tried_at, last_at=failures[-1].tried_at,
                next_at=_next_at(failures, now), problem=failures[-1].problem,
            ))  # fmt: skip
    return tuple(found)


def standing(incident: Incident, now: datetime) -> State:
    """Return the state of an incident: one whose mute has run out is open again."""
    if incident.state == "muted" and incident.muted_until and incident.muted_until <= now:
        return "open"
    return incident.state


def severity_rank(severity: Severity) -> int:
    """Return 0 of the mildest severity, and more of worse ones."""
    return SEVERITIES.index(severity)


@dataclass(frozen=True, slots=True)
class _Want:
    incident: Incident
    channel: Channel
    kind: NoticeKind
    round: int
    is_first: bool

    @property
    def notice_id(self) -> str:
        incident = self.incident
        return _id(
            incident.incident_id, self.kind, self.channel.name, incident.severity, self.round
        )


@dataclass(frozen=True, slots=True)
class _Past:
    """Tries by what they are asked for."""

    told: dict[tuple[str, str], dict[str, Try]]
    failed: dict[str, dict[datetime, Try]]

    @classmethod
    def of(cls, tries: Iterable[Try]) -> _Past:
        told: dict[tuple[str, str], dict[str, Try]] = defaultdict(dict)
        failed: dict[str, dict[datetime, Try]] = defaultdict(dict)
        for item in tries:
            if item.state == "sent":
                told[item.incident_id, item.channel][item.notice_id] = item
            else:
                failed[item.notice_id][item.tried_at] = item
        return cls(dict(told), dict(failed))

    def failures_of(self, want: _Want) -> list[Try]:
        failures = self.failed.get(want.notice_id, {})
        return [failures[at] for at in sorted(failures)]


def _id(
    incident_id: str, kind: NoticeKind, channel: str, severity: Severity, number: int
) -> str:  # fmt: skip
    """Return the id of a notice; `number` counts how often the channel was told of an end."""
    parts: list[str | int] = [incident_id, kind, channel]
    if kind == "worse":
        parts.append(severity)
    if number:
        parts.append(number)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _wanted(
    incidents: Iterable[Incident], past: _Past, channels: Sequence[Channel], now: datetime
) -> Iterator[_Want]:
    """Yield what channels still have to be told, whether it can be tried now or not."""
    ordered = sorted(
        incidents,
        key=lambda item: (-severity_rank(item.severity), item.opened_at, item.incident_id),
    )
    for channel in channels:
        for incident in ordered:
            told = past.told.get((incident.incident_id, channel.name), {})
            ends = sum(item.kind == "resolved" for item in told.values())
            known = _known(incident, channel, told, ends)
            kind = _kind(incident, channel, known, ends, now)
            if kind is not None:
                yield _Want(incident, channel, kind, ends, is_first=not known)


def _known(
    incident: Incident, channel: Channel, told: Mapping[str, Try], ends: int
) -> list[Severity]:
    """Return the severities that a channel was told of, since it was told of an end, if it was."""
    if not ends:
        return [item.severity for item in told.values()]
    return [
        severity for severity in SEVERITIES
        if _id(incident.incident_id, "worse", channel.name, severity, ends) in told
    ]  # fmt: skip


def _kind(
    incident: Incident, channel: Channel, known: Sequence[Severity], ends: int, now: datetime
) -> NoticeKind | None:
    """Return what a channel has yet to be told of an incident, if anything."""
    state = standing(incident, now)
    if state == "resolved":
        if known:
            return "resolved"
        return "resolved" if not ends and _is_missed(incident, channel, now) else None
    if state == "muted" or not _is_for(channel, incident):
        return None
    if not known:
        # To one that was told of its end, an incident that is open again has got worse.
        return ("worse" if ends else "opened") if state == "open" else None
    highest = max(severity_rank(severity) for severity in known)
    return "worse" if severity_rank(incident.severity) > highest else None


def _is_missed(incident: Incident, channel: Channel, now: datetime) -> bool:
    """Whether an incident that a channel was never told of ended lately, and not while muted."""
    ended = incident.changed_at
    was_muted = incident.muted_until is not None and incident.muted_until >= ended
    return not was_muted and now - ended < _GIVE_UP_AFTER and _is_for(channel, incident)


def _is_for(channel: Channel, incident: Incident) -> bool:
    is_bad_enough = severity_rank(incident.severity) >= severity_rank(channel.severity)
    return is_bad_enough and (not channel.owners or incident.owner in channel.owners)


def _next_at(failures: Sequence[Try], now: datetime) -> datetime | None:
    """Return from when on a notice that failed is tried again; None where it is given up."""
    if now - failures[0].tried_at >= _GIVE_UP_AFTER:
        return None
    pause = _FIRST_PAUSE * 2 ** min(len(failures) - 1, _DOUBLINGS)
    return failures[-1].tried_at + min(pause, _LONGEST_PAUSE)


def _may_be_tried(failures: Sequence[Try], now: datetime) -> bool:
    if not failures:
        return True
    next_at = _next_at(failures, now)
    return next_at is not None and next_at <= now


def _worded(want: _Want, notes: Mapping[str, str], pages: str) -> Notice:
    incident = want.incident
    body = body_of(incident, want.kind, notes, is_first=want.is_first, pages=pages)
    return Notice(
        notice_id=want.notice_id, incident_id=incident.incident_id, system=incident.system,
        kind=want.kind, channel=want.channel.name, severity=incident.severity,
        title=title_of(incident, want.kind, is_first=want.is_first), body=body, text=plain(body),
    )  # fmt: skip
