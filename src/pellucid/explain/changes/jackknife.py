"""The spread of a change between two periods, by leaving out each day."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pellucid.stats.student import Spread, pooled

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def day_spread(
    window: NDArray[np.int64], day: NDArray[np.int64], size: int,
    without: Callable[[Bools], Floats | None],
) -> Spread:  # fmt: skip
    """Return standard errors of estimates, shape (size,); NaN where there is no saying.

    The degrees of freedom are those of the days of both periods, each with its own variance.

    Parameters
    ----------
    window, day : array of int64, shape (rows,)
        0 for the baseline, 1 for the window; and the day of each row.
    without : callable
        Takes the rows to leave out, shape (rows,), and returns the estimates of what remains,
        shape (size,), or None where nothing can be estimated from it.

    References
    ----------
    Efron, B. (1982). The Jackknife, the Bootstrap and Other Resampling Plans, section 3; the two
    periods are independent samples of days.
    """
    unknown = Spread(np.full(size, np.nan), np.full(size, np.nan))
    variances, degrees = [], []
    for place in (0, 1):
        days = np.unique(day[window == place])
        if len(days) < 2:
            return unknown
        left_out = []
        for one in days:
            found = without((day == one) & (window == place))
            if found is None:
                return unknown
            left_out.append(found)
        spread = np.array(left_out) - np.mean(left_out, axis=0)
        variances.append((len(days) - 1) / len(days) * (spread**2).sum(axis=0))
        degrees.append(len(days) - 1)
    return pooled(variances, degrees)
