"""The profile of a column: counts over fixed bins, or of each value; profiles add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ShapeError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Kind = Literal["number", "whole", "category"]
# Of the root of a difference of sums of squares.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Binning:
    """How the values of a column are counted: fixed once, so that all counts of it add up.

    Attributes
    ----------
    kind : str
        ``category``: each value by itself. ``whole``: whole numbers of a small range, each by
        itself. ``number``: bins, evenly wide on the scale.
    low, high : float
        Of the first and the last bin; what lies outside is counted as below or above.
    scale : str
        ``linear``; or ``log``, on which bins are evenly wide in the bits of a float: as wide as the
        value is large, below nothing too.
    bins : int
    """

    kind: Kind
    low: float = 0.0
    high: float = 0.0
    scale: Literal["linear", "log"] = "linear"
    bins: int = 0

    @property
    def centre(self) -> float:
        """What sums of the values are taken about, lest large ones swallow small differences."""
        return self.low / 2 + self.high / 2 if self.scale == "linear" else 0.0

    @property
    def edges(self) -> Floats:
        """Edges of the bins; shape (bins + 1,)."""
        if self.scale == "linear":
            return np.linspace(self.low, self.high, self.bins + 1)
        ends = ordered_bits(np.array([self.low, self.high])).astype(np.float64)
        return from_ordered_bits(np.linspace(ends[0], ends[1], self.bins + 1).astype(np.int64))


@dataclass(frozen=True, slots=True)
class Profile:
    """Counts of a column's values in some rows.

    Attributes
    ----------
    binning : Binning
    n : int
        Rows.
    nulls : int
        Rows without a value; NaN is none.
    counts : array of int64, shape (bins + 2,)
        Values below the first bin, in each bin, above the last. Empty for a category.
    levels : mapping of str to int
        Rows of each value of a category; empty for numbers.
    total, squares : float
        Sum of the values and of their squares, both less the centre of the bins; of finite ones.
    infinite : int
        Values that are not finite; counted below or above too.
    """

    binning: Binning
    n: int
    nulls: int
    counts: Counts
    levels: Mapping[str, int]
    total: float = 0.0
    squares: float = 0.0
    infinite: int = 0

    @property
    def known(self) -> int:
        """Rows with a value."""
        return self.n - self.nulls

    @property
    def used(self) -> int:
        """Bins, or values of a category, that have rows."""
        if self.binning.kind == "category":
            return len(self.levels)
        return int(np.count_nonzero(self.counts))

    @property
    def varied(self) -> int:
        """Rows with another value than the one that most have, as far as bins tell them apart."""
        counts = self.levels.values() if self.levels else self.counts.tolist()
        return self.known - max(counts, default=0)

    @property
    def is_single(self) -> bool:
        """Whether all values are one and the same, but for rounding of their sums."""
        if self.used != 1 or self.infinite:
            return False
        offset = abs(self.total / self.known)
        return self.binning.kind == "category" or self.deviation <= _ROUNDING * offset

    @property
    def mean(self) -> float:
        """Mean of the finite values; NaN where there are none."""
        count = self.known - self.infinite
        if not count or self.binning.kind == "category":
            return float("nan")
        return self.binning.centre + self.total / count

    @property
    def deviation(self) -> float:
        """Standard deviation of the finite values; NaN where there are none."""
        count = self.known - self.infinite
        if not count or self.binning.kind == "category":
            return float("nan")
        mean = self.total / count
        return float(np.sqrt(max(self.squares / count - mean * mean, 0)))

    def __add__(self, other: Profile) -> Profile:
        """Return the profile of the rows of both.

        Raises
        ------
        ShapeError
            If they are not counted in the same way.
        """
        if self.binning != other.binning:
            raise ShapeError("profiles are counted over other bins: they do not add up")
        levels = dict(self.levels)
        for value, count in other.levels.items():
            levels[value] = levels.get(value, 0) + count
        return Profile(
            self.binning, self.n + other.n, self.nulls + other.nulls, self.counts + other.counts,
            levels, self.total + other.total, self.squares + other.squares,
            self.infinite + other.infinite,
        )  # fmt: skip


def empty_profile(binning: Binning) -> Profile:
    """Return the profile of no rows."""
    count = 0 if binning.kind == "category" else binning.bins + 2
    return Profile(binning, 0, 0, np.zeros(count, dtype=np.int64), {})


def ordered_bits(values: Floats) -> Counts:
    """Return the bits of floats as whole numbers of the same order.

    Parameters
    ----------
    values : array of float64, shape (n,)

    Returns
    -------
    array of int64, shape (n,)
    """
    bits = values.view(np.int64)
    return bits ^ ((bits >> 63) & np.int64(0x7FFF_FFFF_FFFF_FFFF))


def from_ordered_bits(keys: Counts) -> Floats:
    """Return the floats of `ordered_bits`."""
    return (keys ^ ((keys >> 63) & np.int64(0x7FFF_FFFF_FFFF_FFFF))).view(np.float64)
