"""scikit-learn's trees, forests and boosting as an ensemble, from a model in memory.

Their files are pickles, which run code when they are loaded; so a model is read while its service
holds it, and kept as plain arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import DataError
from pellucid.models.assemble import Tree, assemble
from pellucid.models.ensemble import CategorySplit, Ensemble

_AVERAGED = ("RandomForest", "ExtraTrees", "DecisionTree", "ExtraTree")


def is_sklearn_trees(model: object) -> bool:
    """Return whether a model is one that `read_sklearn` reads."""
    name = type(model).__name__
    return type(model).__module__.startswith("sklearn.") and (
        name.startswith(("GradientBoosting", "HistGradientBoosting", *_AVERAGED))
    )


@dataclass(frozen=True, slots=True)
class ReadModel:
    """A model that was read.

    Attributes
    ----------
    ensemble : Ensemble
    scale : str
        ``log_odds`` for boosted classifiers, ``probability`` for averaged ones, whose trees add up
        to the probability of the last class, and ``raw`` for regressors.
    categories : dict of int to tuple of str
        By feature, the texts whose places are its codes; numbers are their own codes.
    """

    ensemble: Ensemble
    scale: Literal["log_odds", "raw", "probability"]
    categories: dict[int, tuple[str, ...]] = field(default_factory=dict)


def read_sklearn(model: Any) -> ReadModel:
    """Return the ensemble of a model.

    Raises
    ------
    DataError
        If the model has several outputs, or begins from another model.
    """
    name = type(model).__name__
    classes = getattr(model, "classes_", None)
    if (classes is not None and len(classes) != 2) or getattr(model, "n_outputs_", 1) > 1:
        raise DataError(f"a {name}", ["has several outputs; log one binary model for each"])
    scale: Literal["log_odds", "raw"] = "raw" if classes is None else "log_odds"
    if name.startswith("HistGradientBoosting"):
        return _histogram(model, scale)
    if name.startswith("GradientBoosting"):
        return ReadModel(_gradient(model), scale)
    trees = [item.tree_ for item in getattr(model, "estimators_", [model])]
    read = [_tree(tree, _value(tree)).scaled(1 / len(trees)) for tree in trees]
    ensemble = assemble(read, base=0.0, features=model.n_features_in_, precision="float32")
    return ReadModel(ensemble, "raw" if classes is None else "probability")


def _gradient(model: Any) -> Ensemble:
    if model.init not in (None, "zero") and not hasattr(model.init_, "constant_"):
        raise DataError(
            "a gradient boosting model", ["begins from another model (init); train without"]
        )
    # Without trees the score is that of the initial constant.
    base = float(model._raw_predict_init(np.zeros((1, model.n_features_in_)))[0, 0])  # noqa: SLF001
    trees = [
        _tree(item.tree_, item.tree_.value[:, 0, 0]).scaled(model.learning_rate)
        for item in model.estimators_[:, 0]
    ]
    return assemble(trees, base=base, features=model.n_features_in_, precision="float32")


def _value(tree: Any) -> np.ndarray:
    values = tree.value[:, 0, :]
    # Of a classifier: the share of the last class.
    return values[:, 0] if values.shape[1] == 1 else values[:, -1] / values.sum(axis=1)


def _tree(tree: Any, value: np.ndarray) -> Tree:
    is_leaf = tree.children_left < 0
    missing = getattr(tree, "missing_go_to_left", np.zeros(len(is_leaf)))
    return Tree(
        feature=np.where(is_leaf, -1, tree.feature), threshold=np.where(is_leaf, 0, tree.threshold),
        left=tree.children_left, right=tree.children_right, missing_left=missing.astype(bool),
        value=np.where(is_leaf, value, 0.0), cover=tree.weighted_n_node_samples.astype(np.float64),
    )  # fmt: skip


def _histogram(model: Any, scale: Literal["log_odds", "raw"]) -> ReadModel:
    columns, known = _encoding(model)
    texts = {
        feature: tuple(map(str, values))
        for feature, values in known.items()
        if not np.issubdtype(values.dtype, np.number)
    }
    codes = {
        feature: np.arange(len(values)) if feature in texts else values.astype(np.int64)
        for feature, values in known.items()
    }
    trees = [
        _histogram_tree(predictor, columns, codes)
        for (predictor,) in model._predictors  # noqa: SLF001 - it has no public form
    ]
    base = float(np.ravel(model._baseline_prediction)[0])  # noqa: SLF001
    ensemble = assemble(trees, base=base, features=model.n_features_in_, precision="float64")
    return ReadModel(ensemble, scale, texts)


def _histogram_tree(
    predictor: Any, columns: NDArray[np.int64], codes: dict[int, NDArray[np.int64]]
) -> Tree:
    nodes = predictor.nodes
    is_leaf, is_category = nodes["is_leaf"].astype(bool), nodes["is_categorical"].astype(bool)
    missing_left = nodes["missing_go_to_left"].astype(bool)
    feature = np.where(is_leaf, -1, columns[nodes["feature_idx"]])
    categories = {}
    for node in np.flatnonzero(is_category & ~is_leaf):
        words = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
        goes = np.unpackbits(words.view(np.uint8), bitorder="little").astype(bool)
        own = codes[int(feature[node])]
        left = goes[: len(own)]
        # A category that training never saw goes the way of missing values.
        categories[int(node)] = CategorySplit(
            own[~left] if missing_left[node] else own[left], go_left=not missing_left[node]
        )
    threshold = nodes["num_threshold"].astype(np.float64)
    return Tree(
        feature=feature,
        threshold=np.where(is_leaf, 0, np.where(is_category, np.nan, threshold)),
        left=nodes["left"].astype(np.int64), right=nodes["right"].astype(np.int64),
        missing_left=missing_left, value=np.where(is_leaf, nodes["value"], 0.0),
        cover=nodes["count"].astype(np.float64), categories=categories,
    )  # fmt: skip


def _encoding(model: Any) -> tuple[NDArray[np.int64], dict[int, NDArray[Any]]]:
    """Return the feature of each column that the trees see, and the categories of features."""
    every = np.arange(model.n_features_in_)
    if getattr(model, "_preprocessor", None) is None:
        return every, {}
    # Categorical features come first, as their places among the categories seen in training.
    is_category = model.is_categorical_
    encoder = model._preprocessor.named_transformers_["encoder"]  # noqa: SLF001
    known = {
        int(feature): np.array([value for value in values if value == value])
        for feature, values in zip(every[is_category], encoder.categories_, strict=True)
    }
    return np.concatenate([every[is_category], every[~is_category]]), known
