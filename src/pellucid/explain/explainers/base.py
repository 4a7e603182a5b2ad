"""The protocols of explainers, and the encoding of logged features for a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.errors import ExplainError
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
        """Return base values, shape (n,), and attributions, shape (n, features).

        In the unit of the raw scores, as `output_scale` of the logged model says.
        """

    def raw_score(self, matrix: Floats) -> Floats:
        """Return the model's raw scores, shape (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Attributions of each row against each single reference row.

    Attributes
    ----------
    values : array of float64, shape (n, m, features)
        Along the last axis they add up to ``scores[:, None] - reference_scores``.
    scores : array of float64, shape (n,)
        Raw scores of the rows.
    reference_scores : array of float64, shape (m,)
        Raw scores of the reference rows.
    """

    values: Floats
    scores: Floats
    reference_scores: Floats

    @property
    def differences(self) -> Floats:
        """Raw score of each row less that of each reference row, shape (n, m)."""
        return self.scores[:, None] - self.reference_scores

    def averaged(self) -> tuple[Floats, Floats]:
        """Return base values, shape (n,), and attributions, shape (n, features)."""
        base = np.full(len(self.scores), self.reference_scores.mean())
        return base, self.values.mean(axis=1)


@runtime_checkable
class PairExplainer(Explainer, Protocol):
    """An explainer that also attributes against single reference rows."""

    def pairs(self, matrix: Floats, reference: Floats) -> Pairs:
        """Return attributions of rows, shape (n, features), against reference rows."""


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


def thinned(reference: Floats, most: int, described: str) -> tuple[Floats, str]:
    """Return at most some rows of a reference population, drawn once and for all, and its name."""
    if len(reference) <= most:
        return reference, described
    draw = np.random.default_rng(0)
    kept = np.sort(draw.choice(len(reference), most, replace=False))
    return reference[kept], f"{most:,} drawn from {described}"


def scored(reference: Floats, has_score: NDArray[np.bool_], described: str) -> tuple[Floats, str]:
    """Return the rows of a reference population that the model can score, and its name.

    One record that lost a value must not leave a model without explanations for all of its time.

    Raises
    ------
    ExplainError
        If it can score none.
    """
    if not has_score.any():
        raise ExplainError(
            f"the model can score none of the reference population, {described}: features are "
            "missing in each of them; log features as the model saw them, after imputing"
        )
    left_out = int((~has_score).sum())
    named = f"{described}, less {left_out:,} without a score" if left_out else described
    return reference[has_score], named
