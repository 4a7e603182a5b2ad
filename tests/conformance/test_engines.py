"""Every engine gives every metric, breakdown and expression the same measures."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pellucid.engine.arrow import ArrowEngine
from pellucid.engine.duckdb import DuckDBEngine
from pellucid.log.client import Logger
from pellucid.metrics.catalogue import catalogue
from pellucid.observatory import Observatory, open_system
from pellucid.store.lake import Lake
from pellucid.testing.scenarios import START, small_lake, small_records, small_system
from pellucid.windows import Window

WEEK = Window(START, START + timedelta(days=7))
DAY_2_TO_5 = Window(START + timedelta(days=1, hours=3), START + timedelta(days=5))
LATE = Window(START + timedelta(days=4), START + timedelta(days=9))

BY = {
    "decision": [(), ("country",), ("country", "card"), ("route", "country"), ("processor",),
                 ("arm", "approved_reason"), ("pick_model", "pick_fees", "chosen"), ("attempt",)],
    "request": [(), ("country",), ("route", "card"), ("chargeback_blame",)],
    "candidate": [(), ("route",), ("processor", "country"), ("card", "ineligible_reason"),
                  ("is_eligible",), ("arm", "attempt")],
}  # fmt: skip
WHERE = {
    "decision": [
        "", "amount_minor > 5000 AND country IN ('BR', 'DE')", "country IS NULL OR card = 'debit'",
        "NOT (country = 'BR')", "country NOT IN ('BR', 'MX')", "approved_mature AND approved = 1",
        "amount_minor / 0 IS NULL", "amount_minor / 100 BETWEEN 10 AND 50", "amount_minor % 7 = 3",
        "CASE WHEN country = 'BR' THEN amount_minor ELSE 0 END > 100",
        "CASE card WHEN 'debit' THEN TRUE ELSE FALSE END", "coalesce(country, 'none') = 'none'",
        "hour(decided_at) >= 12", "isodow(decided_at) = 2", "upper(card) = 'DEBIT'",
        "decided_at >= CAST('2026-03-04T00:00:00Z' AS TIMESTAMPTZ)",
        "least(amount_minor, 100) = 100", "greatest(amount_minor, 100) > 100",
        "abs(-amount_minor) > 100", "sqrt(amount_minor) > 50", "ln(amount_minor) < 8",
        "exp(chosen_raw_score) > 1", "lower(country) <> 'br'", "approved IS NOT NULL",
        "sample_weight = 1", "-chosen_raw_score > 0", "chosen_raw_score * 2 + 1 - 0.5 > 0",
        "(country = 'BR') IS TRUE", "chosen_probability > 0.5 OR NULL",
    ],
    "request": ["", "card = 'debit'", "approved = 1", "amount_minor > 100 AND approved_mature"],
    "candidate": ["", "f_amount > 0", "f_bank = 'a' AND is_eligible", "layer_fees < 0",
                  "card = 'debit'", "probability > 0.5"],
}  # fmt: skip
BOTH = pytest.mark.parametrize("lake", ["all", "a sample"], indirect=True)


@pytest.fixture(scope="session")
def lake(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    root = tmp_path_factory.mktemp("lake")
    if getattr(request, "param", "all") == "all":
        small_lake(root, seed=11)
    else:
        sampled_lake(root)
    return Lake.at(root, small_system().name)


def sampled_lake(root: Path) -> None:
    """Records whose first third has no weight, the next a null or 1, the rest weights.

    Three decisions are gone, though their candidates and outcomes are not.
    """
    records = small_records(13)
    numbers = [int(text[1:]) for text in records["decisions"].column("request_id").to_pylist()]
    weights = pa.array([(2.5, 4.0, 1.0, 12.0)[number % 4] for number in numbers])
    decisions = records.pop("decisions").append_column("sample_weight", weights)
    third = decisions.num_rows // 3
    bare = decisions.slice(0, 2 * third).drop_columns("sample_weight")
    ones = pa.array([None if number % 2 else 1.0 for number in range(third)], pa.float64())
    log = Logger(small_system(), to=root)
    log.decisions(bare.slice(0, third)).raise_for_refused()
    log.decisions(bare.slice(third).append_column("sample_weight", ones)).raise_for_refused()
    log.decisions(decisions.slice(2 * third + 3)).raise_for_refused()
    for name, rows in records.items():
        log.table(name, rows).raise_for_refused()


@pytest.fixture(scope="session")
def engines(lake: Lake) -> tuple[Observatory, Observatory]:
    return Observatory(lake, engine=DuckDBEngine()), Observatory(lake, engine=ArrowEngine())


def assert_same(engines: tuple[Observatory, Observatory], *metrics, **options) -> pa.Table:
    tested, reference = (obs.query(*metrics, **options).rows for obs in engines)
    assert tested.schema == reference.schema
    assert tested.num_rows == reference.num_rows
    for name in reference.column_names:
        for row, (got, want) in enumerate(
            zip(tested.column(name).to_pylist(), reference.column(name).to_pylist(), strict=True)
        ):
            if isinstance(want, float):
                assert got == pytest.approx(want, rel=1e-9, abs=1e-12), (name, row)
            else:
                assert got == want, (name, row)
    return tested


def names_of(unit: str) -> list[str]:
    return [m.name for m in catalogue(small_system()).values() if m.unit == unit]


@BOTH
@pytest.mark.parametrize("metric", list(catalogue(small_system())))
def test_every_metric_agrees_over_windows_segments_and_grain(engines, metric: str) -> None:
    rows = assert_same(
        engines, metric, by=["country"], over=[WEEK, DAY_2_TO_5, LATE], grain="1d",
        segments=["large", "at_night"],
    )  # fmt: skip
    assert rows.num_rows > 20


@BOTH
@pytest.mark.parametrize(
    ("unit", "by"), [(unit, by) for unit, choices in BY.items() for by in choices], ids=str
)
def test_every_breakdown_agrees(engines, unit: str, by: tuple[str, ...]) -> None:
    assert_same(engines, *names_of(unit), by=by, over=WEEK)


@pytest.mark.parametrize(
    ("unit", "where"), [(unit, text) for unit, texts in WHERE.items() for text in texts], ids=str
)
def test_every_expression_agrees(engines, unit: str, where: str) -> None:
    assert_same(engines, *names_of(unit), by=["route"], where=where, over=WEEK)


@pytest.mark.parametrize("grain", ["1h", "1d", "1w"])
def test_every_grain_agrees_and_starts_on_a_whole_one(engines, grain: str) -> None:
    rows = assert_same(engines, "decision_count", "amount", grain=grain, over=WEEK)
    starts = set(rows.column("start_at").to_pylist())
    assert all(start.minute == 0 for start in starts)
    if grain == "1w":
        assert {start.isoweekday() for start in starts} == {1}


@BOTH
@pytest.mark.parametrize("hours", [30, 60, 100, 250])
def test_agrees_as_of_any_instant(engines, hours: int) -> None:
    as_of = START + timedelta(hours=hours)
    rows = assert_same(engines, *catalogue(small_system()), by=["country"], over=WEEK, as_of=as_of)
    assert rows.num_rows


@BOTH
def test_an_empty_window_has_a_total_of_nothing(engines) -> None:
    empty = Window(START - timedelta(days=30), START - timedelta(days=20))
    rows = assert_same(engines, *catalogue(small_system()), by=["country"], over=empty)
    assert set(rows.column("level").to_pylist()) == {""}
    assert set(rows.column("n").to_pylist()) == {0}
    values = dict(
        zip(*(rows.column(name).to_pylist() for name in ("metric", "value")), strict=True)
    )
    assert values["decision_count"] == 0
    assert values["approval_rate"] is None


@pytest.mark.parametrize("lake", ["a sample"], indirect=True)
@pytest.mark.parametrize(
    ("unit", "where"),
    [("decision", "sample_weight > 2"), ("request", "sample_weight = 1 OR card = 'debit'"),
     ("candidate", "sample_weight <> 12"), ("candidate", "card = 'debit'")],
)  # fmt: skip
def test_a_weight_can_be_filtered_on(engines, unit: str, where: str) -> None:
    rows = assert_same(engines, *names_of(unit), by=["route"], where=where, over=WEEK)
    assert rows.num_rows


def test_open_finds_the_only_system(lake: Lake) -> None:
    assert open_system(lake.root).system.name == small_system().name
