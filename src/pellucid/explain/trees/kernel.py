"""Attributions of a tree ensemble: prepared once for a reference population, then looked up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pellucid.explain.trees.codes import Codes, Coding, encode, make_coding
from pellucid.explain.trees.deep import deep_path_values, deep_values
from pellucid.explain.trees.native import Lookups, look_up, make_lookups, versions
from pellucid.explain.trees.patterns import Group, TreePatterns, leaf_pattern
from pellucid.explain.trees.tables import (
    count_patterns,
    is_shallow,
    lone_leaves,
    make_tables,
    tree_groups,
    value_of,
)  # fmt: skip
from pellucid.models.ensemble import Ensemble, Floats, Ints

BLOCK_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Prepared:
    """An ensemble ready to explain rows.

    Attributes
    ----------
    ensemble : Ensemble
    coding : Coding
    players : int
    groups : tuple of tuple of Group
        By tree, those that have a table.
    tables : tuple of tuple of array of float64, shape (players of the group, patterns)
    deep : tuple of tuple of DeepLeaf
        By tree, leaves that have none.
    base : float
        Mean raw score over the reference population.
    lookups : Lookups, optional
        The tables as the compiled kernel reads them.
    """

    ensemble: Ensemble
    coding: Coding
    players: int
    groups: tuple[tuple[Group, ...], ...]
    tables: tuple[tuple[Floats, ...], ...]
    deep: tuple[tuple[DeepLeaf, ...], ...]
    base: float
    lookups: Lookups | None


@dataclass(frozen=True, slots=True)
class DeepLeaf:
    """A leaf of many players.

    Attributes
    ----------
    group : Group
    place : int
        Which of the group's leaves.
    reference : array of int64, optional
        Patterns of the reference rows; None for path-dependent values.
    weights : array of float64
        Weights of the reference rows.
    """

    group: Group
    place: int
    reference: NDArray[np.int64] | None
    weights: Floats


def prepare(
    ensemble: Ensemble,
    *,
    players: Ints,
    reference: Floats | None,
    weights: Floats | None = None,
    compiled: bool = True,
) -> Prepared:
    """Prepare exact attributions.

    Parameters
    ----------
    players : array of int32, shape (features,)
        The player that each feature belongs to; features of one player are given and taken
        together, so that its value is that of the group, and not a sum over its members.
    reference : array of float64, shape (m, features), optional
        Reference population, as the model takes its rows: interventional values against it. None
        for path-dependent values.
    weights : array of float64, shape (m,), optional
        Of the reference rows; 1 by default.
    compiled : bool, default True
        Use the compiled kernel where there is one, in single precision: within 1e-5 of what NumPy
        gives in double precision.

    Returns
    -------
    Prepared
        Time and memory do not depend on the reference population once it is counted.
    """
    coding = make_coding(ensemble)
    every = tree_groups(ensemble, players)
    shallow = [[group for group in groups if is_shallow(group)] for groups in every]
    deep = [[group for group in groups if not is_shallow(group)] for groups in every]
    counts: list[Floats] | None = None
    leaves: list[tuple[DeepLeaf, ...]] = []
    if reference is None:
        none = np.empty(0)
        leaves = [
            tuple(DeepLeaf(g, place, None, none) for g in some for place in range(len(g.sides)))
            for some in deep
        ]
    else:
        codes = encode(coding, ensemble.rounded(reference))
        share = np.ones(len(reference)) if weights is None else weights
        counts = []
        for some, rest in zip(shallow, deep, strict=True):
            counts += count_patterns(ensemble, coding, some, codes, share)
            patterns = TreePatterns(ensemble, coding, codes)
            leaves.append(tuple(
                DeepLeaf(group, place, _at_leaf(patterns, group, place), share)
                for group in rest for place in range(len(group.sides))
            ))  # fmt: skip
    flat = [group for groups in shallow for group in groups]
    tables, base = make_tables(ensemble, flat, counts)
    ends = np.cumsum([0, *map(len, shallow)])
    found = tuple(tuple(tables[a:b]) for a, b in pairwise(ends))
    count = int(players.max()) + 1 if len(players) else 0
    return Prepared(
        ensemble, coding, count, tuple(map(tuple, shallow)), found, tuple(leaves),
        base + ensemble.base + lone_leaves(ensemble) + _deep_base(ensemble, leaves),
        make_lookups(ensemble, coding, shallow, found, count) if compiled and versions() else None,
    )  # fmt: skip


def attribute(prepared: Prepared, rows: Floats, *, version: str | None = None) -> Floats:
    """Return the attributions of rows.

    Parameters
    ----------
    rows : array of float64, shape (n, features)
    version : str, optional
        One of `native.versions`; the fastest by default.

    Returns
    -------
    array of float64, shape (n, players)
        With `Prepared.base` they add up to the raw score.
    """
    values = np.empty((len(rows), prepared.players))

    def fill(start: int) -> None:
        part = slice(start, start + BLOCK_ROWS)
        codes = encode(prepared.coding, prepared.ensemble.rounded(rows[part]))
        if prepared.lookups is None:
            found = _from_tables(prepared, codes)
        else:
            found = look_up(prepared.lookups, codes, version or versions()[0]).astype(np.float64)
        if any(prepared.deep):
            found += _from_pairs(prepared, codes)
        values[part] = found

    starts = range(0, len(rows), BLOCK_ROWS)
    if len(starts) < 2:
        for start in starts:
            fill(start)
    else:
        # NumPy and the compiled kernel let go of the interpreter while they work.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, starts))
    return values


def _from_tables(prepared: Prepared, codes: Codes) -> Floats:
    count = codes.shape[1]
    values, found = np.zeros((prepared.players, count)), np.empty(count)
    for groups, tables in zip(prepared.groups, prepared.tables, strict=True):
        patterns = TreePatterns(prepared.ensemble, prepared.coding, codes)
        for group, table in zip(groups, tables, strict=True):
            pattern = patterns.of(group)
            for player, entries in zip(group.players, table, strict=True):
                values[player] += np.take(entries, pattern, out=found, mode="clip")
    return values.T


def _from_pairs(prepared: Prepared, codes: Codes) -> Floats:
    values = np.zeros((prepared.players, codes.shape[1]))
    for leaves in prepared.deep:
        patterns = TreePatterns(prepared.ensemble, prepared.coding, codes)
        for leaf in leaves:
            _add_deep(prepared.ensemble, leaf, patterns, values)
    return values.T


def _add_deep(ensemble: Ensemble, leaf: DeepLeaf, patterns: TreePatterns, values: Floats) -> None:
    own = _at_leaf(patterns, leaf.group, leaf.place)
    if leaf.reference is None:
        part = deep_path_values(own, np.array(leaf.group.ratios[leaf.place]))
    else:
        players = len(leaf.group.players)
        part = deep_values(own, leaf.reference, leaf.weights, players)
    value = value_of(ensemble, leaf.group, leaf.group.sides[leaf.place])
    for player, column in zip(leaf.group.players, part.T, strict=True):
        values[player] += value * column


def _at_leaf(patterns: TreePatterns, group: Group, place: int) -> NDArray[np.int64]:
    return leaf_pattern(patterns.of(group), len(group.bits), group.at, group.sides[place])


def _deep_base(ensemble: Ensemble, leaves: Sequence[Sequence[DeepLeaf]]) -> float:
    total = 0.0
    for leaf in (leaf for some in leaves for leaf in some):
        side = leaf.group.sides[leaf.place]
        if leaf.reference is None:
            share = float(np.prod(leaf.group.ratios[leaf.place]))
        else:
            every = (1 << len(leaf.group.players)) - 1
            share = float(leaf.weights[leaf.reference == every].sum() / leaf.weights.sum())
        total += value_of(ensemble, leaf.group, side) * share
    return total
