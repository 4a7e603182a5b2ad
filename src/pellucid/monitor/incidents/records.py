"""Incidents as rows of the store, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from pellucid.monitor.incidents.incident import Alert, Cause, Incident, Slice, Stake

Row = dict[str, Any]
_PLAIN = ("incident_id", "changed_at", "state", "severity", "owner", "actor", "note", "started_at",
          "opened_at", "last_at", "title")  # fmt: skip


def incident_row(incident: Incident, change: int) -> Row:
    """Return a change of an incident as a row of ``incidents``."""
    stake = incident.stake
    return {
        **{name: getattr(incident, name) for name in _PLAIN},
        "change": change,
        "muted_until_at": incident.muted_until,
        "cause_kind": incident.cause.kind,
        "cause_subject": incident.cause.subject,
        "cause_label": incident.cause.label,
        "cause_slice": slice_text(incident.cause.slice),
        "cause": incident.cause.told,
        "markers": list(incident.markers),
        "lost": stake.lost if stake else None,
        "lost_low": stake.low if stake else None,
        "lost_high": stake.high if stake else None,
        "lost_label": stake.label if stake else None,
        "lost_minor": stake.money_minor if stake else None,
        "currency": stake.currency or None if stake else None,
    }


def alert_row(alert: Alert, incident_id: str) -> Row:
    """Return an alert as a row of ``alerts``."""
    row = {item.name: getattr(alert, item.name) for item in fields(Alert)}
    return row | {"slice": slice_text(alert.slice), "incident_id": incident_id}


def incident_of(system: str, row: Row, alerts: Iterable[Row]) -> Incident:
    """Return an incident from its last row, with its alerts."""
    stake = None
    if row["lost"] is not None:
        stake = Stake(lost=row["lost"], low=row["lost_low"], high=row["lost_high"],
                      label=row["lost_label"] or "", money_minor=row["lost_minor"],
                      currency=row["currency"] or "")  # fmt: skip
    plain = {name: row[name] for name in _PLAIN}
    texts = {name: row[name] or "" for name in ("owner", "actor", "note")}
    times = {name: _utc(row[name]) for name in ("changed_at", "started_at", "opened_at", "last_at")}
    return Incident(
        **(plain | texts | times), system=system, stake=stake,
        muted_until=_utc(row["muted_until_at"]) if row["muted_until_at"] else None,
        cause=Cause(kind=row["cause_kind"], subject=row["cause_subject"],
                    label=row["cause_label"] or row["cause_subject"],
                    slice=slice_of(row["cause_slice"]), told=row["cause"] or ""),
        alerts=tuple(_alert(item) for item in alerts), markers=tuple(row["markers"] or ()),
    )  # fmt: skip


def slice_text(where: Slice) -> str:
    """Return a slice as JSON."""
    return json.dumps(dict(where), ensure_ascii=False)


def slice_of(stored: str | None) -> Slice:
    """Return a slice from JSON."""
    plain: dict[str, str] = json.loads(stored or "{}")
    return tuple(plain.items())


def _alert(row: Row) -> Alert:
    plain = {item.name: row[item.name] for item in fields(Alert)}
    numbers = {name: float("nan") if row[name] is None else row[name]
               for name in ("value", "expected", "low", "high", "p_value")}  # fmt: skip
    times = {name: _utc(row[name]) for name in ("since_at", "raised_at")}
    return Alert(**(plain | numbers | times | {"slice": slice_of(row["slice"])}))


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
