"""XGBoost's JSON format as an ensemble."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.errors import ExplainError
from pellucid.models.assemble import Tree, assemble
from pellucid.models.ensemble import CategorySplit, Ensemble


def read_xgboost(content: str | bytes) -> Ensemble:
    """Return the ensemble of an XGBoost model in its JSON format.

    Raises
    ------
    ExplainError
        If the model is not of trees, or has several outputs.
    """
    learner = json.loads(content)["learner"]
    booster, weights = learner["gradient_booster"], None
    if booster["name"] == "dart":
        weights, booster = booster["weight_drop"], booster["gbtree"]
    elif booster["name"] != "gbtree":
        raise ExplainError(f"XGBoost model: its booster '{booster['name']}' is not of trees")
    settings = learner["learner_model_param"]
    if int(settings.get("num_class", 0)) > 1 or int(settings.get("num_target", 1)) > 1:
        raise ExplainError("XGBoost model: it has several outputs; explain one at a time")
    trees = [_tree(given) for given in booster["model"]["trees"]]
    if weights is not None:
        trees = [tree.scaled(weight) for tree, weight in zip(trees, weights, strict=True)]
    return assemble(
        trees, base=_base(settings["base_score"], learner["objective"]["name"]),
        features=int(settings["num_feature"]), precision="float32",
    )  # fmt: skip


def _base(text: str, objective: str) -> float:
    score = float(text.strip("[]"))
    if objective in ("binary:logistic", "reg:logistic"):
        return math.log(score / (1 - score))
    if objective in ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox"):
        return math.log(score)
    return score


def _tree(given: Mapping[str, Any]) -> Tree:
    left = np.array(given["left_children"], dtype=np.int64)
    is_leaf = left < 0
    conditions = np.array(given["split_conditions"], dtype=np.float32)
    is_category = np.array(given["split_type"]) == 1
    # Left is below the threshold: at most the next smaller float32.
    threshold = np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64)
    return Tree(
        feature=np.where(is_leaf, -1, np.array(given["split_indices"], dtype=np.int64)),
        threshold=np.where(is_leaf, 0.0, np.where(is_category, np.nan, threshold)),
        left=left, right=np.array(given["right_children"], dtype=np.int64),
        missing_left=np.array(given["default_left"], dtype=bool),
        value=np.where(is_leaf, conditions.astype(np.float64), 0.0),
        cover=np.array(given["sum_hessian"], dtype=np.float64),
        categories=_categories(given),
    )  # fmt: skip


def _categories(given: Mapping[str, Any]) -> dict[int, CategorySplit]:
    codes = np.array(given["categories"], dtype=np.int64)
    spans = zip(
        given["categories_nodes"], given["categories_segments"], given["categories_sizes"],
        strict=True,
    )  # fmt: skip
    # A category that the split names goes right.
    return {
        node: CategorySplit(codes[start : start + size], go_left=False)
        for node, start, size in spans
    }
