"""What checks would have said in the past, and what they would have said under other budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa

from pellucid.monitor.incidents.incident import Incident
from pellucid.monitor.incidents.records import slice_text
from pellucid.monitor.incidents.relation import fits_known
from pellucid.monitor.tabular import Tabular
from pellucid.spec.check import Checks, Marker
from pellucid.windows import Window, parse_instant

_TIME = pa.timestamp("us", tz="UTC")
_COLUMNS = {
    "incident_id": pa.string(), "state": pa.string(), "severity": pa.string(),
    "title": pa.string(), "cause_kind": pa.string(), "cause_subject": pa.string(),
    "cause_slice": pa.string(), "cause": pa.string(), "started_at": _TIME, "opened_at": _TIME,
    "last_at": _TIME, "muted_until_at": _TIME, "owner": pa.string(), "note": pa.string(),
    "alerts": pa.int64(), "checks": pa.list_(pa.string()), "lost": pa.float64(),
    "lost_low": pa.float64(), "lost_high": pa.float64(), "lost_label": pa.string(),
    "lost_minor": pa.float64(), "currency": pa.string(), "markers": pa.list_(pa.string()),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Backtest(Tabular):
    """What checks would have found in a window, hour by hour.

    Attributes
    ----------
    checks : Checks
    window : Window
    incidents : tuple of Incident
        As they stood at the end of the window, the costliest first.
    opened : tuple of Incident
        The same as they stood when they were opened: what people would have been told.
    series : int
        Series of metrics that were judged.
    looks : int
        Times at which they were looked at.
    """

    checks: Checks
    window: Window
    incidents: tuple[Incident, ...]
    opened: tuple[Incident, ...]
    series: int
    looks: int

    @property
    def rows(self) -> pa.Table:
        """One row for each incident; see `incident_rows`."""
        return incident_rows(self.incidents)

    @property
    def a_week(self) -> float:
        """Incidents in a week."""
        return len(self.incidents) * 7 / ((self.window.end - self.window.start).total_seconds()
                                          / 86_400)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tuned(Tabular):
    """What checks would have found under several budgets of false incidents.

    Attributes
    ----------
    window : Window
    rows : pyarrow.Table
        One row for each budget: ``false_a_week``, ``incidents``, ``a_week`` (incidents in a week),
        ``known`` and ``found`` (known incidents of the window, and how many of them were found),
        ``first_found`` (hours after its begin at which the median one was).
    told : str
        Which budget to take.
    """

    window: Window
    rows: pa.Table
    told: str


def tuned(
    window: Window, markers: Sequence[Marker], found: Mapping[float, Sequence[Incident]]
) -> Tuned:
    """Return how many incidents each budget makes, and how many of the known ones.

    Parameters
    ----------
    found : mapping of float to sequence of Incident
        Incidents by budget.
    """
    known = [item for item in markers if item.kind == "known"
             and window.start <= parse_instant(item.at) < window.end]  # fmt: skip
    weeks = (window.end - window.start) / timedelta(weeks=1)
    rows = []
    for budget, incidents in sorted(found.items()):
        delays = [_delay(item, incidents) for item in known]
        hit = sorted(delay for delay in delays if delay is not None)
        rows.append({
            "false_a_week": budget, "incidents": len(incidents), "a_week": len(incidents) / weeks,
            "known": len(known), "found": len(hit),
            "first_found": hit[len(hit) // 2] if hit else None,
        })  # fmt: skip
    schema = pa.schema({"false_a_week": pa.float64(), "incidents": pa.int64(),
                        "a_week": pa.float64(), "known": pa.int64(), "found": pa.int64(),
                        "first_found": pa.float64()})  # fmt: skip
    return Tuned(window, pa.Table.from_pylist(rows, schema=schema), _told(rows))


def _delay(marker: Marker, incidents: Sequence[Incident]) -> float | None:
    start = parse_instant(marker.at)
    until = parse_instant(marker.until) if marker.until else start + timedelta(days=1)
    hours = [
        (item.opened_at - start) / timedelta(hours=1) for item in incidents
        if start - timedelta(hours=1) <= item.started_at <= until
        and any(fits_known(place, marker.place) for place in
                (item.cause.slice, *(alert.slice for alert in item.alerts)))
    ]  # fmt: skip
    return min(hours, default=None)


def _told(rows: Sequence[Mapping[str, Any]]) -> str:
    most = max((row["found"] for row in rows), default=0)
    if not most:
        return (
            "No known incident lies in this window: name some as markers of kind `known` to see "
            "which budget would have found them."
        )
    best = next(row for row in rows if row["found"] == most)
    return (
        f"With false_a_week: {best['false_a_week']:g}, {most} of {best['known']} known incidents "
        f"are found, among {best['incidents']} in all ({best['a_week']:.1f} a week); a larger "
        "budget finds no more of them."
    )


def incident_rows(incidents: Sequence[Incident]) -> pa.Table:
    """Return a row for each incident: its state, cause, times, size and cost."""
    return pa.Table.from_pylist([_row(item) for item in incidents], schema=pa.schema(_COLUMNS))


def by_cost(incidents: Sequence[Incident]) -> tuple[Incident, ...]:
    """Return incidents, those first of which most is lost for certain.

    Ranked by the least that is lost with 95% certainty; where that is nothing, by severity and by
    how long they have been.
    """
    ranks = {"critical": 0, "warn": 1, "info": 2}

    def key(item: Incident) -> tuple[float, int, float]:
        certain = max(item.stake.low, 0.0) if item.stake else 0.0
        return -certain, ranks[item.severity], item.started_at.timestamp()

    return tuple(sorted(incidents, key=key))


def _row(item: Incident) -> dict[str, object]:
    stake = item.stake
    return {
        **{name: getattr(item, name) for name in
           ("incident_id", "state", "severity", "title", "started_at", "opened_at", "last_at",
            "owner", "note")},
        "cause_kind": item.cause.kind, "cause_subject": item.cause.subject,
        "cause_slice": slice_text(item.cause.slice), "cause": item.cause.told,
        "muted_until_at": item.muted_until, "alerts": len(item.alerts),
        "checks": list(dict.fromkeys(alert.check for alert in item.alerts)),
        "lost": stake.lost if stake else None, "lost_low": stake.low if stake else None,
        "lost_high": stake.high if stake else None, "lost_label": stake.label if stake else None,
        "lost_minor": stake.money_minor if stake else None,
        "currency": stake.currency if stake else None, "markers": list(item.markers),
    }  # fmt: skip
