"""Traffic shares split into the terms of the policy: the argmax is replayed without each of them.

A decision is a base score of each candidate, terms of the model that add to it, a link that turns
the sum into what the policy compares, and terms of the layers that add to that. The pick is the
largest, so shares of traffic are no sum of terms; Shapley values of the replayed shares are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ExplainError
from pellucid.stats.shapley import coalition_weights

Floats = NDArray[np.float64]

MOST_TERMS = 12
NOBODY = -1
_REPLAYS_AT_ONCE = 2_000_000
# Attributions are stored as float32: what is closer than their rounding is level.
_LEVEL = 1e-6


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


@dataclass(frozen=True, slots=True)
class ShareSplit:
    """A traffic share split into terms.

    Attributes
    ----------
    candidate : str
    terms : tuple of str
    values : array of float64, shape (g,)
        They add up to `share` - `base_share`.
    errors : array of float64, shape (g,)
        Standard errors, decisions taken as independent.
    base_share : float
        Share where no term acts; where candidates are level, an even split among them.
    share : float
        Share where all terms act.
    """

    candidate: str
    terms: tuple[str, ...]
    values: Floats
    errors: Floats
    base_share: float
    share: float


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
    first = (total >= best - _LEVEL).argmax(axis=1)
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


@dataclass(frozen=True, slots=True)
class Moves:
    """What terms moved to a candidate in each of n decisions.

    Attributes
    ----------
    values : array of float64, shape (n, g)
        They add up to `after` - `before` in each decision.
    before, after : array of float64, shape (n,)
        The candidate's part of the pick where no term acts, and where all do: 1 where it is ahead,
        less where candidates are level and the pick is drawn among them.
    """

    values: Floats
    before: Floats
    after: Floats


def replay_shapley(
    utilities: Utilities, candidate: str, weights: Floats | None = None
) -> ShareSplit:
    """Split a candidate's traffic share by replaying every subset of terms.

    Parameters
    ----------
    weights : array of float64, shape (n,), optional
        Sample weights.

    Returns
    -------
    ShareSplit
        Exact: the values add up to the difference of the two shares.

    Raises
    ------
    ExplainError
        If there are more than 12 terms, which are more replays than is sensible; or no decisions.
    """
    return _split(utilities, candidate, replay_moves(utilities, candidate), weights)


def aumann_shapley(
    utilities: Utilities, candidate: str, weights: Floats | None = None
) -> ShareSplit:
    """Split a candidate's traffic share along the straight way from the bases to all terms.

    Returns
    -------
    ShareSplit
        Exact as that of `replay_shapley`, at a cost that does not grow with subsets of terms.
    """
    return _split(utilities, candidate, aumann_moves(utilities, candidate), weights)


def replay_moves(utilities: Utilities, candidate: str) -> Moves:
    """Return what each term moves to a candidate, by replaying every subset of terms.

    References
    ----------
    Shapley, L. S. (1953). A value for n-person games. The worth of a coalition is whether the
    argmax over base and the coalition's terms is the candidate; level candidates share it evenly.
    """
    count, terms = len(utilities.base), len(utilities.terms)
    if terms > MOST_TERMS:
        raise ExplainError(
            f"{terms} terms are too many to replay each subset of; group them to {MOST_TERMS}, or "
            "split the share along the way (aumann_shapley)"
        )
    place = _place(utilities, candidate)
    coefficients = coalition_weights(terms)
    values, before, after = np.zeros((count, terms)), np.zeros(count), np.zeros(count)
    step = max(1, _REPLAYS_AT_ONCE // (2**terms * len(utilities.candidates)))
    for start in range(0, count, step):
        part = slice(start, start + step)
        won = _won(utilities, part, place)
        values[part] = won @ coefficients
        before[part], after[part] = won[:, 0], won[:, -1]
    return Moves(values, before, after)


def aumann_moves(utilities: Utilities, candidate: str) -> Moves:
    """Return what each term moves to a candidate while all of them grow together from nothing.

    Where the winner changes from one candidate to another, the change is credited to the terms by
    their parts in the difference of the two candidates' growth. Of candidates that are level at
    the start each is the winner in as many cases, and passed at once by the one that grows fastest.

    References
    ----------
    Aumann, R. J. and Shapley, L. S. (1974). Values of Non-Atomic Games, for a piecewise constant
    worth: its derivative is concentrated where the upper envelope of lines has a corner. Through a
    logistic link there are no lines: the terms of the model are taken as `linearised`.
    """
    place, utilities = _place(utilities, candidate), linearised(utilities)
    count, terms = len(utilities.base), len(utilities.terms)
    base, added = utilities.base, utilities.added
    growth = added.sum(axis=0)
    every = np.arange(count)
    level = (base >= base.max(axis=1, keepdims=True) - _LEVEL) & np.isfinite(base)
    chance = level / np.maximum(level.sum(axis=1, keepdims=True), 1)
    winner, time = np.where(level, growth, -np.inf).argmax(axis=1), np.zeros(count)
    values = np.zeros((count, terms))
    for loser in range(len(utilities.candidates)):
        gap = growth[every, winner] - growth[:, loser]
        is_passed = (chance[:, loser] > 0) & (gap > 0)
        change = chance[:, loser] * ((winner == place).astype(float) - (loser == place))
        values += _credit(added, every, winner, loser, np.where(is_passed, change, 0.0), gap)
    for _ in range(len(utilities.candidates)):
        faster = growth - growth[every, winner][:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            behind = base[every, winner][:, None] - base
            meets = np.where((faster > 0) & np.isfinite(base), behind / faster, np.inf)
        meets = np.where(meets < time[:, None], np.inf, meets)
        soonest = meets.min(axis=1)
        # Of those met at once the fastest is ahead from there on.
        ahead = np.where(meets == soonest[:, None], faster, -np.inf).argmax(axis=1)
        moves = soonest < 1
        if not moves.any():
            break
        change = np.where(moves, (ahead == place).astype(float) - (winner == place), 0.0)
        values += _credit(added, every, ahead, winner, change, faster[every, ahead])
        winner, time = np.where(moves, ahead, winner), np.where(moves, soonest, time)
    before = chance[:, place]
    return Moves(values, before, before + values.sum(axis=1))


def _credit(
    added: Floats, every: NDArray[np.int64], winner: NDArray[np.int64],
    loser: NDArray[np.int64] | int, change: Floats, gap: Floats,
) -> Floats:  # fmt: skip
    """Return a change of the pick as the terms' parts in the gap of growth; (n, g)."""
    scale = np.divide(change, gap, out=np.zeros(len(every)), where=change != 0)
    parts = added[:, every, winner] - added[:, every, loser]
    return np.asarray(np.where(scale, parts, 0.0).T * scale[:, None])


