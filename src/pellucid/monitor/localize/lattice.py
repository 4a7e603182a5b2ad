"""Every slice of a table: the combinations of values of its dimensions, as one grouping each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ShapeError

Places = NDArray[np.int64]
Floats = NDArray[np.float64]
Conditions = tuple[tuple[int, int], ...]

DEPTH = 3
# A table of marks this many times the leaves is filled sooner than the leaves are sorted.
_DENSE = 16
_LEAST_DENSE = 1 << 16
_LEAST_KNOWN = 0.8


@dataclass(frozen=True, slots=True)
class Cells:
    """A grouping of leaves: like is compared with like within each.

    Attributes
    ----------
    of : array of int64, shape (leaves,)
        Which cell each leaf is in.
    count : int
    first : array of int64, shape (count,)
        A leaf of each.
    """

    of: Places
    count: int
    first: Places


@dataclass(frozen=True, slots=True)
class Cuboid:
    """All slices that fix the same dimensions.

    Attributes
    ----------
    dimensions : tuple of int
        Places of the fixed ones; none of everything together.
    cells : Cells
        Within which the two windows are compared.
    group : array of int64, shape (cells,)
        Which slice each cell is in.
    count : int
        Slices that have leaves.
    first : array of int64, shape (count,)
        A leaf of each.
    """

    dimensions: tuple[int, ...]
    cells: Cells
    group: Places
    count: int
    first: Places

    def holds(self, slice_at: int) -> NDArray[np.bool_]:
        """Return which leaves are in a slice."""
        found: NDArray[np.bool_] = (self.group == slice_at)[self.cells.of]
        return found


@dataclass(frozen=True, slots=True)
class Lattice:
    """The slices of a table of leaves.

    Attributes
    ----------
    codes : array of int64, shape (leaves, dimensions)
        Value of each dimension, from 0.
    cuboids : tuple of Cuboid
        Coarsest first.
    whole : Cuboid
        Everything together.
    """

    codes: Places
    cuboids: tuple[Cuboid, ...]
    whole: Cuboid

    def layer_size(self, depth: int) -> int:
        """Return how many slices fix so many dimensions."""
        return sum(item.count for item in self.cuboids if len(item.dimensions) == depth)

    def conditions(self, cuboid: Cuboid, slice_at: int) -> Conditions:
        """Return a slice as pairs of dimension and value."""
        leaf = self.codes[cuboid.first[slice_at]]
        return tuple((place, int(leaf[place])) for place in cuboid.dimensions)


def make_lattice(
    codes: Places, *, depth: int = DEPTH, grain: Sequence[int] | None = None
) -> Lattice:
    """Group leaves by every combination of at most `depth` dimensions.

    Parameters
    ----------
    codes : array of int64, shape (leaves, dimensions)
        Value of each dimension, from 0. Leaves may repeat.
    depth : int, default 3
        Most dimensions that a slice fixes.
    grain : sequence of int, optional
        Dimensions that the windows are matched on, besides those that a slice fixes; all by
        default. See `matching_grain`.

    Raises
    ------
    ShapeError
        If there is no dimension or no leaf, or a code is below 0.
    """
    if codes.ndim != 2 or not codes.shape[1]:
        raise ShapeError("there is no dimension to localize over; name some in `by`")
    if not len(codes):
        raise ShapeError("there are no rows to localize in; widen the window or `where`")
    if codes.min() < 0:
        raise ShapeError("codes of dimensions begin at 0; give missing values one of their own")
    every = range(codes.shape[1])
    matched = every if grain is None else grain
    known: dict[tuple[int, ...], Cells] = {}

    def cuboid(fixed: tuple[int, ...]) -> Cuboid:
        within = tuple(sorted({*fixed, *matched}))
        if within not in known:
            known[within] = cells_by(codes, within)
        cells = known[within]
        slices = cells_by(codes[cells.first], fixed)
        return Cuboid(fixed, cells, slices.of, slices.count, cells.first[slices.first])

    fixed = (item for size in range(1, min(depth, len(every)) + 1)
             for item in combinations(every, size))  # fmt: skip
    return Lattice(codes, tuple(cuboid(item) for item in fixed), cuboid(()))


def matching_grain(codes: Places, below: Floats, base_below: Floats) -> tuple[int, ...]:
    """Return the dimensions on which two windows can be matched with little loss.

    The difference of two rates is known as well as n₁·n₀ / (n₁ + n₀) rows would tell it. Matched
    within cells of a few rows each, of which many are in one window only, most of that is lost;
    then the dimensions whose cells cost most are not matched on.

    Parameters
    ----------
    below, base_below : array of float64, shape (leaves,)
        Volume of the leaves in the window and the baseline.
    """
    kept = list(range(codes.shape[1]))
    least = _LEAST_KNOWN * _known(codes, (), below, base_below)
    while kept and _known(codes, kept, below, base_below) < least:
        fewer = [[place for place in kept if place != gone] for gone in kept]
        kept = max(fewer, key=lambda rest: _known(codes, rest, below, base_below))
    return tuple(kept)


def _known(codes: Places, within: Iterable[int], below: Floats, base_below: Floats) -> float:
    cells = cells_by(codes, within)
    one, two = (np.bincount(cells.of, part, cells.count) for part in (below, base_below))
    both = one + two
    return float(np.divide(one * two, both, out=np.zeros(len(both)), where=both > 0).sum())


def cells_by(codes: Places, dimensions: Iterable[int]) -> Cells:
    """Group leaves that agree on dimensions."""
    key, most = np.zeros(len(codes), dtype=np.int64), 1
    for place in dimensions:
        count = int(codes[:, place].max()) + 1
        key, most = key * count + codes[:, place], most * count
        if most > max(_DENSE * len(codes), _LEAST_DENSE):
            # Numbered anew, keys of many dimensions cannot overflow.
            key = np.unique(key, return_inverse=True)[1].ravel()
            most = int(key.max()) + 1
    place_of = np.full(most, -1, dtype=np.int64)
    place_of[key] = np.arange(len(key))
    present = place_of >= 0
    number = np.cumsum(present) - 1
    return Cells(number[key], int(present.sum()), place_of[present])
