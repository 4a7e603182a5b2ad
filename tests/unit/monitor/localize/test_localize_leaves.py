"""How far leaves moved, and the noise that they are held to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import ShapeError
from pellucid.monitor.localize.lattice import cells_by
from pellucid.monitor.localize.leaves import Counts, mean_leaves, rate_leaves


def test_a_rate_by_hand() -> None:
    leaves = rate_leaves(*(np.array([value]) for value in (60.0, 100.0, 160.0, 200.0)))
    moved = leaves.deviations(0.0)
    assert moved.residual[0] == pytest.approx(60 - 100 * 0.8)
    assert moved.scale[0] == 100
    p = 220 / 300
    assert moved.variance[0] == pytest.approx(100 * (1 + 100 / 200) * p * (1 - p))
    assert moved.base_variance[0] == pytest.approx(100 * 1.5 * 0.8 * 0.2)
    assert leaves.deviations(-0.2).residual[0] == pytest.approx(0.0)


def test_given_all_hits_a_rate_is_expected_to_stay() -> None:
    """Weights by both windows know nothing of which of them was lucky: residuals average to 0."""
    random = np.random.default_rng(4)
    p = np.full(4_000, 0.8)
    trials, base = (np.full(4_000, 20.0) for _ in range(2))
    leaves = rate_leaves(random.binomial(20, p).astype(float), trials,
                         random.binomial(20, p).astype(float), base)  # fmt: skip
    moved = leaves.deviations(0.0)
    one, two = (
        (moved.residual / variance).sum() / np.sqrt((1 / variance).sum())
        for variance in (moved.variance, moved.base_variance)
    )
    assert abs(one) < 3
    assert two < -3


def test_leaves_without_a_side_say_nothing() -> None:
    leaves = rate_leaves(np.array([5.0, 0.0, 8.0]), np.array([10.0, 0.0, 10.0]),
                         np.array([0.0, 5.0, 9.0]), np.array([0.0, 10.0, 10.0]))  # fmt: skip
    moved = leaves.deviations(0.0)
    assert moved.variance.tolist()[:2] == [0.0, 0.0]
    assert moved.residual.tolist()[:2] == [0.0, 0.0]
    assert moved.variance[2] > 0


@pytest.mark.parametrize("side", ["window", "baseline"])
def test_a_window_without_rows_is_said(side: str) -> None:
    one, none = np.array([3.0]), np.array([0.0])
    sides = (none, none, one, one) if side == "window" else (one, one, none, none)
    with pytest.raises(ShapeError, match=f"the {side} has no rows"):
        rate_leaves(*sides)
    with pytest.raises(ShapeError, match=f"the {side} has no rows"):
        mean_leaves(*sides, unit_variance=one)


def test_the_noise_of_counts_is_found_again() -> None:
    """φ·m + κ·m² as they were drawn, though a tenth of the leaves fell by half."""
    random = np.random.default_rng(5)
    level = random.lognormal(4, 2, 20_000)
    spread = 0.02
    sides = [random.poisson(level * random.gamma(1 / spread, spread, len(level))) * 1.0
             for _ in range(2)]  # fmt: skip
    sides[0][:2_000] = np.rint(sides[0][:2_000] / 2)
    moved = Counts(sides[0], sides[1], 2.0).deviations(0.0)
    is_large = (moved.scale > 1e3) & (np.arange(len(level)) >= 2_000)
    is_small = (moved.scale > 5) & (moved.scale < 20) & (np.arange(len(level)) >= 2_000)
    for some in (is_large, is_small):
        ratio = np.var(moved.residual[some] / np.sqrt(moved.variance[some]))
        assert 0.6 < ratio < 1.4


@given(st.floats(-0.9, 0.9))
def test_a_shift_that_all_share_is_taken_off(shift: float) -> None:
    expected = np.array([10.0, 200.0, 3_000.0])
    value = expected * (2 + shift) / (2 - shift)
    assert Counts(value, expected).deviations(shift).residual == pytest.approx(0, abs=1e-9)


def test_sums_of_cells_are_leaves_of_the_coarser_table() -> None:
    random = np.random.default_rng(6)
    codes = random.integers(0, 3, (50, 2))
    parts = [random.integers(1, 9, 50).astype(float) for _ in range(4)]
    rest = random.random(50) < 0.7
    cells = cells_by(codes, (0,))
    summed = rate_leaves(*parts).summed(cells, rest)
    coarse = [np.array([part[rest & (cells.of == cell)].sum() for cell in range(cells.count)])
              for part in parts]  # fmt: skip
    for own, other in zip((summed.above, summed.below, summed.base_above, summed.base_below),
                          coarse, strict=True):  # fmt: skip
        assert own == pytest.approx(other)
    assert summed.unit_variance == pytest.approx(1.0)
