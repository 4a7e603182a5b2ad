"""Bulk logging: every kind of frame, every kind of bad input, nothing good lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from pellucid.errors import DataError, StoreError, UnknownNameError
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Column, Dimension, Feature, Outcome, System
from pellucid.store.lake import Lake

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIMESTAMP = pa.timestamp("us", tz="UTC")
SYSTEM = System(
    name="bulk",
    dimensions=(Dimension(name="country"),),
    features=(Feature(name="amount"), Feature(name="bank", kind="category")),
    outcomes=(Outcome(name="approved", matures_after="2h"),),
)


@pytest.fixture
def log(tmp_path: Path) -> Logger:
    return Logger(SYSTEM, to=tmp_path / "lake")


def opened(log: Logger) -> Observatory:
    return Observatory(log._sink.bulk.lake)


def good(count: int = 5, **columns: object) -> pa.Table:
    rows = pa.table({
        "decision_id": [f"d{n}" for n in range(count)],
        "decided_at": pa.array([NOON + timedelta(minutes=n) for n in range(count)], TIMESTAMP),
    })  # fmt: skip
    for name, values in columns.items():
        rows = rows.append_column(name, pa.array(values))
    return rows


def candidates(**columns: object) -> pa.Table:
    rows = good().append_column("candidate_id", pa.array(list("abcde")))
    for name, values in columns.items():
        rows = rows.append_column(name, pa.array(values))
    return rows


def test_every_kind_of_frame_is_taken(log: Logger) -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    arrow = good(country=["BR", None, "DE", "BR", "MX"])
    frames = [arrow, arrow.to_reader(), pandas.DataFrame(arrow.to_pydict(), index=list("vwxyz")),
              polars.from_arrow(arrow), duckdb.connect().from_arrow(arrow)]  # fmt: skip
    reports = [log.decisions(frame) for frame in frames]
    assert [report.stored for report in reports] == [5, 0, 0, 0, 0]
    assert [report.duplicates for report in reports] == [0, 5, 5, 5, 5]
    rows = opened(log).records.rows("decisions").sort_by("decision_id")
    assert rows.column("country").to_pylist() == ["BR", None, "DE", "BR", "MX"]
    assert rows.column("request_id").to_pylist() == [f"d{n}" for n in range(5)]
    assert rows.column("attempt").to_pylist() == [1] * 5


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_file_is_logged_once(log: Logger, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows.{suffix}"
    rows = good(country=["NA", "DE", "", "BR", "MX"], amount_minor=[1, 2, 3, 4, 5])
    if suffix == "parquet":
        pq.write_table(rows, path)
    else:
        csv.write_csv(rows, path)
    assert log.decisions(path).stored == 5
    again = log.decisions(path)
    assert (again.stored, again.committed_before) == (0, 5)
    stored = opened(log).records.rows("decisions").sort_by("decision_id")
    # Namibia is not a missing value.
    assert stored.column("country").to_pylist()[:2] == ["NA", "DE"]
    assert stored.column("decided_at").to_pylist()[0] == NOON


def test_the_same_batch_id_twice_changes_nothing(log: Logger) -> None:
    assert log.decisions(good(), batch_id="monday").stored == 5
    assert log.decisions(good(9), batch_id="monday").committed_before == 9
    assert log.decisions(good(9), batch_id="tuesday").stored == 4


BAD_ROWS = [
    ("decisions", {"propensity": [0.0, 0.5, 1.5, -0.1, None]}, [0, 2, 3], "propensity is"),
    ("decisions", {"chosen_raw_score": [float("nan"), 1.0, float("inf"), None, 2.0]}, [0, 2],
     "chosen_raw_score is"),
    ("decisions", {"country": ["x" * 10_000_000, "BR", None, "DE", "MX"]}, [0], "longer than"),
    ("decisions", {"amount_minor": ["12", "twelve", None, "1.5", "7"]}, [1, 3],
     "amount_minor is not a valid whole number"),
    ("decisions", {"arm": ["ml", "champion", None, "control", "explore"]}, [1], "arm is not one"),
    ("decisions", {"attempt": [0, 1, 2, None, 3]}, [0], "attempt is below 1"),
    ("candidates", {"f_amount": ["1.5", "a lot", None, "2", "nan"]}, [1],
     "f_amount is not a valid number"),
    ("candidates", {"f_amount": [float("inf"), float("nan"), 1.0, None, 2.0]}, [0],
     "f_amount is infinite"),
    ("candidates", {"is_eligible": ["yes", "maybe", None, "0", "true"]}, [1],
     "is_eligible is not a valid true/false"),
    ("candidates", {"probability": [0.5, 1.01, -0.01, None, 1.0]}, [1, 2], "probability is"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "columns", "refused", "words"), BAD_ROWS,
                         ids=[f"{case[0]}-{next(iter(case[1]))}-{n}"
                              for n, case in enumerate(BAD_ROWS)])  # fmt: skip
def test_bad_rows_are_quarantined_and_good_ones_stored(
    log: Logger, table: str, columns: dict, refused: list[int], words: str
) -> None:
    rows = good(**columns) if table == "decisions" else candidates(**columns)
    report = log.table(table, rows)
    assert (report.refused, report.stored) == (len(refused), 5 - len(refused))
    assert words in str(report)
    kept = opened(log).records.rows("quarantine").sort_by("row").to_pylist()
    assert [row["row"] for row in kept] == refused
    assert all(words in " ".join(row["reasons"]) for row in kept)
    assert json.loads(kept[0]["record"])["decision_id"] == f"d{refused[0]}"
    with pytest.raises(DataError, match=words):
        report.raise_for_refused()


def test_a_row_gives_all_its_reasons_and_a_batch_all_its_violations(log: Logger) -> None:
    report = log.decisions(good(propensity=[2.0, 0.5, 0.5, 0.5, 0.5], attempt=[0, 1, 1, 1, 0]))
    reasons = opened(log).records.rows("quarantine").sort_by("row").column("reasons").to_pylist()
    assert [len(reason) for reason in reasons] == [2, 1]
    assert len(report.violations) == 2


def test_missing_ids_and_future_times_are_refused(log: Logger) -> None:
    times = [NOON, None, datetime(2999, 1, 1, tzinfo=UTC), NOON, NOON]
    rows = pa.table({"decision_id": ["a", "b", "c", None, ""],
                     "decided_at": pa.array(times, TIMESTAMP)})  # fmt: skip
    report = log.decisions(rows)
    assert report.stored == 1
    told = str(report)
    for words in ("decided_at is missing", "decided_at is in the future", "decision_id is missing",
                  "decision_id is empty"):  # fmt: skip
        assert words in told


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (good(contry=list("abcde")), "contry: unknown column; did you mean 'country'"),
        (good().drop_columns(["decided_at"]), "decided_at: this column is required and absent"),
        (good(f_extra=[[1]] * 5), "f_extra: unknown column"),
        (pa.table({"decision_id": ["a"], "decided_at": pa.array([NOON.replace(tzinfo=None)])}),
         "no time zone"),
        (good(chosen=[{"a": 1}] * 5), "chosen: struct<a: int64> cannot be stored"),
        (good().append_column("decision_id", pa.array(list("abcde"))), "two columns of this name"),
    ],
    ids=["unknown", "absent", "feature-on-decision", "naive", "nested", "twice"],
)  # fmt: skip
def test_columns_that_cannot_fit_refuse_the_batch(log: Logger, rows: pa.Table, words: str) -> None:
    with pytest.raises(DataError, match=words):
        log.decisions(rows)
    assert opened(log).records.rows("decisions").num_rows == 0


def test_every_column_problem_is_in_one_error(log: Logger) -> None:
    rows = good(contry=list("abcde"), amuont_minor=[1] * 5).drop_columns(["decided_at"])
    with pytest.raises(DataError) as caught:
        log.decisions(rows)
    assert len(caught.value.violations) == 3


def test_naive_times_are_taken_with_a_zone(log: Logger) -> None:
    naive = pa.table({"decision_id": ["a"], "decided_at": pa.array([NOON.replace(tzinfo=None)])})
    assert log.decisions(naive, timezone="Europe/Berlin").stored == 1
    at = opened(log).records.rows("decisions").column("decided_at")[0].as_py()
    assert at == NOON - timedelta(hours=2)


def test_files_that_are_not_tables_are_told(log: Logger, tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    pq.write_table(good(2000), whole)
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(whole.read_bytes()[:-100])
    empty = tmp_path / "empty.csv"
    empty.touch()
    for path, words in ((cut, "cannot be read as Parquet"), (empty, "the file is empty"),
                        (tmp_path / "none.csv", "there is no file"),
                        (tmp_path, "there is no file")):  # fmt: skip
        with pytest.raises(DataError, match=words):
            log.decisions(path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="neither"):
        log.decisions(tmp_path / "notes.txt")
    with pytest.raises(DataError, match="no Arrow stream"):
        log.decisions([{"decision_id": "a"}])
    with pytest.raises(UnknownNameError, match="did you mean 'decisions'"):
        log.table("decision", good())


def test_an_empty_frame_stores_nothing(log: Logger) -> None:
    assert log.decisions(good(0)).stored == 0


def test_duplicate_ids_are_stored_once_and_counted(log: Logger) -> None:
    rows = pa.concat_tables([good(), good()])
    report = log.decisions(rows)
    assert (report.stored, report.duplicates) == (5, 5)


def test_an_outcome_waits_for_its_decision(log: Logger) -> None:
    outcome = pa.table({
        "decision_id": ["late"], "outcome": ["approved"], "value": [True],
        "outcome_at": pa.array([NOON], TIMESTAMP),
    })  # fmt: skip
    assert log.outcomes(outcome).stored == 1
    obs = opened(log)
    assert any("wait for a decision" in finding.what for finding in obs.check()) is False
    log.decisions(good(1))
    assert any("wait for a decision" in finding.what for finding in obs.check())


def test_an_outcome_that_the_spec_does_not_know_is_refused(log: Logger) -> None:
    rows = pa.table({
        "decision_id": ["a", "b"], "outcome": ["aproved", "approved"], "value": [1, 0],
        "outcome_at": pa.array([NOON] * 2, TIMESTAMP),
    })  # fmt: skip
    report = log.outcomes(rows)
    assert (report.stored, report.refused) == (1, 1)
    assert "outcome 'aproved' is not declared in the spec; did you mean 'approved'" in str(report)


def test_a_candidate_without_its_decision_is_kept_and_reported(log: Logger) -> None:
    assert log.candidates(candidates()).stored == 5
    log.decisions(good(2))
    found = [f.what for f in opened(log).check() if "not logged themselves" in f.what]
    assert found
    assert found[0].startswith("3 ")


def test_a_new_feature_adds_a_column_and_old_rows_read_null(log: Logger) -> None:
    log.candidates(candidates())
    later = candidates(f_new=[1, 2, 3, 4, 5], f_flag=[True] * 5)
    later = later.set_column(0, "decision_id", pa.array([f"e{n}" for n in range(5)]))
    log.candidates(later)
    rows = opened(log).records.rows("candidates").sort_by("decision_id")
    assert rows.column("f_new").to_pylist() == [None] * 5 + [1.0, 2.0, 3.0, 4.0, 5.0]
    assert rows.column("f_flag").to_pylist() == [None] * 5 + [True] * 5


def test_a_column_cannot_change_its_type(log: Logger) -> None:
    log.candidates(candidates(f_new=[1.5] * 5))
    text = candidates(f_new=list("abcde")).set_column(
        0, "decision_id", pa.array([f"e{n}" for n in range(5)])
    )
    with pytest.raises(DataError, match="f_new is string, stored as double"):
        log.candidates(text)


def test_mapped_columns_and_constants(tmp_path: Path) -> None:
    system = System(
        name="mapped", dimensions=(Dimension(name="country"),),
        columns=(Column(table="decisions", field="decision_id", source="ID"),
                 Column(table="decisions", field="decided_at", source="when"),
                 Column(table="decisions", field="arm", source="=control")),
    )  # fmt: skip
    log = Logger(system, to=tmp_path)
    rows = good().rename_columns(["ID", "when"]).append_column("other", pa.array(range(5)))
    assert log.decisions(rows).stored == 5
    assert set(opened(log).records.rows("decisions").column("arm").to_pylist()) == {"control"}
    with pytest.raises(DataError, match="when: mapped by the spec, absent here"):
        log.decisions(rows.drop_columns(["when"]))


def test_a_logger_by_name_needs_a_stored_spec(tmp_path: Path, log: Logger) -> None:
    nowhere = Logger("nowhere", to=tmp_path)
    with pytest.raises(StoreError, match="no system 'nowhere'"):
        nowhere.decisions(good())
    again = Logger("bulk", to=log._sink.bulk.lake.root)
    assert again.system == SYSTEM
    assert open_system(log._sink.bulk.lake.root).system == SYSTEM


def test_a_changed_spec_is_put_in_force_and_the_old_one_kept(tmp_path: Path) -> None:
    assert Logger(SYSTEM, to=tmp_path).system == SYSTEM
    assert Logger(SYSTEM, to=tmp_path).system == SYSTEM
    changed = System(name="bulk", dimensions=(Dimension(name="country"), Dimension(name="card")))
    assert Logger(changed, to=tmp_path).system == changed
    assert open_system(tmp_path).system == changed
    lake = Lake.at(tmp_path, "bulk")
    assert Observatory(lake).records.rows("audit").num_rows == 2
