"""Logs both systems: every attempt as it was, and the model's view of the last two weeks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from approval_model import FEATURES, ApprovalModel, features_of, probability_of, train
from purchases import Fees, read_attempts, read_fees

import pellucid
from pellucid.spec.codec import from_yaml

VALUE_OF_SUCCESS_EUR = 40.0
"""What an approved payment is taken to be worth; system.yaml states the same."""
START, SPLIT, END = (datetime(2019, 1, 1), datetime(2019, 1, 22), datetime(2019, 2, 4))  # noqa: DTZ001
HISTORY, ROUTING = "psp-history", "psp-routing"
MODEL_NAME, MODEL_VERSION = "approval", "1"
# The source's instants carry no zone; they are read as UTC.
_ZONE = "UTC"
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Logged:
    """What was logged, kept for checking.

    Attributes
    ----------
    attempts : pyarrow.Table
        Every attempt of the source.
    trained_on, decided : pyarrow.Table
        Those before and from `SPLIT`.
    fees : Fees
    reports : tuple of str
        What became of each table's rows.
    """

    attempts: pa.Table
    trained_on: pa.Table
    decided: pa.Table
    fees: Fees
    reports: tuple[str, ...]


def log_everything(folder: Path, lake: Path) -> Logged:
    """Read the source, train the model and log both systems.

    Parameters
    ----------
    folder : Path
        Holds the transactions and the fees.
    lake : Path
        Where to log; logging again adds nothing.

    Returns
    -------
    Logged
    """
    fees = read_fees(folder)
    attempts = read_attempts(folder, fees)
    is_early = pc.less(attempts.column("decided_at"), pa.scalar(SPLIT, pa.timestamp("us")))
    early, late = attempts.filter(is_early), attempts.filter(pc.invert(is_early))
    reports = [*_log_history(attempts, lake), *_log_routing(early, late, fees, lake)]
    return Logged(attempts, early, late, fees, tuple(reports))


def _log_history(attempts: pa.Table, lake: Path) -> list[str]:
    log = pellucid.Logger(_spec("history.yaml"), to=lake)
    tables = {
        "decisions": _decisions(attempts),
        "outcomes": pa.concat_tables(_outcomes(attempts, name) for name in ("success", "fee")),
    }
    return _log(log, tables)


def _log_routing(early: pa.Table, late: pa.Table, fees: Fees, lake: Path) -> list[str]:
    log = pellucid.Logger(_spec("system.yaml"), to=lake)
    model = train(early)
    start, split = START.replace(tzinfo=UTC), SPLIT.replace(tzinfo=UTC)
    model_id = log.model(
        model.booster, name=MODEL_NAME, version=MODEL_VERSION, trained_at=split,
        training_window=(start, split), features=FEATURES, categories=model.categories,
    )  # fmt: skip
    decisions, candidates = routing_tables(late, model, model_id, fees)
    tables = {
        "training": _training(early, model_id),
        "decisions": decisions,
        "candidates": candidates,
        "outcomes": _outcomes(late, "success"),
    }
    return _log(log, tables)


def routing_tables(
    attempts: pa.Table, model: ApprovalModel, model_id: str, fees: Fees
) -> tuple[pa.Table, pa.Table]:
    """Return `decisions` and `candidates`: every PSP scored, the recorded one chosen.

    The model's own policy picks the largest probability, then the largest probability less
    expected fee / `VALUE_OF_SUCCESS_EUR`. The last stage is what was really done. Propensities
    are left null: the recorded rule is unknown.
    """
    count, width = attempts.num_rows, len(fees.psps)
    place = pa.array(np.repeat(np.arange(count), width))
    names = pa.array(fees.psps, pa.string())
    psp = names.take(pa.array(np.tile(np.arange(width), count)))
    repeated = attempts.take(place)
    features = features_of(repeated, psp)
    raw_score = model.raw_score(features)
    probability = probability_of(raw_score)
    table = probability.reshape(count, width)
    term = -fees.expected(table) / VALUE_OF_SUCCESS_EUR
    is_chosen = pc.equal(psp, repeated.column("psp"))
    at_chosen = np.flatnonzero(is_chosen.to_numpy())
    decisions = _decisions(attempts)
    for name, column in {
        "model_id": pa.repeat(model_id, count),
        "policy_version": pa.repeat(f"fees-{VALUE_OF_SUCCESS_EUR:g}eur", count),
        "chosen_raw_score": pa.array(raw_score[at_chosen]),
        "chosen_probability": pa.array(probability[at_chosen]),
        "candidate_count": pa.repeat(pa.scalar(width, pa.int32()), count),
        "eligible_count": pa.repeat(pa.scalar(width, pa.int32()), count),
        "pick_model": names.take(pa.array(table.argmax(axis=1))),
        "pick_fees": names.take(pa.array((table + term).argmax(axis=1))),
        "pick_recorded": attempts.column("psp"),
    }.items():
        decisions = decisions.append_column(name, column)
    candidates = pa.table({
        "decision_id": repeated.column("decision_id"),
        "decided_at": repeated.column("decided_at"),
        "candidate_id": psp,
        "is_eligible": pa.repeat(pa.scalar(value=True), len(psp)),
        "raw_score": raw_score,
        "probability": probability,
        "is_chosen": is_chosen,
        "layer_fees": term.ravel(),
        **{name: features.column(name) for name in features.column_names},
    })  # fmt: skip
    return decisions, candidates


def _decisions(attempts: pa.Table) -> pa.Table:
    return pa.table({
        **{name: attempts.column(name)
           for name in ("decision_id", "decided_at", "request_id", "attempt")},
        "chosen": attempts.column("psp"),
        "amount_minor": pc.multiply(pc.cast(attempts.column("amount"), pa.int64()), 100),
        "currency": pa.repeat("EUR", attempts.num_rows),
        **_dimensions(attempts),
    })  # fmt: skip


def _outcomes(attempts: pa.Table, name: str) -> pa.Table:
    return pa.table({
        "decision_id": attempts.column("decision_id"),
        "candidate_id": attempts.column("psp"),
        "outcome": pa.repeat(name, attempts.num_rows),
        "value": attempts.column(name),
        "outcome_at": attempts.column("decided_at"),
    })  # fmt: skip


def _training(attempts: pa.Table, model_id: str) -> pa.Table:
    features = features_of(attempts)
    return pa.table({
        "record_id": attempts.column("decision_id"),
        "model_id": pa.repeat(model_id, attempts.num_rows),
        "label": attempts.column("success"),
        "observed_at": attempts.column("decided_at"),
        "candidate_id": attempts.column("psp"),
        **_dimensions(attempts),
        **{name: features.column(name) for name in features.column_names},
    })  # fmt: skip


def _dimensions(attempts: pa.Table) -> dict[str, pa.ChunkedArray]:
    return {
        "country": attempts.column("country"),
        "card": attempts.column("card"),
        "is_3d_secured": pc.if_else(attempts.column("is_3d_secured"), "yes", "no"),
    }


def _log(log: pellucid.Logger, tables: Mapping[str, pa.Table]) -> list[str]:
    lines = []
    for name, rows in tables.items():
        report = log.table(name, rows, timezone=_ZONE)
        report.raise_for_refused()
        lines.append(f"{log.system.name}: {report}")
    return lines


def _spec(file: str) -> pellucid.System:
    return from_yaml((_HERE / file).read_text(encoding="utf-8"), where=file)
