"""Distances against scipy, closed forms, and another tool's published tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from pellucid.stats.distances import (
    chi_square,
    hellinger,
    independent_chance,
    jensen_shannon,
    kolmogorov_smirnov,
    l_infinity,
    observed_chance,
    psi,
    wasserstein,
)

CAR_LOAN = Path(__file__).parents[4] / "shared" / "data" / "nannyml_car_loan"
COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)


@st.composite
def two_samples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(2, 12))
    pair = [draw(st.lists(st.integers(0, 500), min_size=size, max_size=size)) for _ in range(2)]
    pair = [item if sum(item) else [1, *item[1:]] for item in pair]
    return np.array(pair[0], dtype=float), np.array(pair[1], dtype=float)


@given(two_samples())
def test_distances_agree_with_scipy(pair: tuple[np.ndarray, np.ndarray]) -> None:
    now, before = pair
    p, q = now / now.sum(), before / before.sum()
    assert jensen_shannon(now, before) == pytest.approx(distance.jensenshannon(p, q, base=2),
                                                        abs=1e-7)  # fmt: skip
    assert hellinger(now, before) == pytest.approx(
        np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2), abs=1e-7
    )
    values = np.cumsum(np.arange(1, len(now) + 1)).astype(float)
    assert wasserstein(now, before, values) == pytest.approx(
        stats.wasserstein_distance(values, values, now, before), abs=1e-9
    )
    below = np.tril(np.ones((len(now), len(now))))
    assert kolmogorov_smirnov(now, before) == pytest.approx(np.abs(below @ p - below @ q).max())
    assert l_infinity(now, before) == np.abs(p - q).max()


@given(two_samples())
def test_they_are_symmetric_and_nothing_for_equals(pair: tuple[np.ndarray, np.ndarray]) -> None:
    now, before = pair
    for measure in (psi, jensen_shannon, hellinger, kolmogorov_smirnov, l_infinity):
        assert measure(now, before) == pytest.approx(measure(before, now), abs=1e-9)
        assert measure(now, now) == pytest.approx(0, abs=1e-7)
        assert measure(now, before) >= 0


@given(two_samples())
def test_chi_square_agrees_with_scipy(pair: tuple[np.ndarray, np.ndarray]) -> None:
    table = np.stack(pair)
    table = table[:, table.sum(axis=0) > 0]
    found = chi_square(*pair)
    if table.shape[1] < 2:
        assert found.p_value == 1
        return
    expected = stats.chi2_contingency(table, correction=False)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    assert found.degrees == expected.dof


def test_psi_by_hand() -> None:
    now, before = np.array([30.0, 70.0]), np.array([50.0, 50.0])
    p, q = (now + 0.5) / 101, (before + 0.5) / 101
    expected = (p[0] - q[0]) * np.log(p[0] / q[0]) + (p[1] - q[1]) * np.log(p[1] / q[1])
    assert psi(now, before) == pytest.approx(expected, abs=1e-15)


def test_what_chance_makes_of_a_psi() -> None:
    """Two samples of one distribution, 20 bins: the mean and the 95% point as METHODS measured."""
    draw = np.random.default_rng(0)
    share = np.full(20, 1 / 20)
    found = psi(draw.multinomial(5_000, share, 4_000), draw.multinomial(20_000, share, 4_000))
    size = 5_000 * 20_000 / 25_000
    chance = independent_chance(20)
    mean, most = chance.expected(size), chance.limit(size)
    assert found.mean() == pytest.approx(mean, rel=0.02)
    assert (found > most).mean() == pytest.approx(0.05, abs=0.012)
    assert (mean, most) == pytest.approx((0.00475, 0.00754), abs=6e-6)
    assert chance.tail(most, size) == pytest.approx(0.05)


def test_days_that_differ_make_chance_larger() -> None:
    """Of 28 days whose statistics are 30 · χ²(2), and of days of independent rows."""
    draw = np.random.default_rng(1)
    sizes = np.full(28, 500.0)
    clustered = observed_chance(30 * draw.chisquare(2, 28) / sizes, sizes, 20)
    independent = observed_chance(draw.chisquare(19, 28) / sizes, sizes, 20)
    assert clustered.expected(500.0) == pytest.approx(60 / 500, rel=0.4)
    assert clustered.degrees < 6 < independent.degrees
    assert independent.expected(500.0) == pytest.approx(19 / 500, rel=0.2)
    assert observed_chance(np.ones(3), np.ones(3), 20) == independent_chance(20)


def test_nothing_is_no_distance() -> None:
    assert np.isnan(jensen_shannon(np.zeros(2), np.ones(2)))


@pytest.mark.skipif(not CAR_LOAN.exists(), reason="the reference data are not here")
def test_every_chunk_agrees_with_nannyml() -> None:
    """NannyML 0.13.1 on its car loan data: 20 chunks of 5,000 rows, columns of both kinds."""
    reference = pq.read_table(CAR_LOAN / "reference.parquet")
    analysis = pq.read_table(CAR_LOAN / "analysis.parquet")
    expected = pq.read_table(CAR_LOAN / "expected_univariate_drift.parquet").to_pylist()
    for chunk in expected:
        part = reference if chunk["chunk_period"] == "reference" else analysis
        rows = part.slice(chunk["chunk_start_index"] % 50_000, 5_000)
        for name in ("salary_range", "size_of_downpayment", "repaid_loan_on_prev_car"):
            values = reference.column(name).unique().to_pylist()
            now, before = (_counted(table.column(name).to_pylist(), values)
                           for table in (rows, reference))  # fmt: skip
            for measure, found in (("jensen_shannon", jensen_shannon(now, before)),
                                   ("hellinger", hellinger(now, before)),
                                   ("l_infinity", l_infinity(now, before)),
                                   ("chi2", chi_square(now, before).statistic)):  # fmt: skip
                if measure == "chi2" and len(values) == 2:
                    continue  # theirs is Yates' there
                assert found == pytest.approx(chunk[f"{name}_{measure}_value"], rel=1e-4, abs=2e-6)
        for name in ("car_value", "debt_to_income_ratio", "driver_tenure"):
            now, before = (np.asarray(table.column(name)) for table in (rows, reference))
            edges = np.histogram_bin_edges(before, bins="doane")
            counts = [np.histogram(side, edges)[0].astype(float) for side in (now, before)]
            outside = len(now) - counts[0].sum()
            if outside:
                counts = [np.append(counts[0], outside), np.append(counts[1], 0)]
            assert jensen_shannon(*counts) == pytest.approx(
                chunk[f"{name}_jensen_shannon_value"], abs=1e-6
            )


def _counted(values: list[object], known: list[object]) -> np.ndarray:
    return np.array([sum(value == item for value in values) for item in known], dtype=float)
