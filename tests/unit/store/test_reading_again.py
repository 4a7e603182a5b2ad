"""A table that is read again is as it is then, whatever happened to it in between."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

import pellucid
from pellucid.store.lake import Lake
from pellucid.store.maintenance import compact
from pellucid.store.reader import snapshot, state_of, time_span
from pellucid.testing.scenarios import small_lake, small_system

NAME = small_system().name


def opened(root: Path, seed: int = 0) -> Lake:
    small_lake(root, seed)
    return Lake.at(root, NAME)


def outcome(lake: Lake) -> pa.Table:
    decision = pellucid.open(lake.root).decisions(over="365d", most=1).to_pylist()[0]
    at = decision["decided_at"] + timedelta(days=1)
    return pa.table({
        "decision_id": [decision["decision_id"]], "outcome": [small_system().outcomes[0].name],
        "value": [1.0], "outcome_at": [at], "recorded_at": [at],
    })  # fmt: skip


def test_what_is_logged_is_seen_at_once(tmp_path: Path) -> None:
    lake = opened(tmp_path)
    before, state = snapshot(lake, "outcomes").row_count, state_of(lake)
    assert snapshot(lake, "outcomes").row_count == before
    assert state_of(lake) == state
    pellucid.Logger(NAME, to=tmp_path).outcomes(outcome(lake)).raise_for_refused()
    assert snapshot(lake, "outcomes").row_count == before + 1
    assert state_of(lake) != state


def test_compaction_changes_the_files_and_no_row(tmp_path: Path) -> None:
    lake = opened(tmp_path)
    pellucid.Logger(NAME, to=tmp_path).outcomes(outcome(lake)).raise_for_refused()
    before = snapshot(lake, "outcomes")
    compact(lake)
    after = snapshot(lake, "outcomes")
    assert after.row_count == before.row_count
    assert after.files != before.files
    assert all(Path(path).exists() for path in after.files)


def test_a_system_deleted_and_logged_anew_is_the_new_one(tmp_path: Path) -> None:
    lake = opened(tmp_path / "lake")
    first = snapshot(lake, "decisions")
    shutil.rmtree(tmp_path / "lake")
    assert snapshot(lake, "decisions").files == ()
    assert time_span(lake, "decisions") is None
    opened(tmp_path / "lake", seed=1)
    again = snapshot(lake, "decisions")
    assert again.files
    assert again.files != first.files
