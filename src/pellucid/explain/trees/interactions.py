"""Interactions of chosen pairs of players: the same tables, one entry for each pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np

from pellucid.errors import ExplainError
from pellucid.explain.trees.codes import encode, make_coding
from pellucid.explain.trees.kernel import Prepared
from pellucid.explain.trees.native import make_lookups, versions
from pellucid.explain.trees.patterns import Group
from pellucid.explain.trees.shapley import by_size, interactions_of_leaves
from pellucid.explain.trees.tables import (
    MOST_BITS,
    count_patterns,
    is_shallow,
    leaves_alike,
    tree_groups,
    value_of,
)  # fmt: skip
from pellucid.models.ensemble import Ensemble, Floats, Ints


def prepare_interactions(
    ensemble: Ensemble,
    pairs: Sequence[tuple[int, int]],
    *,
    players: Ints,
    reference: Floats | None,
    compiled: bool = True,
) -> Prepared:
    """Prepare exact Shapley interactions; `kernel.attribute` then returns one column a pair.

    Parameters
    ----------
    pairs : sequence of (int, int)
        Players, each pair of two different ones.
    players, reference, compiled
        As of `kernel.prepare`.

    Returns
    -------
    Prepared
        Its base is 0: interactions add up to nothing by themselves.

    Raises
    ------
    ExplainError
        If a path holds more players than tables are made for.

    References
    ----------
    Grabisch and Roubens (1999), as in `shapley.interactions_of_leaves`. What shap reports in each
    of a pair's two cells is half of it.
    """
    coding = make_coding(ensemble)
    groups = tree_groups(ensemble, players)
    if not all(is_shallow(group) for some in groups for group in some):
        raise ExplainError(
            f"a path of this model holds more than {MOST_BITS} conditions, for which interactions "
            "would take too many patterns; ask for attributions, or train shallower trees"
        )
    counts: list[Floats] | None = None
    if reference is not None:
        codes, share = encode(coding, ensemble.rounded(reference)), np.ones(len(reference))
        counts = [
            found for some in groups
            for found in count_patterns(ensemble, coding, some, codes, share)
        ]  # fmt: skip
    flat = [group for some in groups for group in some]
    found, tables = _tables(ensemble, flat, pairs, counts)
    ends = np.cumsum([0, *map(len, groups)])
    by_tree = tuple(tuple(found[a:b]) for a, b in pairwise(ends))
    of_tree = tuple(tuple(tables[a:b]) for a, b in pairwise(ends))
    lookups = None
    if compiled and versions():
        lookups = make_lookups(ensemble, coding, by_tree, of_tree, len(pairs))
    none = ((),) * ensemble.trees
    return Prepared(ensemble, coding, len(pairs), by_tree, of_tree, none, 0.0, lookups)


def _tables(
    ensemble: Ensemble,
    groups: Sequence[Group],
    pairs: Sequence[tuple[int, int]],
    counts: Sequence[Floats] | None,
) -> tuple[list[Group], list[Floats]]:
    """Return groups whose players are the pairs on their paths, and tables of these."""
    place = {frozenset(pair): number for number, pair in enumerate(pairs)}
    wanted = [
        {
            (first, second): place[named]
            for first, second in combinations(range(len(group.players)), 2)
            if (named := frozenset((group.players[first], group.players[second]))) in place
        }
        for group in groups
    ]
    tables = [
        np.zeros((len(own), 2 ** len(group.bits)))
        for own, group in zip(wanted, groups, strict=True)
    ]
    for leaves in leaves_alike(groups, counts):
        sums = by_size(leaves.shares)
        for both in sorted({both for number in leaves.groups for both in wanted[number]}):
            own = [row for row, number in enumerate(leaves.groups) if both in wanted[number]]
            values = interactions_of_leaves(sums[own], *both)[:, leaves.pattern]
            for row, found in zip(own, values, strict=True):
                number = leaves.groups[row]
                row_of = list(wanted[number]).index(both)
                tables[number][row_of] += value_of(ensemble, groups[number], leaves.side) * found
    shown = [
        replace(group, players=tuple(own.values()))
        for group, own in zip(groups, wanted, strict=True)
    ]
    return shown, tables
