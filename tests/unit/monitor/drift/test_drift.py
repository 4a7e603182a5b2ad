"""Drift: what is planted is found, what is not is steady, and what cannot be told is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pellucid.monitor.drift.drift import drift_of
from pellucid.monitor.drift.files import drift_of_files
from pellucid.monitor.drift.report import drift_report
from pellucid.monitor.drift.support import MISSING, OTHER, UNSEEN, shared_support
from pellucid.monitor.profiles.counting import profile_of
from pellucid.monitor.profiles.profile import Profile
from pellucid.monitor.profiles.rows import binning_of
from pellucid.report.drift import render_drift, write_drift


def profiles(now: object, before: object) -> tuple[Profile, Profile]:
    columns = [pa.chunked_array([pa.array(side)]) for side in (now, before)]
    binning = binning_of(columns[1])
    return profile_of(columns[0], binning), profile_of(columns[1], binning)


def test_distances_of_profiles_are_those_of_the_values() -> None:
    draw = np.random.default_rng(0)
    normal = draw.normal(0.3, 1, 4_000), draw.normal(0, 1, 9_000)
    heavy = np.exp(draw.normal(0, 2, 4_000)), np.exp(draw.normal(0.2, 2, 9_000))
    for now, before in (normal, heavy):
        found = drift_of("x", *profiles(now, before))
        exact = stats.ks_2samp(now, before)
        assert found.kolmogorov_smirnov == pytest.approx(exact.statistic, abs=0.004)
        distance = stats.wasserstein_distance(now, before) / before.std()
        assert found.wasserstein == pytest.approx(distance, rel=0.02)
        assert found.mean == pytest.approx(now.mean())


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([3, 40, 900]))
def test_bins_are_about_as_full(seed: int, distinct: int) -> None:
    draw = np.random.default_rng(seed)
    values = draw.integers(0, distinct, 2_000)
    support = shared_support(*profiles(values, values))
    np.testing.assert_array_equal(support.counts, support.baseline)
    assert support.baseline.sum() == 2_000
    assert (support.baseline[:-1] > 0).all(), "a bin without rows would only tell of noise"
    assert len(support.names) == len(support.counts) <= 42


def test_the_span_of_each_bin_is_named() -> None:
    now, before = profiles(np.arange(60), np.arange(60))
    names = shared_support(now, before).names
    assert names[:2] == ("2 or less", "3 to 5")
    assert names[-1] == MISSING


def test_levels_that_are_new_or_rare_are_told_apart() -> None:
    before = [f"v{number}" for number in range(300) for _ in range(300 - number)]
    now = [*before, "new", "new", None]
    support = shared_support(*profiles(now, before))
    assert len(support.names) == 203
    counts = dict(zip(support.names, support.counts, strict=True))
    assert (counts[UNSEEN], counts[MISSING]) == (2, 1)
    assert counts[OTHER] == sum(300 - number for number in range(200, 300))


def test_quiet_columns_are_steady() -> None:
    """Two samples of one distribution, 400 columns: about 5% false finds were none adjusted."""
    draw = np.random.default_rng(3)
    now, before = {}, {}
    for place in range(400):
        now[f"c{place}"], before[f"c{place}"] = profiles(
            draw.normal(size=500), draw.normal(size=900)
        )
    report = drift_report(now, before, names=("now", "before"))
    assert all(item.verdict == "steady" for item in report.columns)
    raw = np.mean([item.drift.p_value < 0.05 for item in report.columns])
    assert raw == pytest.approx(0.05, abs=0.03)


def test_a_difference_too_small_to_matter_is_called_so() -> None:
    draw = np.random.default_rng(4)
    pair = profiles(draw.normal(0.03, 1, 200_000), draw.normal(0, 1, 200_000))
    report = drift_report({"x": pair[0]}, {"x": pair[1]}, names=("now", "before"))
    assert report.columns[0].verdict == "slightly"
    assert "too little to matter" in report.told


@pytest.mark.parametrize(("now", "before", "verdict", "words"), [
    ([None] * 200, [1.0, 2.0] * 100, "moved", "all values are missing now"),
    ([1.0, 2.0] * 100, [None] * 200, "moved", "all values were missing"),
    ([7.0] * 200, [7.0] * 200, "constant", "has one value only, now and before"),
    ([7.0] * 200, [7.0] * 100 + [8.0] * 100, "moved", "mean 7.5 → 7"),
    ([None] * 200, [None] * 200, "steady", "all values were missing"),
    (["a"] * 20, ["b"] * 200, "too few rows", "never seen before"),
    (["a", "b"] * 100, ["a"] * 200, "moved", "50.0% never seen before"),
    ([1.0] * 150 + [9.0] * 50, [1.0, 2.0] * 100, "moved", "25.0% outside the former range"),
])  # fmt: skip
def test_awkward_columns_have_a_verdict(
    now: list[object], before: list[object], verdict: str, words: str
) -> None:
    kind = pa.string() if "a" in now or "b" in before else pa.float64()
    one, two = profiles(pa.array(now, kind), pa.array(before, kind))
    item = drift_report({"x": one}, {"x": two}, names=("now", "before")).columns[0]
    assert item.verdict == verdict
    assert words in item.why


@pytest.mark.parametrize("share", [0.96, 0.04, 0.5])
@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.decimal128(23, 2), pa.string()])
def test_a_flag_that_turns_is_found_however_it_is_written(share: float, kind: pa.DataType) -> None:
    draw = np.random.default_rng(7)
    sides = [(draw.random(5_000) < chance).astype(int) for chance in (1 - share / 2, share)]
    for flip in (False, True):
        columns = [pa.array(1 - side if flip else side).cast(pa.int64()).cast(kind)
                   for side in sides]  # fmt: skip
        now, before = profiles(*columns)
        item = drift_report({"x": now}, {"x": before}, names=("now", "before")).columns[0]
        assert item.verdict == "moved"
        assert item.drift.psi > 0.05


@pytest.mark.parametrize("offset", [0.0, 1e6, 1e9, 1.7e9])
def test_an_offset_changes_no_distance(offset: float) -> None:
    draw = np.random.default_rng(8)
    before, now = draw.normal(0, 1, 20_000), draw.normal(0.3, 1, 20_000)
    found = drift_of("x", *profiles(now + offset, before + offset))
    assert found.wasserstein == pytest.approx(
        stats.wasserstein_distance(now, before) / before.std(), rel=0.05
    )


def test_large_ids_have_a_profile() -> None:
    for values in ([2**60 + 1] * 500, list(range(2**60, 2**60 + 900)), [2**62, -(2**62)] * 100):
        now, before = profiles(pa.array(values), pa.array(values))
        assert drift_of("x", now, before).psi == 0
    far = np.random.default_rng(9).normal(1e15, 1, 2_000)
    assert drift_of("x", *profiles(far, far)).psi == 0


def test_no_rows_are_no_drift() -> None:
    one, two = profiles(pa.array([], pa.float64()), pa.array([1.0, 2.0] * 100))
    report = drift_report({"x": one}, {"x": two}, names=("now", "before"))
    assert report.columns[0].verdict == "no values"
    assert report.rows.column("psi").null_count == 1


def test_days_that_differ_by_themselves_are_no_drift() -> None:
    """A feature that wanders from day to day: rows of a day are not independent."""
    draw = np.random.default_rng(5)
    days = [draw.normal(draw.normal(0, 0.5), 1, 400) for _ in range(28)]
    before = np.concatenate(days[:21])
    binning = binning_of(pa.chunked_array([pa.array(before)]))
    by_day = [profile_of(pa.chunked_array([pa.array(day)]), binning) for day in days]
    prior, now = by_day[0], by_day[21]
    for day in by_day[1:21]:
        prior += day
    for day in by_day[22:]:
        now += day
    naive = drift_of("x", now, prior)
    aware = drift_of("x", now, prior, days=by_day[:21])
    assert naive.p_value < 1e-6 < 0.05 < aware.p_value
    assert aware.psi == naive.psi
    assert aware.psi_noise > naive.psi_noise


def test_files_are_compared_and_shown(tmp_path: Path) -> None:
    draw = np.random.default_rng(6)
    for name, shift in (("before", 0.0), ("now", 0.5)):
        pq.write_table(pa.table({
            "x": draw.normal(shift, 1, 3_000), "<b>y</b>": draw.choice(["<i>a</i>", "b"], 3_000),
        }), tmp_path / f"{name}.parquet")  # fmt: skip
    report = drift_of_files(tmp_path / "now.parquet", tmp_path / "before.parquet")
    assert [item.drift.column for item in report.moved] == ["x"]
    assert "x (mean" in report.told
    assert "now.parquet against before.parquet" in report.told
    page = render_drift(report)
    assert "&lt;b&gt;y&lt;/b&gt;" in page
    assert not any(markup in page for markup in ("<b>y", "<i>a", "<script"))
    size = write_drift(report, tmp_path / "drift.html")
    assert 3_000 < size < 300_000
    assert [item.name for item in tmp_path.glob("*.part")] == []


def flag_days(shares: list[float], *, rows: int = 4_000) -> list[Profile]:
    """Return days of a flag, set in these shares of their rows."""
    draw = np.random.default_rng(8)
    days = [(draw.random(rows) < share).astype(float) for share in shares]
    binning = binning_of(pa.chunked_array([pa.array(np.concatenate(days))]))
    return [profile_of(pa.chunked_array([pa.array(day)]), binning) for day in days]


@pytest.mark.parametrize(("shares", "verdict"), [
    # One in fourteen of a day's rows was set, and none is: a share that PSI calls small.
    ([0.07] * 14 + [0.0], "moved"),
    ([0.0] * 15, "constant"),
    ([1.0] * 15, "constant"),
])  # fmt: skip
def test_a_flag_that_no_longer_turns_is_stuck(shares: list[float], verdict: str) -> None:
    *days, now = flag_days(shares)
    before = days[0]
    for day in days[1:]:
        before += day
    report = drift_report({"x": now}, {"x": before}, names=("now", "before"), days={"x": days})
    assert report.columns[0].verdict == verdict
    words = {"moved": "has one value only; at least", "constant": "x never varies."}
    assert words.get(verdict, "") in report.told


def test_values_in_one_bin_are_not_one_value() -> None:
    """An outlier makes bins so wide that all other values share one: they vary all the same."""
    draw = np.random.default_rng(9)
    wide = np.concatenate([draw.normal(5, 1, 5_000), [1e15]])
    binning = binning_of(pa.chunked_array([pa.array(wide)]))
    one, two = (profile_of(pa.chunked_array([pa.array(draw.normal(5, 1, 5_000))]), binning)
                for _ in range(2))  # fmt: skip
    same = profile_of(pa.chunked_array([pa.array([5.3] * 5_000)]), binning)
    assert not one.is_single
    assert same.is_single
    for now in (one, same):
        item = drift_report({"x": now}, {"x": two}, names=("now", "before")).columns[0]
        assert item.verdict != "constant"
