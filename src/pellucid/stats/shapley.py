"""Weights of the Shapley value."""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def joining_weights(players: int) -> Floats:
    """Return, by size, what a coalition counts in the value of a player who joins it; (players,).

    References
    ----------
    Shapley, L. S. (1953). A value for n-person games.
    """
    return np.array([
        factorial(size) * factorial(players - size - 1) / factorial(players)
        for size in range(players)
    ])  # fmt: skip


def coalition_weights(players: int) -> Floats:
    """Return what the worth of each coalition counts in each player's value.

    Returns
    -------
    array of float64, shape (2^players, players)
        Bit i of a coalition's place says whether player i is in it.
    """
    coalition = np.arange(2**players)
    has = (coalition[:, None] >> np.arange(players)) & 1 == 1
    size = has.sum(axis=1)
    joining = np.append(joining_weights(players), 0.0)
    return np.where(has, joining[size - 1][:, None], -joining[size][:, None])
