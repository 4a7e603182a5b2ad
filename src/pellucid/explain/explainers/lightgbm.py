"""LightGBM models: our attributions, checked against the library's own scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.errors import MissingExtraError
from pellucid.explain.explainers.trees import TreeExplainer
from pellucid.models.lightgbm import read_lightgbm

if TYPE_CHECKING:
    from pellucid.explain.explainers.base import Floats


def lightgbm_explainer(content: bytes) -> TreeExplainer:
    """Return the explainer of a LightGBM model file, a text."""
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtraError(
            package="lightgbm", extra="lightgbm", purpose="explaining a LightGBM model"
        ) from error
    booster = lightgbm.Booster(model_str=content.decode())

    def score(matrix: Floats) -> Floats:
        return np.asarray(booster.predict(matrix, raw_score=True), dtype=np.float64)

    return TreeExplainer(read_lightgbm(content), "lightgbm", score)
