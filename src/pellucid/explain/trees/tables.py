"""Tables of an ensemble: for each group of leaves and each pattern, what each player gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.explain.trees.codes import Codes, Coding
from pellucid.explain.trees.patterns import Group, TreePatterns, groups_of, leaf_pattern
from pellucid.explain.trees.shapley import independent_shares, values_of_leaves
from pellucid.models.ensemble import LEAF, Ensemble, Floats, Ints

# Beyond it a table has more entries than rows that would use it: pairs of patterns are cheaper.
MOST_BITS = 12
_CHUNK_VALUES = 4_000_000


def tree_groups(ensemble: Ensemble, players: Ints) -> list[list[Group]]:
    """Return the groups of every tree."""
    return [list(groups_of(ensemble, players, tree)) for tree in range(ensemble.trees)]


def count_patterns(
    ensemble: Ensemble, coding: Coding, groups: Sequence[Group], codes: Codes, weights: Floats
) -> list[Floats]:
    """Return, for each group of one tree, the weight of reference rows by pattern."""
    patterns = TreePatterns(ensemble, coding, codes)
    return [
        np.bincount(patterns.of(group), weights, 2 ** len(group.bits)).astype(np.float64)
        for group in groups
    ]


def path_shares(group: Group, place: int) -> Floats:
    """Return the shares of a leaf's patterns under independence; shape (1, 2^players)."""
    return independent_shares(np.array([group.ratios[place]]))


def leaf_shares(group: Group, counts: Floats, side: int) -> Floats:
    """Return the shares of a leaf's patterns, from the weights of its group's patterns."""
    every = np.arange(len(counts))
    pattern = leaf_pattern(every, len(group.bits), group.at, side)
    return np.bincount(pattern, weights=counts, minlength=2 ** len(group.players))[None] / (
        counts.sum()
    )


def value_of(ensemble: Ensemble, group: Group, side: int) -> float:
    """Return the value of a group's leaf."""
    children = ensemble.right if side else ensemble.left
    return float(ensemble.value[children[group.parent]])


def make_tables(
    ensemble: Ensemble, groups: Sequence[Group], counts: Sequence[Floats] | None
) -> tuple[list[Floats], float]:
    """Return the tables of groups and the mean of their leaves' values.

    Parameters
    ----------
    groups : sequence of Group
        Of at most `MOST_BITS` bits each; of any trees.
    counts : sequence of array of float64, optional
        By group, the weight of reference rows of each pattern; None for path-dependent values.

    Returns
    -------
    list of array of float64, shape (players, patterns); float
    """
    tables = [np.zeros((len(group.players), 2 ** len(group.bits))) for group in groups]
    base = 0.0
    for leaves in leaves_alike(groups, counts):
        values = values_of_leaves(leaves.shares)
        for number, own, share in zip(leaves.groups, values, leaves.shares, strict=True):
            value = value_of(ensemble, groups[number], leaves.side)
            tables[number] += value * own[leaves.pattern].T
            base += value * float(share[-1])
    return tables, base


@dataclass(frozen=True, slots=True)
class LeavesAlike:
    """Leaves whose patterns are made alike, so that one pass does for all of them.

    Attributes
    ----------
    groups : tuple of int
        The group of each leaf.
    side : int
        Which child of their parents they are.
    pattern : array of int64, shape (patterns of the group,)
        The leaf's pattern for each pattern of its group.
    shares : array of float64, shape (leaves, patterns of the leaf)
        Shares of reference rows.
    """

    groups: tuple[int, ...]
    side: int
    pattern: NDArray[np.int64]
    shares: Floats


def leaves_alike(groups: Sequence[Group], counts: Sequence[Floats] | None) -> Iterator[LeavesAlike]:
    """Yield the leaves of groups, in portions of bounded size; arguments as of `make_tables`."""
    alike: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for number, group in enumerate(groups):
        for place, side in enumerate(group.sides):
            alike.setdefault((len(group.bits), group.at, side), []).append((number, place))
    for (bits, at, side), leaves in alike.items():
        players = len(groups[leaves[0][0]].players)
        pattern = leaf_pattern(np.arange(2**bits), bits, at, side)
        step = max(1, _CHUNK_VALUES // (2**players * (players + 1)))
        for start in range(0, len(leaves), step):
            part = leaves[start : start + step]
            shares = np.concatenate([
                path_shares(groups[number], place) if counts is None
                else leaf_shares(groups[number], counts[number], side)
                for number, place in part
            ])  # fmt: skip
            yield LeavesAlike(tuple(number for number, _ in part), side, pattern, shares)


def lone_leaves(ensemble: Ensemble) -> float:
    """Return the sum of the trees that are a single leaf."""
    roots = ensemble.starts[:-1]
    return float(ensemble.value[roots[ensemble.feature[roots] == LEAF]].sum())


def is_shallow(group: Group) -> bool:
    """Whether a group can have a table."""
    return len(group.bits) <= MOST_BITS


def feature_players(features: int, groups: Sequence[Sequence[int]] = ()) -> Ints:
    """Return the player of each feature, where some features play as one.

    Parameters
    ----------
    groups : sequence of sequence of int
        Features of each joint player; the others play alone, after them, in order.
    """
    players = np.full(features, -1, dtype=np.int32)
    for player, members in enumerate(groups):
        players[list(members)] = player
    alone = np.flatnonzero(players < 0)
    players[alone] = len(groups) + np.arange(len(alone))
    return players
