"""The store: what is appended, pruned, checked, compacted and refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from pellucid.errors import StoreError
from pellucid.schema.arrow import fixed_schema
from pellucid.schema.tables import DECISIONS, OUTCOMES
from pellucid.store.artifacts import load_artifact, save_artifact
from pellucid.store.check import check_files
from pellucid.store.lake import Lake, systems
from pellucid.store.maintenance import compact
from pellucid.store.reader import read_rows, snapshot, time_span
from pellucid.store.writer import BatchKey, Writer

START = datetime(2026, 1, 1, tzinfo=UTC)
TIMESTAMP = pa.timestamp("us", tz="UTC")


def rows(first: int, last: int, *, hours: int = 1, **columns: object) -> pa.Table:
    count = last - first
    times = [START + timedelta(hours=hours * number) for number in range(first, last)]
    table = pa.table({"decision_id": [f"d{number}" for number in range(first, last)],
                      "decided_at": pa.array(times, TIMESTAMP)})  # fmt: skip
    for name, value in columns.items():
        table = table.append_column(name, pa.array([value] * count))
    return table


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path, "system")


def ids(lake: Lake) -> list[str]:
    return read_rows(lake, "decisions", ["decision_id"]).column("decision_id").to_pylist()


def test_a_batch_key_is_used_once(lake: Lake) -> None:
    writer = Writer(lake)
    first = writer.append(DECISIONS, rows(0, 10), key=BatchKey("file", 1))
    assert (first.stored, first.was_committed) == (10, False)
    assert writer.append(DECISIONS, rows(0, 99), key=BatchKey("file", 1)).was_committed
    assert writer.append(DECISIONS, rows(10, 20), key=BatchKey("file", 2)).stored == 10
    # Another table, and another source, have keys of their own.
    assert not writer.is_committed(OUTCOMES, BatchKey("file", 1))
    assert not writer.is_committed(DECISIONS, BatchKey("other", 1))


def test_a_batch_of_duplicates_still_uses_its_key(lake: Lake) -> None:
    writer = Writer(lake)
    writer.append(DECISIONS, rows(0, 10))
    receipt = writer.append(DECISIONS, rows(0, 10), key=BatchKey("file", 1))
    assert (receipt.stored, receipt.duplicates) == (0, 10)
    assert writer.append(DECISIONS, rows(0, 10), key=BatchKey("file", 1)).was_committed


def test_a_stale_writer_sees_what_another_stored(lake: Lake) -> None:
    one, other = Writer(lake), Writer(lake)
    one.append(DECISIONS, rows(0, 10))
    other.append(DECISIONS, rows(5, 15))
    assert one.append(DECISIONS, rows(0, 20)).stored == 5
    assert sorted(ids(lake)) == sorted(f"d{number}" for number in range(20))


def test_a_hash_collision_costs_no_row(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from pellucid.store import duplicates

    monkeypatch.setattr(
        duplicates, "row_keys", lambda table, names: np.zeros(table.num_rows, np.uint64)
    )
    writer = Writer(lake)
    assert writer.append(DECISIONS, rows(0, 10)).stored == 10
    assert writer.append(DECISIONS, rows(5, 15)).stored == 5


def test_a_snapshot_is_pruned_by_day(lake: Lake) -> None:
    Writer(lake).append(DECISIONS, rows(0, 72))
    day = START + timedelta(days=1)
    assert snapshot(lake, "decisions").row_count == 72
    assert snapshot(lake, "decisions", start=day, end=day + timedelta(days=1)).row_count == 24
    assert snapshot(lake, "decisions", start=day).row_count == 48
    assert snapshot(lake, "decisions", end=day + timedelta(microseconds=1)).row_count == 48
    assert snapshot(lake, "outcomes").files == ()
    assert time_span(lake, "decisions") == (START, START + timedelta(hours=71))
    assert time_span(lake, "outcomes") is None


def test_columns_appear_and_rows_are_whole(lake: Lake) -> None:
    writer = Writer(lake)
    writer.append(DECISIONS, rows(0, 2))
    writer.append(DECISIONS, rows(2, 4, country="BR", raw_score=1.5))
    writer.append(DECISIONS, rows(4, 6))
    assert "country" in snapshot(lake, "decisions").schema.names
    assert len(ids(lake)) == 6


def test_other_readers_see_the_same_table(lake: Lake) -> None:
    Writer(lake).append(DECISIONS, rows(0, 30, country="BR"))
    table = pa.table(DeltaTable(lake.uri("decisions")).to_pyarrow_table())
    assert table.num_rows == 30
    assert set(table.column("day").to_pylist()) == {"2026-01-01", "2026-01-02"}


def test_compaction_joins_files_and_removes_orphans(lake: Lake) -> None:
    writer = Writer(lake)
    for part in range(6):
        writer.append(DECISIONS, rows(4 * part, 4 * part + 4))
    orphan = Path(lake.uri("decisions")) / "day=2026-01-01" / "orphan.parquet"
    orphan.write_bytes(b"half a file")
    assert any("belong to no commit" in finding.what for finding in check_files(lake))
    before = sorted(ids(lake))
    done = {item.table: item for item in compact(lake, keep=timedelta(0))}["decisions"]
    assert (done.files_before, done.files_after) == (6, 1)
    assert not orphan.exists()
    assert sorted(ids(lake)) == before
    # A writer that knew the old files knows the rows in the new one.
    assert writer.append(DECISIONS, rows(0, 24)).stored == 0


def test_a_table_has_weights_once_it_holds_a_sample(lake: Lake) -> None:
    """So its schema alone tells a reader, before any file is opened, what a query costs."""
    writer = Writer(lake)
    writer.append(DECISIONS, rows(0, 4))
    writer.append(DECISIONS, rows(4, 8, sample_weight=1.0))
    missing = rows(8, 12, sample_weight=1.0).set_column(2, "sample_weight", pa.nulls(4, "float64"))
    writer.append(DECISIONS, missing)
    writer.append(DECISIONS, fixed_schema(DECISIONS).empty_table(), key=BatchKey("file", 1))
    assert "sample_weight" not in snapshot(lake, "decisions").schema.names
    writer.append(DECISIONS, rows(12, 16, sample_weight=2.0))
    assert "sample_weight" in snapshot(lake, "decisions").schema.names
    stored = read_rows(lake, "decisions", ["decision_id", "sample_weight"]).sort_by("decision_id")
    weights = dict(zip(*(stored.column(n).to_pylist() for n in stored.column_names), strict=True))
    assert weights == {f"d{n}": 2.0 if n >= 12 else None for n in range(16)}
    compact(lake, keep=timedelta(0))
    assert "sample_weight" in snapshot(lake, "decisions").schema.names


def test_the_first_batch_may_be_a_sample(lake: Lake) -> None:
    Writer(lake).append(DECISIONS, rows(0, 4, sample_weight=2.0))
    assert "sample_weight" in snapshot(lake, "decisions").schema.names


@pytest.mark.parametrize("harm", ["delete", "cut", "swap"])
def test_a_check_finds_harmed_files(lake: Lake, harm: str) -> None:
    writer = Writer(lake)
    writer.append(DECISIONS, rows(0, 24))
    writer.append(DECISIONS, rows(24, 30))
    first, second = (Path(path) for path in snapshot(lake, "decisions").files[:2])
    if harm == "delete":
        first.unlink()
    elif harm == "cut":
        first.write_bytes(first.read_bytes()[:100])
    else:
        first.write_bytes(second.read_bytes())
    errors = [finding for finding in check_files(lake) if finding.severity == "error"]
    assert len(errors) == 1
    assert first.name in errors[0].what


def test_a_broken_log_is_a_clear_error(lake: Lake) -> None:
    Writer(lake).append(DECISIONS, rows(0, 4))
    log = Path(lake.uri("decisions")) / "_delta_log"
    for entry in log.glob("*.json"):
        entry.write_text("{not json")
    with pytest.raises(StoreError, match="table 'decisions'"):
        lake.open("decisions")


def test_artifacts_are_checked_against_their_hash(lake: Lake) -> None:
    uri, digest = save_artifact(lake, b"tree", suffix=".txt")
    assert load_artifact(lake, uri, sha256=digest) == b"tree"
    assert save_artifact(lake, b"tree", suffix=".txt") == (uri, digest)
    with pytest.raises(StoreError, match="log the model again"):
        load_artifact(lake, uri, sha256="0" * 64)
    with pytest.raises(StoreError, match="cannot be read"):
        load_artifact(lake, "artifacts/none", sha256=digest)
    Path(lake.uri(uri)).write_bytes(b"other")
    with pytest.raises(StoreError):
        load_artifact(lake, uri, sha256=digest)


def test_systems_are_the_folders_with_a_spec(tmp_path: Path) -> None:
    (tmp_path / "a" / "audit").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    assert systems(tmp_path) == ("a",)
    assert systems(tmp_path / "none") == ()
