"""Proposals from tables as teams have them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from pellucid.errors import DataError
from pellucid.spec.bind import check_system
from pellucid.spec.propose import propose

START = datetime(2026, 1, 1)  # noqa: DTZ001 - naive on purpose


def payments(count: int = 100) -> pa.Table:
    return pa.table({
        "tx_id": [f"t{n}" for n in range(count)],
        "created": pa.array([START + timedelta(minutes=n) for n in range(count)]),
        "PSP": [("one", "two")[n % 2] for n in range(count)],
        "Card Country": [("BR", "DE", "MX")[n % 3] for n in range(count)],
        "score": [n / count for n in range(count)],
        "amount": [float(n) for n in range(count)],
        "is_new": [n % 5 == 0 for n in range(count)],
        "success": [n % 4 > 0 for n in range(count)],
        "note": [f"free text {n}" for n in range(count)],
    })  # fmt: skip


def test_a_payments_table_gives_a_sound_spec() -> None:
    proposal = propose(payments(), name="payments")
    system = check_system(proposal.system)
    mapped = {(c.table, c.field): c.source for c in system.columns}
    assert mapped["decisions", "decision_id"] == "tx_id"
    assert mapped["decisions", "decided_at"] == "created"
    assert mapped["decisions", "chosen"] == "PSP"
    assert mapped["decisions", "chosen_probability"] == "score"
    assert mapped["outcomes", "outcome"] == "=success"
    assert system.dimension_names == ("card_country",)
    assert {f.name: f.kind for f in system.features} == {"amount": "number", "is_new": "boolean"}
    assert system.candidate.name == "psp"
    assert any("no time zone" in note for note in proposal.notes)


@pytest.mark.parametrize("name", ["chosen", "value", "day", "pick_me", "n", "m1", "segment_1"])
def test_names_that_pellucid_uses_itself_are_changed(name: str) -> None:
    rows = payments().rename_columns(
        ["tx_id", "created", "PSP", name, "score", "amount", "is_new", "success", "note"]
    )
    system = check_system(propose(rows, name="payments").system)
    assert name not in system.dimension_names
    rows = rows.rename_columns(
        ["tx_id", "created", "chosen", name, "score", "amount", "is_new", "success", "note"]
        if name != "chosen" else rows.column_names
    )  # fmt: skip
    check_system(propose(rows, name="payments").system)


def test_a_table_without_a_time_or_an_id_says_so() -> None:
    with pytest.raises(DataError, match="no timestamp column"):
        propose(payments().drop_columns(["created"]), name="x")
    with pytest.raises(DataError, match="add a decision id"):
        propose(pa.table({"t": pa.array([START, START]), "a": ["x", "x"]}), name="x")
    with pytest.raises(DataError, match="no rows"):
        propose(payments(0), name="x")
