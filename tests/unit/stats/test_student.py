"""Student's t against SciPy, and that few days tell no change where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pellucid.explain.changes.jackknife import day_spread
from pellucid.explain.means import DaySums, difference_spread
from pellucid.stats.student import half_width, pooled, t_quantile

TRIALS = 20_000


@given(st.floats(1, 5000), st.floats(0.5, 0.9999))
def test_quantiles_are_those_of_scipy(degrees: float, confidence: float) -> None:
    expected = float(stats.t.ppf(0.5 + confidence / 2, degrees))
    assert t_quantile(degrees, confidence=confidence) == pytest.approx(expected, rel=1e-9)


def test_of_many_degrees_it_is_the_normal_quantile() -> None:
    assert t_quantile(math.inf) == pytest.approx(float(stats.norm.ppf(0.975)), rel=1e-12)
    assert t_quantile(1e6) == pytest.approx(t_quantile(math.inf), rel=1e-5)
    assert math.isnan(t_quantile(math.nan))
    assert math.isnan(half_width(math.nan, 3.0))


def test_pooled_degrees_are_those_of_welch() -> None:
    # Two samples by hand: variances of the means 4/8 and 9/5.
    spread = pooled([np.array([0.5, 0.0]), np.array([1.8, 0.0])], [7.0, 4.0])
    assert spread.errors == pytest.approx([math.sqrt(2.3), 0.0])
    assert spread.degrees == pytest.approx([2.3**2 / (0.25 / 7 + 3.24 / 4), 11.0])


def drawn(days: tuple[int, int], sizes: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return means of days of two periods that differ in nothing but chance, for many trials."""
    draw = np.random.default_rng(5)
    return tuple(size * draw.normal(size=(count, TRIALS))
                 for count, size in zip(days, sizes, strict=True))  # fmt: skip


def false_rate(change: np.ndarray, errors: np.ndarray, degrees: np.ndarray) -> float:
    width = np.array([half_width(error, count) for error, count in
                      zip(errors.tolist(), degrees.round(2).tolist(), strict=True)])  # fmt: skip
    return float((np.abs(change) > width).mean())


# Welch's approximation errs on the side of caution where both are short, by half a percent.
CASES = [((7, 7), (1.0, 1.0), 0.007), ((7, 28), (1.0, 1.0), 0.006), ((7, 28), (2.0, 1.0), 0.006)]


@pytest.mark.parametrize(("days", "sizes", "near"), CASES)
def test_the_jackknife_finds_a_change_in_one_of_twenty_where_there_is_none(
    days: tuple[int, int], sizes: tuple[float, float], near: float
) -> None:
    before, after = drawn(days, sizes)
    window = np.repeat([0, 1], days)
    day = np.arange(len(window))
    rows = np.vstack([before, after])

    def without(gone: np.ndarray) -> np.ndarray:
        kept = [rows[~gone & (window == place)].mean(axis=0) for place in (0, 1)]
        return kept[1] - kept[0]

    spread = day_spread(window, day, TRIALS, without)
    change = after.mean(axis=0) - before.mean(axis=0)
    assert false_rate(change, spread.errors, spread.degrees) == pytest.approx(0.05, abs=near)
    # What it was with the normal quantile.
    assert (np.abs(change) > 1.96 * spread.errors).mean() > 0.06


@pytest.mark.parametrize("is_same_window", [True, False])
def test_group_differences_find_one_in_twenty_where_there_is_none(*, is_same_window: bool) -> None:
    one, other = (day_sums_of(rows) for rows in drawn((7, 7), (1.0, 1.0)))
    spread = difference_spread(one, other, is_same_window=is_same_window)
    found = false_rate(one.means - other.means, spread.errors, spread.degrees)
    assert found == pytest.approx(0.05, abs=0.007)
    assert set(spread.degrees) == {6.0} if is_same_window else (spread.degrees > 6).all()


def day_sums_of(rows: np.ndarray) -> DaySums:
    count = len(rows)
    one = np.ones(count)
    return DaySums(np.arange(count), one, one, one, rows, rows, rows**2)


@pytest.mark.parametrize("part", [0.02, 0.3, 1.0])
def test_a_part_of_a_day_beside_a_whole_one_tells_little(part: float) -> None:
    """Of two days of unlike weight the mean is the heavier one's, and its error is no less."""
    draw = np.random.default_rng(7)
    days = draw.normal(size=(2, TRIALS)) * np.array([[1.0], [1.0]])
    weight = np.array([1.0, part])
    first = weight[:, None] * days
    sums = DaySums(np.arange(2), weight, weight, weight**2, first, first, first**2)
    missed = false_rate(sums.means, sums.errors, np.full(TRIALS, float(sums.degrees)))
    assert missed == pytest.approx(0.05, abs=0.015)


def test_one_mean_misses_the_truth_in_one_of_twenty() -> None:
    sums = day_sums_of(drawn((7, 7), (1.0, 1.0))[0])
    assert sums.degrees == 6
    degrees = np.full(TRIALS, float(sums.degrees))
    assert false_rate(sums.means, sums.errors, degrees) == pytest.approx(0.05, abs=0.004)