def _split(
    utilities: Utilities, candidate: str, moves: Moves, weights: Floats | None
) -> ShareSplit:
    given = _checked_weights(weights, len(moves.values))
    mean = given @ moves.values
    errors = np.sqrt(np.maximum(given**2 @ moves.values**2 - mean**2 * (given**2).sum(), 0))
    return ShareSplit(candidate, utilities.terms, mean, errors,
                      float(given @ moves.before), float(given @ moves.after))  # fmt: skip


def linearised(utilities: Utilities) -> Utilities:
    """Return utilities without a link: what the model's terms make of it, shared out among them.

    In each decision and candidate they are scaled by the ratio of the change that they make
    together after the link to that before it, so that all of them together change nothing.
    """
    if utilities.link == "identity":
        return utilities
    count, eligible = utilities.model_terms, np.isfinite(utilities.base)
    growth = utilities.added[:count].sum(axis=0)
    start, end = linked(utilities, utilities.base), linked(utilities, utilities.base + growth)
    slope = np.where(eligible, start * (1 - start), 0.0)
    ratio = np.divide(
        np.where(eligible, end - np.where(eligible, start, 0), 0), growth, out=slope,
        where=eligible & (np.abs(growth) > _LEVEL),
    )  # fmt: skip
    added = np.concatenate([utilities.added[:count] * ratio, utilities.added[count:]])
    return Utilities(utilities.candidates, utilities.terms, start, added)


def neutralised(utilities: Utilities, term: str, weights: Floats | None = None) -> Utilities:
    """Return utilities in which a term adds to each candidate its mean over the decisions.

    Replaying them answers what the shares would be if the term told no decision from another.
    """
    given = _checked_weights(weights, len(utilities.base))
    place = utilities.terms.index(term)
    eligible = np.isfinite(utilities.base)
    weight = given[:, None] * eligible
    total = weight.sum(axis=0)
    mean = np.divide(
        (weight * utilities.added[place]).sum(axis=0), total, out=np.zeros(len(total)),
        where=total > 0,
    )  # fmt: skip
    added = utilities.added.copy()
    added[place] = np.where(eligible, mean, 0.0)
    return replace(utilities, added=added)


def _place(utilities: Utilities, candidate: str) -> int:
    if candidate not in utilities.candidates:
        raise ExplainError(
            f"'{candidate}' was in none of these decisions; they have "
            f"{', '.join(utilities.candidates)}"
        )
    if not len(utilities.base):
        raise ExplainError("there are no decisions to split the share of")
    return utilities.candidates.index(candidate)


def _checked_weights(weights: Floats | None, count: int) -> Floats:
    given = np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64)
    return given / given.sum()


def _won(utilities: Utilities, part: slice, place: int) -> Floats:
    """Return a candidate's part of each pick under each coalition; (n, 2^terms)."""
    base, added = utilities.base[part].T, utilities.added[:, part].transpose(0, 2, 1)
    # Candidates first: the winner is found by as many passes over flat arrays.
    total = np.empty((*base.shape, 2 ** len(added)))
    total[:, :, 0] = base
    for term, values in enumerate(added):
        width = 1 << term
        if term == utilities.model_terms:
            total[:, :, :width] = linked(utilities, total[:, :, :width])
        np.add(total[:, :, :width], values[:, :, None], out=total[:, :, width : 2 * width])
    if utilities.model_terms == len(added):
        total = linked(utilities, total)
    best = total.max(axis=0)
    is_level = total >= best - _LEVEL
    is_level &= np.isfinite(best)
    return np.asarray(is_level[place] / np.maximum(is_level.sum(axis=0), 1))
