"""What the policy maximised in logged decisions, and whom it picks by that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOBODY = -1
# Attributions are stored as float32: what is closer than their rounding is level.
LEVEL = 1e-6


@dataclass(frozen=True, slots=True)
class Utilities:
    """What the policy maximised in each of n decisions with c candidates and g terms.

    Attributes
    ----------
    candidates : tuple of str
    terms : tuple of str
        Names of the terms.
    base : array of float64, shape (n, c)
        Score without any term; -inf where a candidate was not eligible.
    added : array of float64, shape (g, n, c)
        What each term adds; finite.
    model_terms : int, default 0
        The first so many terms add to the score, the others to what the link makes of it.
    link : str, default "identity"
        ``logistic`` where scores are log-odds and the policy compares probabilities.
    """

    candidates: tuple[str, ...]
    terms: tuple[str, ...]
    base: Floats
    added: Floats
    model_terms: int = 0
    link: Literal["identity", "logistic"] = "identity"


def picks(utilities: Utilities, *, without: tuple[str, ...] = ()) -> NDArray[np.int64]:
    """Return the replayed pick of each decision; -1 where no candidate was eligible.

    Parameters
    ----------
    without : tuple of str
        Terms left out.
    """
    total = utilities.base.copy()
    for place, (name, term) in enumerate(zip(utilities.terms, utilities.added, strict=True)):
        if place == utilities.model_terms:
            total = linked(utilities, total)
        if name not in without:
            total += term
    if utilities.model_terms == len(utilities.terms):
        total = linked(utilities, total)
    best = total.max(axis=1, keepdims=True)
    # Of level candidates the first, as in a policy that takes the largest.
    first = (total >= best - LEVEL).argmax(axis=1)
    return np.where(np.isfinite(best[:, 0]), first, NOBODY)


def linked(utilities: Utilities, score: Floats) -> Floats:
    """Return what the policy compares, from scores; -inf stays."""
    if utilities.link == "identity":
        return score
    with np.errstate(over="ignore"):
        return np.asarray(np.where(np.isfinite(score), 1 / (1 + np.exp(-score)), -np.inf))


def fidelity(utilities: Utilities, logged: NDArray[np.int64]) -> float:
    """Return the share of decisions in which the replayed pick is the logged one.

    Parameters
    ----------
    logged : array of int64, shape (n,)
        Places of the logged picks.
    """
    return float((picks(utilities) == logged).mean()) if len(logged) else float("nan")
