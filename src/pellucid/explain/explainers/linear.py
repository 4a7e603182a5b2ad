"""Linear models: exact attributions against the means of a reference population."""

from __future__ import annotations

import numpy as np

from pellucid.errors import ExplainError
from pellucid.explain.explainers.base import Floats, Pairs, scored
from pellucid.models.linear import Linear


class LinearExplainer:
    """Attributions of a linear model: each weight times the distance from the reference's mean.

    These are its Shapley values, and the base value is the mean raw score of the reference. Without
    a reference population they are against the row at which every scaled feature is 0.

    Parameters
    ----------
    model : Linear
    library : str
        That trained it, for the record.
    """

    def __init__(self, model: Linear, library: str) -> None:
        self._model = model
        self._library = library
        self._middle = model.center
        against = "the zeros of its scaling" if model.center.any() else "a row of zeros"
        self._name = f"{library} linear, exact against {against}"

    @property
    def name(self) -> str:
        """What the attributions are, for the record."""
        return self._name

    def set_reference(self, matrix: Floats, described: str) -> None:
        """Attribute against a reference population, shape (m, features), from now on."""
        filled = self._model.filled(matrix)
        kept, named = scored(filled, np.isfinite(self.raw_score(matrix)), described)
        self._middle = kept.mean(axis=0)
        self._name = f"{self._library} linear, exact against {named}"

    def attribute(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values, shape (n,), and attributions, shape (n, features)."""
        base = self._model.intercept + float(self._middle @ self._model.weights)
        values = (self._filled(matrix, "the rows") - self._middle) * self._model.weights
        return np.full(len(matrix), base), values

    def pairs(self, matrix: Floats, reference: Floats) -> Pairs:
        """Return attributions of rows, shape (n, features), against reference rows."""
        rows = self._filled(matrix, "the rows")
        others = self._filled(reference, "the reference population")
        return Pairs(
            values=(rows[:, None] - others) * self._model.weights,
            scores=self._model.raw_score(rows), reference_scores=self._model.raw_score(others),
        )  # fmt: skip

    def raw_score(self, matrix: Floats) -> Floats:
        """Return raw scores, on the scale of the attributions."""
        return self._model.raw_score(matrix)

    def _filled(self, matrix: Floats, where: str) -> Floats:
        filled = self._model.filled(matrix)
        missing = np.argwhere(np.isnan(filled))
        if len(missing):
            row, feature = (int(place) for place in missing[0])
            raise ExplainError(
                f"feature '{self._model.names[feature]}' is missing in row {row} of {where} "
                f"({len(missing):,} such values), and a linear model takes no missing value; log "
                "the features as the model saw them, after imputing, or log a pipeline that "
                "begins with a SimpleImputer"
            )
        return filled
