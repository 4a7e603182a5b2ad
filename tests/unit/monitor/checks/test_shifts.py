"""The likeliest shift of rates: by brute force, of quiet series, of level, spread and season."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pellucid.monitor.checks.shifts import LENGTHS, Trials, rarest_shifts

DAYS, HOURS = 42, 24
PAST = 35 * HOURS


def trials(
    seed: int, count: int = 100, *, level: float = 20.0, rate: float | np.ndarray = 0.8,
    expected: np.ndarray | None = None,
) -> Trials:  # fmt: skip
    """Return rates of which the last week is judged; foretold are their own true rates."""
    draw = np.random.default_rng(seed)
    many = draw.poisson(level, (count, DAYS * HOURS)).astype(np.float64)
    rates = np.broadcast_to(rate, many.shape)
    hits = draw.binomial(many.astype(int), rates).astype(np.float64)
    foretold = many * (rates if expected is None else expected)
    is_past = np.zeros(many.shape, dtype=bool)
    is_past[:, 14 * HOURS : PAST] = True
    return Trials(hits, many, foretold, many > 0, is_past, HOURS)


def fallen(seen: Trials, at: int, rate: float, *, until: int | None = None) -> Trials:
    """Return trials of which the first series has another rate from a point on."""
    draw = np.random.default_rng(99)
    hits = seen.hits.copy()
    hits[0, at:until] = draw.binomial(seen.trials[0, at:until].astype(int), rate)
    return replace(seen, hits=hits)


def likeliest(seen: Trials, row: int, point: int) -> float:
    """Return the largest ratio of likelihoods over all lengths, by scipy, term by term."""
    best = 0.0
    for length in LENGTHS[HOURS]:
        span = slice(point + 1 - length, point + 1)
        hits, many = seen.hits[row, span].sum(), seen.trials[row, span].sum()
        before = seen.expected[row, span].sum() / many
        now = hits / many
        with_shift, without = (stats.binom.logpmf(hits, many, p) for p in (now, before))
        best = max(best, with_shift - without)
    return best


def test_the_order_of_rarity_is_that_of_the_likelihood_ratio() -> None:
    # So many trials are behind the level that it is known, and none is drawn from it.
    seen = fallen(trials(1, 30, level=60.0), PAST + 24, 0.6)
    p_values, _ = rarest_shifts(seen)
    places = [(0, point) for point in range(PAST, PAST + 60, 4)]
    places += [(row, PAST + 30) for row in range(1, 30)]
    ratios = [likeliest(seen, *place) for place in places]
    found = [-np.log(p_values[place]) for place in places]
    assert stats.spearmanr(ratios, found).statistic > 0.95
    assert np.argmax(ratios) == np.argmax(found)


@pytest.mark.parametrize("level", [1.0, 5.0, 50.0])
def test_quiet_rates_are_as_rare_as_they_say(level: float) -> None:
    p_values, _ = rarest_shifts(trials(2, 200, level=level))
    judged = p_values[:, PAST:]
    known = judged[np.isfinite(judged)]
    for share in (0.1, 0.01, 0.001):
        assert (known <= share).mean() < 2 * share
    assert (known <= 0.1).mean() > 0.05
    assert (known <= 1e-6).mean() < 1e-4


def test_rows_that_depend_on_each_other_are_no_shifts() -> None:
    draw = np.random.default_rng(3)
    # Each day of a few series has its own luck, of which nothing is foretold.
    luck = draw.normal(0.0, 0.08, (100, DAYS)).repeat(HOURS, axis=1)
    luck[5:] = 0.0
    rate = np.full((100, DAYS * HOURS), 0.7)
    alike = trials(3, 100, level=40.0, rate=np.clip(rate + luck, 0, 1), expected=rate)
    p_values, _ = rarest_shifts(alike)
    assert (p_values[:5, PAST:] <= 1e-4).mean() < 0.02


def test_the_side_is_that_of_the_shift() -> None:
    quiet = trials(4)
    for rate, side in ((0.6, -1), (0.95, 1)):
        p_values, sides = rarest_shifts(fallen(quiet, PAST + 10, rate))
        assert p_values[0, PAST + 40] < 1e-8
        assert sides[0, PAST + 40] == side


def test_a_season_that_was_foretold_is_no_shift() -> None:
    hour = np.arange(DAYS * HOURS) % HOURS
    season = 0.7 + 0.2 * np.sin(2 * np.pi * hour / HOURS)
    p_values, _ = rarest_shifts(trials(5, rate=season[None, :]))
    assert (p_values[:, PAST:] <= 1e-4).mean() < 1e-3


def test_a_level_that_a_week_tells_badly_is_drawn_to_that_of_four() -> None:
    # Five rows an hour: last week's rate is off by chance in each series, and its own foretelling.
    seen = trials(6, 300, level=5.0)
    shape = (300, DAYS, HOURS)
    hits, many = (part.reshape(shape).sum(axis=2) for part in (seen.hits, seen.trials))
    off = seen.expected.copy().reshape(shape)
    for day in range(7, DAYS):
        week = hits[:, day - 7 : day].sum(axis=1) / many[:, day - 7 : day].sum(axis=1)
        off[:, day] = seen.trials.reshape(shape)[:, day] * week[:, None]
    seen = replace(seen, expected=off.reshape(300, -1))
    fall = PAST + 24
    whole = replace(seen, hits=seen.hits.copy())
    whole.hits[:, fall:] = np.random.default_rng(7).binomial(
        seen.trials[:, fall:].astype(int), 0.66
    )
    p_values, _ = rarest_shifts(whole)
    assert np.nanmedian(p_values[:, fall + 48]) < 1e-3
    quiet, _ = rarest_shifts(seen)
    assert (quiet[:, PAST:] <= 1e-3).mean() < 2e-3


def test_a_level_that_clearly_moved_is_the_new_one_after_a_week() -> None:
    moved = np.full((100, DAYS * HOURS), 0.8)
    moved[:3, 21 * HOURS :] = 0.6
    seen = trials(8, rate=moved)
    # What is foretold knows the new level; the four weeks before still hold the old one.
    p_values, _ = rarest_shifts(seen)
    assert (p_values[:3, PAST:] <= 1e-4).mean() == 0


def test_what_is_not_known_is_not_judged_and_later_points_change_nothing() -> None:
    quiet = trials(9)
    is_known = quiet.is_known.copy()
    is_known[:, PAST + 5] = False
    p_values, _ = rarest_shifts(replace(quiet, is_known=is_known))
    assert np.isnan(p_values[:, PAST + 5]).all()
    assert np.isfinite(p_values[:, PAST + 6]).any()
    later, _ = rarest_shifts(fallen(quiet, PAST + 60, 0.1))
    np.testing.assert_array_equal(later[:, : PAST + 48], rarest_shifts(quiet)[0][:, : PAST + 48])


def test_little_past_is_judged_by_the_law_alone() -> None:
    quiet = trials(10, 2)
    p_values, _ = rarest_shifts(replace(quiet, is_past=np.zeros_like(quiet.is_past)))
    assert ((p_values > 0) & (p_values <= 1))[quiet.is_known].all()
