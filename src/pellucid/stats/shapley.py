"""The Shapley value: its weights, and that of the factors of a product."""

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


def product_effects(before: Floats, after: Floats) -> Floats:
    """Return what each factor contributes to the change of a product.

    Parameters
    ----------
    before, after : array of float64, shape (factors, ...)

    Returns
    -------
    array of float64, shape (factors, ...)
        Adding up to the change of the product, whatever the order of the factors.

    References
    ----------
    Das Gupta, P. (1993). Standardization and decomposition of rates. US Bureau of the Census,
    P23-186: the Shapley value of the game in which factors move from before to after.

    Examples
    --------
    >>> earners = product_effects(np.array([10930, 0.717892]), np.array([16591, 0.825974]))
    >>> [round(float(value), 3) for value in earners]
    [4369.913, 1487.262]
    """
    factors = len(before)
    effects = np.zeros_like(before, dtype=np.float64)
    weights = joining_weights(factors)
    for factor in range(factors):
        others = [other for other in range(factors) if other != factor]
        for coalition in range(2 ** (factors - 1)):
            product = after[factor] - before[factor]
            for place, other in enumerate(others):
                product = product * (after if coalition >> place & 1 else before)[other]
            effects[factor] += weights[coalition.bit_count()] * product
    return effects
