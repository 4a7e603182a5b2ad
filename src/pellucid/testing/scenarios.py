"""Small, awkward records for tests: nulls, retries, corrections, late and missing outcomes."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from pellucid.log.client import Logger
from pellucid.spec.system import (
    Candidate,
    Dimension,
    Feature,
    Layer,
    Metric,
    Outcome,
    Segment,
    System,
)  # fmt: skip

START = datetime(2026, 3, 2, tzinfo=UTC)
TIMESTAMP = pa.timestamp("us", tz="UTC")
ROUTES = ("north", "south", "west")


def small_system() -> System:
    """Return the spec of a small routing system that uses every kind of definition."""
    return System(
        name="small-routing",
        dimensions=(Dimension(name="country"), Dimension(name="card")),
        features=(Feature(name="amount"), Feature(name="bank", kind="category")),
        candidate=Candidate(name="route", dimensions=(Dimension(name="processor"),),
                            repeats=("country",)),
        layers=(Layer(name="fees"), Layer(name="exploration", kind="exploration")),
        outcomes=(
            Outcome(name="approved", matures_after="2h", rate="approval_rate", is_predicted=True),
            Outcome(name="chargeback", matures_after="3d", better="down"),
            Outcome(name="fee", kind="amount", matures_after="1d"),
        ),
        segments=(
            Segment(name="large", where="amount_minor > 5000"),
            Segment(name="at_night", where="hour(decided_at) < 6 OR hour(decided_at) >= 22"),
        ),
        metrics=(
            Metric(name="approved_amount_rate", unit="request", finalizer="ratio",
                   value="amount_minor * approved", per="amount_minor",
                   where="approved_mature", value_unit="share"),
            Metric(name="weekend_rate", finalizer="rate", value="isodow(decided_at) >= 6"),
        ),
    )  # fmt: skip


def small_records(seed: int, *, requests: int = 120) -> dict[str, pa.Table]:
    """Return `decisions`, `candidates` and `outcomes` of the small system.

    Parameters
    ----------
    seed : int
        The same seed gives the same records.
    requests : int
        Requests; about a third are retried once or twice.
    """
    draw = np.random.default_rng(seed)
    decisions, candidates, outcomes = [], [], []
    for number in range(requests):
        at = START + timedelta(minutes=int(draw.integers(0, 9 * 24 * 60)))
        request = {
            "request_id": f"r{number}",
            "country": _pick(draw, ("BR", "DE", "MX", None)),
            "card": _pick(draw, ("debit", "credit")),
            "amount_minor": None if draw.random() < 0.05 else int(draw.integers(1, 20_000)),
            "currency": _pick(draw, ("EUR", "BRL")),
        }
        for attempt in range(1, 1 + _attempts(draw)):
            decision = {**request, "decision_id": f"d{number}-{attempt}", "attempt": attempt,
                        "decided_at": at + timedelta(minutes=7 * (attempt - 1))}  # fmt: skip
            rows = _candidates(draw, decision)
            decisions.append(_decided(draw, decision, rows))
            candidates += rows
            outcomes += _outcomes(draw, decision)
    return {
        "decisions": _table(decisions, {"decided_at": TIMESTAMP, "chosen": pa.string(),
                                        "country": pa.string()}),
        "candidates": _table(candidates, {"decided_at": TIMESTAMP, "country": pa.string()}),
        "outcomes": _table(outcomes, {"outcome_at": TIMESTAMP, "recorded_at": TIMESTAMP}),
    }  # fmt: skip


def small_lake(root: str | os.PathLike[str], seed: int = 0, *, requests: int = 120) -> None:
    """Log the small system's records into a lake, in two batches each."""
    log = Logger(small_system(), to=root)
    for name, rows in small_records(seed, requests=requests).items():
        half = rows.num_rows // 2
        log.table(name, rows.slice(0, half)).raise_for_refused()
        log.table(name, rows.slice(half)).raise_for_refused()


def _pick(draw: np.random.Generator, values: tuple[Any, ...]) -> Any:
    return values[int(draw.integers(len(values)))]


