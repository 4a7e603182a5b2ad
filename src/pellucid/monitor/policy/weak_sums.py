"""What every segment adds up to: cells of one grouped query, summed by each combination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.engine.cells import merge
from pellucid.engine.plan import Scan
from pellucid.errors import DataError
from pellucid.monitor.localize.lattice import Lattice, cells_by, make_lattice
from pellucid.monitor.localize.reading import check_currency, coded, summed
from pellucid.monitor.top import largest_values, with_rest
from pellucid.spec.measure import measures_of
from pellucid.spec.system import Metric

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Mask = NDArray[np.bool_]

ARM = "arm"
ARMS = ("ml", "control")


@dataclass(frozen=True, slots=True)
class Segments:
    """All segments of a table of leaves, numbered through; the last one is the whole.

    Attributes
    ----------
    dimensions : tuple of str
    values : tuple of list of str
        Of each dimension, by code.
    lattice : Lattice
        One cuboid for each combination of dimensions.
    leaves : array of float64, shape (leaves, sides, roles)
        Sums of the finest groups; two sides where arms are compared, else one.
    starts : array of int64, shape (cuboids + 1,)
        Number of the first segment of each cuboid, and of the whole.
    places : tuple of array of int64, shape (leaves,)
        For each cuboid, the number of the segment that each leaf is in.
    parents : array of int64, shape (segments, depth)
        Segments with one condition fewer; of one condition that is the whole. -1 where there are
        no more.
    """

    dimensions: tuple[str, ...]
    values: tuple[list[str], ...]
    lattice: Lattice
    leaves: Floats
    starts: Places
    places: tuple[Places, ...]
    parents: Places

    @property
    def count(self) -> int:
        """How many there are, without the whole."""
        return int(self.starts[-1])

    def cuboid(self, segment: int) -> int:
        """Return the place of the cuboid that a segment is in."""
        return int(np.searchsorted(self.starts, segment, side="right")) - 1

    def holds(self, segment: int) -> Mask:
        """Return which leaves are in a segment."""
        found: Mask = self.places[self.cuboid(segment)] == segment
        return found

    def conditions(self, segment: int) -> tuple[tuple[str, str], ...]:
        """Return a segment as pairs of dimension and value."""
        place = self.cuboid(segment)
        pairs = self.lattice.conditions(
            self.lattice.cuboids[place], segment - int(self.starts[place])
        )
        return tuple((self.dimensions[name], self.values[name][code]) for name, code in pairs)

    def summed(self, left: Mask) -> Floats:
        """Return the sums of every segment over some leaves, shape (segments + 1, sides, roles)."""
        kept = self.leaves[left]
        flat = kept.reshape(len(kept), -1)
        sums = np.zeros((self.count + 1, flat.shape[1]))
        ends = [*self.starts[1:], self.count + 1]
        for places, start, end in zip(self.places, self.starts, ends, strict=True):
            at = places[left] - start
            for column in range(flat.shape[1]):
                sums[start:end, column] = np.bincount(at, flat[:, column], end - start)
        return sums.reshape(len(sums), *kept.shape[1:])


def make_segments(
    dimensions: Sequence[str],
    values: Sequence[list[str]],
    codes: Places,
    leaves: Floats,
    *,
    depth: int,
) -> Segments:
    """Number the segments of up to `depth` dimensions.

    Parameters
    ----------
    codes : array of int64, shape (leaves, dimensions)
    leaves : array of float64, shape (leaves, sides, roles)
    """
    lattice = make_lattice(codes, depth=depth, grain=())
    cuboids = lattice.cuboids
    starts = np.cumsum([0, *(item.count for item in cuboids)])
    groups = [*cuboids, lattice.whole]
    places = tuple(
        item.group[item.cells.of] + start for item, start in zip(groups, starts, strict=True)
    )
    place_of = {item.dimensions: place for place, item in enumerate(groups)}
    parents = np.full((int(starts[-1]), max(len(item.dimensions) for item in cuboids)), -1)
    for item, start in zip(cuboids, starts, strict=False):
        for gone in range(len(item.dimensions)):
            fewer = item.dimensions[:gone] + item.dimensions[gone + 1 :]
            parents[start : start + item.count, gone] = places[place_of[fewer]][item.first]
    return Segments(tuple(dimensions), tuple(values), lattice, leaves, starts, places, parents)


def read_segments(
    metric: Metric,
    scan: Scan,
    cells: pa.Table,
    dimensions: Sequence[str],
    *,
    depth: int,
    top: int,
    asked: str,
) -> Segments:
    """Return the segments of a metric from the cells of one scan.

    Parameters
    ----------
    cells : pyarrow.Table
        Of the scan, by the dimensions, and by the arm where arms are compared.
    top : int
        Values of each dimension to keep, those with most rows; the rest is one value.
    asked : str
        What errors name.

    Raises
    ------
    DataError
        If no row is left, or an arm has none.
    SpecError
        If amounts are of several currencies.
    """
    names, keys = list(dimensions), list(scan.by)
    roles = measures_of(metric, is_weighted=scan.is_weighted)
    counts = f"m{scan.measures.index(roles['n'])}"
    folded = merge(cells.filter(pc.greater(cells.column(counts), 0)), keys, scan.measures)
    if not folded.num_rows:
        raise DataError(asked, ["no row is left that the metric is about: widen `over` or `where`, "
                                "or wait for outcomes to mature"])  # fmt: skip
    has_arms = ARM in keys and ARM not in names
    if has_arms:
        _check_arms(folded, asked)
        folded = folded.filter(pc.is_in(folded.column(ARM), pa.array(ARMS)))
    check_currency(asked, metric, scan, [folded])
    for name in names:
        place = folded.column_names.index(name)
        folded = folded.set_column(place, name, folded.column(name).cast(pa.string()))
    folded = with_rest(folded, largest_values(folded, names, counts, top))
    codes, values = coded(folded, names)
    finest = cells_by(codes, range(len(names)))
    leaf, at, sides = codes[finest.first], finest.of, 1
    if has_arms:
        sides = len(ARMS)
        is_other = pc.equal(folded.column(ARM), ARMS[1]).to_numpy()
        at = at * sides + is_other
    sums = [
        summed(folded.column(f"m{scan.measures.index(measure)}"), at, len(leaf) * sides)
        for role, measure in roles.items() if not role.startswith("currency")
    ]  # fmt: skip
    leaves = np.stack(sums, axis=1).reshape(len(leaf), sides, len(sums))
    return make_segments(names, values, leaf, leaves, depth=depth)


def _check_arms(cells: pa.Table, asked: str) -> None:
    logged = pc.unique(cells.column(ARM)).to_pylist()
    missing = [name for name in ARMS if name not in logged]
    if missing:
        raise DataError(asked, [
            f"no row that the metric is about has the arm '{name}': log `arm`, 'control' for "
            "decisions picked at random to be made without the model and 'ml' for those made with "
            "it, widen `over`, or ask versus='rest'"
            for name in missing
        ])  # fmt: skip
