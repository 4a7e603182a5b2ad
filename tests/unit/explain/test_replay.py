"""Shares split into terms: by hand, by definition, and by what must always hold."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pellucid.errors import ExplainError
from pellucid.explain.traffic.replay import (
    Doubt,
    aumann_shapley,
    linearised,
    replay_moves,
    replay_shapley,
)
from pellucid.explain.traffic.utilities import Utilities, fidelity, picks

NAMES = ("a", "b", "c", "d")


def random_utilities(
    seed: int, *, count: int = 60, candidates: int = 4, terms: int = 3, link: str = "identity"
):
    draw = np.random.default_rng(seed)
    base = draw.normal(size=(count, candidates))
    base[draw.random(base.shape) < 0.2] = -np.inf
    added = draw.normal(size=(terms, count, candidates))
    names = tuple(f"t{n}" for n in range(terms))
    model_terms = seed % (terms + 1) if link == "logistic" else 0
    added[model_terms:] *= 0.2 if link == "logistic" else 1
    return Utilities(NAMES[:candidates], names, base, added, model_terms, link)


def part_of_picks(utilities: Utilities, place: int, coalition: int) -> float:
    """Return the share of a candidate with the terms of a coalition; the level ones share it."""
    kept = [term for term in range(len(utilities.terms)) if coalition >> term & 1]
    score = utilities.base + sum(utilities.added[t] for t in kept if t < utilities.model_terms)
    if utilities.link == "logistic":
        score = np.where(np.isfinite(score), 1 / (1 + np.exp(-score)), -np.inf)
    total = score + sum(utilities.added[t] for t in kept if t >= utilities.model_terms)
    parts = []
    for row in total:
        level = [one for one, value in enumerate(row) if value >= row.max() - 1e-6]
        parts.append((place in level) / len(level) if np.isfinite(row.max()) else 0.0)
    return float(np.mean(parts))


def by_definition(utilities: Utilities, candidate: str) -> np.ndarray:
    place, terms = utilities.candidates.index(candidate), len(utilities.terms)
    worth = [part_of_picks(utilities, place, coalition) for coalition in range(2**terms)]
    values = np.zeros(terms)
    for term in range(terms):
        for coalition in range(2**terms):
            if not coalition >> term & 1:
                size = coalition.bit_count()
                weight = factorial(size) * factorial(terms - size - 1) / factorial(terms)
                values[term] += weight * (worth[coalition | 1 << term] - worth[coalition])
    return values


@example(3964, "logistic")
@given(st.integers(0, 10_000), st.sampled_from(["identity", "logistic"]))
def test_replay_shapley_is_shapleys_definition(seed: int, link: str) -> None:
    utilities = random_utilities(seed, link=link)
    split = replay_shapley(utilities, "b")
    assert split.values == pytest.approx(by_definition(utilities, "b"), abs=1e-12)


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from(["identity", "logistic"]))
def test_both_splits_add_up_to_the_share(seed: int, is_weighted: bool, link: str) -> None:  # noqa: FBT001
    utilities = random_utilities(seed, link=link)
    weights = np.random.default_rng(seed).uniform(1, 5, 60) if is_weighted else None
    share = np.average(picks(utilities) == 0, weights=weights)
    base = np.average(picks(utilities, without=utilities.terms) == 0, weights=weights)
    for split in (
        replay_shapley(utilities, "a", weights), aumann_shapley(utilities, "a", weights)
    ):  # fmt: skip
        assert split.share == pytest.approx(share, abs=1e-12)
        assert split.base_share == pytest.approx(base, abs=1e-12)
        assert split.values.sum() == pytest.approx(share - base, abs=1e-10)


@given(st.integers(0, 10_000))
def test_level_candidates_share_the_pick(seed: int) -> None:
    """What all start from tells nobody apart: an even split among the eligible."""
    drawn = random_utilities(seed)
    level = np.where(np.isfinite(drawn.base), 0.7, -np.inf)
    utilities = Utilities(drawn.candidates, drawn.terms, level, drawn.added)
    eligible = np.isfinite(level)
    even = eligible[:, 0] / np.maximum(eligible.sum(axis=1), 1)
    share = ((picks(utilities) == 0) & eligible.any(axis=1)).mean()
    tiny = np.random.default_rng(seed).normal(scale=1e-9, size=(200, *level.shape))
    jittered = np.mean([
        replay_shapley(Utilities(NAMES, drawn.terms, level + jitter, drawn.added), "a").values
        for jitter in tiny
    ], axis=0)  # fmt: skip
    split = replay_shapley(utilities, "a")
    assert split.base_share == pytest.approx(even.mean())
    assert split.share == pytest.approx(share)
    assert split.values == pytest.approx(jittered, abs=0.03)
    along = aumann_shapley(utilities, "a")
    assert along.base_share == pytest.approx(even.mean())
    assert along.values.sum() == pytest.approx(share - even.mean(), abs=1e-10)


@given(st.integers(0, 10_000))
def test_a_link_is_replayed_and_not_rescaled(seed: int) -> None:
    """Worked out a decision at a time: scores are added up, linked, and then meet the layers."""
    utilities = random_utilities(seed, link="logistic")
    known = utilities.model_terms
    for row in range(20):
        score = utilities.base[row] + utilities.added[:known, row].sum(axis=0)
        utility = 1 / (1 + np.exp(-score)) + utilities.added[known:, row].sum(axis=0)
        utility[~np.isfinite(utilities.base[row])] = -np.inf
        expected = utility.argmax() if np.isfinite(utility).any() else -1
        assert picks(utilities)[row] == expected
    linear = linearised(utilities)
    assert linear.link == "identity"
    assert (picks(linear) == picks(utilities)).all()


@given(st.integers(0, 10_000))
def test_shares_of_all_candidates_lose_nothing(seed: int) -> None:
    utilities = random_utilities(seed)
    for split in (replay_shapley, aumann_shapley):
        values = sum(split(utilities, name).values for name in utilities.candidates)
        assert values == pytest.approx(0, abs=1e-10)


def test_two_terms_by_hand() -> None:
    """b leads; either term alone lifts a to the top, so each has half of the change."""
    added = np.array([[[2.0, 0.0]], [[2.0, 0.0]]])
    utilities = Utilities(("a", "b"), ("x", "y"), np.array([[0.0, 1.0]]), added)
    split = replay_shapley(utilities, "a")
    assert split.values == pytest.approx([0.5, 0.5])
    assert (split.base_share, split.share) == (0.0, 1.0)
    assert aumann_shapley(utilities, "a").values == pytest.approx([0.5, 0.5])


def test_the_one_term_that_acts_has_all_of_the_credit() -> None:
    utilities = random_utilities(3)
    added = utilities.added.copy()
    added[[0, 2]] = 0.0
    alone = Utilities(utilities.candidates, utilities.terms, utilities.base, added)
    for split in (replay_shapley(alone, "a"), aumann_shapley(alone, "a")):
        assert split.values[[0, 2]] == pytest.approx([0, 0])
        assert split.values[1] == pytest.approx(split.share - split.base_share)


def test_for_two_candidates_the_way_is_flips_times_margin_shares() -> None:
    utilities = random_utilities(5, candidates=2)
    base, added = utilities.base, utilities.added
    values = np.zeros((60, 3))
    for row in range(60):
        if not np.isfinite(base[row]).all():
            continue
        before, after = base[row].argmax(), (base[row] + added[:, row].sum(axis=0)).argmax()
        margins = added[:, row, 0] - added[:, row, 1]
        if before != after:
            values[row] = (before - after) * margins / margins.sum()
    assert aumann_shapley(utilities, "a").values == pytest.approx(values.mean(axis=0))


def test_errors_cover_the_truth() -> None:
    truth = replay_shapley(random_utilities(1, count=40_000), "a").values
    covered = 0
    for seed in range(100):
        split = replay_shapley(random_utilities(100 + seed, count=400), "a")
        covered += int((np.abs(split.values - truth) < 1.96 * split.errors).sum())
    # 300 intervals of 95 %: fewer than 267 is a chance of one in a million.
    assert covered >= 267


def level_in_general(seed: int, size: int = 500) -> tuple[Utilities, float]:
    """Return two candidates level in truth, whose bases are means over a reference population."""
    draw = np.random.default_rng(seed)
    made = draw.normal(size=(400, 2))
    general = draw.normal(size=(size, 2)).mean(axis=0)
    added = np.stack([np.tile(general, (400, 1)), made - general])
    return Utilities(("a", "b"), ("general", "f"), np.zeros((400, 2)), added), np.sqrt(2 / size)


def test_what_is_level_but_for_luck_gets_no_part() -> None:
    """A hair in the bases would else move a fourth of the traffic, this way or that."""
    parts, without = [], []
    for seed in range(60):
        utilities, error = level_in_general(seed)
        sharp = replay_moves(utilities, "a").values.mean(axis=0)
        doubt = replay_moves(utilities, "a", Doubt(error, ("f",)))
        assert doubt.values.sum(axis=1) == pytest.approx(doubt.after - doubt.before, abs=1e-12)
        assert (doubt.after == replay_moves(utilities, "a").after).all()
        parts.append(doubt.values.mean(axis=0)[0])
        without.append(sharp[0])
    assert np.mean(np.abs(without)) > 0.2
    # Within one standard error are 68 of 100.
    assert 0.5 < np.mean(np.abs(parts) < 0.05) < 0.9
    assert np.mean(np.square(parts)) < 0.6 * np.mean(np.square(without))


def test_what_features_do_not_tell_apart_is_exact() -> None:
    """Ahead by a hair in every decision is ahead: there is no doubt where nothing varies."""
    added = np.zeros((2, 50, 2))
    added[0, :, 0] = 1e-4
    utilities = Utilities(("a", "b"), ("general", "f"), np.zeros((50, 2)), added)
    moves = replay_moves(utilities, "a", Doubt(0.0, ("f",)))
    assert moves.values.mean(axis=0) == pytest.approx([0.5, 0.0])
    # Without features there is nothing else that could tell, whatever the error.
    alone = Utilities(("a", "b"), ("general",), np.zeros((50, 2)), added[:1])
    assert replay_moves(alone, "a", Doubt(1.0, ())).values.mean() == pytest.approx(0.5)


def test_fidelity_counts_agreement() -> None:
    utilities = random_utilities(2)
    logged = picks(utilities)
    assert fidelity(utilities, logged) == 1.0
    logged[:15] = 99
    assert fidelity(utilities, logged) == 0.75


def test_what_cannot_be_split_says_why() -> None:
    with pytest.raises(ExplainError, match="13 terms"):
        replay_shapley(random_utilities(1, terms=13), "a")
    with pytest.raises(ExplainError, match="'z' was in none"):
        replay_shapley(random_utilities(1), "z")
    empty = Utilities(("a",), ("t",), np.empty((0, 1)), np.empty((1, 0, 1)))
    with pytest.raises(ExplainError, match="no decisions"):
        aumann_shapley(empty, "a")


def test_many_candidates_may_be_level() -> None:
    names = tuple(f"c{n}" for n in range(300))
    utilities = Utilities(names, ("t",), np.zeros((5, 300)), np.zeros((1, 5, 300)))
    for split in (replay_shapley, aumann_shapley):
        assert split(utilities, "c7").base_share == pytest.approx(1 / 300)
    # What is level but for rounding goes to the first, as in a policy that takes the largest.
    noise = np.random.default_rng(1).normal(scale=1e-8, size=(50, 3))
    level = Utilities(NAMES[:3], (), noise, np.empty((0, 50, 3)))
    assert (picks(level) == 0).all()
