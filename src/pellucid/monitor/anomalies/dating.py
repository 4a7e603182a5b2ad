"""Since when: the change points of a series that is known as a whole."""

from __future__ import annotations

import numpy as np

from pellucid.errors import ShapeError
from pellucid.monitor.anomalies.series import Floats

# A change must explain so much of all variance; chosen on half of the Turing series, the
# criterion with all of them in view.
LEAST_EXPLAINED = 0.2
# And more than chance finds among so many places: that counts in short series.
_CHANCE = 2.0
_LEAST_POINTS = 2


def change_points(values: Floats, *, least_explained: float = LEAST_EXPLAINED) -> tuple[int, ...]:
    """Return where the level of a series changes: the first point of each new level.

    Optimal partitioning under squared errors. A change is kept if it explains a fifth of the
    variance, so that what is told is a change to see: most real series wander, and tests that ask
    for less than chance alone find changes everywhere.

    Parameters
    ----------
    values : array of float64, shape (n,) or (n, series)
        In order of time; each series in its own standard deviations, gaps (NaN) at its mean.
    least_explained : float, default 0.2
        Part of the variance.

    Returns
    -------
    tuple of int
        Ascending; empty where nothing changes.

    Raises
    ------
    ShapeError
        If there are more than two axes.

    References
    ----------
    Jackson, B. et al. (2005). An algorithm for optimal partitioning of data on an interval. IEEE
    Signal Processing Letters 12(2).

    Examples
    --------
    >>> change_points(np.array([1.0, 1.1, 0.9, 1.0, 1.1, 5.0, 5.1, 4.9, 5.0, 5.1]))
    (5,)
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim > 2:
        raise ShapeError(f"values of shape {values.shape} are not one series, or columns of them")
    columns = _standardised(values[:, None] if values.ndim < 2 else values)
    count = len(columns)
    total = float((columns**2).sum())
    if count < 2 * _LEAST_POINTS or total == 0:
        return ()
    price = total * max(least_explained, _CHANCE * np.log(count) / count)
    return _partitioned(columns, price)


def _standardised(columns: Floats) -> Floats:
    is_known = np.isfinite(columns)
    counts = np.maximum(is_known.sum(axis=0), 1)
    off = np.where(is_known, columns, 0.0)
    off = np.where(is_known, columns - off.sum(axis=0) / counts, 0.0)
    deviation = np.sqrt((off**2).sum(axis=0) / counts)
    # Rounding is no variance.
    size = np.abs(np.where(is_known, columns, 0.0)).max(axis=0, initial=0.0)
    return np.divide(off, deviation, out=np.zeros_like(off), where=deviation > 1e-12 * size)


def _partitioned(columns: Floats, price: float) -> tuple[int, ...]:
    count = len(columns)
    nothing = np.zeros((1, columns.shape[1]))
    sums = np.concatenate([nothing, np.cumsum(columns, axis=0)])
    squares = np.concatenate([nothing, np.cumsum(columns**2, axis=0)]).sum(axis=1)
    best = np.full(count + 1, np.inf)
    best[0] = -price
    before = np.zeros(count + 1, dtype=np.int64)
    for end in range(_LEAST_POINTS, count + 1):
        starts = np.arange(end - _LEAST_POINTS + 1)
        within = ((sums[end] - sums[starts]) ** 2).sum(axis=1) / (end - starts)
        costs = best[starts] + squares[end] - squares[starts] - within + price
        before[end] = int(costs.argmin())
        best[end] = costs[before[end]]
    found = []
    place = int(before[count])
    while place > 0:
        found.append(place)
        place = int(before[place])
    return tuple(reversed(found))
