"""Finds the explainer of a model file by the framework that wrote it."""

from __future__ import annotations

from collections.abc import Callable

from pellucid.errors import ExplainError
from pellucid.explain.explainers.base import Explainer
from pellucid.explain.explainers.lightgbm import lightgbm_explainer
from pellucid.explain.explainers.trees import TreeExplainer
from pellucid.explain.explainers.xgboost import xgboost_explainer
from pellucid.models.catboost import read_catboost
from pellucid.models.codec import decode_ensemble

EXPLAINERS: dict[str, Callable[[bytes], Explainer]] = {
    "catboost": lambda content: TreeExplainer(read_catboost(content), "catboost"),
    "lightgbm": lightgbm_explainer,
    "scikit-learn": lambda content: TreeExplainer(decode_ensemble(content), "scikit-learn"),
    "xgboost": xgboost_explainer,
}


def load_explainer(framework: str, content: bytes) -> Explainer:
    """Return the explainer of a model file.

    Raises
    ------
    ExplainError
        If no explainer reads models of this framework.
    MissingExtraError
        If the framework's own library is not installed.
    """
    if framework not in EXPLAINERS:
        raise ExplainError(
            f"no explainer reads '{framework}' models (known: {', '.join(EXPLAINERS)}); "
            "log attributions of your own with log.table('attributions', frame)"
        )
    return EXPLAINERS[framework](content)
