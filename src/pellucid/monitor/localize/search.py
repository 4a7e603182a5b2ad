"""What is asked of the search for slices that moved, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.monitor.localize.lattice import Conditions

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How slices are searched for; the defaults hold for every kind of metric.

    Attributes
    ----------
    uneven : float
        By how much the leaves of a slice differ in effect, as a part of it.
    near : float
        Of slices that score this part of the best, the one that fixes fewest dimensions is taken.
    whole : float
        By how many times everything together must beat the best slice to count as moved.
    alpha : float
        Probability with which chance alone passes for a slice.
    threshold : float or None
        Score that a slice needs; by default that of `alpha`, each slice of a layer counted.
    least_share : float
        A slice that moved this part of what the first one moved ends the search.
    most : int
        Slices to find.
    """

    uneven: float = 0.3
    near: float = 0.9
    whole: float = 1.1
    alpha: float = 0.01
    threshold: float | None = None
    least_share: float = 0.02
    most: int = 20


@dataclass(frozen=True, slots=True)
class Found:
    """A slice that moved.

    Attributes
    ----------
    conditions : tuple of (int, int)
        Dimension and value.
    leaves : array of bool, shape (leaves,)
        Those in it, and in none found before.
    effect : float
        Beyond the shift that all share.
    gain : float
        Of its size over its noise, squared: a chi-square of 1 degree where nothing moved.
    needed : float
        Gain that it had to have.
    spread : float
        How many times their own variance slices that fix the same dimensions spread.
    q_value : float
        How many of the slices that fix as many dimensions and do as well are so by chance.
    """

    conditions: Conditions
    leaves: Mask
    effect: float
    gain: float
    needed: float
    spread: float
    q_value: float


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved.

    Attributes
    ----------
    found : tuple of Found
        Slices, in the order in which they were found; no leaf is in two.
    shift : float
        By how much all others moved together; 0 where that may be chance.
    spread : float
        How many times the variance of independent rows what is left spreads.
    """

    found: tuple[Found, ...]
    shift: float
    spread: float
