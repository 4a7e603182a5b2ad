"""Traffic shares split into the terms of the policy: the argmax is replayed without each of them.

A decision is a base score of each candidate, terms of the model that add to it, a link that turns
the sum into what the policy compares, and terms of the layers that add to that. The pick is the
largest, so shares of traffic are no sum of terms; Shapley values of the replayed shares are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ExplainError
from pellucid.explain.traffic.utilities import LEVEL, Utilities, linked
from pellucid.stats.shapley import coalition_weights

Floats = NDArray[np.float64]

MOST_TERMS = 12
_REPLAYS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Doubt:
    """How far apart candidates must be to be told from level, as long as no feature tells them.

    What candidates are worth in general is estimated. Where it decides alone, who is ahead by less
    than its error is ahead by luck, and would have all of the pick: so they are taken as level in
    every coalition that has none of the terms `settled_by`. Nothing else changes, so that parts
    still add up.

    Attributes
    ----------
    error : float
        On the scale of the scores.
    settled_by : tuple of str
        Terms of features.
    """

    error: float
    settled_by: tuple[str, ...]


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


def replay_moves(utilities: Utilities, candidate: str, doubt: Doubt | None = None) -> Moves:
    """Return what each term moves to a candidate, by replaying every subset of terms.

    Parameters
    ----------
    doubt : Doubt, optional
        What makes candidates level; by default rounding only.

    References
    ----------
    Shapley, L. S. (1953). A value for n-person games. The worth of a coalition is whether the
    argmax over base and the coalition's terms is the candidate; level candidates share it evenly.
    """
    count, terms = len(utilities.base), len(utilities.terms)
    if terms > MOST_TERMS:
        raise ExplainError(
            f"{terms} terms are too many to replay each subset of: group them to {MOST_TERMS}, or "
            "split the share along the way (aumann_moves)"
        )
    place = _place(utilities, candidate)
    coefficients = coalition_weights(terms)
    values, before, after = np.zeros((count, terms)), np.zeros(count), np.zeros(count)
    level = _levels(utilities, doubt)
    step = max(1, _REPLAYS_AT_ONCE // (2**terms * len(utilities.candidates)))
    for start in range(0, count, step):
        part = slice(start, start + step)
        won = _won(utilities, part, place, level)
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
    level = (base >= base.max(axis=1, keepdims=True) - LEVEL) & np.isfinite(base)
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


def moves_of(utilities: Utilities, candidate: str, doubt: Doubt | None = None) -> Moves:
    """Return what each term moves: by replaying every subset of them, of many along the way."""
    if len(utilities.terms) > MOST_TERMS:
        return aumann_moves(utilities, candidate)
    return replay_moves(utilities, candidate, doubt)


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
        where=eligible & (np.abs(growth) > LEVEL),
    )  # fmt: skip
    added = np.concatenate([utilities.added[:count] * ratio, utilities.added[count:]])
    return Utilities(utilities.candidates, utilities.terms, start, added)


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


def _levels(utilities: Utilities, doubt: Doubt | None) -> Floats:
    """Return how far apart candidates are level under each coalition, shape (2^terms,)."""
    level = np.full(2 ** len(utilities.terms), LEVEL)
    settled = [place for place, name in enumerate(utilities.terms)
               if doubt and name in doubt.settled_by]  # fmt: skip
    if doubt is None or not settled:
        return level
    error = doubt.error
    if utilities.link == "logistic":
        # What the link makes of it where scores begin.
        start = utilities.base[np.isfinite(utilities.base)]
        chance = 1 / (1 + np.exp(-start.mean())) if len(start) else 0.0
        error *= chance * (1 - chance)
    mask = sum(1 << place for place in settled)
    level[np.arange(len(level)) & mask == 0] = max(error, LEVEL)
    return level


def _won(utilities: Utilities, part: slice, place: int, level: Floats) -> Floats:
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
    is_level = total >= best - level
    is_level &= np.isfinite(best)
    return np.asarray(is_level[place] / np.maximum(is_level.sum(axis=0), 1))
