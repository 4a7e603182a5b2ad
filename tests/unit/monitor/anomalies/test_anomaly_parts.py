"""The parts that judge by: laws against scipy's, sums by loop, middles by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import ShapeError
from pellucid.monitor.anomalies.calibration import calibrate, calibrated
from pellucid.monitor.anomalies.chance import fit_spread
from pellucid.monitor.anomalies.dating import change_points
from pellucid.monitor.anomalies.find import told_points
from pellucid.monitor.anomalies.series import SeriesSet
from pellucid.monitor.anomalies.shifts import begun, cusum, cusum_tail
from pellucid.monitor.anomalies.typical import mean_of, middle
from pellucid.stats.distributions import (
    count_tails,
    normal_scores,
    normal_tails,
    rate_tails,
    student_tails,
)

MONDAY = np.datetime64("2026-01-05")


@pytest.mark.parametrize("within", [1e-3, 0.02, 0.3])
def test_rates_have_beta_binomial_tails(within: float) -> None:
    for trials, mean in itertools.product((1, 7, 30), (0.03, 0.5, 0.9)):
        hits = np.arange(trials + 1.0)
        law = scipy.stats.betabinom(trials, mean * (1 / within - 1), (1 - mean) * (1 / within - 1))
        point = law.pmf(hits)
        below = np.array([point[: place + 1].sum() for place in range(trials + 1)]) - point / 2
        above = np.array([point[place:].sum() for place in range(trials + 1)]) - point / 2
        expected = np.minimum(2 * np.minimum(below, above), 1)
        np.testing.assert_allclose(rate_tails(hits, trials, mean, within), expected, rtol=1e-4)


def test_rare_rates_of_many_trials_are_summed_and_common_ones_near() -> None:
    law = scipy.stats.binom(800, 0.85)
    hits = np.array([600.0, 640, 660, 670])
    np.testing.assert_allclose(
        rate_tails(hits, 800, 0.85, 0.0)[:3], 2 * (law.cdf(hits) - law.pmf(hits) / 2)[:3], rtol=0.1
    )
    assert rate_tails(670.0, 800, 0.85, 0.0) == pytest.approx(
        2 * (law.cdf(670) - law.pmf(670) / 2), rel=0.05
    )


@pytest.mark.parametrize(("mean", "variance"), [(0.4, 0.4), (12.0, 12.0), (12.0, 40.0)])
def test_counts_have_negative_binomial_tails(mean: float, variance: float) -> None:
    counts = np.arange(60.0)
    law = scipy.stats.poisson(mean)
    if variance > mean:
        size = mean**2 / (variance - mean)
        law = scipy.stats.nbinom(size, size / (size + mean))
    below, above = law.cdf(counts), law.sf(counts)
    half = law.pmf(counts) / 2
    expected = np.minimum(2 * np.minimum(below - half, above + half), 1)
    np.testing.assert_allclose(count_tails(counts, mean, variance), expected, rtol=1e-9, atol=1e-30)


def test_nothing_but_hits_is_no_surprise_of_a_rate_of_nearly_one() -> None:
    trials = np.array([100.0, 2400.0, 10_000.0, 1e6])
    assert (rate_tails(trials, trials, 1 - 0.1 / trials, 0.0) > 0.8).all()


def test_scores_invert_tails() -> None:
    p_values = np.array([1e-200, 1e-8, 0.05, 0.9])
    np.testing.assert_allclose(normal_tails(normal_scores(p_values)), p_values, rtol=1e-9)
    assert student_tails(2.0, 7) == pytest.approx(2 * scipy.stats.t.sf(2.0, 7))


@given(st.lists(st.one_of(st.none(), st.floats(-5, 5)), min_size=1, max_size=9))
def test_middles_leave_gaps_out(values: list[float | None]) -> None:
    row = np.array([np.nan if value is None else value for value in values])
    known = row[np.isfinite(row)]
    if not len(known):
        assert np.isnan(middle(row[None])[0])
        assert np.isnan(mean_of(row[None], np.ones((1, len(row))))[0])
        return
    assert middle(row[None])[0] == np.median(known)
    assert mean_of(row[None], np.ones((1, len(row))))[0] == pytest.approx(known.mean())


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=30))
def test_cumulative_sums_are_those_of_a_loop(scores: list[float]) -> None:
    up = down = 0.0
    expected = []
    for score in scores:
        capped = min(max(score, -4.0), 4.0)
        up, down = max(0.0, up + capped - 1), max(0.0, down - capped - 1)
        expected.append(up if up >= down else -down)
    np.testing.assert_allclose(cusum(np.array([scores]))[0], expected)


def test_the_chance_of_a_cumulative_sum_is_that_of_simulation() -> None:
    scores = np.random.default_rng(0).normal(size=(40_000, 14))
    highest = np.abs(cusum(scores)).max(axis=1)
    for reach in (2.0, 3.0):
        simulated = (highest >= reach).mean()
        assert 0.7 * simulated < cusum_tail(np.array([reach]), 14)[0] < 1.6 * simulated


def test_a_step_is_dated_to_the_point() -> None:
    draw = np.random.default_rng(1)
    scores = draw.normal(size=(50, 40))
    scores[:, 25:] += 3
    assert (np.abs(begun(scores) - 25) <= 1).mean() > 0.9
    assert (begun(scores) == 25).mean() > 0.7


def test_change_points_are_the_best_of_all() -> None:
    draw = np.random.default_rng(2)
    values = np.concatenate([draw.normal(size=8), draw.normal(4, size=6), draw.normal(-1, size=7)])
    off = (values - values.mean()) / values.std()
    price = len(off) * max(0.2, 2 * np.log(len(off)) / len(off))

    def cost(points: tuple[int, ...]) -> float:
        ends = [0, *points, len(off)]
        parts = [off[low:high] for low, high in itertools.pairwise(ends)]
        if min(len(part) for part in parts) < 2:
            return np.inf
        return sum(float(((part - part.mean()) ** 2).sum()) for part in parts) + price * len(points)

    choices = (own for count in range(4) for own in itertools.combinations(range(21), count))
    assert change_points(values) == min(choices, key=cost)


@given(st.floats(0.01, 100), st.floats(-1000, 1000), st.integers(0, 20))
def test_change_points_do_not_depend_on_the_unit(scale: float, shift: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = np.concatenate([draw.normal(size=30), draw.normal(3, size=30)])
    assert change_points(values * scale + shift) == change_points(values)


def test_nothing_changes_in_noise_or_a_constant() -> None:
    assert change_points(np.random.default_rng(3).normal(size=300)) == ()
    assert change_points(np.full(50, 0.1)) == change_points(np.empty(0)) == ()
    with pytest.raises(ShapeError, match="not one series"):
        change_points(np.zeros((2, 2, 2)))


def test_calibrated_p_values_are_as_rare_as_they_say() -> None:
    draw = np.random.default_rng(4)
    past, now = normal_tails(draw.standard_t(4, (2, 200_000)))
    found = calibrated(now, calibrate(past))
    for share in (0.3, 0.01, 1e-3, 1e-4):
        assert 0.4 * share < (found <= share).mean() < 2.5 * share
    assert (now <= 1e-3).mean() > 5e-3, "which the model's were not"


def test_too_short_a_past_has_students_tails() -> None:
    past = calibrate(np.full(10, 0.5))
    assert calibrated(np.array([0.01, np.nan]), past)[0] == pytest.approx(
        2 * scipy.stats.t.sf(scipy.stats.norm.isf(0.005), 9)
    )


def test_spreads_are_learned_and_an_incident_is_left_aside() -> None:
    draw = np.random.default_rng(5)
    mean = np.broadcast_to(np.where(np.arange(4000) % 2, 100.0, 900.0), (3, 4000)).copy()
    values = draw.negative_binomial(50, 50 / (50 + mean)).astype(float)
    values[:, :40] = 0
    found = fit_spread(SeriesSet(kind="count", values=values, n=values, start_on=MONDAY,
                                 points_a_day=1), mean)  # fmt: skip
    np.testing.assert_allclose(found.square, 1 / 50, rtol=0.2)
    errors = np.where(np.arange(4000) % 2, 1.0, 3.0) * np.ones((3, 1))
    own = draw.normal(0, np.sqrt(errors**2 + 4))
    found = fit_spread(SeriesSet(kind="value", values=own, n=own, start_on=MONDAY, points_a_day=1,
                                 errors=errors), np.zeros_like(own))  # fmt: skip
    np.testing.assert_allclose(found.square, 4, rtol=0.25)


def test_two_of_three_are_told_and_one_only_far_beyond() -> None:
    p_values = np.ones((1, 12))
    p_values[0, [1, 3]] = 1e-4
    p_values[0, 6] = 1e-4
    p_values[0, 10] = 1e-9
    side = np.ones((1, 12))
    told = told_points(p_values, side, 2e-4)
    assert np.flatnonzero(told[0]).tolist() == [1, 3, 10]
    side[0, 3] = -1
    told = told_points(p_values, side, 2e-4)
    assert np.flatnonzero(told[0]).tolist() == [10], "above and below are not one event"


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="not series of whole days"):
        SeriesSet(kind="value", values=np.zeros((1, 30)), n=np.zeros((1, 30)), start_on=MONDAY,
                  points_a_day=24)  # fmt: skip
    with pytest.raises(ShapeError, match="one for each value"):
        SeriesSet(kind="value", values=np.zeros((1, 24)), n=np.zeros((1, 2)), start_on=MONDAY,
                  points_a_day=24)  # fmt: skip
