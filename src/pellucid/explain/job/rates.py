"""Which part of each kind of decision to explain, so that no group is left with too few."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
_STEPS = 80


def congressional_rates(counts: Floats, keys: Sequence[Places], budget: float) -> Floats:
    """Return the rate at which to sample each cell.

    Every grouping (all decisions, each dimension, each pair of dimensions) would share the budget
    evenly among its groups, and each group in proportion to its cells; a cell gets the most that
    any grouping would give it, and all of them are scaled to the budget.

    Parameters
    ----------
    counts : array of float64, shape (cells,)
        Decisions in each cell, above 0.
    keys : sequence of array of int64, shape (cells,)
        The value of each dimension in each cell, as places.
    budget : float
        Decisions to sample, about.

    Returns
    -------
    array of float64, shape (cells,)
        In (0, 1]; all 1 where the budget is enough.

    References
    ----------
    Acharya, S., Gibbons, P. B. and Poosala, V. (2000). Congressional Samples for Approximate
    Answering of Group-By Queries. SIGMOD.
    """
    if counts.sum() <= budget:
        return np.ones(len(counts))
    wanted = np.zeros(len(counts))
    for size in range(3):
        for chosen in combinations(range(len(keys)), size):
            group = _groups([keys[place] for place in chosen], len(counts))
            total = np.bincount(group, counts)
            wanted = np.maximum(wanted, counts / total[group] / len(total))
    # What is above a whole cell goes to the others: the scale is found by halving.
    low, high = 0.0, float((counts / wanted).max())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if np.minimum(counts, middle * wanted).sum() < budget:
            low = middle
        else:
            high = middle
    return np.asarray(np.minimum(1.0, high * wanted / counts))


def _groups(keys: Sequence[Places], count: int) -> Places:
    if not keys:
        return np.zeros(count, dtype=np.int64)
    return np.asarray(np.unique(np.stack(keys), axis=1, return_inverse=True)[1]).reshape(count)
