"""Model versions: the row that says of a model what it is, beside its file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from pellucid.errors import DataError, UnknownNameError
from pellucid.log.bulk import BulkLog
from pellucid.log.model_files import check_unnamed, model_file
from pellucid.models.composition import Composition, Part, encode_parts
from pellucid.models.file import ModelFile
from pellucid.schema.arrow import fixed_schema
from pellucid.schema.tables import MODELS
from pellucid.store.artifacts import load_artifact, save_artifact
from pellucid.store.lake import Lake
from pellucid.store.reader import read_rows


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
    parts = None
    if isinstance(model, Composition):
        file, parts = _composed_file(log.lake, model), model.as_json()
        check_unnamed(features, file.features)
    else:
        file = model_file(model, features)
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
        "importances": json.dumps(dict(file.importances)), "artifact_uri": uri,
        "artifact_sha256": digest, "parts": parts,
    }  # fmt: skip
    log.writer.append(MODELS, pa.Table.from_pylist([row], schema=fixed_schema(MODELS)))
    return model_id


def _composed_file(lake: Lake, composition: Composition) -> ModelFile:
    """Return one file of all parts, whose features are those of any part."""
    rows = _logged_parts(lake, composition)
    scales = {row["output_scale"] for row in rows}
    if len(scales) > 1:
        told = ", ".join(f"'{row['model_id']}' {row['output_scale']}" for row in rows)
        raise DataError(
            f"a {composition.kind} of models", [f"adds scores of several scales: {told}"]
        )
    features = tuple(dict.fromkeys(feature for row in rows for feature in row["features"]))
    categories: dict[str, list[str]] = {}
    for row in rows:
        for feature, values in json.loads(row["categories"] or "{}").items():
            if categories.setdefault(feature, values) != values:
                raise DataError(
                    f"a {composition.kind} of models",
                    [f"whose parts give categories of '{feature}' different codes; train them "
                     "with the same"],
                )  # fmt: skip
    parts = [
        Part(
            framework=row["framework"], factor=factor,
            content=load_artifact(lake, row["artifact_uri"], sha256=row["artifact_sha256"]),
            places=tuple(features.index(feature) for feature in row["features"]),
        )
        for row, factor in zip(rows, composition.factors, strict=True)
    ]  # fmt: skip
    return ModelFile(
        framework="composition", content=encode_parts(parts), suffix=".parts.npz",
        features=features, scale=scales.pop(), categories=categories,
    )  # fmt: skip


def _logged_parts(lake: Lake, composition: Composition) -> list[dict[str, Any]]:
    names = [field.name for field in MODELS.fields]
    logged = {row["model_id"]: row for row in read_rows(lake, MODELS.name, names).to_pylist()}
    for model_id in composition.models:
        if model_id not in logged:
            raise UnknownNameError(kind="logged model", name=model_id, known=logged)
        if not logged[model_id]["artifact_uri"]:
            raise DataError(
                f"model '{model_id}'", ["has no file to compose; log it with log.model(...)"]
            )
    return [logged[model_id] for model_id in composition.models]


def _stored_digest(lake: Lake, model_id: str) -> str | None:
    for row in read_rows(lake, MODELS.name, ["model_id", "artifact_sha256"]).to_pylist():
        if row["model_id"] == model_id:
            return row["artifact_sha256"]
    return None
