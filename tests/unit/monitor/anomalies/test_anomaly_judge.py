"""What is planted is told, and when nothing is, little; past incidents and gaps change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seasonal_series import DAYS, FIRST, HOURS, LAST_DAYS, counts, plain, rates, season

from pellucid.monitor.anomalies.find import find
from pellucid.monitor.anomalies.judge import judge
from pellucid.monitor.anomalies.patterns import weekday_patterns

LEVELS = 10 ** np.linspace(0.5, 4, 60)


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(7)


def test_p_values_of_quiet_series_are_uniform(draw: np.random.Generator) -> None:
    for series in (counts(draw, LEVELS), rates(draw, LEVELS)):
        p_values = judge(series, last_days=LAST_DAYS).p_values
        for share in (0.5, 0.1, 0.01):
            assert np.nanmean(p_values <= share) == pytest.approx(share, rel=0.35)


def test_quiet_series_are_seldom_told_of(draw: np.random.Generator) -> None:
    told = 0
    for seed in range(20):
        series = counts(np.random.default_rng(seed), LEVELS[::4])
        told += bool(find([judge(series, last_days=LAST_DAYS)]))
    # Points and shifts are each held at 10%.
    assert told <= 8


def test_an_incident_is_found_with_its_hours(draw: np.random.Generator) -> None:
    series = counts(draw, LEVELS)
    start = FIRST + 3 * HOURS + 9
    series.values[40, start : start + 5] *= 0.3
    best = find([judge(series, last_days=LAST_DAYS)])[0]
    assert (best.series, best.kind) == (40, "spike")
    assert (best.first, best.last) == (start - FIRST, start - FIRST + 4)
    assert best.value < best.low < best.expected < best.high


def test_a_shift_is_dated_to_hours(draw: np.random.Generator) -> None:
    series = rates(draw, np.full(40, 400.0))
    start = FIRST + 5 * HOURS + 6
    series.values[7, start:] *= 0.93
    found = find([judge(series, last_days=LAST_DAYS)])
    assert (found[0].series, found[0].kind) == (7, "shift")
    assert abs(found[0].first - (start - FIRST)) <= 4
    assert found[0].value / found[0].expected == pytest.approx(0.93, abs=0.01)


def test_a_past_incident_does_not_poison_the_baseline(draw: np.random.Generator) -> None:
    series = counts(draw, np.full(20, 500.0))
    calm = judge(series, last_days=LAST_DAYS)
    hurt = replace(series, values=series.values.copy())
    hurt.values[0, FIRST - 40 : FIRST - 4] = 0
    found = judge(hurt, last_days=LAST_DAYS)
    off = np.abs(found.expected[0] / calm.expected[0] - 1)
    assert np.median(off) < 0.02
    assert off.max() < 0.15
    assert not [item for item in find([found]) if item.series == 0]


def test_a_season_is_learned_and_a_new_level_adopted() -> None:
    draw = np.random.default_rng(8)
    values = 50 + 20 * season()[None] + draw.normal(size=(5, DAYS * HOURS))
    values[1, FIRST - 21 * HOURS * 1 :] += 30
    found = judge(plain(values), last_days=LAST_DAYS)
    error = np.abs(found.series.values - found.expected)
    assert np.median(error, axis=1).max() < 1.2
    week = plain(values[:, -20 * HOURS :])
    short = judge(week, last_days=10)
    assert not short.has_season.any()
    error = np.abs(short.series.values - short.expected)
    assert np.median(error[:, : 3 * HOURS]) > 5, "until two weeks are known"
    assert np.median(error[:, -3 * HOURS :]) < 3


def test_holidays_and_unripe_points_are_not_told(draw: np.random.Generator) -> None:
    series = counts(draw, np.full(10, 300.0))
    day = FIRST // HOURS + 4
    series.values[:, day * HOURS : (day + 1) * HOURS] *= 0.2
    assert find([judge(series, last_days=LAST_DAYS)])
    assert not find([judge(series, last_days=LAST_DAYS, holidays=[series.start_on + day])])
    unripe = rates(draw, np.full(10, 300.0))
    maturity = np.ones_like(unripe.values)
    maturity[:, -30:] = np.linspace(0.49, 0.0, 30)
    unripe.values[:, -30:] *= 0.5
    assert find([judge(unripe, last_days=LAST_DAYS)])
    assert not find([judge(replace(unripe, maturity=maturity), last_days=LAST_DAYS)])


def test_outcomes_to_come_are_no_drop_of_a_count(draw: np.random.Generator) -> None:
    series = counts(draw, np.full(10, 300.0))
    maturity = np.ones_like(series.values)
    maturity[:, -48:] = np.linspace(1.0, 0.6, 48)
    series.values[:] = np.rint(series.values * maturity)
    assert find([judge(series, last_days=LAST_DAYS)])
    assert not find([judge(replace(series, maturity=maturity), last_days=LAST_DAYS)])


def test_what_came_late_long_ago_is_no_alarm(draw: np.random.Generator) -> None:
    before = rates(draw, np.full(10, 300.0))
    late = replace(before, values=before.values.copy())
    late.values[3, FIRST - 60 : FIRST - 40] -= 0.1
    assert not find([judge(late, last_days=LAST_DAYS)]), "a revision is not of the span"


@pytest.mark.parametrize("points", [HOURS, 1])
@pytest.mark.parametrize("kind", ["count", "total", "rate", "value"])
def test_degenerate_series_are_judged_without_a_crash(kind: str, points: int) -> None:
    size = DAYS * points
    values = np.zeros((7, size))
    values[1] = 1.0
    values[2] = np.nan
    values[3, : size // 2] = np.nan
    values[4, -points * 20 :] = np.nan
    values[5, ::2] = 1.0
    values[6, : -points * 18] = np.nan
    series = replace(plain(values, points_a_day=points), kind=kind)
    found = judge(series, last_days=LAST_DAYS)
    assert not found.is_enough[[2, 6]].any()
    assert np.isnan(found.p_values[[2, 6]]).all()
    assert not [item for item in find([found]) if item.series in (0, 1, 2, 6)]


def test_one_spike_of_a_constant_is_told() -> None:
    values = np.full((3, DAYS * HOURS), 5.0)
    values[1, -50] = 6.0
    found = find([judge(plain(values), last_days=LAST_DAYS)])
    assert [(item.series, item.first) for item in found] == [(1, LAST_DAYS * HOURS - 50)]


@settings(max_examples=10)
@given(st.floats(0.01, 100), st.floats(-1000, 1000), st.integers(0, 10))
def test_values_do_not_depend_on_their_unit(scale: float, shift: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(3, 40)) + season(40)[None, ::HOURS]
    one = judge(plain(values, points_a_day=1), last_days=7)
    two = judge(plain(values * scale + shift, points_a_day=1), last_days=7)
    np.testing.assert_allclose(two.expected, one.expected * scale + shift, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(two.p_values, one.p_values, rtol=1e-3)


def test_a_weekday_of_one_series_alone_is_a_pattern(draw: np.random.Generator) -> None:
    series = rates(draw, np.full(8, 300.0))
    tuesday = (np.arange(DAYS * HOURS) // HOURS) % 7 == 1
    assert weekday_patterns(series) == ()
    series.values[2, tuesday & (np.arange(DAYS * HOURS) >= 14 * HOURS)] -= 0.05
    (found,) = weekday_patterns(series)
    assert (found.series, found.weekday) == (2, 1)
    assert found.effect == pytest.approx(-0.05, abs=0.01)
    assert found.begun_on == series.start_on + 14
