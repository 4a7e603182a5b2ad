"""Many tests at once: how many of what is found is found by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Of a normal law: the median of absolute values times this is the standard deviation.
_MAD = 1.4826


def false_discovery(p_values: Floats) -> Floats:
    """Return adjusted p-values: of all at most q, about a part q is found by chance.

    Parameters
    ----------
    p_values : array of float64, shape (n,)

    Returns
    -------
    array of float64, shape (n,)

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the
    Royal Statistical Society B 57(1).

    Examples
    --------
    >>> false_discovery(np.array([0.01, 0.04, 0.03, 0.9])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.9]
    """
    count = len(p_values)
    order = np.argsort(p_values)[::-1]
    scaled = p_values[order] * count / np.arange(count, 0, -1)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum.accumulate(np.minimum(scaled, 1.0))
    return adjusted


def null_scale(scores: Floats) -> float:
    """Return how far most standard scores spread, at least 1, from their median absolute value.

    Parameters
    ----------
    scores : array of float64, shape (n,)
        Of which most are nothing but chance; what is not moves a median little.

    References
    ----------
    Efron, B. (2004). Large-scale simultaneous hypothesis testing: the choice of a null hypothesis.
    Journal of the American Statistical Association 99(465).
    """
    return max(1.0, _MAD * float(np.median(np.abs(scores)))) if len(scores) else 1.0
