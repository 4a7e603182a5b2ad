"""LightGBM models: our attributions, checked against the library's own scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.errors import MissingExtraError
from pellucid.explain.explainers.trees import TreeAttributions
from pellucid.models.lightgbm import read_lightgbm

if TYPE_CHECKING:
    from pellucid.explain.explainers.base import Floats


class LightGBMExplainer:
    """Attributions of a LightGBM model file, a text."""

    def __init__(self, content: bytes) -> None:
        try:
            import lightgbm
        except ImportError as error:
            raise MissingExtraError(
                package="lightgbm", extra="lightgbm", purpose="explaining a LightGBM model"
            ) from error
        self._booster = lightgbm.Booster(model_str=content.decode())
        self._trees = TreeAttributions(read_lightgbm(content), "lightgbm")

    @property
    def name(self) -> str:
        """What the attributions are, for the record."""
        return self._trees.name

    def set_reference(self, matrix: Floats, described: str) -> None:
        """Attribute against a reference population from now on."""
        self._trees.set_reference(matrix, described)

    def attribute(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values and attributions, in log-odds."""
        return self._trees.values(matrix)

    def raw_score(self, matrix: Floats) -> Floats:
        """Return raw scores, in log-odds."""
        return np.asarray(self._booster.predict(matrix, raw_score=True), dtype=np.float64)
