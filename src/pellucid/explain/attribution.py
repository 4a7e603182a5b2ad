"""Attributions of logged candidates: computed, checked to add up, and shaped as the record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.errors import AdditivityError, ExplainError, did_you_mean
from pellucid.explain.explainers.base import Explainer, encode
from pellucid.explain.explainers.registry import load_explainer
from pellucid.explain.reference import Reference

# Relative to the raw score, at least 1: room for float32 sums over hundreds of trees.
TOLERANCE = 1e-3


@dataclass(slots=True)
class LoadedModel:
    """A logged model version, ready to explain.

    Attributes
    ----------
    model_id : str
    output_scale : str
    features : tuple of str
        In the model's order.
    categories : dict of str to list of str
    explainer : Explainer
    reference : Reference, optional
        What attributions compare with; None for those that need none.
    """

    model_id: str
    output_scale: str
    features: tuple[str, ...]
    categories: Mapping[str, list[str]]
    explainer: Explainer
    reference: Reference | None = None

    def matrix(self, rows: pa.Table) -> NDArray[np.float64]:
        """Return the model's features of candidates, shape (n, features).

        Raises
        ------
        ExplainError
            If a feature of the model was never logged.
        """
        logged = [name.removeprefix("f_") for name in rows.column_names if name.startswith("f_")]
        missing = [name for name in self.features if name not in logged]
        if missing:
            extra = [name for name in logged if name not in self.features]
            told = f"; logged and not the model's: {', '.join(extra)}" if extra else ""
            raise ExplainError(
                f"model '{self.model_id}' has features that were never logged: "
                f"{', '.join(missing)}{told}{did_you_mean(missing[0], extra) if extra else ''}; "
                "log candidates with the names that the model was logged with, or log the model "
                "as a new version with features=[...] as they are logged"
            )
        return encode(rows, self.features, self.categories)


def load_model(row: Mapping[str, Any], content: bytes, reference: Reference | None) -> LoadedModel:
    """Return the model of a row of `models` and its file.

    Parameters
    ----------
    reference : Reference, optional
        What attributions compare with; None for those that need no reference.

    Raises
    ------
    ExplainError, MissingExtraError
        If there is no explainer for it, or its library is not installed.
    """
    return LoadedModel(
        model_id=row["model_id"],
        output_scale=row["output_scale"],
        features=tuple(row["features"]),
        categories=json.loads(row["categories"] or "{}"),
        explainer=load_explainer(row["framework"], content),
        reference=reference,
    )


def attribute(
    model: LoadedModel, rows: pa.Table, *, sample_weight: float | NDArray[np.float64] = 1.0
) -> pa.Table:
    """Explain candidates and return them as rows of `attributions`.

    Parameters
    ----------
    rows : pyarrow.Table, n rows
        Candidates with a raw score: ids, `decided_at`, `raw_score` and ``f_`` columns.
    sample_weight : float or array of float64, shape (n,), default 1
        Inverse of the probability that a row was logged and picked for explaining.

    Returns
    -------
    pyarrow.Table, n rows
        With the residual of the *logged* raw score: far from 0 where the logged features or model
        are not the ones that scored.

    Raises
    ------
    ExplainError
        If a feature of the model was never logged, or is missing where the model takes no missing
        value.
    AdditivityError
        If base value plus attributions miss what the model itself gives for the same features.
    """
    matrix = model.matrix(rows)
    base, values, names = _attributed(model, rows.column("candidate_id"), matrix)
    summed = base + values.sum(axis=1, dtype=np.float64)
    _check(model, matrix, summed)
    logged = rows.column("raw_score").to_numpy()
    count = rows.num_rows
    columns: dict[str, Any] = {
        name: rows.column(name) for name in ("decision_id", "decided_at", "candidate_id")
    }
    columns |= {
        "model_id": [model.model_id] * count,
        "output_scale": [model.output_scale] * count,
        "base_value": base,
        "raw_score": logged,
        "residual": logged - summed,
        "sample_weight": np.full(count, sample_weight),
        "explainer": names,
    }
    columns |= {f"a_{name}": values[:, index] for index, name in enumerate(model.features)}
    return pa.table(columns)


def _attributed(
    model: LoadedModel, candidates: pa.ChunkedArray, matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float32], pa.Array]:
    """Return base values, attributions, and the name of the explainer and its reference."""
    count = len(matrix)
    base, values = np.empty(count), np.empty(matrix.shape, dtype=np.float32)
    names = np.full(count, "", dtype=object)
    reference = model.reference
    whose = np.array(candidates.to_pylist(), dtype=object)
    own = [] if reference is None else [name for name in reference.candidates if name in whose]
    rest = ~np.isin(whose.astype(str), own) if own else np.ones(count, dtype=bool)
    groups = [*((name, whose == name) for name in own), *([("", rest)] if rest.any() else [])]
    for name, chosen in groups:
        if reference is not None:
            population = reference.of(name) if name else reference
            model.explainer.set_reference(model.matrix(population.rows), population.described)
        base[chosen], found = model.explainer.attribute(matrix[chosen])
        values[chosen], names[chosen] = found, model.explainer.name
    return base, values, pa.array(names, pa.string())


def _check(model: LoadedModel, matrix: np.ndarray, summed: np.ndarray) -> None:
    scores = model.explainer.raw_score(matrix)
    miss = np.abs(summed - scores)
    worst = int(np.argmax(miss - TOLERANCE * np.maximum(1, np.abs(scores)))) if len(miss) else 0
    if len(miss) and miss[worst] > TOLERANCE * max(1, abs(scores[worst])):
        raise AdditivityError(
            f"model '{model.model_id}': base value + attributions = {summed[worst]:.6f}, but the "
            f"model gives {scores[worst]:.6f} (row {worst}); explained with "
            f"{model.explainer.name}: log attributions of your own instead"
        )
