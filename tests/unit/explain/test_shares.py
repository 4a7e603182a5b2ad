"""Changes of shares in exact parts: published tables, planted changes, and identities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.explain.changes.shares import StageCounts, product_effects, split_share
from pellucid.stats.student import half_width


def test_das_guptas_two_factors() -> None:
    """DasGuptR, README: average earnings and proportion of earners (Das Gupta 1993, table 2.1)."""
    effects = product_effects(np.array([10930, 0.717892]), np.array([16591, 0.825974]))
    assert effects == pytest.approx([4369.913, 1487.262], abs=5e-4)
    assert effects.sum() == pytest.approx(5857.175, abs=5e-4)


@given(st.integers(1, 5), st.integers(0, 10_000))
def test_effects_add_up_and_negate_when_swapped(factors: int, seed: int) -> None:
    before, after = np.random.default_rng(seed).normal(size=(2, factors))
    effects = product_effects(before, after)
    assert effects.sum() == pytest.approx(after.prod() - before.prod(), abs=1e-12)
    assert product_effects(after, before) == pytest.approx(-effects, abs=1e-12)


@given(st.integers(0, 10_000))
def test_factors_may_come_in_any_order(seed: int) -> None:
    draw = np.random.default_rng(seed)
    before, after = draw.normal(size=(2, 4))
    order = draw.permutation(4)
    assert product_effects(before[order], after[order]) == pytest.approx(
        product_effects(before, after)[order], abs=1e-12
    )


def random_counts(seed: int, *, rows: int = 200, days: int = 5) -> StageCounts:
    draw = np.random.default_rng(seed)
    window = draw.integers(0, 2, rows)
    window[:2] = 0, 1
    cell = draw.integers(0, 4, rows)
    # Cells and sets that only one window has.
    cell = np.where((window == 0) & (cell == 3), 0, cell)
    sets = np.where((window == 1) & (cell == 1), 0, draw.integers(0, 3, rows))
    decisions = draw.integers(1, 50, rows).astype(float)
    hits = np.stack([np.floor(decisions * draw.random(rows)) for _ in range(3)])
    group = np.unique(cell * 3 + sets, return_inverse=True)[1]
    return StageCounts(window, cell, group, draw.integers(0, days, rows), decisions, hits)


@given(st.integers(0, 10_000))
def test_parts_add_up_with_entrants_and_leavers(seed: int) -> None:
    counts = random_counts(seed)
    change = split_share(counts)
    delta = change.after - change.before
    assert change.mix + change.eligibility + change.stages.sum() == pytest.approx(delta, abs=1e-12)
    assert change.cells.sum() == pytest.approx(delta, abs=1e-12)
    assert change.cells[:, 0].sum() == pytest.approx(change.mix, abs=1e-12)
    shares = [
        counts.hits[-1][counts.window == t].sum() / counts.decisions[counts.window == t].sum()
        for t in (0, 1)
    ]
    assert (change.before, change.after) == pytest.approx(tuple(shares))


@given(st.integers(0, 10_000))
def test_swapping_the_windows_negates(seed: int) -> None:
    counts = random_counts(seed)
    swapped = StageCounts(1 - counts.window, counts.cell, counts.group, counts.day,
                          counts.decisions, counts.hits)  # fmt: skip
    one, two = split_share(counts), split_share(swapped)
    assert two.mix == pytest.approx(-one.mix, abs=1e-12)
    assert two.eligibility == pytest.approx(-one.eligibility, abs=1e-12)
    assert two.stages == pytest.approx(-one.stages, abs=1e-12)


def planted(*, mix=False, sets=False, model=False, layer=False) -> StageCounts:
    """Two cells, two sets, two stages; one thing at a time changes between the windows."""
    rows = []
    for window in (0, 1):
        for cell in (0, 1):
            weight = (0.5, 0.5) if not (mix and window) else (0.8, 0.2)
            for eligible in (0, 1):
                share = (0.7, 0.3) if not (sets and window) else (0.4, 0.6)
                n = 1000 * weight[cell] * share[eligible]
                first = (0.3 + 0.4 * cell - 0.2 * eligible) + (0.1 if model and window else 0)
                last = first - 0.05 - (0.07 if layer and window else 0)
                rows.append((window, cell, 2 * cell + eligible, 0, n, n * first, n * last))
    window, cell, group, day, n, first, last = (np.array(column) for column in zip(*rows))  # noqa: B905
    return StageCounts(window, cell, group, day, n, np.stack([first, last]))


@pytest.mark.parametrize("what", ["mix", "sets", "model", "layer"])
def test_a_planted_change_is_named_alone(what: str) -> None:
    change = split_share(planted(**{what: True}))
    parts = {"mix": change.mix, "sets": change.eligibility, "model": change.stages[0],
             "layer": change.stages[1]}  # fmt: skip
    delta = change.after - change.before
    assert abs(delta) > 0.02
    assert parts.pop(what) == pytest.approx(delta)
    assert list(parts.values()) == pytest.approx([0, 0, 0], abs=1e-12)


def test_more_traffic_in_a_poor_cell_is_a_loss_there() -> None:
    change = split_share(planted(mix=True))
    assert change.mix < 0
    # Cell 0 has the lower share and grew; cell 1 the higher, and shrank: both lose.
    assert (change.cells[:, 0] < 0).all()


def test_errors_by_day_cover_the_truth() -> None:
    """Days differ in level: errors that take decisions as independent would be far too small."""
    covered, runs = 0, 150
    for seed in range(runs):
        draw = np.random.default_rng(seed)
        days = np.arange(28)
        window = (days >= 14).astype(int)
        level = np.clip(0.4 + 0.1 * window + draw.normal(0, 0.05, 28), 0, 1)
        decisions = np.full(28, 10_000.0)
        zeros = np.zeros(28, dtype=int)
        change = split_share(
            StageCounts(window, zeros, zeros, days, decisions, (decisions * level)[None])
        )
        spread = change.spread
        half = half_width(float(spread.errors[3]), float(spread.degrees[3]))
        covered += abs(change.stages[0] - 0.1) < half
    assert 0.88 < covered / runs < 0.995


@given(st.integers(0, 10_000))
def test_errors_are_numbers_where_groups_occur_on_single_days(seed: int) -> None:
    assert np.isfinite(split_share(random_counts(seed, days=4)).spread.errors).all()


def test_one_day_has_no_error_and_no_decisions_are_refused() -> None:
    assert np.isnan(split_share(planted(mix=True)).spread.errors).all()
    counts = planted()
    only = counts.window == 0
    alone = StageCounts(counts.window[only], counts.cell[only], counts.group[only],
                        counts.day[only], counts.decisions[only], counts.hits[:, only])  # fmt: skip
    with pytest.raises(ValueError, match="no decisions"):
        split_share(alone)
