"""Intervals against published values, scipy, brute force and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pellucid.stats.intervals import (
    effective_size,
    mean_interval,
    newcombe_interval,
    ratio_interval,
    total_interval,
    wilson_interval,
)


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (1, 10), (5, 10), (10, 10), (81, 263)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_is_scipys(hits: int, trials: int, confidence: float) -> None:
    low, high = wilson_interval(array(hits), array(trials), confidence=confidence)
    known = stats.binomtest(hits, trials).proportion_ci(confidence, method="wilson")
    assert (low[0], high[0]) == pytest.approx((known.low, known.high), abs=1e-12)


def test_wilson_without_trials_is_unknown() -> None:
    assert np.isnan(np.concatenate(wilson_interval(array(0), array(0)))).all()


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_holds_the_rate_and_stays_in_bounds(hits: int, extra: int) -> None:
    trials = hits + extra
    low, high = wilson_interval(array(hits), array(trials))
    assert 0 <= low[0] <= hits / trials <= high[0] <= 1


def test_mean_is_the_textbook_interval() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    low, high = mean_interval(array(400), array(values.sum()), array((values**2).sum()))
    half = stats.norm.ppf(0.975) * values.std(ddof=1) / 20
    assert (low[0], high[0]) == pytest.approx((values.mean() - half, values.mean() + half))
    assert np.isnan(mean_interval(array(1), array(2), array(4))[0][0])


def test_ratio_is_the_linearised_variance() -> None:
    draw = np.random.default_rng(2)
    per = draw.gamma(2, 1, 300)
    top = per * draw.random(300)
    sums = (top.sum(), per.sum(), (top**2).sum(), (per**2).sum(), (top * per).sum())
    low, high = ratio_interval(array(300), *(array(value) for value in sums))
    ratio = top.sum() / per.sum()
    error = np.sqrt(300) * (top - ratio * per).std(ddof=1) / per.sum()
    half = stats.norm.ppf(0.975) * error
    assert (low[0], high[0]) == pytest.approx((ratio - half, ratio + half), rel=1e-9)


@pytest.mark.slow
def test_ratio_covers_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(3)
    per = draw.gamma(2, 1, (4000, 200))
    top = per * (draw.random((4000, 200)) < 0.3)
    low, high = ratio_interval(
        np.full(4000, 200.0), top.sum(1), per.sum(1), (top**2).sum(1), (per**2).sum(1),
        (top * per).sum(1),
    )  # fmt: skip
    assert 0.93 <= np.mean((low <= 0.3) & (high >= 0.3)) <= 0.96


@given(st.lists(st.tuples(st.floats(0.5, 50), st.booleans()), min_size=1, max_size=50))
def test_effective_size_is_what_gives_a_weighted_rate_its_variance(rows: list[tuple]) -> None:
    w, z = (np.array(column) for column in zip(*rows, strict=True))
    sums = (z.sum(), len(w), w[z].sum(), w.sum(), (w[z] ** 2).sum(), (w**2).sum())
    size = effective_size(*(array(value) for value in sums))[0]
    rate = w[z].sum() / w.sum()
    if 0 < z.sum() < len(z):
        linearised = ((w * (z - rate)) ** 2).sum() / w.sum() ** 2
        assert rate * (1 - rate) / size == pytest.approx(linearised, rel=1e-9)
    else:
        assert size == pytest.approx(w.sum() ** 2 / (w**2).sum())


@given(st.integers(0, 100), st.integers(0, 100), st.floats(0.5, 50))
def test_effective_size_of_equal_weights_is_their_number(hits: int, misses: int, w: float) -> None:
    trials = hits + misses
    sums = (hits, trials, w * hits, w * trials, w**2 * hits, w**2 * trials)
    assert effective_size(*(array(value) for value in sums)) == pytest.approx(trials)


def test_all_hits_of_uneven_weights_are_worth_what_kish_says() -> None:
    """Rounding may leave the weight of all hits a little below that of all rows."""
    sums = (3, 3, 13.0 * (1 - 1e-16), 13.0, 102.0, 102.0)
    assert effective_size(*(array(value) for value in sums)) == pytest.approx(169 / 102)


def test_a_total_of_a_poisson_sample_is_covered_as_often_as_it_says() -> None:
    """4,000 samples of 300 amounts, kept with rates of their own: coverage known to 0.35%."""
    draw = np.random.default_rng(4)
    amount, rate = draw.gamma(2, 50, 300), draw.uniform(0.2, 1, 300)
    weight = (draw.random((4000, 300)) < rate) / rate
    totals = weight @ amount
    spread = (weight * (weight - 1)) @ amount**2
    low, high = total_interval(totals, spread)
    assert totals.mean() == pytest.approx(amount.sum(), abs=4 * totals.std() / np.sqrt(4000))
    assert 0.93 <= np.mean((low <= amount.sum()) & (high >= amount.sum())) <= 0.965
    assert spread.mean() == pytest.approx(totals.var(), rel=0.1)


def test_newcombe_equals_the_paper() -> None:
    """Newcombe 1998, table II, method 10: 56/70 less 48/80 is 0.0524 to 0.3339."""
    low, high = wilson_interval(array(56, 48), array(70, 80))
    sides = [tuple(map(float, side)) for side in zip((0.8, 0.6), low, high, strict=True)]
    assert newcombe_interval(*sides) == pytest.approx((0.0524, 0.3339), abs=5e-5)
