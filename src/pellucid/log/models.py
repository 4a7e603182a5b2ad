"""Model versions: their file in a format that cannot run code, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from pellucid.errors import DataError
from pellucid.log.bulk import BulkLog
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
        "output_scale": "log_odds", "link": "logit", "features": list(file.features),
        "categories": json.dumps({key: list(value) for key, value in (categories or {}).items()}),
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
    raise DataError(
        f"a {type(model).__name__}",
        ["is not a LightGBM or XGBoost model; log its scores, and attributions of your own with "
         "log.table('attributions', frame)"],
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


def _check_count(names: Sequence[str], count: int) -> None:
    if len(names) != count:
        raise DataError("features", [f"{len(names)} names for a model of {count} features"])


def _stored_digest(lake: Lake, model_id: str) -> str | None:
    for row in read_rows(lake, MODELS.name, ["model_id", "artifact_sha256"]).to_pylist():
        if row["model_id"] == model_id:
            return row["artifact_sha256"]
    return None
