"""Many small estimates, each drawn towards the others by as much as chance explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Shrunk:
    """Estimates that know of each other.

    Attributes
    ----------
    mean : float
        What they are drawn to.
    between : float
        Standard deviation of the true values around it; 0 where chance explains all differences.
    values, errors : array of float64, shape (k,)
        NaN where an estimate is.
    """

    mean: float
    between: float
    values: Floats
    errors: Floats


def shrink(estimates: Floats, errors: Floats) -> Shrunk:
    """Draw estimates towards their mean, the more the less each is known.

    Parameters
    ----------
    estimates, errors : array of float64, shape (k,)
        Independent ones, and their standard errors above 0; NaN where there is none.

    References
    ----------
    DerSimonian, R. and Laird, N. (1986). Meta-analysis in clinical trials. Controlled Clinical
    Trials 7, 177-188: the variance between. Morris, C. N. (1983). Parametric empirical Bayes
    inference: theory and applications. JASA 78, 47-55, section 5: the errors.

    Examples
    --------
    >>> found = shrink(np.array([0.0, 10.0]), np.array([1.0, 1.0]))
    >>> round(found.between, 2), found.values.round(1).tolist()
    (7.0, [0.1, 9.9])
    """
    known = ~np.isnan(estimates) & (errors > 0)
    own, variance = estimates[known], errors[known] ** 2
    if not known.any():
        nothing = np.full(len(estimates), np.nan)
        return Shrunk(float("nan"), float("nan"), nothing, nothing)
    weight = 1 / variance
    fixed = float((weight * own).sum() / weight.sum())
    excess = float((weight * (own - fixed) ** 2).sum()) - (len(own) - 1)
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    between = max(excess / scale, 0.0) if scale > 0 else 0.0
    together = 1 / (variance + between)
    mean = float((together * own).sum() / together.sum())
    drawn = variance / (variance + between)
    doubt = np.zeros(len(own))
    if len(own) > _FEWEST:
        # The variance between is itself estimated: draw a little less, and doubt a little more.
        drawn *= (len(own) - 3) / (len(own) - 1)
        size = together / together.mean()
        doubt = 2 / (len(own) - 3) * drawn**2 * size * (own - mean) ** 2
    values, found = np.full(len(estimates), np.nan), np.full(len(estimates), np.nan)
    values[known] = own - drawn * (own - mean)
    # What is left of its own variance, and of not knowing the mean that it is drawn to.
    found[known] = np.sqrt((1 - drawn) * variance + drawn**2 / together.sum() + doubt)
    return Shrunk(mean, float(np.sqrt(between)), values, found)
