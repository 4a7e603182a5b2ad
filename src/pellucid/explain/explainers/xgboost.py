"""XGBoost models: our attributions, checked against the library's own scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.errors import MissingExtraError
from pellucid.explain.explainers.trees import TreeExplainer
from pellucid.models.xgboost import read_xgboost

if TYPE_CHECKING:
    from pellucid.explain.explainers.base import Floats


def xgboost_explainer(content: bytes) -> TreeExplainer:
    """Return the explainer of an XGBoost model file, UBJSON or JSON."""
    try:
        import xgboost
    except ImportError as error:
        raise MissingExtraError(
            package="xgboost", extra="xgboost", purpose="explaining an XGBoost model"
        ) from error
    booster = xgboost.Booster()
    booster.load_model(bytearray(content))

    def score(matrix: Floats) -> Floats:
        rows = xgboost.DMatrix(
            matrix,
            feature_names=booster.feature_names,
            feature_types=booster.feature_types,
            enable_categorical=True,
        )
        return np.asarray(booster.predict(rows, output_margin=True), dtype=np.float64)

    return TreeExplainer(read_xgboost(bytes(booster.save_raw("json"))), "xgboost", score)
