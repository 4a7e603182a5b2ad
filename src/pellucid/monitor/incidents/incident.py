"""Incidents and the alerts that they are made of, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pellucid.spec.check import Severity

State = Literal["open", "acknowledged", "muted", "resolved"]
STATES: tuple[State, ...] = ("open", "acknowledged", "muted", "resolved")
Kind = Literal["late", "column", "metric"]
Slice = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A check that fails, somewhere, since some time.

    Attributes
    ----------
    alert_id : str
        Hash of what fails, where and since when.
    check : str
    severity : str
    kind : str
        ``metric``, ``column`` or ``late``.
    subject : str
        Name of the metric, column or table.
    label : str
        The same for people.
    slice : tuple of (str, str)
        Dimension and value, ``(missing)`` where it is not known; none of the whole.
    since_at : datetime
        From when on it fails.
    raised_at : datetime
        As of when it was found.
    value, expected, low, high : float
        Since then, with the 95% band of chance about what was expected; NaN where there is none.
        Of a column the part of its rows that changed.
    n : int
        Rows behind the value.
    p_value : float
        How rarely chance does as much; NaN of a fixed limit.
    why : str
        What failed, in words.
    """

    alert_id: str
    check: str
    severity: Severity
    kind: Kind
    subject: str
    label: str
    slice: Slice
    since_at: datetime
    raised_at: datetime
    value: float
    expected: float
    low: float
    high: float
    n: int
    p_value: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What accounts for an incident, as far as records tell.

    Attributes
    ----------
    kind, subject, label
        See `Alert`: what moved first.
    slice : tuple of (str, str)
        Where; none of everywhere.
    told : str
        In words.
    """

    kind: Kind
    subject: str
    label: str
    slice: Slice
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """What an incident costs.

    Attributes
    ----------
    lost : float
        Outcomes, such as approvals, that are missing since it began; below 0 where there are more.
    low, high : float
        95% interval.
    label : str
        What is lost, such as ``approvals``.
    money_minor : float or None
        Their amount in minor units; None where it is not known, or of several currencies.
    currency : str
    """

    lost: float
    low: float
    high: float
    label: str
    money_minor: float | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Alerts of one cause, as they stand.

    Attributes
    ----------
    incident_id : str
    system : str
    state : str
        ``open``, ``acknowledged`` (someone is on it), ``muted`` (until a time) or ``resolved``.
    severity : str
        The highest of its alerts.
    owner : str
    actor : str
        Who changed it last; ``monitor`` where no person did.
    note : str
        Why, in the words of who changed it.
    started_at : datetime
        Since when it is.
    opened_at : datetime
        As of when it was found.
    last_at : datetime
        As of when it last failed.
    changed_at : datetime
        As of when it is as it is.
    muted_until : datetime or None
    title : str
        One line.
    cause : Cause
    stake : Stake or None
    alerts : tuple of Alert
        The first one first.
    markers : tuple of str
        What happened shortly before it began, such as releases.
    """

    incident_id: str
    system: str
    state: State
    severity: Severity
    owner: str
    actor: str
    note: str
    started_at: datetime
    opened_at: datetime
    last_at: datetime
    changed_at: datetime
    muted_until: datetime | None
    title: str
    cause: Cause
    stake: Stake | None
    alerts: tuple[Alert, ...]
    markers: tuple[str, ...] = ()
