"""The search for the slices that moved: the best first, its leaves taken out, the next.

Sums over leaves make both the effect of a slice and how sure it is, so that all slices that fix the
same dimensions are one grouped sum. A slice that moved as one beats those around it (as much moved
among more leaves) and those within it (less moved), so its depth need not be chosen.

What ranks slices is not what decides whether one is told. To rank, the leaves of a slice are taken
to move by about its effect, give or take a part of that, and not each by it to the precision of its
volume: else the largest leaf of a slice that moved unevenly outweighs the slice. Whether chance
alone explains the best one is asked without that, at the noise of the leaves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pellucid.monitor.localize.lattice import Cells, Cuboid, Lattice
from pellucid.monitor.localize.leaves import Deviations, Leaves
from pellucid.monitor.localize.search import Found, Moved, Search
from pellucid.stats.discovery import false_discovery, null_scale
from pellucid.stats.distributions import chi_square_quantile, chi_square_tail

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_ROUNDS = 4
_REFINED = 2
_LEAST_SIBLINGS = 30
_MOST = 0.5
# Standard errors by which leaves outside all slices must move to change the common shift.
_SHIFT_SURE = 2.0


@dataclass(frozen=True, slots=True)
class _Pick:
    score: float
    effect: float
    cuboid: Cuboid
    slice_at: int

    @property
    def is_whole(self) -> bool:
        return not self.cuboid.dimensions


@dataclass(frozen=True, slots=True)
class _Left:
    """The leaves in no slice yet, in the cells of each cuboid."""

    lattice: Lattice
    rest: Mask
    moved: dict[int, Deviations]

    @classmethod
    def of(cls, lattice: Lattice, leaves: Leaves, shift: float, rest: Mask) -> _Left:
        every: dict[int, Cells] = {
            id(item.cells): item.cells for item in (*lattice.cuboids, lattice.whole)
        }
        return cls(lattice, rest, {key: leaves.summed(cells, rest).deviations(shift)
                                   for key, cells in every.items()})  # fmt: skip

    def at(self, cuboid: Cuboid) -> Deviations:
        return self.moved[id(cuboid.cells)]

    def gains(self, cuboid: Cuboid) -> tuple[Floats, Floats]:
        """Return the effect of each slice of a cuboid, and how sure it is."""
        moved = self.at(cuboid)
        return _grouped(cuboid, moved, moved.variance)

    def siblings_spread(self, gain: Floats) -> float:
        """Return how many times their own variance slices that fix the same dimensions spread.

        Leaves that move together, such as those of one country with its time of day, move slices by
        more than their noise adds up to; then only what moved more than most stands out.
        """
        some = gain[gain > 0]
        return null_scale(np.sqrt(some)) ** 2 if len(some) >= _LEAST_SIBLINGS else 1.0


@dataclass(frozen=True, slots=True)
class _Sweep:
    found: tuple[Found, ...]
    left: _Left
    whole: float | None


def localize(lattice: Lattice, leaves: Leaves, search: Search | None = None) -> Moved:
    """Find the slices that moved, and by how much all the others did.

    Everything together competes with the slices. Where it wins, what moved all is taken off first,
    and set anew by what is outside the slices that then stand out. If those hold most of the
    volume, most of it did not move together, and slices are searched as if nothing did.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.

    References
    ----------
    DerSimonian, R. and Laird, N. (1986). Meta-analysis in clinical trials. Controlled Clinical
    Trials 7, 177-188: weights where effects differ. Efron, B. (2004). Large-scale simultaneous
    hypothesis testing. JASA 99(465): noise from the slices themselves. Li, Z. et al. (2019).
    Generic and robust localization of multi-dimensional root causes. ISSRE: that the leaves of a
    root cause move alike, and the Squeeze data.
    """
    asked = search or Search()
    if asked.threshold is None:
        asked = replace(asked, threshold=float(chi_square_quantile(1 - asked.alpha, 1)))
    shift = 0.0
    sweep = _swept(lattice, leaves, shift, asked, has_whole=True)
    if sweep.whole is None:
        return _moved(sweep, shift)
    shift = sweep.whole
    for _ in range(_ROUNDS):
        sweep = _swept(lattice, leaves, shift, asked, has_whole=False)
        effect, gain = _whole(sweep.left)
        if gain < _SHIFT_SURE**2:
            break
        shift += effect
    volume = leaves.deviations(0.0).scale
    if sum(float(volume[item.leaves].sum()) for item in sweep.found) > _MOST * float(volume.sum()):
        shift = 0.0
        sweep = _swept(lattice, leaves, shift, asked, has_whole=False)
    return _moved(sweep, shift)


def best_score(lattice: Lattice, leaves: Leaves) -> float:
    """Return the best score of any slice, or of everything together."""
    left = _Left.of(lattice, leaves, 0.0, np.ones(len(lattice.codes), dtype=bool))
    best = _whole(left)[1]
    for cuboid in lattice.cuboids:
        _, gain = left.gains(cuboid)
        alone = float(gain.max()) / left.siblings_spread(gain)
        best = max(best, alone - _penalty(lattice, cuboid))
    return best


def _moved(sweep: _Sweep, shift: float) -> Moved:
    return Moved(sweep.found, shift, sweep.left.at(sweep.left.lattice.whole).spread)


def _swept(
    lattice: Lattice, leaves: Leaves, shift: float, search: Search, *, has_whole: bool
) -> _Sweep:
    """Find one slice after the other, until what is left may be chance or matters little."""
    left = _Left.of(lattice, leaves, shift, np.ones(len(lattice.codes), dtype=bool))
    found: list[Found] = []
    sign, first = 0.0, 0.0
    threshold = search.threshold or 0.0
    while len(found) < search.most:
        together, gain = _whole(left)
        pick = _picked(left, search, sign=sign, has_whole=has_whole and gain >= threshold)
        if pick.is_whole:
            return _Sweep((), left, together)
        effects, gains = left.gains(pick.cuboid)
        effect, gain = float(effects[pick.slice_at]), float(gains[pick.slice_at])
        spread = left.siblings_spread(gains)
        needed = threshold + _penalty(lattice, pick.cuboid)
        residual = left.at(pick.cuboid).residual[pick.cuboid.group == pick.slice_at]
        size = abs(float(residual.sum()))
        if gain < needed * spread or size < search.least_share * first:
            break
        first = first or size
        sign = sign or float(np.sign(effect))
        found.append(Found(
            lattice.conditions(pick.cuboid, pick.slice_at),
            left.rest & pick.cuboid.holds(pick.slice_at), effect, gain / spread, needed, spread,
            _q_value(left, pick.cuboid, pick.slice_at),
        ))  # fmt: skip
        left = _Left.of(lattice, leaves, shift, left.rest & ~found[-1].leaves)
    return _Sweep(tuple(found), left, None)


def _picked(left: _Left, search: Search, *, sign: float, has_whole: bool) -> _Pick:
    """Return the best slice; how uneven slices are follows from the effect of the best."""
    pick = _best(left, search, 0.0, sign=sign, has_whole=has_whole)
    for _ in range(_REFINED):
        if pick.is_whole:
            break
        uneven = search.uneven * pick.effect
        pick = _best(left, search, uneven, sign=sign, has_whole=has_whole)
    return pick


def _best(left: _Left, search: Search, uneven: float, *, sign: float, has_whole: bool) -> _Pick:
    """Return the best slice where the effects of cells differ by so much."""

    def ranked(cuboid: Cuboid) -> tuple[Floats, Floats]:
        moved = left.at(cuboid)
        wide = moved.base_variance + (uneven * moved.scale) ** 2
        return _grouped(cuboid, moved, np.where(moved.base_variance > 0, wide, 0.0))

    picks = []
    for cuboid in left.lattice.cuboids:
        effect, gain = ranked(cuboid)
        if sign:
            gain = np.where(np.sign(effect) == sign, gain, 0.0)
        at = int(gain.argmax())
        score = float(gain[at]) - _penalty(left.lattice, cuboid)
        picks.append(_Pick(score, float(effect[at]), cuboid, at))
    best = max(pick.score for pick in picks)
    if has_whole:
        together, sure = ranked(left.lattice.whole)
        if sure[0] >= search.whole * best:
            return _Pick(float(sure[0]), float(together[0]), left.lattice.whole, 0)
    # Where chance explains all, scores are below 0, and a part of the best is above it.
    least = search.near * best if best > 0 else best
    near = [pick for pick in picks if pick.score >= least]
    return min(near, key=lambda pick: (len(pick.cuboid.dimensions), -pick.score))


def _q_value(left: _Left, cuboid: Cuboid, slice_at: int) -> float:
    """Return the q-value of a slice among all that fix as many dimensions."""
    gains: list[Floats] = []
    own = 0
    for other in left.lattice.cuboids:
        if len(other.dimensions) != len(cuboid.dimensions):
            continue
        if other is cuboid:
            own = sum(len(part) for part in gains) + slice_at
        gain = left.gains(other)[1]
        gains.append(gain / left.siblings_spread(gain))
    return float(false_discovery(chi_square_tail(np.concatenate(gains), 1))[own])


def _penalty(lattice: Lattice, cuboid: Cuboid) -> float:
    return 2.0 * float(np.log(lattice.layer_size(len(cuboid.dimensions))))


def _whole(left: _Left) -> tuple[float, float]:
    """Return the effect that all leaves left share, and how sure it is."""
    effect, gain = left.gains(left.lattice.whole)
    return float(effect[0]), float(gain[0])


def _grouped(cuboid: Cuboid, moved: Deviations, variance: Floats) -> tuple[Floats, Floats]:
    weight = np.divide(1.0, variance, out=np.zeros(len(variance)), where=variance > 0)
    across, along = (
        np.bincount(cuboid.group, weight * moved.scale * part, cuboid.count).astype(np.float64)
        for part in (moved.residual, moved.scale)
    )
    effect = np.divide(across, along, out=np.zeros(cuboid.count), where=along > 0)
    return effect, across * effect
