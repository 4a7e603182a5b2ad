"""Every slice is grouped once, and windows are matched where matching loses little."""

from __future__ import annotations

import numpy as np
import pytest
from planted import every_slice, grid, inside

from pellucid.errors import ShapeError
from pellucid.monitor.localize.lattice import cells_by, make_lattice, matching_grain


@pytest.mark.parametrize("grain", [None, (), (1,)], ids=["all", "none", "one"])
def test_slices_are_those_of_brute_force(grain: tuple[int, ...] | None) -> None:
    random = np.random.default_rng(1)
    codes = grid()[random.random(60) < 0.5]
    lattice = make_lattice(codes, grain=grain)
    found = {}
    for cuboid in lattice.cuboids:
        for at in range(cuboid.count):
            found[lattice.conditions(cuboid, at)] = cuboid.holds(at)
    assert found.keys() == every_slice(codes)
    for conditions, mask in found.items():
        assert (mask == inside(codes, conditions)).all()
    assert lattice.whole.holds(0).all()
    sizes = [sum(len(key) == depth for key in found) for depth in (1, 2, 3)]
    assert [lattice.layer_size(depth) for depth in (1, 2, 3)] == sizes


def test_cells_match_on_what_is_fixed_and_on_the_grain() -> None:
    codes = grid()
    lattice = make_lattice(codes, grain=(1,))
    for cuboid in lattice.cuboids:
        within = sorted({*cuboid.dimensions, 1})
        assert cuboid.cells.count == len(np.unique(codes[:, within], axis=0))


def test_keys_of_many_dimensions_do_not_overflow() -> None:
    random = np.random.default_rng(2)
    codes = random.integers(0, 5_000, (300, 8)) % np.array([5_000] * 7 + [2])
    cells = cells_by(codes, range(8))
    assert cells.count == len(np.unique(codes, axis=0))
    for cell in range(cells.count):
        assert len(np.unique(codes[cells.of == cell], axis=0)) == 1


def test_a_dense_table_is_matched_on_all_and_a_sparse_one_on_what_it_can() -> None:
    codes = grid()
    many = np.full(len(codes), 100.0)
    assert matching_grain(codes, many, many) == (0, 1, 2)
    random = np.random.default_rng(3)
    # A fourth dimension of its own value on nearly each row leaves next to no pairs.
    rows = np.column_stack([codes[random.integers(0, 60, 4_000)], random.integers(0, 3_000, 4_000)])
    side = random.random(4_000) < 0.5
    leaves, leaf = np.unique(rows, axis=0, return_inverse=True)
    sums = [np.bincount(leaf.ravel()[part], minlength=len(leaves)).astype(float)
            for part in (side, ~side)]  # fmt: skip
    assert 3 not in matching_grain(leaves, *sums)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (np.zeros((3, 0), np.int64), "no dimension"),
        (np.zeros((0, 2), np.int64), "no rows"),
        (np.array([[0, -1]]), "begin at 0"),
    ],
    ids=["no dimension", "no leaf", "missing value"],
)
def test_what_cannot_be_searched_is_said(codes: np.ndarray, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        make_lattice(codes)
