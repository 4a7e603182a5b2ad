"""Attributions of models made of models, from those of their parts against single reference rows.

Each sum is exact. Values are Shapley values where this says so, else approximate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pellucid.explain.explainers.base import Floats, Pairs


def widened(pairs: Pairs, places: Sequence[int], features: int) -> Pairs:
    """Return attributions of a part by the features of the whole.

    Parameters
    ----------
    places : sequence of int
        Where the part's features stand among those of the whole.
    """
    values = np.zeros((*pairs.values.shape[:2], features))
    values[..., list(places)] = pairs.values
    return replace(pairs, values=values)


def mixture(parts: Sequence[Pairs], weights: Sequence[float]) -> Pairs:
    """Return attributions of a weighted sum of models, by the same features: exact."""
    scaled = list(zip(parts, weights, strict=True))
    return Pairs(
        values=np.sum([part.values * weight for part, weight in scaled], axis=0),
        scores=np.sum([part.scores * weight for part, weight in scaled], axis=0),
        reference_scores=np.sum(
            [part.reference_scores * weight for part, weight in scaled], axis=0
        ),
    )


def product(first: Pairs, second: Pairs) -> Pairs:
    """Return attributions of the product of two models, by the same features.

    Each part's attributions times the mean of the other's two scores. These are the Shapley values
    of the product where both parts add up feature by feature, or read one feature each; else they
    are approximate.
    """
    of_first = (second.scores[:, None] + second.reference_scores) / 2
    of_second = (first.scores[:, None] + first.reference_scores) / 2
    return Pairs(
        values=first.values * of_first[..., None] + second.values * of_second[..., None],
        scores=first.scores * second.scores,
        reference_scores=first.reference_scores * second.reference_scores,
    )


@dataclass(frozen=True, slots=True)
class Piped:
    """Attributions of a pipeline.

    Attributes
    ----------
    pairs : Pairs
        By feature.
    stages : array of float64, shape (n, m, stages)
        What the head gives to a stage whose score hardly differs, and which no feature can own:
        with `pairs.values` it adds up to the difference of scores.
    """

    pairs: Pairs
    stages: Floats


def pipeline(
    head: Pairs, stages: Sequence[Pairs], direct: Sequence[int], *, eps: float = 1e-6
) -> Piped:
    """Return attributions of a model that reads the scores of others: generalised DeepSHAP.

    What the head gives to a stage is passed down in proportion to that stage's own attributions.
    Exact where head and stages are linear; else approximate.

    Parameters
    ----------
    head : Pairs
        By its inputs: the stages' scores first, then features that it reads itself.
    stages : sequence of Pairs
        By the features of the whole.
    direct : sequence of int
        Features that the head reads itself, in its order.
    eps : float, default 1e-6
        Scores of a stage that differ by less, relative to their size and at least 1, pass nothing
        down: the ratio would be one of rounding errors.

    References
    ----------
    Chen, H., Lundberg, S. M., Lee, S.-I. (2022). Explaining a series of models by propagating
    Shapley values. Nature Communications 13, 4512.
    """
    values = np.zeros_like(stages[0].values)
    left = np.zeros((*values.shape[:2], len(stages)))
    for number, stage in enumerate(stages):
        given, difference = head.values[..., number], stage.differences
        size = np.maximum(np.abs(stage.scores)[:, None], np.abs(stage.reference_scores))
        passes = np.abs(difference) >= eps * np.maximum(1, size)
        ratio = np.divide(given, difference, out=np.zeros_like(given), where=passes)
        values += stage.values * ratio[..., None]
        left[..., number] = np.where(passes, 0.0, given)
    for place, feature in enumerate(direct, start=len(stages)):
        values[..., feature] += head.values[..., place]
    return Piped(replace(head, values=values), left)


def spread(piped: Piped, stages: Sequence[Pairs]) -> Pairs:
    """Return attributions of a pipeline without bars of stages.

    What a stage could not pass down goes to its features in proportion to the size of their
    attributions.
    """
    values = piped.pairs.values.copy()
    for number, stage in enumerate(stages):
        size = np.abs(stage.values)
        total = size.sum(axis=-1, keepdims=True)
        share = np.divide(size, total, out=np.zeros_like(size), where=total > 0)
        values += share * piped.stages[..., number, None]
    return replace(piped.pairs, values=values)


def rescaled(pairs: Pairs) -> Pairs:
    """Return attributions of the probability, from those of log-odds.

    Each is multiplied by the difference in probability over that in log-odds, reference row by
    reference row. The sum is exact; the values are a chain rule, and not the Shapley values of the
    probability.
    """
    probabilities, references = logistic(pairs.scores), logistic(pairs.reference_scores)
    difference = pairs.differences
    middle = logistic(pairs.scores[:, None] - difference / 2)
    # Of nearly equal scores the ratio is the slope between them, to within 1e-13.
    ratio = np.divide(
        probabilities[:, None] - references,
        difference,
        out=middle * (1 - middle),
        where=np.abs(difference) > 1e-6,
    )
    return Pairs(
        values=pairs.values * ratio[..., None], scores=probabilities, reference_scores=references
    )


def logistic(log_odds: NDArray[np.float64]) -> Floats:
    """Return probabilities of log-odds."""
    # By the hyperbolic tangent, which does not overflow.
    probabilities: Floats = (1 + np.tanh(log_odds / 2)) / 2
    return probabilities
