"""What an attack on the product found: each once gave a false answer, or lost rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pellucid.errors import DataError, SpecError, StoreError
from pellucid.log.client import Logger
from pellucid.observatory import open_system
from pellucid.spec.bind import check_system
from pellucid.spec.system import (
    Column,
    Dimension,
    Feature,
    Layer,
    Metric,
    Outcome,
    Segment,
    System,
)  # fmt: skip
from pellucid.store.check import check_files
from pellucid.store.maintenance import compact
from pellucid.store.reader import snapshot

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIMESTAMP = pa.timestamp("us", tz="UTC")
SYSTEM = System(
    name="attacked", dimensions=(Dimension(name="country"),), layers=(Layer(name="fees"),),
    outcomes=(Outcome(name="approved", matures_after="1h"),),
)  # fmt: skip


def rows(count: int, *, at: datetime = NOON, **columns: object) -> pa.Table:
    table = {
        "decision_id": [f"d{n}" for n in range(count)],
        "decided_at": pa.array([at + timedelta(seconds=n) for n in range(count)], TIMESTAMP),
    }
    return pa.table({**table, **columns})  # fmt: skip


def count_of(root: Path) -> float:
    return open_system(root).query("decision_count", over="1d").rows.column("value")[0].as_py()


def test_compaction_changes_no_answer(tmp_path: Path) -> None:
    """It once cut the latest instant to milliseconds, and so hid the newest record."""
    log = Logger(SYSTEM, to=tmp_path)
    for number in range(4):
        at = NOON + timedelta(seconds=number, microseconds=999)
        log.decisions(rows(1, at=at, decision_id=[f"k{number}"]))
    obs = open_system(tmp_path)
    before = (obs.span(), obs.latest(), count_of(tmp_path))
    compact(obs.lake, keep=timedelta(0))
    obs = open_system(tmp_path)
    assert (obs.span(), obs.latest(), count_of(tmp_path)) == before == (
        (NOON + timedelta(microseconds=999), NOON + timedelta(seconds=3, microseconds=999)),
        NOON + timedelta(seconds=3, microseconds=999), 4.0,
    )  # fmt: skip


def test_refused_rows_of_two_frames_are_both_kept(tmp_path: Path) -> None:
    log = Logger(SYSTEM, to=tmp_path)
    log.decisions(rows(3, propensity=[0.0, 0.5, 1.5]))
    log.decisions(rows(3, propensity=[-1.0, 0.5, 0.4]))
    assert open_system(tmp_path).records.rows("quarantine").num_rows == 3


def test_rows_refused_under_one_spec_are_taken_under_the_next(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.parquet"
    pq.write_table(pa.table({"decision_id": ["a", "b"], "outcome": ["fraud", "approved"],
                             "value": [1, 0], "outcome_at": pa.array([NOON] * 2, TIMESTAMP)}),
                   path)  # fmt: skip
    lake = tmp_path / "lake"
    assert Logger(SYSTEM, to=lake).outcomes(path).refused == 1
    wider = System(
        name="attacked", outcomes=(*SYSTEM.outcomes, Outcome(name="fraud", matures_after="1d"))
    )
    report = Logger(wider, to=lake).outcomes(path)
    assert (report.stored, report.duplicates) == (1, 1)


def test_flipped_bits_are_found(tmp_path: Path) -> None:
    log = Logger(SYSTEM, to=tmp_path)
    log.decisions(rows(5000, amount_minor=list(range(5000))))
    lake = open_system(tmp_path).lake
    file = Path(snapshot(lake, "decisions").files[0])
    whole = file.read_bytes()
    footer = pq.ParquetFile(file).metadata
    found = 0
    places = [footer.row_group(0).column(n).data_page_offset + 60 for n in range(3)]
    for place in places:
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        found += any(finding.severity == "error" for finding in check_files(lake))
    assert found == len(places)


@pytest.mark.parametrize("name", ["level", "value", "n", "segment", "metric", "day", "m0", "period",
                                  "pick_me", "chosen_x", "raw_x", "approved_mature"])  # fmt: skip
def test_a_dimension_cannot_take_the_name_of_a_column_of_answers(name: str) -> None:
    with pytest.raises(SpecError, match="rename it"):
        check_system(System(name="a", dimensions=(Dimension(name=name),),
                            outcomes=SYSTEM.outcomes))  # fmt: skip


def test_other_clashes_are_told() -> None:
    system = System(
        name="a", features=(Feature(name="age"), Feature(name="Age")),
        segments=(Segment(name="all", where="attempt = 1"),),
        outcomes=(Outcome(name="x", matures_after="1h", rate="r"),
                  Outcome(name="y", matures_after="1h", rate="r"),
                  Outcome(name="z", matures_after="1h", kind="amount", is_predicted=True)),
    )  # fmt: skip
    with pytest.raises(SpecError) as caught:
        check_system(system)
    assert len(caught.value.problems) == 4


def test_retries_that_are_not_numbered_are_refused(tmp_path: Path) -> None:
    """They once all passed for first attempts, and a payment counted twice."""
    log = Logger(SYSTEM, to=tmp_path)
    with pytest.raises(DataError, match="attempt: absent, though requests repeat"):
        log.decisions(rows(3, request_id=["p", "p", "q"]))
    log.decisions(rows(3, request_id=["p", "p", "q"], attempt=[1, 1, 1]))
    assert any("several first attempts" in f.what for f in open_system(tmp_path).check())


@pytest.mark.parametrize("harm", ["emptied", "removed"])
def test_a_damaged_log_is_told_and_nothing_is_cleared_away(tmp_path: Path, harm: str) -> None:
    log = Logger(SYSTEM, to=tmp_path)
    for number in range(3):
        log.decisions(rows(2, decision_id=[f"{number}a", f"{number}b"]))
    lake = open_system(tmp_path).lake
    commit = Path(lake.uri("decisions")) / "_delta_log" / f"{2:020d}.json"
    commit.write_bytes(b"") if harm == "emptied" else commit.unlink()
    files = sorted(Path(lake.uri("decisions")).rglob("*.parquet"))
    with pytest.raises(StoreError):
        compact(lake, keep=timedelta(0))
    assert sorted(Path(lake.uri("decisions")).rglob("*.parquet")) == files


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch) -> None:
    from pellucid.store import parquet

    log = Logger(SYSTEM, to=tmp_path)
    log.decisions(rows(2))

    def refuse(paths: list[str]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet, "make_files_durable", refuse)
    with pytest.raises(StoreError, match="No space left"):
        log.decisions(rows(2, decision_id=["x", "y"]))
    monkeypatch.undo()
    assert not [f for f in open_system(tmp_path).check() if f.severity != "ok"]
    assert log.decisions(rows(2, decision_id=["x", "y"])).stored == 2


def test_a_declared_column_that_nobody_logged_is_null(tmp_path: Path) -> None:
    Logger(SYSTEM, to=tmp_path).decisions(rows(3))
    answer = open_system(tmp_path).query("override_rate", "decision_count", by=["country"],
                                         over="1d").rows.to_pylist()  # fmt: skip
    assert [row["n"] for row in answer] == [0, 0, 3, 3]


def test_a_mapping_keeps_columns_that_are_named_already_and_tells_the_rest(tmp_path) -> None:
    system = System(name="m", dimensions=(Dimension(name="country"),), columns=(
        Column(table="decisions", field="decision_id", source="pid"),
        Column(table="decisions", field="decided_at", source="ts")))  # fmt: skip
    table = rows(2).rename_columns(["pid", "ts"])
    table = table.append_column("country", pa.array(["BR", "DE"]))
    table = table.append_column("chosen", pa.array(["x", "y"]))
    report = Logger(system, to=tmp_path).decisions(table.append_column("colour", pa.array([1, 2])))
    assert report.ignored == ("colour",)
    assert "not mapped by the spec, so not stored: colour" in str(report)
    stored = open_system(tmp_path).records.rows("decisions").sort_by("decision_id")
    assert stored.column("country").to_pylist() == ["BR", "DE"]
    assert stored.column("chosen").to_pylist() == ["x", "y"]


def test_values_that_would_be_silently_wrong_are_refused(tmp_path: Path) -> None:
    log = Logger(SYSTEM, to=tmp_path)
    outcome = pa.table({"decision_id": ["a", "b", "c"], "outcome": ["approved"] * 3,
                        "value": [0.5, -3.0, 1.0],
                        "outcome_at": pa.array([NOON] * 3, TIMESTAMP)})  # fmt: skip
    assert log.outcomes(outcome).refused == 2
    floats = rows(3, decision_id=[2.0**53 + 2, 2.0**53 + 4, 5.0])
    assert log.decisions(floats).refused == 2
    dates = rows(1, decided_at=pa.array([NOON.date()]))
    with pytest.raises(DataError, match="a date is not an instant"):
        log.decisions(dates)
    candidates = rows(2, candidate_id=["a", "b"], ineligible_reason=["cap", None])
    assert log.candidates(candidates).refused == 1


def test_a_null_currency_does_not_pass_for_another(tmp_path: Path) -> None:
    log = Logger(SYSTEM, to=tmp_path)
    log.decisions(rows(2, amount_minor=[500, 100], currency=["EUR", None]))
    row = open_system(tmp_path).query("amount", over="1d").rows.to_pylist()[0]
    assert row["value"] is None
    assert "mixed currencies" in row["note"]


def test_a_metric_of_an_unknown_kind_is_not_computed_as_another(tmp_path: Path) -> None:
    Logger(SYSTEM, to=tmp_path).decisions(rows(2))
    obs = open_system(tmp_path)
    with pytest.raises(SpecError, match="no finalizer 'median'"):
        obs.query(Metric(name="m", finalizer="median", value="amount_minor"))
    with pytest.raises(SpecError, match="twice"):
        obs.query("decision_count", by=["country", "country"])
    with pytest.raises(SpecError, match="confidence"):
        obs.query("decision_count", confidence=0)


def test_a_story_tells_what_was_picked_even_without_its_candidates(tmp_path: Path) -> None:
    log = Logger(SYSTEM, to=tmp_path)
    log.decisions(rows(1, chosen=["a"]))
    log.decisions(rows(1, at=NOON + timedelta(days=3), decision_id=["later"]))
    told = str(open_system(tmp_path).explain("d0"))
    assert "Picked: a." in told
    assert "Approved: due since 2026-06-01 13:00 UTC, and never recorded." in told


@pytest.mark.parametrize("kind", ["plain", "categorical", "enum"])
def test_polars_frames_with_refused_rows(tmp_path: Path, kind: str) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.from_arrow(rows(2, propensity=[2.0, 0.5], country=["BR", "DE"]))
    kinds = {"categorical": polars.Categorical, "enum": polars.Enum(["BR", "DE"])}
    if kind in kinds:
        frame = frame.with_columns(polars.col("country").cast(kinds[kind]))
    report = Logger(SYSTEM, to=tmp_path).decisions(frame)
    assert (report.stored, report.refused) == (1, 1)


def test_one_bad_cell_costs_its_row_and_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("decision_id,decided_at,country\n"
                    "a,2026-03-29 01:30:00,BR\n"       # does not exist in Berlin
                    "b,n/a,BR\n"
                    "c,2026-06-01T12:00:00Z,DE\n"
                    "d,2026-06-01 12:00:00,DE,too many\n"
                    'e,2026-06-01 12:00:00,"two\nlines"\n')  # fmt: skip
    report = Logger(SYSTEM, to=tmp_path / "lake").decisions(path, timezone="Europe/Berlin")
    assert (report.stored, report.refused) == (3, 2)
    assert "a line has 4 cells, expected 3" in str(report)
    stored = open_system(tmp_path / "lake").records.rows("decisions").sort_by("decision_id")
    assert stored.column("decided_at").to_pylist()[1:] == [NOON, NOON - timedelta(hours=2)]


def test_times_that_python_does_not_know_cost_their_row(tmp_path: Path) -> None:
    far = pa.array([NOON.timestamp() * 1e6, 9e18, -9e18]).cast(pa.int64()).cast(TIMESTAMP)
    report = Logger(SYSTEM, to=tmp_path).decisions(rows(3, decided_at=far))
    assert (report.stored, report.refused) == (1, 2)
    nanos = rows(2, decided_at=pa.array([1, 2], pa.timestamp("ns", tz="UTC")), attempt=[0, 1])
    assert Logger(SYSTEM, to=tmp_path).decisions(nanos).refused == 1
