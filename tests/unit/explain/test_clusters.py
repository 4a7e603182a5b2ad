"""Features that say much the same: measures held to SciPy, clusters to planted copies."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from scipy.stats.contingency import association, crosstab

from pellucid.explain.groups.clusters import correlated_features, cramers_v


def drawn(seed: int, count: int = 400) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    amount = draw.exponential(size=count)
    return {
        "amount": amount, "fee": np.round(amount**2 + draw.normal(scale=0.01, size=count), 2),
        "hour": draw.integers(0, 24, count).astype(float), "noise": draw.normal(size=count),
        "bank": draw.choice(["a", "b", "c", "d"], count),
    }  # fmt: skip


def table(columns: dict[str, np.ndarray]) -> pa.Table:
    return pa.table({f"f_{name}": pa.array(values) for name, values in columns.items()})


@given(st.integers(0, 1000))
def test_planted_copies_are_found_and_nothing_else(seed: int) -> None:
    columns = drawn(seed)
    columns["country"] = np.where(np.isin(columns["bank"], ["a", "b"]), "DE", columns["bank"])
    columns["night"] = np.where(columns["hour"] < 12, "early", "late")
    found = correlated_features(table(columns), list(columns))
    assert found == [("amount", "fee"), ("hour", "night"), ("bank", "country")]


@given(st.integers(0, 1000), st.integers(2, 7), st.integers(2, 7))
def test_cramers_v_is_scipys_but_for_its_bias(seed: int, rows: int, columns: int) -> None:
    draw = np.random.default_rng(seed)
    one, other = draw.integers(0, rows, 300), draw.integers(0, columns, 300)
    other = np.where(draw.random(300) < 0.5, one % columns, other)
    counts = crosstab(one, other).count
    biased = association(counts, method="cramer")
    n, (height, width) = counts.sum(), counts.shape
    squared = biased**2 * (min(height, width) - 1)
    corrected = max(0, squared - (height - 1) * (width - 1) / (n - 1))
    least = min(height - (height - 1) ** 2 / (n - 1), width - (width - 1) ** 2 / (n - 1)) - 1
    assert cramers_v(one, other) == pytest.approx(np.sqrt(corrected / least))
    assert cramers_v(one, other) == pytest.approx(cramers_v(other, one))


def test_independent_columns_have_no_association_and_copies_all_of_it() -> None:
    draw = np.random.default_rng(1)
    values = [cramers_v(draw.integers(0, 9, 200), draw.integers(0, 9, 200)) for _ in range(50)]
    assert np.mean(values) < 0.05
    one = draw.integers(0, 5, 3000)
    assert cramers_v(one, 4 - one) == pytest.approx(1, abs=1e-3)
    assert cramers_v(one, np.zeros(3000, dtype=np.int64)) == 0


@pytest.mark.parametrize("strength", [0.4, 0.6, 0.8, 1.5])
def test_numbers_cluster_by_spearman(strength: float) -> None:
    draw = np.random.default_rng(3)
    one = np.round(draw.normal(size=2000), 1)
    other = strength * one + draw.normal(size=2000)
    found = correlated_features(table({"one": one, "other": -other}), ["one", "other", "absent"])
    assert bool(found) == (abs(spearmanr(one, other).statistic) >= 0.7)


def test_missing_values_are_a_value_of_their_own() -> None:
    draw = np.random.default_rng(4)
    age = np.where(draw.random(500) < 0.5, np.nan, draw.normal(size=500))
    is_known = np.where(np.isnan(age), "no", "yes")
    assert correlated_features(table({"age": age, "known": is_known}), ["age", "known"]) == [
        ("age", "known")
    ]
