"""Contributions of the slices found and of everything else are the whole change, exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import counts, grid, inside, rates

from pellucid.monitor.localize.lattice import Conditions, make_lattice
from pellucid.monitor.localize.leaves import rate_leaves
from pellucid.monitor.localize.parts import Whole, split_change
from pellucid.monitor.localize.scan import localize
from pellucid.monitor.localize.search import Found, Moved

CODES = grid()
ROWS = np.full(60, 7)


def of(conditions: Conditions, gain: float = 50.0) -> Found:
    return Found(conditions, inside(CODES, conditions), -0.1, gain, 12.0, 1.0, 0.01)


def check_adds_up(whole: Whole) -> None:
    change = whole.value - whole.baseline
    assert sum(part.contribution for part in whole.parts) == pytest.approx(change, abs=1e-12)
    for part in whole.parts:
        assert part.contribution == pytest.approx(part.mix + part.rate, abs=1e-15)


@given(st.integers(0, 10_000))
def test_contributions_add_up(seed: int) -> None:
    random = np.random.default_rng(seed)
    trials = [random.integers(0, 30, 60).astype(float) for _ in range(2)]
    hits = [random.binomial(part.astype(int), random.random(60)).astype(float) for part in trials]
    leaves = rate_leaves(hits[0], trials[0], hits[1], trials[1])
    found = (of(((0, 1),)), of(((1, 2), (2, 0))))
    second = found[1].leaves & ~found[0].leaves
    split = (found[0], Found(found[1].conditions, second, -0.1, 20.0, 12.0, 1.0, 0.1))
    check_adds_up(split_change(leaves, Moved(split, 0.0, 1.0), ROWS, ROWS))


def test_the_parts_of_what_was_searched_add_up() -> None:
    lattice = make_lattice(CODES)
    for leaves in (rates(CODES, 1, drop=0.3, conditions=((0, 2),)),
                   counts(CODES, 2, factor=0.5, conditions=((0, 2),)),
                   counts(CODES, 3, everyone=0.7)):  # fmt: skip
        moved = localize(lattice, leaves)
        whole = split_change(leaves, moved, ROWS, ROWS)
        change = whole.value - whole.baseline
        total = sum(part.contribution for part in whole.parts)
        assert total == pytest.approx(change, rel=1e-12)
        assert sum(part.share for part in whole.parts) == pytest.approx(1)
        assert sum(part.n for part in whole.parts) == ROWS.sum()


def test_mix_and_rate_are_kitagawas() -> None:
    """Kitagawa's two components, over the slice and everything else."""
    leaves = rates(CODES, 4, drop=0.2, conditions=((2, 1),))
    mask = inside(CODES, ((2, 1),))
    whole = split_change(leaves, Moved((of(((2, 1),)),), 0.0, 1.0), ROWS, ROWS)
    sums = [[part[some].sum() for some in (mask, ~mask)] for part in
            (leaves.above, leaves.below, leaves.base_above, leaves.base_below)]  # fmt: skip
    hits, trials, base_hits, base_trials = (np.array(part) for part in sums)
    share, base_share = trials / trials.sum(), base_trials / base_trials.sum()
    rate, base_rate = hits / trials, base_hits / base_trials
    mix = (share - base_share) * (rate + base_rate) / 2
    moved = (rate - base_rate) * (share + base_share) / 2
    assert [part.rate for part in whole.parts] == pytest.approx(moved)
    assert sum(part.mix for part in whole.parts) == pytest.approx(mix.sum())
    mean = (hits.sum() / trials.sum() + base_hits.sum() / base_trials.sum()) / 2
    by_hand = (share - base_share) * ((rate + base_rate) / 2 - mean)
    assert [part.mix for part in whole.parts] == pytest.approx(by_hand)


def test_a_part_that_a_window_lacks_is_mix() -> None:
    leaves = rates(CODES, 5)
    gone = inside(CODES, ((0, 1),))
    sides = [np.where(gone, 0.0, part) if place < 2 else part for place, part in enumerate(
        (leaves.above, leaves.below, leaves.base_above, leaves.base_below))]  # fmt: skip
    whole = split_change(rate_leaves(*sides), Moved((of(((0, 1),)),), 0.0, 1.0), ROWS, ROWS)
    check_adds_up(whole)
    part = whole.parts[0]
    assert part.rate == 0
    assert part.mix == part.contribution
    assert np.isnan([part.value, part.effect, part.low]).all()
    assert part.baseline == pytest.approx(leaves.base_above[gone].sum()
                                          / leaves.base_below[gone].sum())  # fmt: skip


def test_intervals_cover_the_effect() -> None:
    """Of a slice that was not picked for its size, 95% of intervals hold its true effect."""
    mask, held = ((0, 3),), [0, 0]
    for seed in range(300):
        part = split_change(rates(CODES, seed, drop=0.1, conditions=mask, trials=50),
                            Moved((of(mask),), 0.0, 1.0), ROWS, ROWS).parts[0]  # fmt: skip
        # Rates of leaves are drawn anew for each seed, and volumes are even.
        held[0] += part.low <= -0.1 <= part.high
        part = split_change(counts(CODES, seed, factor=0.8, conditions=mask),
                            Moved((of(mask),), 0.0, 1.0), ROWS, ROWS).parts[0]  # fmt: skip
        held[1] += part.low <= -0.2 <= part.high
    assert 0.91 <= held[0] / 300 <= 0.995
    assert 0.91 <= held[1] / 300 <= 0.995


def test_what_only_just_stood_out_shrinks_most() -> None:
    leaves = rates(CODES, 6, drop=0.2, conditions=((0, 2),))
    effects = []
    for gain in (12.5, 20.0, 1_000.0):
        whole = split_change(leaves, Moved((of(((0, 2),), gain),), 0.0, 1.0), ROWS, ROWS)
        effects.append(whole.parts[0].shrunk)
        raw = whole.parts[0].effect
    assert 0 >= effects[0] > effects[1] > effects[2] >= raw
    assert effects[2] == pytest.approx(raw)
