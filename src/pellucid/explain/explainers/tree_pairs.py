"""Attributions of trees against single reference rows, leaf by leaf."""

from __future__ import annotations

from functools import cache
from math import factorial

import numpy as np

from pellucid.explain.explainers.base import Floats
from pellucid.explain.trees.codes import encode, make_coding
from pellucid.explain.trees.patterns import TreePatterns, leaf_pattern
from pellucid.explain.trees.tables import feature_players, tree_groups, value_of
from pellucid.models.ensemble import Ensemble


def tree_pairs(ensemble: Ensemble, rows: Floats, reference: Floats) -> Floats:
    """Return the Shapley values of each row against each reference row.

    A leaf gives something to a pair only where each condition on its path is met by the row or the
    reference row. Then it depends on how many features of its path only the one and only the other
    meets.

    Parameters
    ----------
    rows : array of float64, shape (n, features)
    reference : array of float64, shape (m, features)

    Returns
    -------
    array of float64, shape (n, m, features)
    """
    count, many = len(rows), len(reference)
    values = np.zeros((count * many, ensemble.features))
    coding = make_coding(ensemble)
    codes = encode(coding, ensemble.rounded(np.concatenate([rows, reference])))
    for groups in tree_groups(ensemble, feature_players(ensemble.features)):
        patterns = TreePatterns(ensemble, coding, codes)
        for group in groups:
            found = patterns.of(group)
            players, bit = np.array(group.players), np.int64(1) << np.arange(len(group.players))
            weights = _weights(len(players))
            for side in group.sides:
                leaf = leaf_pattern(found, len(group.bits), group.at, side)
                own, other = leaf[:count], leaf[count:]
                pair = np.flatnonzero((own[:, None] | other) == (1 << len(players)) - 1)
                row, place = np.divmod(pair, many)
                only_row, only_other = own[row] & ~other[place], other[place] & ~own[row]
                first, second = np.bitwise_count(only_row), np.bitwise_count(only_other)
                gain = weights[first, second][:, None] * ((only_row[:, None] & bit) > 0)
                loss = weights[second, first][:, None] * ((only_other[:, None] & bit) > 0)
                values[pair[:, None], players] += value_of(ensemble, group, side) * (gain - loss)
    return values.reshape(count, many, ensemble.features)


@cache
def _weights(players: int) -> Floats:
    """Return the weight of a player among `p` on its side and `q` on the other, by p and q."""
    weights = np.zeros((players + 1, players + 1))
    for p in range(1, players + 1):
        for q in range(players + 1):
            weights[p, q] = factorial(p - 1) * factorial(q) / factorial(p + q)
    return weights
