"""A tree ensemble as plain arrays, whichever library trained it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

LEAF = -1


@dataclass(frozen=True, slots=True)
class CategorySplit:
    """A split on a category.

    Attributes
    ----------
    codes : array of int64
        Categories named by the split.
    go_left : bool
        Whether these go left and all others right, or the other way round.
    """

    codes: NDArray[np.int64]
    go_left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Binary trees whose values add up to the raw score.

    Nodes of all trees stand in one row; tree ``t`` holds nodes ``starts[t]`` to ``starts[t + 1]``,
    its root first. A row goes left at a node where its feature is at most the threshold.

    Attributes
    ----------
    starts : array of int32, shape (trees + 1,)
    feature : array of int32, shape (nodes,)
        Index of the feature, or `LEAF`.
    threshold : array of float64, shape (nodes,)
        A library that goes left below its threshold has it replaced by the next smaller number of
        its precision.
    left, right : array of int32, shape (nodes,)
        Children; undefined at leaves.
    missing_left : array of bool, shape (nodes,)
        Where a missing value (NaN) goes.
    value : array of float64, shape (nodes,)
        Raw score of a leaf, learning rate and tree weight included; 0 elsewhere.
    cover : array of float64, shape (nodes,)
        Training weight that passed the node; NaN where the library keeps none.
    categories : mapping of int to CategorySplit
        By node; these nodes have no threshold.
    base : float
        Raw score that is added to the trees'.
    features : int
        Number of features of a row.
    precision : str
        What a value is rounded to before it is compared.
    """

    starts: Ints
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    missing_left: NDArray[np.bool_]
    value: Floats
    cover: Floats
    categories: Mapping[int, CategorySplit]
    base: float
    features: int
    precision: Literal["float32", "float64"]

    @property
    def trees(self) -> int:
        """Number of trees."""
        return len(self.starts) - 1

    def rounded(self, rows: Floats) -> Floats:
        """Return rows as the library compares them."""
        if self.precision == "float64":
            return rows
        with np.errstate(over="ignore"):
            return rows.astype(np.float32).astype(np.float64)

    def goes_left(self, node: int, column: Floats) -> NDArray[np.bool_]:
        """Return which values of the node's feature, rounded, go left."""
        missing = np.isnan(column)
        split = self.categories.get(node)
        if split is None:
            goes = column <= self.threshold[node]
        else:
            goes = np.isin(np.where(missing, -1, column).astype(np.int64), split.codes)
            goes = goes == split.go_left
        return np.where(missing, self.missing_left[node], goes)

    def raw_score(self, rows: Floats) -> Floats:
        """Return the raw scores of rows, by walking every tree.

        Parameters
        ----------
        rows : array of float64, shape (n, features)
            NaN where a value is missing, codes for categories.
        """
        rows = self.rounded(rows)
        total = np.full(len(rows), self.base)
        for start in self.starts[:-1]:
            waiting = [(int(start), np.arange(len(rows)))]
            while waiting:
                node, places = waiting.pop()
                if self.feature[node] == LEAF:
                    total[places] += self.value[node]
                elif len(places):
                    goes = self.goes_left(node, rows[places, self.feature[node]])
                    waiting.append((int(self.left[node]), places[goes]))
                    waiting.append((int(self.right[node]), places[~goes]))
        return total
