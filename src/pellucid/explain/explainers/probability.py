"""Bars in probability for people: attributions in log-odds, rescaled reference row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.explain.explainers.base import Floats, PairExplainer, thinned
from pellucid.explain.explainers.compose import rescaled

# Numbers of one block of attributions against single reference rows.
_KEPT_VALUES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityBars:
    """Attributions of the probability.

    Attributes
    ----------
    base : float
        Mean probability over the reference rows.
    values : array of float64, shape (n, features)
        With the base they add up to the probability.
    probabilities : array of float64, shape (n,)
    name : str
        What they are, and against what.
    """

    base: float
    values: Floats
    probabilities: Floats
    name: str


def probability_bars(
    explainer: PairExplainer,
    matrix: Floats,
    reference: Floats,
    described: str,
    *,
    most_reference: int = 100,
) -> ProbabilityBars:
    """Return attributions of the probability of a model that is explained in log-odds.

    Sums are exact: the probability less the mean probability of the reference rows. The values are
    a chain rule, as of shap's ``model_output="probability"``, and not the Shapley values of the
    probability; for sums over groups keep to log-odds.

    Parameters
    ----------
    explainer : PairExplainer
        Of raw scores in log-odds.
    matrix : array of float64, shape (n, features)
    reference : array of float64, shape (m, features)
        Reference population; explained is against at most `most_reference` rows drawn from it.
    described : str
        What the reference is, for the name.
    most_reference : int, default 100

    References
    ----------
    Lundberg, S. M. et al. (2020). From local explanations to global understanding with explainable
    AI for trees. Nature Machine Intelligence 2, section on explaining the loss and its transforms.
    """
    kept, named = thinned(reference, most_reference, described)
    values, probabilities, base = np.empty(matrix.shape), np.empty(len(matrix)), 0.0
    block = max(1, _KEPT_VALUES // (len(kept) * matrix.shape[1]))
    for start in range(0, len(matrix), block):
        cell = slice(start, start + block)
        pairs = rescaled(explainer.pairs(matrix[cell], kept))
        values[cell], probabilities[cell] = pairs.values.mean(axis=1), pairs.scores
        base = float(pairs.reference_scores.mean())
    return ProbabilityBars(
        base=base, values=values, probabilities=probabilities,
        name=f"probability, rescaled from log-odds by reference row, against {named}",
    )  # fmt: skip
