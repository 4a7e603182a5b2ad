r"""What a leaf gives each player, for every pattern of a row: Shapley values by subset sums.

For one reference row, let :math:`X` be the players whose conditions on the leaf's path only the
explained row meets, and :math:`B` those that only the reference row meets; a player whose
conditions neither meets makes the leaf unreachable. With :math:`w(p, q) = p!\,q!/(p + q + 1)!` a
leaf of value :math:`V` gives each player in :math:`X` :math:`V w(|X| - 1, |B|)`, each in :math:`B`
:math:`-V w(|X|, |B| - 1)`, and the others nothing.

A row's pattern fixes :math:`B`: all players whose conditions it does not meet. So the mean over a
reference population needs only the share of reference rows for each :math:`X`, and sums of these
shares over subsets of one size: ``2^k k`` additions for `k` players, where summing over pairs of
patterns takes ``3^k k``.

The path-dependent values are those of a reference population in which each player meets its
conditions independently, with the share of training weight that stayed on the path.

References
----------
Lundberg et al. (2020). From local explanations to global understanding with explainable AI for
trees. Nature Machine Intelligence 2, 56-67 (the interventional game). Nadel, A. and Wettenstein, R.
(2025). WOODELF. arXiv:2511.09376 (patterns of paths).
"""

from __future__ import annotations

from functools import lru_cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

from pellucid.models.ensemble import Floats


@lru_cache(maxsize=64)
def sizes(players: int) -> NDArray[np.int64]:
    """Return the number of set bits of each pattern, shape (2^players,)."""
    return np.array([pattern.bit_count() for pattern in range(2**players)])


@lru_cache(maxsize=64)
def _weights(players: int) -> Floats:
    """Return ``p! q! / (p + q + 1)!`` at [p, q]; 0 where either is negative (the last place)."""
    table = np.zeros((players + 2, players + 2))
    for first in range(players + 1):
        for second in range(players + 1 - first):
            table[first, second] = (
                factorial(first) * factorial(second) / factorial(first + second + 1)
            )
    return table


def independent_shares(ratios: Floats) -> Floats:
    """Return the shares of patterns where each player meets its conditions independently.

    Parameters
    ----------
    ratios : array of float64, shape (leaves, players)

    Returns
    -------
    array of float64, shape (leaves, 2^players)
    """
    leaves, players = ratios.shape
    shares = np.ones((leaves, 1))
    for player in range(players):
        met = ratios[:, player : player + 1]
        shares = np.concatenate([shares * (1 - met), shares * met], axis=1)
    return shares


def by_size(shares: Floats) -> Floats:
    """Return, for each pattern, the shares of reference rows that miss a subset of it, by size.

    Parameters
    ----------
    shares : array of float64, shape (leaves, 2^players)
        Share of reference rows of each pattern.

    Returns
    -------
    array of float64, shape (leaves, 2^players, players + 1)
        At [leaf, pattern, s]: the rows whose missed players are `s` of the pattern's.
    """
    leaves, patterns = shares.shape
    players = patterns.bit_length() - 1
    sums = np.zeros((leaves, patterns, players + 1))
    # The complement: the players that a reference row misses.
    sums[:, np.arange(patterns), sizes(players)] = shares[:, ::-1]
    for player in range(players):
        halves = sums.reshape(leaves, -1, 2, 2**player, players + 1)
        halves[:, :, 1] += halves[:, :, 0]
    return sums


def values_of_leaves(shares: Floats) -> Floats:
    """Return what leaves of value 1 give each player, for every pattern of a row.

    Parameters
    ----------
    shares : array of float64, shape (leaves, 2^players)
        Share of reference rows of each pattern; summing to 1.

    Returns
    -------
    array of float64, shape (leaves, 2^players, players)
    """
    leaves, patterns = shares.shape
    players = patterns.bit_length() - 1
    sums, weights = by_size(shares), _weights(players)
    size = np.arange(players + 1)
    values = np.empty((leaves, patterns, players))
    every = np.arange(patterns)
    missed = players - sizes(players)
    for player in range(players):
        has = (every >> player) & 1 == 1
        with_it, without = every[has], every[~has]
        # The row meets the player's conditions, the reference row does not.
        inner = sums[:, with_it] - sums[:, with_it ^ (1 << player)]
        scale = weights[np.maximum(size - 1, 0)[None, :], missed[with_it][:, None]]
        values[:, with_it, player] = (inner * (scale * (size > 0))).sum(axis=2)
        # The reference row meets them, the row does not.
        scale = weights[size[None, :], missed[without][:, None] - 1]
        values[:, without, player] = -(sums[:, without] * scale).sum(axis=2)
    return values


def interactions_of_leaves(sums: Floats, first: int, second: int) -> Floats:
    """Return the Shapley interaction of two players at leaves of value 1, for every pattern.

    Parameters
    ----------
    sums : array of float64, shape (leaves, 2^players, players + 1)
        As `by_size` returns them.
    first, second : int
        Places of the two players.

    Returns
    -------
    array of float64, shape (leaves, 2^players)

    References
    ----------
    Grabisch, M. and Roubens, M. (1999). An axiomatic approach to the concept of interaction among
    players in cooperative games. Int. J. of Game Theory 28, 547-565.
    """
    patterns = sums.shape[1]
    players = patterns.bit_length() - 1
    weights = _weights(players)
    size, every = np.arange(players + 1), np.arange(patterns)
    missed = players - sizes(players)
    values = np.empty(sums.shape[:2])
    one, two = 1 << first, 1 << second
    has_one, has_two = every & one > 0, every & two > 0

    def weighted(part: Floats, row: NDArray[np.int64], lost: int) -> Floats:
        scale = weights[np.maximum(size - lost, 0)[None, :], row[:, None]] * (size >= lost)
        return (part * scale).sum(axis=2)

    both = every[has_one & has_two]
    inner = sums[:, both] - sums[:, both ^ one] - sums[:, both ^ two] + sums[:, both ^ one ^ two]
    values[:, both] = weighted(inner, missed[both], 2)
    for has, lacks, bit in ((has_one, has_two, one), (has_two, has_one, two)):
        single = every[has & ~lacks]
        inner = sums[:, single] - sums[:, single ^ bit]
        values[:, single] = -weighted(inner, missed[single] - 1, 1)
    neither = every[~has_one & ~has_two]
    values[:, neither] = weighted(sums[:, neither], missed[neither] - 2, 0)
    return values
