"""The algebra that every answer rests on: merging, additivity, idempotence."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.engine.cells import merge
from pellucid.errors import SpecError
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.measure import Measure
from pellucid.store.hashing import row_keys
from pellucid.testing.scenarios import START, small_lake, small_records, small_system
from pellucid.windows import Window

WEEK = Window(START, START + timedelta(days=7))
MEASURES = (
    Measure(fold="count"),
    Measure(fold="sum", value="amount_minor"),
    Measure(fold="smallest", value="currency"),
    Measure(fold="largest", value="currency"),
)
CELLS = st.lists(
    st.tuples(
        st.sampled_from(["BR", "DE", None]), st.sampled_from(["x", "y", None]),
        st.integers(0, 10**6), st.integers(-(10**30), 10**30),
        st.one_of(st.none(), st.sampled_from(["EUR", "BRL"])),
        st.one_of(st.none(), st.sampled_from(["EUR", "BRL"])),
    ), max_size=25,
)  # fmt: skip
KINDS = [pa.string(), pa.string(), pa.int64(), pa.decimal128(38, 0), pa.string(), pa.string()]
NAMES = ["country", "route", "m0", "m1", "m2", "m3"]


def cells(rows: list[tuple]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [[] for _ in NAMES]
    return pa.table([pa.array(c, k) for c, k in zip(columns, KINDS, strict=True)], names=NAMES)


def as_set(table: pa.Table) -> set[tuple]:
    return {tuple(row.values()) for row in table.to_pylist()}


@given(CELLS)
def test_merging_in_steps_is_merging_at_once(rows: list[tuple]) -> None:
    table = cells(rows)
    by_both = merge(table, ["country", "route"], MEASURES)
    assert as_set(merge(by_both, ["country"], MEASURES)) == as_set(
        merge(table, ["country"], MEASURES)
    )
    by_country = merge(table, ["country"], MEASURES)
    assert as_set(merge(by_country, [], MEASURES)) == as_set(merge(table, [], MEASURES))


@given(CELLS, st.randoms())
def test_merging_does_not_depend_on_order_or_on_how_rows_are_split(rows, random) -> None:
    whole = as_set(merge(cells(rows), ["country"], MEASURES))
    shuffled = list(rows)
    random.shuffle(shuffled)
    cut = random.randint(0, len(rows))
    parts = [merge(cells(part), ["country"], MEASURES) for part in (shuffled[:cut], shuffled[cut:])]
    assert as_set(merge(pa.concat_tables(parts), ["country"], MEASURES)) == whole


@given(CELLS)
def test_merging_is_idempotent_and_empty_is_its_identity(rows: list[tuple]) -> None:
    once = merge(cells(rows), ["country", "route"], MEASURES)
    assert as_set(merge(once, ["country", "route"], MEASURES)) == as_set(once)
    with_nothing = pa.concat_tables([once, once.slice(0, 0)])
    assert as_set(merge(with_nothing, ["country", "route"], MEASURES)) == as_set(once)


@pytest.fixture(scope="module")
def obs(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    root = tmp_path_factory.mktemp("lake")
    small_lake(root, seed=23)
    return open_system(root)


COUNTED = ("decision_count", "request_count", "candidate_count", "approval_rate",
           "eligibility_rate", "request_approval_rate")  # fmt: skip


@pytest.mark.parametrize("metric", COUNTED)
def test_every_total_is_the_sum_of_its_parts(obs: Observatory, metric: str) -> None:
    by = ["country", "route"]
    rows = obs.query(metric, by=by, over=WEEK, grain="1d").rows.to_pylist()
    names = ("numerator", "denominator") if rows[0]["numerator"] is not None else ("n",)
    for name, depth in itertools.product(names, (0, 1)):
        for level in itertools.combinations(by, depth):
            totals = {
                (row["start_at"], *(row[k] for k in level)): row[name]
                for row in rows if row["level"] == ",".join(level)
            }  # fmt: skip
            sums: dict[tuple, float] = {}
            for row in rows:
                if row["level"] == ",".join(by):
                    key = (row["start_at"], *(row[k] for k in level))
                    sums[key] = sums.get(key, 0) + row[name]
            assert sums == totals


@pytest.mark.parametrize("metric", ["decision_count", "request_count", "approval_rate"])
def test_any_grain_adds_up_to_the_window(obs: Observatory, metric: str) -> None:
    whole = obs.query(metric, over=WEEK).rows.to_pylist()[0]
    for grain in ("1h", "1d", "1w"):
        rows = obs.query(metric, over=WEEK, grain=grain).rows.to_pylist()
        assert sum(row["n"] for row in rows) == whole["n"]


def test_shares_of_a_segment_add_up_to_one(obs: Observatory) -> None:
    rows = obs.query("traffic_share", by=["country", "route"], over=WEEK).finest.to_pylist()
    sums: dict[object, float] = {}
    for row in rows:
        sums[row["country"]] = sums.get(row["country"], 0) + row["value"]
    assert all(total == pytest.approx(1, abs=1e-12) for total in sums.values())


def test_overlapping_windows_in_one_scan_are_each_right(obs: Observatory) -> None:
    windows = [WEEK, Window(START + timedelta(days=2), START + timedelta(days=9)),
               Window(START + timedelta(days=3), START + timedelta(days=4))]  # fmt: skip
    together = obs.query("approval_rate", over=windows, by=["country"]).rows.to_pylist()
    apart = [
        row for window in windows
        for row in obs.query("approval_rate", over=window, by=["country"]).rows.to_pylist()
    ]  # fmt: skip
    key = lambda row: str(sorted((k, str(v)) for k, v in row.items()))  # noqa: E731
    assert sorted(map(key, together)) == sorted(map(key, apart))


TOGETHER = st.lists(
    st.tuples(
        st.lists(st.sampled_from([*COUNTED, "traffic_share", "amount"]), min_size=1, max_size=3,
                 unique=True),
        st.lists(st.sampled_from(["country", "route", "currency"]), max_size=2, unique=True),
        st.sampled_from(["", "1d"]), st.sampled_from([None, 1]),
    ), min_size=1, max_size=3,
)  # fmt: skip


@given(TOGETHER)
def test_questions_asked_together_are_answered_as_if_each_was_asked_alone(obs, wanted) -> None:
    windows = [WEEK, Window(START + timedelta(days=2), START + timedelta(days=9))]
    questions = [
        obs.question(*metrics, by=by, grain=grain, top=top, over=windows, where="attempt = 1")
        for metrics, by, grain, top in wanted
    ]  # fmt: skip
    together = obs.ask_together(questions)
    for question, found in zip(questions, together, strict=True):
        assert found.rows == obs.ask(question).rows


def test_questions_about_different_rows_are_not_answered_together(obs) -> None:
    one = obs.question("decision_count", over=WEEK)
    for other in (
        obs.question("decision_count", over=WEEK, where="attempt = 1"),
        obs.question("decision_count", over=Window(WEEK.start, WEEK.end - timedelta(days=1))),
    ):
        with pytest.raises(SpecError, match="must be alike"):
            obs.ask_together([one, other])
    days, hours = (obs.question("decision_count", over=WEEK, grain=grain) for grain in ("1d", "1h"))
    with pytest.raises(SpecError, match="must be alike"):
        obs.ask_together([days, hours])


@given(order=st.permutations(range(6)), again=st.lists(st.integers(0, 5), max_size=4))
def test_batches_in_any_order_any_number_of_times_store_the_same(
    order: list[int], again: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = small_records(3, requests=30)["decisions"]
    edges = np.linspace(0, rows.num_rows, 7).astype(int)
    root: Path = tmp_path_factory.mktemp("orders")
    log = Logger(small_system(), to=root)
    for index in [*order, *again]:
        # Batches overlap: each takes half of the next one too.
        end = edges[index + 1] + (edges[1] // 2 if index < 5 else 0)
        log.decisions(rows.slice(edges[index], end - edges[index]))
    stored = open_system(root).records.rows("decisions", columns=["decision_id"])
    ids = stored.column("decision_id").to_pylist()
    assert sorted(ids) == sorted(rows.column("decision_id").to_pylist())


KEYS = st.lists(
    st.tuples(st.one_of(st.none(), st.text(max_size=20)), st.one_of(st.none(), st.integers(0, 9))),
    min_size=1, max_size=60,
)  # fmt: skip


@given(KEYS)
def test_row_keys_are_equal_exactly_where_rows_are(keys: list[tuple]) -> None:
    table = pa.table({"a": pa.array([key[0] for key in keys], pa.string()),
                      "b": pa.array([key[1] for key in keys], pa.int64())})  # fmt: skip
    hashes = row_keys(table, ["a", "b"])
    pairs = itertools.combinations(zip(keys, hashes, strict=True), 2)
    for (left, one), (right, other) in pairs:
        assert (one == other) == (left == right)
    halves = [table.slice(0, len(keys) // 2), table.slice(len(keys) // 2)]
    assert np.array_equal(np.concatenate([row_keys(half, ["a", "b"]) for half in halves]), hashes)
