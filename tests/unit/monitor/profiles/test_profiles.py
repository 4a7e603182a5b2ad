"""Profiles count every row once, add up over any parts, and lose no more than a bin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import DataError, ShapeError
from pellucid.monitor.profiles.counting import choose_binning, is_profiled, profile_of
from pellucid.monitor.profiles.files import profile_baseline, profile_files
from pellucid.monitor.profiles.profile import (
    Binning,
    empty_profile,
    from_ordered_bits,
    ordered_bits,
)
from pellucid.monitor.profiles.rows import binning_of

FLOATS = st.lists(
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True, width=64)), max_size=60
)


@given(FLOATS)
def test_every_row_is_counted_once(values: list[float | None]) -> None:
    column = pa.chunked_array([pa.array(values, pa.float64())])
    profile = profile_of(column, binning_of(column))
    missing = sum(value is None or np.isnan(value) for value in values)
    assert (profile.n, profile.nulls) == (len(values), missing)
    assert profile.counts.sum() == profile.known
    finite = [value for value in values if value is not None and np.isfinite(value)]
    assert profile.infinite == len(values) - missing - len(finite)
    largest = max(map(abs, finite), default=0.0)
    if finite and largest < 1e290:
        assert profile.mean == pytest.approx(np.mean(finite), rel=1e-9, abs=1e-9 * largest)


@given(FLOATS, FLOATS)
def test_profiles_add_up(left: list[float | None], right: list[float | None]) -> None:
    columns = [pa.chunked_array([pa.array(part, pa.float64())]) for part in (left, right)]
    whole = pa.chunked_array([*columns[0].chunks, *columns[1].chunks], pa.float64())
    binning = binning_of(whole)
    added = profile_of(columns[0], binning) + profile_of(columns[1], binning)
    together = profile_of(whole, binning)
    assert (added.n, added.nulls, added.infinite) == (together.n, together.nulls, together.infinite)
    np.testing.assert_array_equal(added.counts, together.counts)
    empty = empty_profile(binning) + together
    np.testing.assert_array_equal(empty.counts, together.counts)


@given(st.lists(st.sampled_from(["a", "b", "", "ü", None]), max_size=40))
def test_categories_are_counted_value_by_value(values: list[str | None]) -> None:
    plain = pa.chunked_array([pa.array(values, pa.string())])
    for column in (plain, plain.dictionary_encode(), plain.cast(pa.large_string())):
        profile = profile_of(column, binning_of(column))
        expected = {item: values.count(item) for item in set(values) if item is not None}
        assert dict(profile.levels) == expected
        assert profile.nulls == values.count(None)


def test_slices_and_booleans_are_counted() -> None:
    column = pa.chunked_array([pa.array([True, False, None, True, True]).slice(1)])
    assert profile_of(column, binning_of(column)).levels == {"false": 1, "true": 2}
    numbers = pa.chunked_array([pa.array([1, 2, None, 4, 4], pa.int32()).slice(1, 3)])
    profile = profile_of(numbers, binning_of(numbers))
    assert (profile.n, profile.nulls, profile.mean) == (3, 1, 3.0)


def test_bins_hold_the_values_that_their_edges_say() -> None:
    draw = np.random.default_rng(0)
    for values in (draw.normal(size=5_000), np.exp(draw.normal(0, 3, 5_000)),
                   -np.exp(draw.normal(0, 4, 5_000)), draw.normal(1e6, 1, 5_000)):  # fmt: skip
        column = pa.chunked_array([pa.array(values)])
        profile = profile_of(column, binning_of(column))
        edges = profile.binning.edges
        exact = np.histogram(values, edges)[0]
        moved = np.abs(np.cumsum(profile.counts[1:-1]) - np.cumsum(exact)).max()
        assert moved <= 2, "only what lies on an edge may fall to either side"
        assert (profile.counts > 0).sum() > 200, "bins must tell values apart"


def test_heavy_tails_take_the_log_scale() -> None:
    draw = np.random.default_rng(1)
    normal, heavy = (pa.chunked_array([pa.array(item)]) for item in
                     (draw.normal(size=2_000), np.exp(draw.normal(0, 3, 2_000))))  # fmt: skip
    assert binning_of(normal).scale == "linear"
    assert binning_of(heavy).scale == "log"


@pytest.mark.parametrize("values", [
    [], [None, None], [3.0], [0.0, 0.0], [np.nan], [np.inf, -np.inf], [5e-324, 0.0],
    [1.7e308, -1.7e308], [2.6e305, np.inf], [-np.inf, 1.0, 2.0],
])  # fmt: skip
def test_awkward_columns_have_a_profile(values: list[float | None]) -> None:
    column = pa.chunked_array([pa.array(values, pa.float64())])
    profile = profile_of(column, binning_of(column))
    assert profile.counts.sum() + profile.nulls == len(values)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30))
def test_bits_keep_the_order_of_floats(values: list[float]) -> None:
    array = np.array(values)
    keys = ordered_bits(array)
    np.testing.assert_array_equal(from_ordered_bits(keys), array)
    order = np.argsort(keys, kind="stable")
    assert (np.diff(array[order]) >= 0).all()


def test_profiles_of_other_bins_do_not_add_up() -> None:
    with pytest.raises(ShapeError, match="do not add up"):
        empty_profile(Binning(kind="category")) + empty_profile(Binning(kind="number", bins=2))


def test_files_are_profiled_by_row_group(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    rows = pa.table(
        {
            "x": draw.normal(size=1_000),
            "level": draw.choice(["a", "b"], 1_000),
            "count": draw.integers(0, 9, 1_000),
            "at": pa.array([0] * 1_000, pa.timestamp("us")),
        }
    )
    for name, part in (("one", rows), ("two", rows.slice(0, 300))):
        pq.write_table(part, tmp_path / f"{name}.parquet", row_group_size=130)
    paths = [str(tmp_path / "one.parquet"), str(tmp_path / "two.parquet")]
    found = profile_baseline(paths)
    assert list(found) == ["x", "level", "count"], "times have no profile"
    assert found["x"].n == 1_300
    whole = pa.concat_tables([rows, rows.slice(0, 300)])
    again = profile_of(whole.column("x"), found["x"].binning)
    np.testing.assert_array_equal(found["x"].counts, again.counts)
    assert found["count"].binning.kind == "whole"


def test_what_files_cannot_give_is_said(tmp_path: Path) -> None:
    one, two, text = (str(tmp_path / name) for name in ("one.parquet", "two.parquet", "text"))
    pq.write_table(pa.table({"x": [1.0, 2.0], "y": ["a", "b"]}), one)
    pq.write_table(pa.table({"x": ["1", "2"]}), two)
    Path(text).write_text("nothing")
    binnings = {name: item.binning for name, item in profile_baseline([one]).items()}
    with pytest.raises(DataError, match="column 'x' is string here, and numbers in the baseline"):
        profile_files([two], binnings)
    del binnings["x"]
    assert profile_files([two], binnings)["y"].nulls == 2, (
        "a column that is not there has no values"
    )
    with pytest.raises(DataError, match="has no column 'z'"):
        profile_baseline([one], columns=["z"])
    with pytest.raises(DataError, match="no Parquet file"):
        profile_baseline([text])
    assert not is_profiled(pa.list_(pa.int64()))


def test_many_levels_are_counted(tmp_path: Path) -> None:
    path = str(tmp_path / "ids.parquet")
    pq.write_table(pa.table({"id": [f"id{number}" for number in range(200_000)]}), path)
    profile = profile_baseline([path])["id"]
    assert len(profile.levels) == 200_000
    assert choose_binning(pa.chunked_array([pa.array(["a"])]), 0, 0).kind == "category"
