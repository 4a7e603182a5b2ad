"""One small answer for each figure of monitoring, with a hostile name where data can bring one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from pellucid.monitor.anomalies.report import Anomalies
from pellucid.monitor.drift.report import DriftReport, drift_report
from pellucid.monitor.incidents.incident import Cause, Incident, Stake
from pellucid.monitor.localize.localized import Localized, Slice
from pellucid.monitor.localize.parts import Part, Whole
from pellucid.monitor.performance.maturity import Maturity
from pellucid.monitor.performance.performance import Performance
from pellucid.monitor.profiles.counting import profile_of
from pellucid.monitor.profiles.profile import Profile
from pellucid.monitor.profiles.rows import binning_of
from pellucid.spec.system import Metric
from pellucid.windows import Window

HOSTILE = "<b onmouseover=x>&co</b>"
START = datetime(2026, 10, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WINDOW = Window(START, START + 7 * DAY)
RATE = Metric(name="approval_rate", label="Approval rate", finalizer="rate", value="approved",
              value_unit="share")  # fmt: skip
COUNT = Metric(name="decision_count", label="Decisions", finalizer="count")


def anomalies(*kinds: str) -> Anomalies:
    """Return a run in which hours 10 to 12 of one route stand out, once for each kind."""
    rows = [
        {"metric": "approval_rate", "route": HOSTILE, "kind": kind, "since": START + 10 * HOUR,
         "until": START + 13 * HOUR, "start_at": START + 11 * HOUR, "value": 0.4, "expected": 0.85,
         "low": 0.8, "high": 0.9, "n": 120, "p_value": 1e-9, "q_value": 1e-7}
        for kind in kinds
    ]  # fmt: skip
    series = [
        {"metric": "approval_rate", "route": route, "start_at": START + hour * HOUR,
         "value": 0.4 if 10 <= hour < 13 else 0.85, "expected": 0.85, "low": 0.8, "high": 0.9}
        for route in (HOSTILE, "other") for hour in range(24) if hour != 5
    ]  # fmt: skip
    patterns = [{"metric": "decision_count", "route": HOSTILE, "weekday": "Tuesday",
                 "effect": -0.4, "weeks": 4, "weeks_alike": 4}]  # fmt: skip
    return Anomalies(
        _table(rows, "metric"), _table(series, "metric"), _table(patterns, "metric"),
        (f"{len(kinds)} anomalies in 2 series.",), ("route",), (RATE, COUNT), 2, 0, 0,
    )  # fmt: skip


def drift(*, names: Sequence[str] = (HOSTILE, "steady")) -> DriftReport:
    """Return a report in which the first column moved from three values to another mix of them."""
    before = {name: _profile(["a", HOSTILE, "c"] * 300) for name in names}
    now = {name: _profile(["a", HOSTILE, "c"] * 300) for name in names}
    if names:
        now[names[0]] = _profile(["a"] * 700 + [HOSTILE] * 200)
    return drift_report(now, before, names=("now", "before"), labels={HOSTILE: HOSTILE})


def _profile(values: Sequence[str]) -> Profile:
    column = pa.chunked_array([pa.array(values)])
    return profile_of(column, binning_of(column))


def localized() -> Localized:
    parts = (_part(((0, 0),), -0.04, 300), _part((), 0.01, 700))
    slices = (Slice((("issuer", HOSTILE),), parts[0]),)
    return Localized(RATE, ("this week", "last week"), ("issuer",), Whole(0.82, 0.85, 0.0, parts),
                     slices, "Approval rate fell 3.0 pp.")  # fmt: skip


def maturity(*, known: Sequence[float] = (1.0, 1.0, 0.6, 0.2)) -> Maturity:
    rows = [
        {"start_at": START + place * DAY, "decisions": 1000, "known": int(1000 * share),
         "known_share": share, "rate": 0.8 * share, "final_rate": 0.8,
         "low": 0.8 - 0.05 * (1 - share), "high": 0.8 + 0.05 * (1 - share), "is_ripe": share >= 0.5}
        for place, share in enumerate(known)
    ]  # fmt: skip
    curve = [{"delay": delay, "positives": min(0.4 * delay, 1.0), "negatives": None}
             for delay in range(1, 5)]  # fmt: skip
    return Maturity(pa.Table.from_pylist(rows), pa.Table.from_pylist(curve),
                    "Half of Approved is known within 2 days.")  # fmt: skip


def performance(*days: tuple[float | None, float]) -> Performance:
    """Return the measured and the expected AUC of each day."""
    rows = [
        {"measure": "roc_auc", "cutoff": None, "start_at": START + place * DAY, "level": "bucket",
         "value": value, "low": value and value - 0.02, "high": value and value + 0.02, "n": 900,
         "expected": expected, "pending": 10}
        for place, (value, expected) in enumerate(days)
    ]  # fmt: skip
    whole = {"measure": "roc_auc", "cutoff": None, "start_at": START, "level": "", "value": 0.7,
             "low": 0.69, "high": 0.71, "n": 3000, "expected": 0.7, "pending": 10}  # fmt: skip
    return Performance(pa.Table.from_pylist([*rows, whole]), None, "Said.")


def incident(number: int = 0, **changes: Any) -> Incident:
    since = START + number * HOUR
    known: dict[str, Any] = {
        "incident_id": f"i{number}", "system": "pay", "state": "open", "severity": "critical",
        "owner": "payments", "actor": "monitor", "note": "", "started_at": since,
        "opened_at": since + 2 * HOUR, "last_at": since + 30 * HOUR, "changed_at": since,
        "muted_until": None, "title": f"Approval rate fell at {HOSTILE} by 5.0 pp", "alerts": (),
        "cause": Cause(kind="metric", subject="approval_rate", label="Approval rate",
                       slice=(("issuer", HOSTILE),), told="It fell."),
        "stake": Stake(lost=120.0, low=90.0, high=150.0, label="approvals",
                       money_minor=1_234_500.0, currency="EUR"),
    }  # fmt: skip
    return Incident(**(known | changes))


def _part(conditions: tuple[tuple[int, int], ...], contribution: float, n: int) -> Part:
    return Part(
        conditions=conditions, value=0.7, baseline=0.85, effect=-0.15, low=-0.2, high=-0.1,
        shrunk=-0.14, contribution=contribution, mix=0.0, rate=contribution, share=0.5,
        q_value=1e-6, n=n, baseline_n=n,
    )  # fmt: skip


def _table(rows: list[dict[str, Any]], name: str) -> pa.Table:
    return pa.Table.from_pylist(rows) if rows else pa.table({name: pa.array([], pa.string())})
