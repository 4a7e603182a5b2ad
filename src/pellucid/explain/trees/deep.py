"""Leaves with too many players for a table: the patterns that occur, pair by pair."""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray

from pellucid.models.ensemble import Floats
from pellucid.stats.shapley import joining_weights

_PAIRS = 2_000_000


def deep_values(rows: NDArray[np.int64], reference: NDArray[np.int64], weights: Floats,
                players: int) -> Floats:  # fmt: skip
    """Return what a leaf of value 1 gives each player of each row.

    Parameters
    ----------
    rows : array of int64, shape (n,)
        Patterns of the rows to explain, a bit for each player; at most 62 players.
    reference : array of int64, shape (m,)
        Patterns of the reference rows.
    weights : array of float64, shape (m,)

    Returns
    -------
    array of float64, shape (n, players)

    Notes
    -----
    Distinct patterns only: n' * m' pairs of them, and few of these are compatible.
    """
    every = (1 << players) - 1
    found, back = np.unique(rows, return_inverse=True)
    others, place = np.unique(reference, return_inverse=True)
    share = np.bincount(place, weights=weights) / weights.sum()
    # A pattern that meets nothing but what all reference rows miss gives nothing.
    scale = np.array([[
        factorial(p) * factorial(q) / factorial(p + q + 1) for q in range(players + 1)
    ] for p in range(players + 1)])  # fmt: skip
    values = np.zeros((len(found), players))
    step = max(1, _PAIRS // max(1, len(others)))
    bit = np.int64(1) << np.arange(players)
    for start in range(0, len(found), step):
        own = found[start : start + step]
        one, two = np.nonzero((own[:, None] | others[None, :]) == every)
        only_row, only_reference = own[one] & ~others[two], others[two] & ~own[one]
        first, second = np.bitwise_count(only_row), np.bitwise_count(only_reference)
        first, second = first.astype(np.int64), second.astype(np.int64)
        gain = np.where(first > 0, scale[first - 1, second], 0.0) * share[two]
        loss = np.where(second > 0, scale[first, second - 1], 0.0) * share[two]
        for player in range(players):
            part = np.where(only_row & bit[player], gain, 0.0)
            part -= np.where(only_reference & bit[player], loss, 0.0)
            values[start : start + step, player] = np.bincount(one, part, minlength=len(own))
    return values[back]


def deep_path_values(rows: NDArray[np.int64], ratios: Floats) -> Floats:
    """Return the path-dependent values of a leaf of value 1.

    Parameters
    ----------
    rows : array of int64, shape (n,)
        Patterns of the rows to explain, a bit for each player.
    ratios : array of float64, shape (players,)
        Share of training weight that stays on the path at each player's splits.

    Returns
    -------
    array of float64, shape (n, players)

    References
    ----------
    Lundberg, S. M., Erion, G. G. and Lee, S.-I. (2018). arXiv:1802.03888, equation 5; here each
    player's weighted sum is the value of a polynomial's coefficients, one factor for each other
    player.
    """
    players = len(ratios)
    found, back = np.unique(rows, return_inverse=True)
    meets = ((found[:, None] >> np.arange(players)) & 1).astype(np.float64)
    weight = joining_weights(players)
    values = np.empty((len(found), players))
    for player in range(players):
        coefficients = np.zeros((len(found), players))
        coefficients[:, 0] = 1.0
        for other in range(players):
            if other == player:
                continue
            grown = coefficients * ratios[other]
            grown[:, 1:] += coefficients[:, :-1] * meets[:, other : other + 1]
            coefficients = grown
        values[:, player] = (meets[:, player] - ratios[player]) * (coefficients @ weight)
    return values[back]
