"""The agreement of two orders, and the errors of means over days, against outside oracles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import ndcg_score

from pellucid.errors import ShapeError
from pellucid.stats.dispersion import DayTotals, mean_variances
from pellucid.stats.ranking import ndcg

WORTH = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=2, max_size=12)


@given(WORTH)
def test_it_is_that_of_scikit_learn_with_ties(items: list[tuple[int, int]]) -> None:
    worth, scores = np.array(items, dtype=np.float64).T
    found = ndcg(worth, scores)
    if worth.any():
        assert found == pytest.approx(ndcg_score([worth], [scores]))
    else:
        assert math.isnan(found)


@given(WORTH)
def test_the_best_order_has_one_and_no_other_has_more(items: list[tuple[int, int]]) -> None:
    worth, scores = np.array(items, dtype=np.float64).T + 1
    assert ndcg(worth, worth) == pytest.approx(1)
    assert ndcg(worth, scores) <= 1 + 1e-12
    assert ndcg(worth, 3 * scores) == ndcg(worth, scores), "only the order counts"


def test_items_that_are_not_the_same_are_refused() -> None:
    with pytest.raises(ShapeError, match="2 items are worth something, and 3 ranked"):
        ndcg(np.ones(2), np.ones(3))


def totals(values: np.ndarray, days: np.ndarray, weight: np.ndarray) -> DayTotals:
    own = [np.bincount(days, part) for part in (weight, weight**2, weight * values)]
    return DayTotals(own[0], own[1], own[2][:, None])


def test_days_of_as_many_rows_give_the_errors_of_their_means() -> None:
    """Each day's mean is one observation: the pooled t-test of two samples of them."""
    draw = np.random.default_rng(0)
    sides, means = [], []
    for days in (4, 9):
        place = np.repeat(np.arange(days), 50)
        values = draw.normal(size=days * 50) + draw.normal(size=days)[place]
        sides.append(totals(values, place, np.full(len(place), 2.0)))
        means.append([values[place == day].mean() for day in range(days)])
    variances, degrees = mean_variances(sides)
    expected = stats.ttest_ind(*means)
    assert degrees == expected.df
    score = float(sides[0].means[0] - sides[1].means[0]) / math.sqrt(sum(variances)[0])
    assert score == pytest.approx(expected.statistic)


def test_a_side_of_one_day_has_the_error_of_a_day() -> None:
    draw = np.random.default_rng(1)
    place = np.repeat(np.arange(6), 30)
    before = totals(draw.normal(size=180), place, np.ones(180))
    now = totals(draw.normal(size=30), place[:30], np.ones(30))
    (own, other), degrees = mean_variances([now, before])
    assert degrees == 5
    assert own[0] == pytest.approx(6 * other[0])
    (alone, same), none = mean_variances([now, now])
    assert none == 0
    assert math.isnan(alone[0])
    assert math.isnan(same[0])


def test_false_alarms_are_as_rare_as_promised() -> None:
    """Days that differ by themselves, by weighted rows of unequal number: 5% at 5%."""
    draw, hits = np.random.default_rng(2), 0
    for _ in range(1_000):
        sides = []
        for days in (1, 14):
            place = np.repeat(np.arange(days), draw.integers(20, 60, days))
            values = draw.normal(size=len(place)) + 0.3 * draw.normal(size=days)[place]
            sides.append(totals(values, place, draw.choice([1.0, 4.0], len(place))))
        variances, degrees = mean_variances(sides)
        score = abs(sides[0].means[0] - sides[1].means[0]) / math.sqrt(sum(variances)[0])
        hits += 2 * stats.t.sf(score, degrees) < 0.05
    assert hits / 1_000 == pytest.approx(0.05, abs=0.025)
