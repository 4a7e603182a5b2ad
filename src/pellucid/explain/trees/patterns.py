"""Paths of an ensemble as patterns: which players' conditions a row meets, one bit for each.

A leaf's part in an attribution depends on a row only through which of the players on its path the
row satisfies. Two leaves of one parent share their pattern but for the parent's own split, so a
group is a parent: a bit for each player above it, and one for going left at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.explain.trees.codes import Codes, Coding, node_left
from pellucid.models.ensemble import LEAF, Ensemble, Ints


@dataclass(frozen=True, slots=True)
class Group:
    """The leaves below one parent.

    Attributes
    ----------
    parent : int
        Node.
    players : tuple of int
        On the path, the parent's own included, in order of first appearance.
    at : int
        Place of the parent's player among those above it; -1 where it is new.
    bits : tuple of tuple of int
        For each bit of the pattern the edges that must all be taken: ``2 * node + side``, side 1
        for right; the last bit is going left at the parent.
    sides : tuple of int
        Which of its children are leaves: 0 left, 1 right.
    ratios : tuple of float
        For each of `sides` and then each player, the share of training weight that stays on the
        path at the player's splits.
    """

    parent: int
    players: tuple[int, ...]
    at: int
    bits: tuple[tuple[int, ...], ...]
    sides: tuple[int, ...]
    ratios: tuple[tuple[float, ...], ...]

    @property
    def is_repeated(self) -> bool:
        """Whether the parent's player was split on above already."""
        return self.at >= 0


def groups_of(ensemble: Ensemble, players: Ints, tree: int) -> Iterator[Group]:
    """Yield the groups of a tree.

    Parameters
    ----------
    players : array of int32, shape (features,)
        The player that each feature belongs to.
    """
    root = int(ensemble.starts[tree])
    if ensemble.feature[root] == LEAF:
        return
    # Node, then for each player above it the edges on the path and their share of weight.
    waiting: list[tuple[int, dict[int, tuple[tuple[int, ...], float]]]] = [(root, {})]
    while waiting:
        node, above = waiting.pop()
        player = int(players[ensemble.feature[node]])
        sides, ratios = [], []
        for side, child in enumerate((int(ensemble.left[node]), int(ensemble.right[node]))):
            # A node that no training row passed tells nothing of its children.
            whole = float(ensemble.cover[node])
            share = float(ensemble.cover[child]) / whole if whole > 0 else 0.5
            edges, ratio = above.get(player, ((), 1.0))
            path = {**above, player: ((*edges, 2 * node + side), ratio * share)}
            if ensemble.feature[child] != LEAF:
                waiting.append((child, path))
                continue
            sides.append(side)
            ratios.append(tuple(weight for _, weight in path.values()))
        if sides:
            names = list(above)
            at = names.index(player) if player in above else -1
            yield Group(
                node, tuple(names) if at >= 0 else (*names, player), at,
                (*(edges for edges, _ in above.values()), (2 * node,)),
                tuple(sides), tuple(ratios),
            )  # fmt: skip


def leaf_pattern(pattern: NDArray[np.int64], bits: int, at: int, side: int) -> NDArray[np.int64]:
    """Return the leaf's pattern, a bit for each player, of each of the group's patterns.

    Parameters
    ----------
    pattern : array of int64
        Patterns of `bits` bits.
    at, side : int
        As in `Group`.
    """
    last = bits - 1
    takes = ((pattern >> last) & 1) ^ side
    above = pattern & ((1 << last) - 1)
    if at < 0:
        return above | (takes << last)
    return above & ~(1 << at) | (((above >> at) & takes & 1) << at)


class TreePatterns:
    """The patterns of rows in one tree; groups share what they share of the path."""

    def __init__(self, ensemble: Ensemble, coding: Coding, codes: Codes) -> None:
        self._ensemble, self._coding, self._codes = ensemble, coding, codes
        self._left: dict[int, NDArray[np.bool_]] = {}
        self._met: dict[tuple[int, ...], NDArray[np.bool_]] = {}
        self._patterns: dict[tuple[tuple[int, ...], ...], NDArray[np.unsignedinteger]] = {
            (): np.zeros(codes.shape[1], dtype=np.uint8)
        }

    def of(self, group: Group) -> NDArray[np.int64]:
        """Return the pattern of each row in a group."""
        return self._pattern(group.bits).astype(np.int64)

    def _pattern(self, bits: tuple[tuple[int, ...], ...]) -> NDArray[np.unsignedinteger]:
        found = self._patterns.get(bits)
        if found is None:
            # The narrowest type that holds it: what is moved is what it costs.
            kind = np.min_scalar_type(2 ** len(bits) - 1)
            met = np.left_shift(self._meets(bits[-1]), kind.type(len(bits) - 1), dtype=kind)
            found = np.bitwise_or(self._pattern(bits[:-1]), met, out=met)
            self._patterns[bits] = found
        return found

    def _meets(self, edges: tuple[int, ...]) -> NDArray[np.bool_]:
        found = self._met.get(edges)
        if found is None:
            found = self._takes(edges[-1])
            if len(edges) > 1:
                found = found & self._meets(edges[:-1])
            self._met[edges] = found
        return found

    def _takes(self, edge: int) -> NDArray[np.bool_]:
        node, side = divmod(edge, 2)
        left = self._left.get(node)
        if left is None:
            left = node_left(self._ensemble, self._coding, node, self._codes)
            self._left[node] = left
        return ~left if side else left
