"""Standard errors that are themselves estimated from a few days, and intervals for that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Beyond so many degrees of freedom the quantile is the normal one to six digits.
_MANY = 1e6
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_MOST_STEPS = 60


@dataclass(frozen=True, slots=True)
class Spread:
    """How far k estimates vary by chance.

    Attributes
    ----------
    errors : array of float64, shape (k,)
        Standard errors; NaN where there is no saying.
    degrees : array of float64, shape (k,)
        Degrees of freedom that each error is known with.
    """

    errors: Floats
    degrees: Floats


@lru_cache(maxsize=4096)
def t_quantile(degrees: float, *, confidence: float = 0.95) -> float:
    """Return the quantile of Student's t that a two-sided interval reaches to.

    Parameters
    ----------
    degrees : float
        Degrees of freedom, 1 or more; infinite for the normal distribution.
    confidence : float, default 0.95
        Two-sided coverage, in (0, 1).

    Returns
    -------
    float
        In standard errors; NaN where `degrees` is.

    References
    ----------
    Student (1908). The probable error of a mean. Biometrika 6(1). With t = √ν tan θ the density is
    proportional to cos^(ν-1) θ.

    Examples
    --------
    >>> round(t_quantile(6.0), 3), round(t_quantile(float("inf")), 3)
    (2.447, 1.96)
    """
    if math.isnan(degrees):
        return math.nan
    if degrees > _MANY:
        return NormalDist().inv_cdf(0.5 + confidence / 2)
    log_whole = math.lgamma(degrees / 2) - math.lgamma((degrees + 1) / 2) + math.log(math.pi) / 2
    wanted = confidence * math.exp(log_whole) / 2
    angle = 0.0
    for _ in range(_MOST_STEPS):
        # The integral is concave in the angle, so that Newton's steps stay below what is sought.
        reached = float(_WEIGHTS @ np.cos(angle / 2 * (_NODES + 1)) ** (degrees - 1)) * angle / 2
        step = (wanted - reached) / math.cos(angle) ** (degrees - 1)
        angle += step
        if step <= 1e-14 * angle:
            break
    return math.sqrt(degrees) * math.tan(angle)


def half_width(error: float, degrees: float) -> float:
    """Return half the width of the 95% interval of an estimate; NaN where there is no saying."""
    return t_quantile(degrees) * error


def pooled(variances: Sequence[Floats], degrees: Sequence[float]) -> Spread:
    """Return the spread of sums or differences of independent estimates.

    Parameters
    ----------
    variances : sequence of array of float64, shape (k,)
        Of each, on the scale of what is added up.
    degrees : sequence of float
        Degrees of freedom of each.

    References
    ----------
    Welch, B. L. (1947). The generalization of Student's problem when several different population
    variances are involved. Biometrika 34. Satterthwaite, F. E. (1946), Biometrics Bulletin 2.
    """
    total = np.sum(variances, axis=0)
    below = np.sum([own**2 / count for own, count in zip(variances, degrees, strict=True)], axis=0)
    found = np.divide(total**2, below, out=np.full(total.shape, float(sum(degrees))),
                      where=below > 0)  # fmt: skip
    return Spread(np.asarray(np.sqrt(total)), found)
