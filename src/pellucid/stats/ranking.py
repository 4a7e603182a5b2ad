"""How well one order agrees with another, counting the top of it most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ShapeError

Floats = NDArray[np.float64]


def ndcg(relevance: Floats, scores: Floats) -> float:
    """Return the normalised discounted cumulative gain of an order.

    Items are ranked by `scores`, the largest first; what each is worth is divided by the binary
    logarithm of its rank plus one, and the sum by that of the best order. Of items with the same
    score, every order is as likely: they share what their ranks give.

    Parameters
    ----------
    relevance : array of float64, shape (n,)
        What each item is worth, at least 0.
    scores : array of float64, shape (n,)
        What the items are ranked by.

    Returns
    -------
    float
        In (0, 1], 1 for the best order; NaN where nothing is worth anything.

    Raises
    ------
    ShapeError
        If the two are not about as many items.

    References
    ----------
    Järvelin, K. and Kekäläinen, J. (2002). Cumulated gain-based evaluation of IR techniques. ACM
    Transactions on Information Systems 20(4). Of ties: McSherry, F. and Najork, M. (2008).
    Computing information retrieval performance measures efficiently in the presence of tied
    scores. ECIR 2008.

    Examples
    --------
    >>> round(ndcg(np.array([3.0, 2.0, 1.0]), np.array([0.1, 0.5, 0.2])), 3)
    0.849
    """
    if relevance.shape != scores.shape:
        raise ShapeError(f"{len(relevance)} items are worth something, and {len(scores)} ranked")
    discounts = 1 / np.log2(np.arange(len(relevance)) + 2)
    ideal = float(np.sort(relevance)[::-1] @ discounts)
    if not ideal > 0:
        return float("nan")
    _, group, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    worth = np.bincount(group, relevance) / counts
    ends = np.cumsum(counts)
    given = np.add.reduceat(discounts, ends - counts)
    return float(worth @ given) / ideal
