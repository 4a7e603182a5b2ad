"""Notices of incidents, and the tries to send them, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pellucid.spec.check import Severity

NoticeKind = Literal["opened", "worse", "resolved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try to send one notice.

    Attributes
    ----------
    notice_id : str
    tried_at : datetime
    incident_id : str
    channel : str
        Name of the channel.
    kind : str
        ``opened``, ``worse`` or ``resolved``.
    severity : str
        How bad the incident was then: what the channel was told, if the try went well.
    state : str
        ``sent`` or ``failed``.
    problem : str
        Why it failed; holds no secret of the channel's URL.
    """

    notice_id: str
    tried_at: datetime
    incident_id: str
    channel: str
    kind: NoticeKind
    severity: Severity
    state: Literal["sent", "failed"]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one channel has to be told of one incident.

    Attributes
    ----------
    notice_id : str
        Hash of incident, kind and channel; of ``worse``, of the severity too; and, once the channel
        was told of an end, of how often that was.
    incident_id, system : str
    kind : str
        ``opened``, ``worse`` or ``resolved``.
    channel : str
        Name of the channel.
    severity : str
        Of the incident, as it stands.
    title : str
        One line of plain text.
    body : str
        Markdown.
    text : str
        The body as plain text.
    """

    notice_id: str
    incident_id: str
    system: str
    kind: NoticeKind
    channel: str
    severity: Severity
    title: str
    body: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A notice that has to be sent, and could not be so far.

    Attributes
    ----------
    notice_id, incident_id, channel, kind
        See `Notice`.
    tries : int
        How many were made.
    first_at, last_at : datetime
        The first and the last one.
    next_at : datetime or None
        From when on it is tried again; None where it was given up.
    problem : str
        Of the last one.
    """

    notice_id: str
    incident_id: str
    channel: str
    kind: NoticeKind
    tries: int
    first_at: datetime
    last_at: datetime
    next_at: datetime | None
    problem: str
