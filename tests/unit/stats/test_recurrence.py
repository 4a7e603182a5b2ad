"""Recurrence against brute force, simulation of what it promises, and its invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.stats.recurrence import LEAST_WEEKS, Recurrence, recurrences, weekly_contrasts

DRAWS = 199


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def with_tuesday(seed: int, weeks: int, effect: float) -> np.ndarray:
    values = noise(seed, 1, weeks, 7)
    values[0, :, 1] += effect
    return values


def days_found(values: np.ndarray, seed: int = 0) -> list[int]:
    return [found.weekday for found in recurrences(values, draws=DRAWS, seed=seed)]


def brute_statistic(own: list[list[float]], start: int, day: int) -> float:
    """The clipped mean distance of one day from one week on, in plain Python."""
    distances = [[value - sorted(week)[3] for value in week] for week in own]
    every = sorted(abs(value) for week in distances for value in week)
    middle = len(every) // 2
    typical = every[middle] if len(every) % 2 else (every[middle - 1] + every[middle]) / 2
    kept = [max(-4, min(4, week[day] / typical)) for week in distances[start:]]
    return abs(sum(kept)) / len(kept) ** 0.5


def brute_p(values: np.ndarray, series: int, day: int, *, seed: int) -> float:
    """The adjusted p-value of one day, shuffling week by week."""
    weeks = values.shape[1]
    order = np.random.default_rng(seed).random((DRAWS, weeks, 7)).argsort(axis=-1)
    starts = range(weeks - LEAST_WEEKS + 1)

    def statistic(one: list[list[float]], at: int) -> float:
        return max(brute_statistic(one, start, at) for start in starts)

    own, exceeding = statistic(values[series].tolist(), day), 0
    for draw in order:
        shuffled = [[week[turn].tolist() for week, turn in zip(one, draw, strict=True)]
                    for one in values]  # fmt: skip
        highest = max(statistic(one, at) for one in shuffled for at in range(7))
        exceeding += highest >= own - 1e-9
    return (1 + exceeding) / (DRAWS + 1)


def test_contrasts_are_a_day_less_the_others() -> None:
    values = noise(1, 3, 5, 7)
    for series, week, day in np.ndindex(3, 5, 7):
        others = np.delete(values[series, week], day).mean()
        expected = values[series, week, day] - others
        assert weekly_contrasts(values)[series, week, day] == pytest.approx(expected)


def test_p_values_are_those_of_plain_shuffling() -> None:
    values = np.concatenate([with_tuesday(4, 5, 2.5), noise(5, 1, 5, 7)])
    found = recurrences(values, most_p=1.0, draws=DRAWS, seed=3)
    assert len(found) == 14
    for item in found[:3]:
        assert item.p_value == pytest.approx(brute_p(values, item.series, item.weekday, seed=3))


@pytest.mark.parametrize(("weeks", "series"), [(4, 1), (4, 8), (8, 1)])
def test_where_nothing_recurs_something_is_found_one_time_in_twenty(
    weeks: int, series: int
) -> None:
    runs = 300
    found = sum(bool(days_found(noise(n, series, weeks, 7), n)) for n in range(runs))
    # 5 % of 300 is 15; more than 28 is a chance of one in a thousand.
    assert found <= 28


@pytest.mark.parametrize(("weeks", "least"), [(4, 0.8), (6, 0.95), (8, 0.98)])
def test_a_tuesday_of_three_sigma_is_found(weeks: int, least: float) -> None:
    runs = 100
    assert (
        sum(1 in days_found(with_tuesday(n, weeks, -3.0), n) for n in range(runs)) >= least * runs
    )


def test_a_tuesday_that_is_low_by_different_amounts_is_found() -> None:
    """A week in which it is far lower than in the others must not hide it."""
    values = with_tuesday(7, 4, 0.0)
    values[0, :, 1] -= [5.0, 6.0, 8.0, 40.0]
    assert days_found(values) == [1]


def test_a_tuesday_that_is_low_in_six_of_eight_weeks_is_found() -> None:
    values = with_tuesday(7, 8, 0.0)
    values[0, [0, 1, 3, 4, 5, 7], 1] -= 8.0
    found = recurrences(values, draws=DRAWS)
    assert [item.weekday for item in found] == [1]
    assert found[0].weeks_alike >= 6


@pytest.mark.parametrize("weeks", [4, 8, 12])
def test_one_tuesday_of_twenty_sigma_does_not_recur(weeks: int) -> None:
    runs = 100
    found = 0
    for seed in range(runs):
        values = noise(seed, 1, weeks, 7)
        values[0, seed % weeks, 1] -= 20.0
        found += 1 in days_found(values, seed)
    assert found <= 5


def test_it_says_since_when_and_in_how_many_weeks() -> None:
    values = noise(2, 3, 12, 7)
    values[1, 7:, 4] -= 6.0
    first = recurrences(values)[0]
    contrasts = weekly_contrasts(values)[1, 7:, 4]
    assert first == Recurrence(
        series=1, weekday=4, effect=pytest.approx(contrasts.mean()), first_week=7, weeks=5,
        weeks_alike=5, p_value=first.p_value,
    )  # fmt: skip
    assert first.p_value < 0.01


def test_too_few_weeks_say_nothing() -> None:
    assert recurrences(with_tuesday(1, LEAST_WEEKS - 1, -99.0)) == ()
    assert recurrences(np.empty((0, 8, 7))) == ()
    assert recurrences(np.ones((2, 8, 7))) == ()


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10_000), scale=st.floats(0.01, 100), levels=st.floats(-50, 50),
    weeks=st.integers(4, 7),
)  # fmt: skip
def test_levels_of_weeks_and_units_do_not_matter(
    seed: int, scale: float, levels: float, weeks: int
) -> None:
    values = with_tuesday(seed, weeks, -2.0)
    drifting = values * scale + levels * np.arange(weeks)[None, :, None]
    one, other = (
        {(item.weekday): item.p_value for item in recurrences(given, most_p=1.0, draws=99)}
        for given in (values, drifting)
    )
    assert one == pytest.approx(other)


@given(seed=st.integers(0, 10_000))
def test_series_are_told_apart(seed: int) -> None:
    values = noise(seed, 3, 4, 7)
    values[2, :, 5] -= 9.0
    turned = values[[2, 0, 1]]
    one = {(item.series, item.weekday): item.p_value for item in recurrences(values, draws=99)}
    other = {
        ([2, 0, 1][item.series], item.weekday): item.p_value
        for item in recurrences(turned, draws=99)
    }
    assert one == other
    assert (2, 5) in one
