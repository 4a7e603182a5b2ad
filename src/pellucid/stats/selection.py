"""Estimates of what was chosen because it stood out."""

from __future__ import annotations

import math

_STEPS = 60


def selected_mean(score: float, threshold: float) -> float:
    """Return the mean of a standard score that was looked at because it passed a threshold.

    The largest of many scores is large in part by chance; the likelihood given that it passed
    makes up for that. What only just passed shrinks most, what is far beyond hardly at all.

    Parameters
    ----------
    score : float
        With variance 1; its size at least `threshold`.
    threshold : float
        At least 0.

    Returns
    -------
    float
        Of the sign of `score`, and no larger.

    References
    ----------
    Zhong, H. and Prentice, R. L. (2008). Bias-reduced estimators and confidence intervals for odds
    ratios in genome-wide association studies. Biostatistics 9(4), the conditional likelihood.

    Examples
    --------
    >>> round(selected_mean(4.0, 3.0), 2), round(selected_mean(-9.0, 3.0), 2)
    (3.48, -9.0)
    """
    size = abs(score)
    low, high = 0.0, size
    if _mean_beyond(0.0, threshold) >= size:
        return 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _mean_beyond(middle, threshold) < size:
            low = middle
        else:
            high = middle
    return math.copysign((low + high) / 2, score)


def _mean_beyond(mean: float, threshold: float) -> float:
    """Return the mean of a normal score of variance 1, given that its size passes a threshold."""
    above, below = threshold - mean, threshold + mean
    passed = _tail(above) + _tail(below)
    if passed == 0.0:
        return threshold
    return mean + (_density(above) - _density(below)) / passed


def _tail(value: float) -> float:
    return math.erfc(value / math.sqrt(2)) / 2


def _density(value: float) -> float:
    return math.exp(-(value**2) / 2) / math.sqrt(2 * math.pi)
