"""Features that tell much the same, so that credit among them is arbitrary: shown as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.schema.arrow import is_text

Floats = NDArray[np.float64]

THRESHOLD = 0.7
_BINS = 10
_MOST_VALUES = 50


def correlated_features(rows: pa.Table, features: Sequence[str]) -> list[tuple[str, ...]]:
    """Return clusters of two and more features whose association is at least 0.7.

    Parameters
    ----------
    rows : pyarrow.Table
        A population, with columns ``f_<feature>``.
    features : sequence of str

    Returns
    -------
    list of tuple of str
        A feature is in a cluster if it is associated with any member: for two numbers by Spearman's
        rank correlation, else by Cramér's V corrected for its bias, numbers cut at their deciles.

    References
    ----------
    Bergsma, W. (2013). A bias-correction for Cramér's V and Tschuprow's T. Journal of the Korean
    Statistical Society 42(3).
    """
    columns = {name: rows.column(f"f_{name}") for name in features
               if f"f_{name}" in rows.column_names}  # fmt: skip
    ranks = {name: _ranks(column) for name, column in columns.items() if not is_text(column.type)}
    codes = {name: _codes(column) for name, column in columns.items()}
    owner = {name: name for name in columns}

    def root(name: str) -> str:
        while owner[name] != name:
            name = owner[name]
        return name

    for one, other in combinations(columns, 2):
        if root(one) == root(other):
            continue
        if one in ranks and other in ranks:
            strength = abs(_correlation(ranks[one], ranks[other]))
        else:
            strength = cramers_v(codes[one], codes[other])
        if strength >= THRESHOLD:
            owner[root(other)] = root(one)
    found: dict[str, list[str]] = {}
    for name in columns:
        found.setdefault(root(name), []).append(name)
    return [tuple(members) for members in found.values() if len(members) > 1]


def cramers_v(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Return the bias-corrected Cramér's V of two columns of codes, shape (n,); 0 to 1."""
    table = np.zeros((int(one.max(initial=-1)) + 1, int(other.max(initial=-1)) + 1))
    np.add.at(table, (one, other), 1)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n = table.sum()
    if min(table.shape) < 2 or n < 3:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    squared = float(((table - expected) ** 2 / expected).sum()) / n
    rows, columns = table.shape
    corrected = max(0.0, squared - (rows - 1) * (columns - 1) / (n - 1))
    least = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(corrected / least)) if least > 0 else 0.0


def _ranks(column: pa.ChunkedArray) -> Floats:
    """Return ranks, level values sharing theirs, centred; 0 where a value is missing."""
    values = np.asarray(pc.cast(column, pa.float64()).to_numpy(), dtype=np.float64)
    known = np.isfinite(values)
    _, place, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    ranks = np.zeros(len(values))
    ranks[known] = middle[place] - middle[place].mean() if known.any() else 0.0
    return ranks


def _correlation(one: Floats, other: Floats) -> float:
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / size if size > 0 else 0.0


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    if is_text(column.type):
        found = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
        codes = np.asarray(found.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
        # Of many values the rare ones are one, as each of them tells of hardly a row.
        common = np.argsort(-np.bincount(codes), kind="stable")[:_MOST_VALUES]
        return np.where(np.isin(codes, common), codes, codes.max(initial=0) + 1)
    values = np.asarray(pc.cast(column, pa.float64()).to_numpy(), dtype=np.float64)
    known = np.isfinite(values)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, _BINS + 1)[1:-1])) if (
        known.any()
    ) else np.empty(0)  # fmt: skip
    return np.where(known, np.searchsorted(edges, values, side="right"), len(edges) + 1)
