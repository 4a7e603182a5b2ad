"""A slice that moved is found first, whatever its depth; where nothing moved, nothing is told."""

from __future__ import annotations

import numpy as np
import pytest
from planted import counts, every_slice, grid, inside, named, rates

from pellucid.monitor.localize.lattice import Conditions, make_lattice, matching_grain
from pellucid.monitor.localize.leaves import Counts, Leaves, mean_leaves, rate_leaves
from pellucid.monitor.localize.scan import best_score, localize
from pellucid.monitor.localize.search import Search

CODES = grid()
PLANTED: list[Conditions] = [((0, 2),), ((2, 1),), ((0, 1), (1, 3)), ((0, 4), (1, 0), (2, 2))]
_IDS = ["one of five", "one of three", "two deep", "three deep"]


@pytest.mark.parametrize("conditions", PLANTED, ids=_IDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_slice_is_found_first(conditions: Conditions, seed: int) -> None:
    lattice = make_lattice(CODES)
    for leaves in (rates(CODES, seed, drop=0.3, conditions=conditions),
                   counts(CODES, seed, factor=0.5, conditions=conditions),
                   counts(CODES, seed, factor=2.0, conditions=conditions)):  # fmt: skip
        moved = localize(lattice, leaves)
        assert named(moved)[0] == conditions
        assert (moved.found[0].leaves == inside(CODES, conditions)).all()
        assert moved.found[0].q_value < 1e-3
        assert abs(moved.shift) < 0.03


def test_a_mean_is_searched_as_a_rate_is() -> None:
    random = np.random.default_rng(8)
    conditions = PLANTED[2]
    rows = np.full(60, 200.0)
    level = random.normal(50, 5, 60)
    error = 10 / np.sqrt(rows)
    sums = [rows * (level + random.normal(0, error) - 6 * inside(CODES, conditions)),
            rows * (level + random.normal(0, error))]  # fmt: skip
    leaves = mean_leaves(sums[0], rows, sums[1], rows, unit_variance=np.full(60, 100.0))
    moved = localize(make_lattice(CODES), leaves)
    assert named(moved) == [conditions]
    assert moved.found[0].effect == pytest.approx(-6, abs=1.5)


def test_two_slices_are_found_and_no_leaf_is_in_both() -> None:
    one, two = ((0, 2),), ((1, 3), (2, 0))
    random = np.random.default_rng(9)
    trials = np.full(60, 900.0)
    fallen = np.where(inside(CODES, one), 0.4, np.where(inside(CODES, two), 0.25, 0.0))
    hits = [random.binomial(900, 0.8 - fallen) * 1.0, random.binomial(900, np.full(60, 0.8)) * 1.0]
    moved = localize(make_lattice(CODES), rate_leaves(hits[0], trials, hits[1], trials))
    assert set(named(moved)) == {one, two}
    assert not (moved.found[0].leaves & moved.found[1].leaves).any()


@pytest.mark.parametrize("grain", [None, ()], ids=["matched", "pooled"])
def test_the_best_score_is_that_of_brute_force(grain: tuple[int, ...] | None) -> None:
    leaves = rates(CODES, 10, drop=0.2, conditions=PLANTED[1])
    lattice = make_lattice(CODES, grain=grain)
    scores = []
    slices = every_slice(CODES)
    for conditions in [(), *slices]:
        within = [place for place, _ in conditions] if grain == () else [0, 1, 2]
        key = np.unique(CODES[:, within], axis=0, return_inverse=True)[1].ravel()
        if not within:
            key = np.zeros(len(CODES), dtype=np.int64)
        sums = [np.bincount(key, part) for part in
                (leaves.above, leaves.below, leaves.base_above, leaves.base_below)]  # fmt: skip
        cells = rate_leaves(*sums).deviations(0.0)
        some = np.unique(key[inside(CODES, conditions)])
        weight = 1 / cells.variance[some]
        across = (weight * cells.scale[some] * cells.residual[some]).sum()
        along = (weight * cells.scale[some] ** 2).sum()
        alike = sum(len(other) == len(conditions) for other in slices) if conditions else 1
        scores.append(across**2 / along - 2 * np.log(alike))
    # Cuboids of 16 slices and more hold their scores to how their siblings spread.
    assert best_score(lattice, leaves) == pytest.approx(max(scores), rel=1e-9)


def test_the_order_of_rows_does_not_matter() -> None:
    leaves = rates(CODES, 11, drop=0.25, conditions=PLANTED[2])
    order = np.random.default_rng(12).permutation(len(CODES))
    sides = (leaves.above, leaves.below, leaves.base_above, leaves.base_below)
    mixed = rate_leaves(*(part[order] for part in sides))
    one = localize(make_lattice(CODES), leaves)
    two = localize(make_lattice(CODES[order]), mixed)
    assert named(one) == named(two)
    for first, second in zip(one.found, two.found, strict=True):
        assert second.effect == pytest.approx(first.effect)
        assert (first.leaves[order] == second.leaves).all()


def test_other_labels_give_the_same_slices_under_them() -> None:
    random = np.random.default_rng(13)
    relabel = [random.permutation(size) for size in (5, 4, 3)]
    codes = np.stack([relabel[place][CODES[:, place]] for place in range(3)], axis=1)
    leaves = counts(CODES, 14, factor=0.6, conditions=PLANTED[3])
    one, two = (localize(make_lattice(some), leaves) for some in (CODES, codes))
    renamed = [tuple((place, int(relabel[place][value])) for place, value in conditions)
               for conditions in named(one)]  # fmt: skip
    assert named(two) == renamed
    assert one.found


@pytest.mark.parametrize("kind", ["rate", "count"])
def test_where_nothing_moved_next_to_nothing_is_told(kind: str) -> None:
    lattice = make_lattice(grid((8, 6, 5)))
    codes = lattice.codes
    told = 0
    for seed in range(60):
        leaves = rates(codes, 100 + seed, trials=30) if kind == "rate" else counts(codes, seed)
        moved = localize(lattice, leaves)
        told += bool(moved.found) or moved.shift != 0
    assert told <= 4


@pytest.mark.parametrize("kind", ["rate", "count"])
def test_what_moved_everyone_is_told_apart_from_what_moved_one(kind: str) -> None:
    lattice = make_lattice(CODES)
    conditions = PLANTED[2]
    everyone: Leaves = rates(CODES, 15, everyone=0.05, trials=2_000)
    both: Leaves = rates(CODES, 16, everyone=0.05, drop=0.3, conditions=conditions, trials=2_000)
    size = -0.05
    if kind == "count":
        everyone = counts(CODES, 15, everyone=0.8)
        both = counts(CODES, 16, everyone=0.8, factor=0.4, conditions=conditions)
        size = 2 * (0.8 - 1) / (0.8 + 1)
    moved = localize(lattice, everyone)
    assert not moved.found
    assert moved.shift == pytest.approx(size, rel=0.15)
    moved = localize(lattice, both)
    assert named(moved) == [conditions]
    if moved.shift:
        assert moved.shift == pytest.approx(size, rel=0.3)


def test_degenerate_tables_have_an_answer() -> None:
    one = np.array([100.0])
    lattice = make_lattice(np.zeros((1, 1), np.int64))
    assert not localize(lattice, Counts(one, one, 2.0)).found
    assert not localize(lattice, rate_leaves(one / 2, one, one / 2, one)).found
    nothing = np.zeros(60)
    assert not localize(make_lattice(CODES), Counts(nothing, nothing)).found
    appeared = counts(CODES, 17)
    new = Counts(appeared.value, np.where(inside(CODES, ((0, 2),)), 0.0, appeared.expected), 2.0)
    assert named(localize(make_lattice(CODES), new))[0] == ((0, 2),)
    flat = np.column_stack([CODES, np.zeros(60, np.int64)])
    moved = localize(make_lattice(flat), rates(CODES, 18, drop=0.3, conditions=PLANTED[0]))
    assert named(moved)[0] == PLANTED[0]


def test_leaves_that_no_window_shares_are_no_find() -> None:
    """Without a baseline a leaf says nothing, and pooled rates of the rest stay."""
    leaves = rates(CODES, 19)
    gone = inside(CODES, ((1, 2),))
    sides = [np.where(gone, 0.0, part) if place > 1 else part for place, part in enumerate(
        (leaves.above, leaves.below, leaves.base_above, leaves.base_below))]  # fmt: skip
    assert not localize(make_lattice(CODES), rate_leaves(*sides)).found


def test_dimensions_that_do_not_matter_hide_little() -> None:
    """Where few leaves are in both windows, windows are matched more coarsely."""
    random = np.random.default_rng(20)
    rows = [random.integers(0, size, (2, 20_000)) for size in (6, 5, 4, 9, 9, 9)]
    rates_of = np.where((rows[0][0] == 3) & (rows[1][0] == 1), 0.6, 0.85)
    hits = [random.random(20_000) < rates_of, random.random(20_000) < 0.85]
    every = np.concatenate([np.stack([part[side] for part in rows], axis=1) for side in (0, 1)])
    codes, leaf = np.unique(every, axis=0, return_inverse=True)
    sides = []
    for side in (0, 1):
        own = leaf.ravel()[side * 20_000 :][:20_000]
        sides += [
            np.bincount(own, part, len(codes)) for part in (hits[side] * 1.0, np.ones(20_000))
        ]
    leaves = rate_leaves(*sides)
    grain = matching_grain(codes, leaves.below, leaves.base_below)
    assert len(grain) < 6
    assert named(localize(make_lattice(codes, grain=grain), leaves)) == [((0, 3), (1, 1))]


@pytest.mark.slow
def test_a_hundred_thousand_leaves_are_searched() -> None:
    codes = grid((40, 25, 20, 5))
    leaves = rates(codes, 21, drop=0.3, conditions=((0, 7), (1, 3)), trials=10)
    grain = matching_grain(codes, leaves.below, leaves.base_below)
    moved = localize(make_lattice(codes, grain=grain), leaves, Search(most=5))
    assert named(moved) == [((0, 7), (1, 3))]
