"""Rows out of what models take: pandas, Polars and Arrow frames, arrays, lists of lists."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.log.gather import RefusedError

_LOGISTIC = frozenset({
    "binary", "cross_entropy", "xentropy", "binary:logistic", "reg:logistic",
})  # fmt: skip


def read_rows(
    frame: Any, names: Sequence[str] | None
) -> tuple[list[dict[str, Any]], list[Any] | None]:
    """Return the rows of a frame as plain values by column name, and its row labels.

    No library is imported for it: each kind of frame is told by its methods.

    Parameters
    ----------
    frame : object
        Anything named in the module's first line.
    names : sequence of str, optional
        Column names for what has none of its own.

    Returns
    -------
    rows : list of dict
    labels : list, optional
        The index of a pandas frame, unless it only counts the rows.

    Raises
    ------
    RefusedError
        If rows or names cannot be read.
    """
    labels = None
    rows: Sequence[Sequence[Any]]
    if hasattr(frame, "iloc") and hasattr(frame, "columns"):
        names = [str(name) for name in frame.columns]
        values = frame.to_numpy()
        # Only columns of several types, or of objects, can hold marks such as pandas' NA.
        rows = (values if values.dtype != object else frame.to_numpy(na_value=None)).tolist()
        labels = None if type(frame.index).__name__ == "RangeIndex" else frame.index.tolist()
    elif hasattr(frame, "rows") and hasattr(frame, "columns"):
        names, rows = frame.columns, frame.rows()
    elif hasattr(frame, "to_pydict"):
        names, rows = frame.column_names, list(zip(*frame.to_pydict().values(), strict=True))
    elif hasattr(frame, "tolist") and getattr(frame, "ndim", 0) == 2:
        rows = frame.tolist()
    elif isinstance(frame, (list, tuple)):
        rows = frame
    else:
        raise RefusedError(f"the rows of a {type(frame).__name__} cannot be read")
    if names is None:
        raise RefusedError("the columns have no names; say features=")
    if rows and len(rows[0]) != len(names):
        raise RefusedError("there are more or fewer names than columns; say features=")
    return [dict(zip(names, row, strict=True)) for row in rows], labels


def names_of(model: Any) -> list[str] | None:
    """Return the feature names that a model was trained with; None where it tells none."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        # Boosters of their own: LightGBM has a method, XGBoost an attribute.
        found = getattr(model, "feature_name", None)
        names = found() if callable(found) else getattr(model, "feature_names", None)
    return None if names is None else [str(name) for name in names]


def one_score_each(result: Any, positive: int | None) -> list[float]:
    """Return one number for each row of what a model returned.

    Parameters
    ----------
    result : array, shape (n,) or (n, n_classes)
    positive : int, optional
        The class whose score counts; by default the second of two.

    Raises
    ------
    RefusedError
        If there are several classes and none is named.
    """
    if getattr(result, "ndim", 1) == 1:
        found: list[float] = result.tolist() if hasattr(result, "tolist") else list(result)
        return found
    classes = result.shape[1]
    if positive is None and classes > 2:
        raise RefusedError("the model has more than two classes; say positive=")
    column: list[float] = result[:, min(classes, 2) - 1 if positive is None else positive].tolist()
    return column


def scale_of(model: Any) -> str:
    """Return what plain `predict` gives: ``probability``, ``raw_score``, or ``label``."""
    if hasattr(model, "predict_proba"):
        return "label"
    if hasattr(model, "save_config"):
        objective = json.loads(model.save_config())["learner"]["objective"]["name"]
    else:
        parameters: Mapping[str, Any] = getattr(model, "params", None) or {}
        objective = parameters.get("objective", "")
    return "probability" if objective in _LOGISTIC else "raw_score"
