"""What a review proved wrong: lost acknowledgements, poison records, days, nested arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from pellucid.engine.arrow import ArrowEngine
from pellucid.errors import StoreError
from pellucid.log.client import Logger
from pellucid.log.live import LiveSettings
from pellucid.observatory import Observatory, open_system
from pellucid.schema.tables import DECISIONS
from pellucid.spec.system import Dimension, Layer, System
from pellucid.store.lake import Lake
from pellucid.store.reader import read_rows
from pellucid.store.writer import BatchKey, Writer

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SYSTEM = System(name="reviewed", dimensions=(Dimension(name="country"),),
                layers=(Layer(name="fees"),))  # fmt: skip


def rows(count: int, *, days: int = 0) -> pa.Table:
    at = [NOON + timedelta(seconds=n, days=days * n) for n in range(count)]
    return pa.table({"decision_id": [f"d{n}" for n in range(count)],
                     "decided_at": pa.array(at, pa.timestamp("us", tz="UTC"))})  # fmt: skip


def stored(lake: Lake) -> list[str]:
    return sorted(read_rows(lake, "decisions", ["decision_id"]).column(0).to_pylist())


@pytest.mark.parametrize("error", [CommitFailedError, DeltaError])
@pytest.mark.parametrize("key", [None, BatchKey("file", 1)], ids=["no key", "key"])
def test_a_commit_whose_acknowledgement_was_lost_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type, key: BatchKey | None
) -> None:
    """Its files were once deleted, which left the table unreadable."""
    lake = Lake.at(tmp_path, "s")
    real = DeltaTable.create_write_transaction
    lost = []

    def commit(self, *arguments, **options) -> None:
        real(self, *arguments, **options)
        if not lost:
            lost.append(True)
            raise error("the answer was lost")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", commit)
    writer = Writer(lake)
    try:
        assert writer.append(DECISIONS, rows(3), key=key).stored == 3
    except StoreError:
        writer.append(DECISIONS, rows(3), key=key)
    assert stored(lake) == ["d0", "d1", "d2"]


def test_one_id_under_two_days_is_stored_twice_in_one_batch_as_in_two(tmp_path: Path) -> None:
    table = rows(2, days=1).set_column(0, "decision_id", pa.array(["same", "same"]))
    assert Writer(Lake.at(tmp_path, "one")).append(DECISIONS, table).stored == 2
    writer = Writer(Lake.at(tmp_path, "two"))
    assert writer.append(DECISIONS, table.slice(0, 1)).stored == 1
    assert writer.append(DECISIONS, table.slice(1)).stored == 1


def test_arithmetic_inside_arithmetic_is_the_same_on_every_engine(tmp_path: Path) -> None:
    table = rows(4).append_column("candidate_count", pa.array([4, 4, 2, 0]))
    table = table.append_column("eligible_count", pa.array([4, 2, 2, None]))
    Logger(SYSTEM, to=tmp_path).decisions(table)
    lake = Lake.at(tmp_path, "reviewed")
    for where in ("1 / (candidate_count / (eligible_count - eligible_count)) IS NULL",
                  "1 / (candidate_count / eligible_count) > 0.5",
                  "(hour(decided_at) / 2) = 6 AND NOT (hour(decided_at) + 1 = 12)",
                  "eligible_count > 100"):  # fmt: skip
        answers = [
            Observatory(lake, engine=engine).query(
                "decision_count", "override_rate", where=where, over="1d").rows
            for engine in (None, ArrowEngine())
        ]  # fmt: skip
        assert answers[0].equals(answers[1]), where


def live(folder: Path) -> Logger:
    settings = LiveSettings(spool=folder / "spool", flush_seconds=0.05, close_seconds=60)
    return Logger(SYSTEM, to=folder / "lake", live=settings)


POISON = {
    "a dimension named like a field": {"id": "x", "at": NOON, "dims": {"currency": "EUR"}},
    "a dimension named like a time": {"id": "x", "at": NOON, "dims": {"outcome_at": "noon"}},
    "a name that is not text": {"id": "x", "at": NOON, "dims": {5: "BR"}},
    "a candidate named like a field": {
        "id": "x", "at": NOON, "candidates": [{"id": "a", "dims": {"probability": "high"}}]},
    "a number beyond every type": {"id": "x", "at": NOON, "cutoffs": {"c": 10**400}},
    "half a character": {"id": "x", "at": NOON, "dims": {"country": "\ud800"}},
    "control with layers and no pick": {
        "id": "x", "at": NOON, "arm": "control", "layers": [{"name": "fees", "terms": {"a": 1}}]},
}  # fmt: skip


@pytest.mark.parametrize("record", POISON.values(), ids=POISON)
def test_one_record_holds_up_and_costs_no_other(tmp_path: Path, record: dict) -> None:
    log = live(tmp_path)
    for number in range(10):
        log.record({"id": f"before{number}", "at": NOON})
    log.record(record)
    for number in range(10):
        log.record({"id": f"after{number}", "at": NOON})
    assert log.close()
    found = open_system(tmp_path / "lake").records.rows("decisions", columns=["decision_id"])
    ids = set(found.column("decision_id").to_pylist())
    assert {f"{word}{n}" for word in ("before", "after") for n in range(10)} <= ids
    health = log.health()
    told = sum(health.refused.values()) + sum(health.dropped.values())
    assert "x" in ids or told


def test_a_store_that_stays_away_is_not_called_drained(tmp_path: Path, monkeypatch) -> None:
    log = live(tmp_path)

    def away(*_: object) -> None:
        raise OSError("away")

    monkeypatch.setattr(log._sink, "store", away)
    assert log.record({"id": "a", "at": NOON}, durable=True, timeout=30)
    assert log.close(timeout=0.5) is False
    assert list((tmp_path / "spool").rglob("*.spool"))


def test_what_cannot_be_copied_costs_itself_and_raises_nothing(tmp_path: Path) -> None:
    import threading

    settings = LiveSettings(spool=tmp_path / "spool", copies=True, close_seconds=60)
    log = Logger(SYSTEM, to=tmp_path / "lake", live=settings)
    log.record({"id": "a", "at": NOON, "raw": {"lock": threading.Lock()}})
    log.record({"id": "b", "at": NOON})
    assert log.close()
    assert log.health().stored == 1
    assert sum(log.health().refused.values()) == 1
