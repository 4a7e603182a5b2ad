"""XGBoost models: our attributions, checked against the library's own scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.errors import MissingExtraError
from pellucid.explain.explainers.trees import TreeAttributions
from pellucid.models.xgboost import read_xgboost

if TYPE_CHECKING:
    from pellucid.explain.explainers.base import Floats


class XGBoostExplainer:
    """Attributions of an XGBoost model file, UBJSON or JSON."""

    def __init__(self, content: bytes) -> None:
        try:
            import xgboost
        except ImportError as error:
            raise MissingExtraError(
                package="xgboost", extra="xgboost", purpose="explaining an XGBoost model"
            ) from error
        self._library = xgboost
        self._booster = xgboost.Booster()
        self._booster.load_model(bytearray(content))
        ensemble = read_xgboost(bytes(self._booster.save_raw("json")))
        self._trees = TreeAttributions(ensemble, "xgboost")

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
        rows = self._library.DMatrix(
            matrix,
            feature_names=self._booster.feature_names,
            feature_types=self._booster.feature_types,
            enable_categorical=True,
        )
        return np.asarray(self._booster.predict(rows, output_margin=True), dtype=np.float64)
