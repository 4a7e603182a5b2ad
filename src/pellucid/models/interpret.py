"""InterpretML's explainable boosting machines as additive models, from a model in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.errors import DataError
from pellucid.models.additive import Additive, Axis, Term

_TRUTH = {"True": 1.0, "False": 0.0}


def is_interpret(model: object) -> bool:
    """Return whether a model is an explainable boosting machine."""
    return type(model).__module__.startswith("interpret.") and hasattr(model, "term_scores_")


def read_interpret(model: Any) -> tuple[Additive, dict[int, tuple[str, ...]]]:
    """Return an additive model, and by feature the texts whose places are its codes.

    Categories that are numbers are their own codes.

    Raises
    ------
    DataError
        If the model has several outputs, or tables over three features.
    """
    name = type(model).__name__
    if len(np.ravel(model.intercept_)) != 1:
        raise DataError(f"a {name}", ["has several outputs; log one binary model for each"])
    if any(len(term) > 2 for term in model.term_features_):
        raise DataError(f"a {name}", ["has tables over three features; train with pairs at most"])
    codes, texts = {}, {}
    for feature, levels in enumerate(model.bins_):
        if isinstance(levels[0], Mapping):
            # Levels differ in which categories share a bin.
            names = list(dict.fromkeys(str(key) for level in levels for key in level))
            numbers = [_number(key) for key in names]
            if any(number is None for number in numbers):
                texts[feature] = tuple(names)
                numbers = [float(place) for place in range(len(names))]
            codes[feature] = dict(zip(names, numbers, strict=True))
    terms = tuple(
        Term(
            axes=tuple(_axis(model.bins_, feature, len(term), codes) for feature in term),
            scores=np.asarray(scores, dtype=np.float64),
            weights=np.asarray(weights, dtype=np.float64),
        )
        for term, scores, weights in zip(
            model.term_features_, model.term_scores_, model.bin_weights_, strict=True
        )
    )
    intercept = float(np.ravel(model.intercept_)[0])
    return Additive(intercept=intercept, terms=terms, features=len(model.bins_)), texts


def _axis(bins: Any, feature: int, order: int, codes: Mapping[int, Mapping[str, Any]]) -> Axis:
    # A feature has one level of bins for its own table, and a coarser one for pairs if it is there.
    levels = bins[feature]
    level = levels[min(order, len(levels)) - 1]
    if not isinstance(level, Mapping):
        return Axis(feature=feature, edges=np.asarray(level, dtype=np.float64))
    known = sorted((codes[feature][str(key)], place) for key, place in level.items())
    return Axis(
        feature=feature,
        edges=np.array([code for code, _ in known], dtype=np.float64),
        bins=np.array([place for _, place in known], dtype=np.int64),
    )


def _number(text: str) -> float | None:
    if text in _TRUTH:
        return _TRUTH[text]
    try:
        return float(text)
    except ValueError:
        return None
