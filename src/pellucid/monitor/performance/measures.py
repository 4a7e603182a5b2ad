"""The measures of a model's performance, on labels that are known or only expected."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pellucid.stats.classification import (
    Estimate,
    average_precision,
    brier_score,
    confusion,
    log_loss,
    roc_auc,
)

Floats = NDArray[np.float64]


def binary_performance(
    scores: Floats, labels: Floats, *, predicted: Floats | None = None
) -> dict[str, Estimate]:
    """Return every measure of a two-class model.

    Parameters
    ----------
    scores : array of float64, shape (n,)
        Probabilities of the positive class.
    labels : array of float64, shape (n,)
        0 or 1; or, before labels come, the probability of 1.
    predicted : array of float64, shape (n,), optional
        Whether a row was called positive; without it no cutoff is known, and its measures are
        left out.

    Returns
    -------
    dict of str to Estimate
        ``roc_auc``, ``average_precision``, ``log_loss``, ``brier``; with predictions ``accuracy``,
        ``precision``, ``recall``, ``specificity`` and ``f1``.
    """
    found = {
        "roc_auc": roc_auc(scores, labels),
        "average_precision": average_precision(scores, labels),
        "log_loss": log_loss(scores, labels),
        "brier": brier_score(scores, labels),
    }
    if predicted is not None:
        counts = confusion(labels, predicted)
        found |= {name: getattr(counts, name) for name in
                  ("accuracy", "precision", "recall", "specificity", "f1")}  # fmt: skip
    return found


def multiclass_performance(
    scores: Mapping[str, Floats], labels: Mapping[str, Floats], predicted: NDArray[np.str_]
) -> dict[str, Estimate]:
    """Return measures of a model of several classes, each class weighing the same.

    Parameters
    ----------
    scores : mapping of str to array of float64, shape (n,)
        Probability of each class.
    labels : mapping of str to array of float64, shape (n,)
        Whether a row is of the class; or, before labels come, with which probability.
    predicted : array of str, shape (n,)
        The class that was called.

    Returns
    -------
    dict of str to Estimate
        ``roc_auc``, ``precision``, ``recall`` and ``f1``, each the mean over classes against the
        rest; and ``accuracy``.
    """
    counts = {name: confusion(labels[name], predicted == name) for name in scores}
    found = {
        measure: _mean([getattr(item, measure) for item in counts.values()])
        for measure in ("precision", "recall", "f1")
    }
    right = np.zeros(len(predicted))
    for name in scores:
        right += np.where(predicted == name, labels[name], 0.0)
    share = float(right.mean()) if len(right) else float("nan")
    found["accuracy"] = Estimate(share, float(np.sqrt(share * (1 - share) / max(len(right), 1))))
    found["roc_auc"] = _mean([roc_auc(scores[name], labels[name]) for name in scores])
    return found


def _mean(parts: list[Estimate]) -> Estimate:
    # The classes share their rows: errors that add up in full are the safe side.
    values, errors = ([getattr(part, name) for part in parts] for name in ("value", "error"))
    return Estimate(float(np.mean(values)), float(np.mean(errors)))
