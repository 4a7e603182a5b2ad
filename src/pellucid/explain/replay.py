"""Traffic shares split into the terms of the policy: the argmax is replayed without each of them.

A decision is a base utility of each candidate and terms that add to it: groups of attributions,
and what each policy layer adds. The pick is the largest sum, so shares of traffic are no sum of
terms; Shapley values of the replayed shares are.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ExplainError

Floats = NDArray[np.float64]

MOST_TERMS = 12
_REPLAYS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Utilities:
    """What the policy maximised in each of n decisions with c candidates and g terms.

    Attributes
    ----------
    candidates : tuple of str
    terms : tuple of str
        Names of the terms.
    base : array of float64, shape (n, c)
        Utility without any term; -inf where a candidate was not eligible.
    added : array of float64, shape (g, n, c)
        What each term adds; finite.
    """

    candidates: tuple[str, ...]
    terms: tuple[str, ...]
    base: Floats
    added: Floats


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
        Share where no term acts.
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
    for name, term in zip(utilities.terms, utilities.added, strict=True):
        if name not in without:
            total += term
    return np.where(np.isfinite(total).any(axis=1), total.argmax(axis=1), -1)


def fidelity(utilities: Utilities, logged: NDArray[np.int64]) -> float:
    """Return the share of decisions in which the replayed pick is the logged one.

    Parameters
    ----------
    logged : array of int64, shape (n,)
        Places of the logged picks.
    """
    return float((picks(utilities) == logged).mean()) if len(logged) else float("nan")


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

    References
    ----------
    Shapley, L. S. (1953). A value for n-person games. The worth of a coalition is the share of
    decisions whose argmax over base and the coalition's terms is the candidate.
    """
    count, terms = len(utilities.base), len(utilities.terms)
    if terms > MOST_TERMS:
        raise ExplainError(
            f"{terms} terms are too many to replay each subset of; group them to {MOST_TERMS}, or "
            "split the share along the way (aumann_shapley)"
        )
    place = _place(utilities, candidate)
    given = _checked_weights(weights, count)
    coefficients = _coefficients(terms)
    mean, squares, base_share, share = np.zeros(terms), np.zeros(terms), 0.0, 0.0
    step = max(1, _REPLAYS_AT_ONCE // (2**terms * len(utilities.candidates)))
    for start in range(0, count, step):
        part = slice(start, start + step)
        wins = _wins(utilities.base[part], utilities.added[:, part], place)
        values = wins.astype(np.float64) @ coefficients
        mean += given[part] @ values
        squares += given[part] ** 2 @ values**2
        base_share += float(given[part] @ wins[:, 0])
        share += float(given[part] @ wins[:, -1])
    errors = np.sqrt(np.maximum(squares - mean**2 * (given**2).sum(), 0))
    return ShareSplit(candidate, utilities.terms, mean, errors, base_share, share)


def aumann_shapley(
    utilities: Utilities, candidate: str, weights: Floats | None = None
) -> ShareSplit:
    """Split a candidate's traffic share along the straight way from the bases to all terms.

    All terms grow together; where the winner changes from one candidate to another, the change is
    credited to the terms by their parts in the difference of the two candidates' growth.

    Returns
    -------
    ShareSplit
        Exact as that of `replay_shapley`, at a cost that does not grow with subsets of terms.

    References
    ----------
    Aumann, R. J. and Shapley, L. S. (1974). Values of Non-Atomic Games, for a piecewise constant
    worth: its derivative is concentrated where the upper envelope of lines has a corner.
    """
    count, terms = len(utilities.base), len(utilities.terms)
    place, given = _place(utilities, candidate), _checked_weights(weights, count)
    base, added = utilities.base, utilities.added
    growth = added.sum(axis=0)
    every = np.arange(count)
    # Of candidates that are level at the start, the one that replaying would pick.
    winner = base.argmax(axis=1)
    has_any = np.isfinite(base).any(axis=1)
    first, time = winner.copy(), np.zeros(count)
    values = np.zeros((count, terms))
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
        change = (ahead == place).astype(float) - (winner == place)
        gap = np.where(moves, faster[every, ahead], 1.0)
        parts = (added[:, every, ahead] - added[:, every, winner]) / gap
        values += np.where(moves, change, 0.0)[:, None] * parts.T
        winner, time = np.where(moves, ahead, winner), np.where(moves, soonest, time)
    mean = given @ values
    errors = np.sqrt(np.maximum(given**2 @ values**2 - mean**2 * (given**2).sum(), 0))
    return ShareSplit(
        candidate, utilities.terms, mean, errors,
        float(given @ (has_any & (first == place))), float(given @ (has_any & (winner == place))),
    )  # fmt: skip


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
    return Utilities(utilities.candidates, utilities.terms, utilities.base, added)


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


def _coefficients(terms: int) -> Floats:
    """Return what the worth of each coalition counts in each term's value; (2^terms, terms)."""
    coalition = np.arange(2**terms)
    size = np.array([found.bit_count() for found in coalition.tolist()])
    weight = np.array([
        factorial(s) * factorial(terms - s - 1) / factorial(terms) for s in range(terms)
    ] + [0.0])  # fmt: skip
    has = (coalition[:, None] >> np.arange(terms)) & 1 == 1
    return np.where(has, weight[size - 1][:, None], -weight[size][:, None])


def _wins(base: Floats, added: Floats, place: int) -> NDArray[np.bool_]:
    """Return whether a candidate wins each decision under each coalition; (n, 2^terms)."""
    count, candidates = base.shape
    # Candidates first: the winner is found by as many passes over flat arrays.
    total = np.empty((candidates, count, 2 ** len(added)))
    total[:, :, 0] = base.T
    for place_of, term in enumerate(added):
        width = 1 << place_of
        total[:, :, width : 2 * width] = total[:, :, :width] + term.T[:, :, None]
    own = total[place]
    wins = np.isfinite(own)
    for other in range(candidates):
        # The first of level candidates wins, as in `picks`.
        if other < place:
            wins &= own > total[other]
        elif other > place:
            wins &= own >= total[other]
    return wins
