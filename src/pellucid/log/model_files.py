"""Models in memory turned into files that cannot run code."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from pellucid.errors import DataError, ExplainError
from pellucid.models.additive import encode_additive
from pellucid.models.archive import PICKLE
from pellucid.models.catboost import catboost_scale, read_catboost
from pellucid.models.codec import encode_ensemble
from pellucid.models.file import ModelFile
from pellucid.models.interpret import is_interpret, read_interpret
from pellucid.models.linear import encode_linear
from pellucid.models.sklearn import is_sklearn_trees, read_sklearn
from pellucid.models.sklearn_linear import is_sklearn_linear, read_sklearn_linear

_PICKLE_SUFFIXES = (".pkl", ".pickle", ".joblib")


def model_file(model: Any, features: Sequence[str] | None) -> ModelFile:
    """Return the file of a model.

    Raises
    ------
    DataError
        If the model is of an unknown kind, beyond what its reader reads, or a pickle.
    """
    if isinstance(model, ModelFile):
        _refuse_pickles(model.content)
        check_unnamed(features, model.features)
        return model
    if hasattr(model, "booster_"):
        model = model.booster_
    elif hasattr(model, "get_booster"):
        model = model.get_booster()
    for is_of_kind, turn in _KINDS:
        if is_of_kind(model):
            return turn(model, features)
    _refuse_pickles(model)
    raise DataError(
        f"a {type(model).__name__}",
        ["is not a tree model of LightGBM, XGBoost, CatBoost or scikit-learn, a linear model of "
         "scikit-learn, an explainable boosting machine, an ONNX model, or pellucid's ModelFile or "
         "Composition; log its scores, and attributions of your own with "
         "log.table('attributions', frame)"],
    )  # fmt: skip


def check_unnamed(features: Sequence[str] | None, own: Sequence[str]) -> None:
    """Raise a DataError if features are named anew that a file or its parts name already."""
    if features is not None and tuple(features) != tuple(own):
        raise DataError(
            "features", [f"are named already: {', '.join(own)}; leave features=[...] out"]
        )


def _refuse_pickles(model: object) -> None:
    is_bytes = isinstance(model, bytes | bytearray) and model.startswith(PICKLE)
    is_path = isinstance(model, str | PathLike) and str(model).endswith(_PICKLE_SUFFIXES)
    if is_bytes or is_path:
        raise DataError(
            "a pickle",
            ["is refused, because a pickle runs code when it is loaded; log the model itself, "
             "where your service holds it: log.model(model, ...) keeps plain arrays"],
        )  # fmt: skip


def _lightgbm_file(model: Any, features: Sequence[str] | None) -> ModelFile:
    names = _names(features, model.feature_name())
    gains = model.feature_importance(importance_type="gain").tolist()
    content = model.model_to_string()
    objective = re.search(r"^objective=(.*)$", content, flags=re.MULTILINE)
    return ModelFile(
        framework="lightgbm", content=content.encode(), suffix=".lightgbm.txt", features=names,
        # A model trained on an objective of the user's own names none.
        scale=_scale(objective[1] if objective else "binary"),
        importances=dict(zip(names, gains, strict=True)),
    )  # fmt: skip


def _scale(objective: str) -> Literal["log_odds", "raw"]:
    """Return the scale of raw scores by what a model was trained on."""
    is_odds = objective.startswith(("binary", "cross_entropy", "xentropy", "reg:logistic"))
    return "log_odds" if is_odds else "raw"


def _xgboost_file(model: Any, features: Sequence[str] | None) -> ModelFile:
    own = model.feature_names or [f"f{index}" for index in range(model.num_features())]
    names = _names(features, own)
    gains = model.get_score(importance_type="total_gain")
    objective = json.loads(model.save_config())["learner"]["objective"]["name"]
    return ModelFile(
        framework="xgboost", content=bytes(model.save_raw("ubj")), suffix=".xgboost.ubj",
        features=names, scale=_scale(objective),
        importances={name: float(gains.get(key, 0.0))
                     for name, key in zip(names, own, strict=True)},
    )  # fmt: skip


def _catboost_file(model: Any, features: Sequence[str] | None) -> ModelFile:
    names = _names(features, model.feature_names_)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        content = path.read_bytes()
    try:
        read_catboost(content)
    except ExplainError as error:
        raise DataError(f"a {type(model).__name__}", [str(error)]) from error
    gains = [float(gain) for gain in model.get_feature_importance()]
    return ModelFile(
        framework="catboost", content=content, suffix=".catboost.json", features=names,
        scale=catboost_scale(content), importances=dict(zip(names, gains, strict=True)),
    )  # fmt: skip


def _sklearn_file(model: Any, features: Sequence[str] | None) -> ModelFile:
    read = read_sklearn(model)
    names = _names(features, _sklearn_names(model))
    gains = getattr(model, "feature_importances_", [])
    return ModelFile(
        framework="scikit-learn", content=encode_ensemble(read.ensemble), suffix=".trees.npz",
        features=names, scale=read.scale,
        importances={name: float(gain) for name, gain in zip(names, gains, strict=False)},
        categories={names[feature]: texts for feature, texts in read.categories.items()},
    )  # fmt: skip


def _linear_file(model: Any, features: Sequence[str] | None) -> ModelFile:
    names = _names(features, _sklearn_names(model))
    linear, scale = read_sklearn_linear(model, names)
    return ModelFile(
        framework="scikit-learn", content=encode_linear(linear), suffix=".linear.npz",
        features=names, scale=scale,
    )  # fmt: skip


def _interpret_file(model: Any, features: Sequence[str] | None) -> ModelFile:
    additive, texts = read_interpret(model)
    names = _names(features, model.feature_names_in_)
    return ModelFile(
        framework="interpret", content=encode_additive(additive), suffix=".additive.npz",
        features=names, scale="raw" if getattr(model, "classes_", None) is None else "log_odds",
        categories={names[feature]: values for feature, values in texts.items()},
    )  # fmt: skip


def _onnx_file(model: Any, features: Sequence[str] | None) -> ModelFile:
    width = model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    if features is None:
        raise DataError("an ONNX model", ["names no features; give features=[...], in its order"])
    _check_count(features, width or len(features))
    last = model.graph.output[-1].type.tensor_type.shape.dim
    has_two = len(last) == 2 and last[1].dim_value == 2
    return ModelFile(
        framework="onnx", content=model.SerializeToString(), suffix=".onnx",
        features=tuple(features), scale="probability" if has_two else "raw",
    )  # fmt: skip


_KINDS: tuple[
    tuple[Callable[[Any], bool], Callable[[Any, Sequence[str] | None], ModelFile]], ...
] = (
    (lambda m: hasattr(m, "model_to_string") and hasattr(m, "feature_importance"), _lightgbm_file),
    (lambda m: hasattr(m, "save_raw") and hasattr(m, "get_score"), _xgboost_file),
    (lambda m: type(m).__module__.startswith("catboost") and hasattr(m, "save_model"),
     _catboost_file),
    (is_sklearn_trees, _sklearn_file),
    (is_sklearn_linear, _linear_file),
    (is_interpret, _interpret_file),
    (lambda m: hasattr(m, "SerializeToString") and hasattr(m, "graph"), _onnx_file),
)  # fmt: skip


def _sklearn_names(model: Any) -> Sequence[str]:
    own = getattr(model, "feature_names_in_", None)
    return [f"f{index}" for index in range(model.n_features_in_)] if own is None else own


def _names(features: Sequence[str] | None, own: Sequence[str]) -> tuple[str, ...]:
    names = tuple(map(str, own if features is None else features))
    _check_count(names, len(own))
    return names


def _check_count(names: Sequence[str], count: int) -> None:
    if len(names) != count:
        raise DataError("features", [f"{len(names)} names for a model of {count} features"])
