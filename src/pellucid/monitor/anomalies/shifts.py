"""Levels that moved and stayed: cumulative sums, and since when."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.monitor.anomalies.series import Floats

SLACK = 1.0
MOST_SCORE = 4.0


def cusum(scores: Floats, *, slack: float = SLACK) -> Floats:
    """Return the larger of the two one-sided cumulative sums at each point; gaps add nothing.

    S = max(0, S + z - slack), upwards and downwards, z capped at 4: one odd day is no level.

    Parameters
    ----------
    scores : array of float64, shape (series, points)
        Standardised distances from a level that does not follow them.
    slack : float, default 1
        Half the shift, in standard deviations, that is looked for. A level known from 7 days is
        itself off by half a standard deviation, so that the usual 0.5 would run away.

    References
    ----------
    Page, E. S. (1954). Continuous inspection schemes. Biometrika 41(1/2).
    """
    capped = np.clip(np.nan_to_num(scores), -MOST_SCORE, MOST_SCORE)
    up = down = np.zeros(len(scores))
    found = np.empty(scores.shape)
    for place in range(scores.shape[1]):
        up = np.maximum(0.0, up + capped[:, place] - slack)
        down = np.maximum(0.0, down - capped[:, place] - slack)
        found[:, place] = np.where(up >= down, up, -down)
    return found


def cusum_tail(highest: Floats, points: int, *, slack: float = SLACK) -> Floats:
    """Return how rarely a two-sided cumulative sum gets as high within so many points.

    By Siegmund's run length of independent normal scores.

    References
    ----------
    Siegmund, D. (1985). Sequential Analysis, section 2.6.
    """
    reach = 2 * slack * (np.abs(highest) + 1.166)
    length = (np.exp(np.minimum(reach, 600)) - reach - 1) / (2 * slack**2) / 2
    return np.asarray(-np.expm1(-points / length))


def begun(scores: Floats) -> NDArray[np.int64]:
    """Return from which point a level has moved, by least squares: one step in each series.

    Parameters
    ----------
    scores : array of float64, shape (series, points)
        Standardised distances from the former level; gaps add nothing.

    Returns
    -------
    array of int64, shape (series,)
        The first point of the new level.
    """
    capped = np.clip(np.nan_to_num(scores), -MOST_SCORE, MOST_SCORE)
    # From the end backwards: the squares that a mean of its own takes away.
    total = np.cumsum(capped[:, ::-1], axis=1)[:, ::-1]
    count = np.arange(scores.shape[1], 0, -1.0)
    return np.asarray((total**2 / count).argmax(axis=1))
