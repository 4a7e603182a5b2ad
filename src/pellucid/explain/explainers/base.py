"""The protocol of an explainer, and the encoding of logged features for a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.schema.arrow import is_text

Floats = NDArray[np.float64]


class Explainer(Protocol):
    """Splits raw scores into a base value and one attribution for each feature."""

    @property
    def name(self) -> str:
        """What the attributions are, for the record."""

    def set_reference(self, matrix: Floats, described: str) -> None:
        """Attribute against a reference population, shape (m, features), from now on."""

    def attribute(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values, shape (n,), and attributions, shape (n, features), in log-odds."""

    def raw_score(self, matrix: Floats) -> Floats:
        """Return the model's raw scores, shape (n,)."""


def encode(
    rows: pa.Table, features: Sequence[str], categories: Mapping[str, Sequence[str]]
) -> Floats:
    """Return logged features as the matrix that the model takes.

    Parameters
    ----------
    rows : pyarrow.Table, n rows
        With columns ``f_<feature>``; one that is absent counts as missing.
    features : sequence of str
        In the model's order.
    categories : mapping of str to sequence of str
        Values of each categorical feature, in the order of their codes.

    Returns
    -------
    array of float64, shape (n, features)
        Codes for categories; NaN where a value is missing or its category is unknown.
    """
    matrix = np.full((rows.num_rows, len(features)), np.nan)
    for index, feature in enumerate(features):
        name = f"f_{feature}"
        if name not in rows.column_names:
            continue
        column = rows.column(name)
        if is_text(column.type):
            codes = pa.array(list(categories.get(feature, ())), pa.string())
            column = pc.index_in(column, value_set=codes)
        values = pc.cast(column, pa.float64())
        matrix[:, index] = pc.fill_null(values, float("nan")).to_numpy()
    return matrix
