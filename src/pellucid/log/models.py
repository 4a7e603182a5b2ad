"""Model versions: their file in a format that cannot run code, and what it says of itself."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pellucid.errors import DataError, ExplainError
from pellucid.log.bulk import BulkLog
from pellucid.models.catboost import read_catboost
from pellucid.models.codec import encode_ensemble
from pellucid.models.sklearn import is_sklearn_trees, read_sklearn
from pellucid.schema.arrow import fixed_schema
from pellucid.schema.tables import MODELS
from pellucid.store.artifacts import save_artifact
from pellucid.store.lake import Lake
from pellucid.store.reader import read_rows


@dataclass(frozen=True, slots=True)
class _ModelFile:
    framework: str
    content: bytes
    suffix: str
    features: tuple[str, ...]
    importances: dict[str, float]
    scale: str = "log_odds"
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)


def log_model(
    log: BulkLog,
    model: object,
    *,
    name: str,
    version: str,
    trained_at: datetime,
    training_window: tuple[datetime, datetime] | None,
    features: Sequence[str] | None,
    categories: Mapping[str, Sequence[str]] | None,
) -> str:
    """Log a model version; see `Logger.model`."""
    model_id = f"{name}:{version}"
    if trained_at.tzinfo is None:
        raise DataError(f"model '{model_id}'", ["trained_at has no time zone; add UTC"])
    file = _model_file(model, features)
    uri, digest = save_artifact(log.lake, file.content, suffix=file.suffix)
    stored = _stored_digest(log.lake, model_id)
    if stored is not None:
        if stored != digest:
            raise DataError(
                f"model '{model_id}'",
                ["is stored already with other content; give the new model a new version"],
            )
        return model_id
    start, end = training_window or (None, None)
    row = {
        "model_id": model_id, "name": name, "version": version, "trained_at": trained_at,
        "training_start_at": start, "training_end_at": end, "framework": file.framework,
        "output_scale": file.scale, "link": "logit" if file.scale == "log_odds" else "identity",
        "features": list(file.features),
        "categories": json.dumps({
            key: list(value) for key, value in (categories or file.categories).items()
        }),
        "importances": json.dumps(file.importances), "artifact_uri": uri,
        "artifact_sha256": digest,
    }  # fmt: skip
    log.writer.append(MODELS, pa.Table.from_pylist([row], schema=fixed_schema(MODELS)))
    return model_id


def _model_file(model: Any, features: Sequence[str] | None) -> _ModelFile:
    if hasattr(model, "booster_"):
        model = model.booster_
    elif hasattr(model, "get_booster"):
        model = model.get_booster()
    if hasattr(model, "model_to_string") and hasattr(model, "feature_importance"):
        return _lightgbm_file(model, features)
    if hasattr(model, "save_raw") and hasattr(model, "get_score"):
        return _xgboost_file(model, features)
    if type(model).__module__.startswith("catboost") and hasattr(model, "save_model"):
        return _catboost_file(model, features)
    if is_sklearn_trees(model):
        return _sklearn_file(model, features)
    raise DataError(
        f"a {type(model).__name__}",
        ["is not a tree model of LightGBM, XGBoost, CatBoost or scikit-learn; log its scores, and "
         "attributions of your own with log.table('attributions', frame)"],
    )  # fmt: skip


def _lightgbm_file(model: Any, features: Sequence[str] | None) -> _ModelFile:
    own = model.feature_name()
    names = tuple(features or own)
    _check_count(names, len(own))
    gains = model.feature_importance(importance_type="gain").tolist()
    content = model.model_to_string().encode()
    importances = dict(zip(names, gains, strict=True))
    return _ModelFile("lightgbm", content, ".lightgbm.txt", names, importances)


def _xgboost_file(model: Any, features: Sequence[str] | None) -> _ModelFile:
    own = model.feature_names or [f"f{index}" for index in range(model.num_features())]
    names = tuple(features or own)
    _check_count(names, len(own))
    gains = model.get_score(importance_type="total_gain")
    importances = {name: float(gains.get(key, 0.0)) for name, key in zip(names, own, strict=True)}
    return _ModelFile("xgboost", bytes(model.save_raw("ubj")), ".xgboost.ubj", names, importances)


def _catboost_file(model: Any, features: Sequence[str] | None) -> _ModelFile:
    own = list(model.feature_names_)
    names = tuple(features or own)
    _check_count(names, len(own))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        content = path.read_bytes()
    try:
        read_catboost(content)
    except ExplainError as error:
        raise DataError(f"a {type(model).__name__}", [str(error)]) from error
    gains = [float(gain) for gain in model.get_feature_importance()]
    importances = dict(zip(names, gains, strict=True))
    return _ModelFile("catboost", content, ".catboost.json", names, importances)


def _sklearn_file(model: Any, features: Sequence[str] | None) -> _ModelFile:
    read = read_sklearn(model)
    own = getattr(model, "feature_names_in_", None)
    if own is None:
        own = [f"f{index}" for index in range(model.n_features_in_)]
    names = tuple(map(str, own if features is None else features))
    _check_count(names, len(own))
    gains = getattr(model, "feature_importances_", [])
    return _ModelFile(
        "scikit-learn", encode_ensemble(read.ensemble), ".trees.npz", names,
        {name: float(gain) for name, gain in zip(names, gains, strict=False)}, read.scale,
        {names[feature]: texts for feature, texts in read.categories.items()},
    )  # fmt: skip


def _check_count(names: Sequence[str], count: int) -> None:
    if len(names) != count:
        raise DataError("features", [f"{len(names)} names for a model of {count} features"])


def _stored_digest(lake: Lake, model_id: str) -> str | None:
    for row in read_rows(lake, MODELS.name, ["model_id", "artifact_sha256"]).to_pylist():
        if row["model_id"] == model_id:
            return row["artifact_sha256"]
    return None
