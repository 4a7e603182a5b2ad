"""Feature values as small whole numbers, so that every split is one comparison of integers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pellucid.models.ensemble import LEAF, Ensemble, Floats

Codes = NDArray[np.uint16]

MISSING = np.uint16(65_535)
MOST = 65_000


@dataclass(frozen=True, slots=True)
class Coding:
    """How the values of each feature become codes.

    A number's code is the count of thresholds below it; a category's its place among those that
    splits name, and one more for all others; a missing value's is `MISSING`.

    Attributes
    ----------
    edges : tuple of array of float64
        By feature: sorted thresholds, or sorted category codes.
    is_category : array of bool, shape (features,)
    split : array of uint16, shape (nodes,)
        At a numeric node, codes up to this one go left.
    """

    edges: tuple[Floats, ...]
    is_category: NDArray[np.bool_]
    split: Codes


def make_coding(ensemble: Ensemble) -> Coding:
    """Return the coding of an ensemble's features.

    Raises
    ------
    ValueError
        If a feature has more than 65,000 thresholds.
    """
    is_category = np.zeros(ensemble.features, dtype=bool)
    named = _by_feature(ensemble, np.flatnonzero(ensemble.feature != LEAF))
    edges: list[Floats] = []
    split = np.zeros(len(ensemble.feature), dtype=np.uint16)
    for feature, own in enumerate(named):
        found = [ensemble.categories[int(n)].codes for n in own if int(n) in ensemble.categories]
        is_category[feature] = bool(found)
        if found:
            edge = np.unique(np.concatenate(found)).astype(np.float64)
        else:
            edge = np.unique(ensemble.threshold[own]) if len(own) else np.empty(0)
            split[own] = np.searchsorted(edge, ensemble.threshold[own])
        if len(edge) > MOST:
            raise ValueError(f"feature {feature} has {len(edge)} thresholds; the most is {MOST}")
        edges.append(edge)
    return Coding(tuple(edges), is_category, split)


def _by_feature(ensemble: Ensemble, nodes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = nodes[np.argsort(ensemble.feature[nodes], kind="stable")]
    bounds = np.searchsorted(ensemble.feature[order], np.arange(ensemble.features + 1))
    return [order[a:b] for a, b in pairwise(bounds)]


def encode(coding: Coding, rows: Floats) -> Codes:
    """Return the codes of rows, rounded as the ensemble rounds them; shape (features, n)."""
    codes = np.empty((rows.shape[1], len(rows)), dtype=np.uint16)
    for feature, edge in enumerate(coding.edges):
        column = rows[:, feature]
        if coding.is_category[feature]:
            with np.errstate(invalid="ignore"):
                whole = np.trunc(column)
            found = np.searchsorted(edge, whole).astype(np.uint16)
            # NaN stands past the last, so that a value above all, or any where no split names a
            # category, is told apart without a look before the first.
            is_known = np.append(edge, np.nan)[found] == whole
            found[~is_known] = len(edge)
        else:
            found = np.searchsorted(edge, column).astype(np.uint16)
        found[np.isnan(column)] = MISSING
        codes[feature] = found
    return codes


def category_table(ensemble: Ensemble, coding: Coding, node: int) -> NDArray[np.bool_]:
    """Return which codes of a category node's feature go left; the last is of all others."""
    split = ensemble.categories[node]
    edge = coding.edges[int(ensemble.feature[node])]
    goes = np.isin(edge, split.codes) == split.go_left
    return np.append(goes, not split.go_left)


def node_left(ensemble: Ensemble, coding: Coding, node: int, codes: Codes) -> NDArray[np.bool_]:
    """Return which rows go left at a node, from all rows' codes, shape (features, n)."""
    own = codes[ensemble.feature[node]]
    if node in ensemble.categories:
        table = category_table(ensemble, coding, node)
        goes = table[np.minimum(own, len(table) - 1)]
        missing = own == MISSING
        if ensemble.missing_left[node]:
            return goes | missing
        return goes & ~missing
    goes = own <= coding.split[node]
    return goes | (own == MISSING) if ensemble.missing_left[node] else goes
