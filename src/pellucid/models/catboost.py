"""CatBoost's JSON format as an ensemble."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from pellucid.errors import ExplainError
from pellucid.models.assemble import Tree, assemble
from pellucid.models.ensemble import Ensemble

_OWN = "PythonUserDefined"


def read_catboost(content: str | bytes) -> Ensemble:
    """Return the ensemble of a CatBoost model in its JSON format.

    Raises
    ------
    ExplainError
        If the model has several outputs, trees that are not symmetric, or categorical features,
        which CatBoost hashes or replaces by statistics of its training data.
    """
    model = json.loads(content)
    scale, bias = model["scale_and_bias"]
    if len(bias) != 1:
        loss = _loss(model)
        named = f" ({len(bias)}, of its loss '{loss}')" if loss else ""
        raise ExplainError(
            f"CatBoost model: it has several outputs{named}; train a binary model for each, and "
            "log them apart"
        )
    if "oblivious_trees" not in model:
        raise ExplainError(
            "CatBoost model: its trees are not symmetric; train with grow_policy='SymmetricTree', "
            "or log its ShapValues as attributions"
        )
    given = model["features_info"].get("float_features", [])
    if model["features_info"].get("categorical_features"):
        raise ExplainError(
            "CatBoost model: it has categorical features, whose values it hashes or replaces by "
            "statistics of its training data; log its ShapValues as attributions"
        )
    features = {item["feature_index"]: item for item in given}
    trees = [_tree(tree, features, scale) for tree in model["oblivious_trees"]]
    width = 1 + max((item["flat_feature_index"] for item in given), default=-1)
    return assemble(trees, base=float(bias[0]), features=width, precision="float32")


def catboost_scale(content: str | bytes) -> Literal["log_odds", "raw"]:
    """Return the scale of the raw scores of a model in CatBoost's JSON format.

    Log-odds of a classifier; the scale of its label, or of its loss, of any other. A model of a
    loss of the user's own says nothing of itself, and is taken for a classifier.
    """
    model = json.loads(content)
    is_classifier = bool(model["model_info"].get("class_params"))
    loss = _loss(model)
    return "log_odds" if is_classifier or not loss or loss.startswith(_OWN) else "raw"


def _loss(model: Mapping[str, Any]) -> str:
    settings = model.get("model_info", {}).get("params") or {}
    return str(settings.get("loss_function", {}).get("type", ""))


def _tree(tree: Mapping[str, Any], features: Mapping[int, Mapping[str, Any]], scale: float) -> Tree:
    splits: Sequence[Mapping[str, Any]] = tree["splits"] or []
    values = np.array(tree["leaf_values"], dtype=np.float64) * scale
    weights = np.array(tree["leaf_weights"], dtype=np.float64)
    depth = len(splits)
    # A heap: the children of node n are 2n + 1 and 2n + 2, leaves last. The root asks the last
    # split, so that leaves stand in the order of their index, whose first bit is the first split's.
    inner = 2**depth - 1
    level = np.array([(node + 1).bit_length() - 1 for node in range(inner)], dtype=np.int64)
    own = [splits[depth - 1 - int(place)] for place in level]
    known = [features[split["float_feature_index"]] for split in own]
    cover = np.concatenate([np.zeros(inner), weights])
    for node in range(inner - 1, -1, -1):
        cover[node] = cover[2 * node + 1] + cover[2 * node + 2]
    none, leaves = np.full(2**depth, -1), np.zeros(2**depth)
    nodes = np.arange(inner)
    return Tree(
        feature=np.concatenate([[item["flat_feature_index"] for item in known], none]).astype(int),
        # Above the border goes right.
        threshold=np.concatenate([[np.float32(split["border"]) for split in own], leaves]),
        left=np.concatenate([2 * nodes + 1, none]), right=np.concatenate([2 * nodes + 2, none]),
        missing_left=np.concatenate(
            [[item["nan_value_treatment"] != "AsTrue" for item in known], leaves]
        ).astype(bool),
        value=np.concatenate([np.zeros(inner), values]), cover=cover,
    )  # fmt: skip