def _attempts(draw: np.random.Generator) -> int:
    return int(draw.choice([1, 2, 3], p=[0.65, 0.25, 0.1]))


def _candidates(draw: np.random.Generator, decision: dict[str, object]) -> list[dict[str, object]]:
    rows = []
    amount = decision["amount_minor"] or 0
    assert isinstance(amount, int)  # noqa: S101
    for route in ROUTES:
        is_eligible = bool(draw.random() < 0.7)
        score = float(draw.normal()) if draw.random() < 0.9 else None
        rows.append({
            "decision_id": decision["decision_id"], "decided_at": decision["decided_at"],
            "country": decision["country"], "candidate_id": route, "processor": route[0],
            "is_eligible": is_eligible,
            "ineligible_reason": None if is_eligible else _pick(draw, ("cap", "country")),
            "raw_score": score,
            "probability": None if score is None else 1 / (1 + np.exp(-score)),
            "is_chosen": False, "layer_fees": -(amount % 97) / 10_000,
            "layer_exploration": (amount % 13) / 10_000,
            "f_amount": float(draw.normal()), "f_bank": _pick(draw, ("a", "b", None)),
        })  # fmt: skip
    return rows


def _decided(
    draw: np.random.Generator, decision: dict[str, object], rows: list[dict[str, object]]
) -> dict[str, object]:
    allowed = [row for row in rows if row["is_eligible"]]
    chosen = allowed[int(draw.integers(len(allowed)))] if allowed else None
    if chosen:
        chosen["is_chosen"] = True
    is_control = draw.random() < 0.1
    picks = {
        f"pick_{stage}": None if is_control or not chosen else _pick(draw, ROUTES)
        for stage in ("model", "fees")
    }
    return {
        **decision, **picks,
        "pick_exploration": None if is_control or not chosen else chosen["candidate_id"],
        "arm": "control" if is_control else "ml",
        "chosen": chosen["candidate_id"] if chosen else None,
        "chosen_processor": chosen["processor"] if chosen else None,
        "chosen_raw_score": chosen["raw_score"] if chosen else None,
        "chosen_probability": chosen["probability"] if chosen else None,
        "propensity": 0.5 if chosen else None,
    }  # fmt: skip


def _outcomes(draw: np.random.Generator, decision: dict[str, object]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    decided_at = decision["decided_at"]
    assert isinstance(decided_at, datetime)  # noqa: S101
    if draw.random() < 0.9:
        at = decided_at + timedelta(minutes=int(draw.integers(0, 200)))
        value = float(draw.random() < 0.7)
        rows.append(_outcome(decision, "approved", value, at, at, draw))
        if draw.random() < 0.15:
            later = at + timedelta(hours=int(draw.integers(1, 60)))
            rows.append(_outcome(decision, "approved", 1 - value, at, later, draw))
    if draw.random() < 0.8:
        fee = float(draw.integers(1, 500)) / 100
        rows.append(_outcome(decision, "fee", fee, decided_at, decided_at, draw))
    if draw.random() < 0.2:
        at = decided_at + timedelta(hours=int(draw.integers(1, 150)))
        rows.append(_outcome(decision, "chargeback", 1.0, at, at, draw))
    return rows


def _outcome(
    decision: dict[str, object], name: str, value: float, at: datetime, recorded: datetime,
    draw: np.random.Generator,
) -> dict[str, object]:  # fmt: skip
    return {"decision_id": decision["decision_id"], "outcome": name, "value": value,
            "outcome_at": at, "recorded_at": recorded,
            "reason": _pick(draw, ("funds", "fraud", None)),
            "blame": _pick(draw, ("issuer", "route", None))}  # fmt: skip


def _table(rows: list[dict[str, object]], kinds: dict[str, pa.DataType]) -> pa.Table:
    table = pa.Table.from_pylist(rows)
    for name, kind in kinds.items():
        index = table.column_names.index(name)
        table = table.set_column(index, name, table.column(name).cast(kind))
    return table
