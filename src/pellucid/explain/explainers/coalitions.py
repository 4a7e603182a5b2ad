"""Shapley values of any function of rows, against a reference population: exact, or by sampling.

The game is interventional: a coalition's features come from the row, the others from a reference
row, and its worth is the mean score over the reference population.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ExplainError
from pellucid.explain.explainers.base import Floats
from pellucid.stats.shapley import coalition_weights

MOST_EXACT = 10
# Rows scored in one call, which bounds memory whatever is asked for.
_CALL_ROWS = 50_000
_KEPT_VALUES = 4_000_000

Score = Callable[[Floats], Floats]
Players = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Shapley values.

    Attributes
    ----------
    base : float
        Mean score over the reference population.
    values : array of float64, shape (n, players)
        With the base they add up to the score, sampled or not.
    errors : array of float64, shape (n, players)
        Standard errors of the sampling of orders, given the reference population; 0 where exact.
    """

    base: float
    values: Floats
    errors: Floats


def exact_values(score: Score, rows: Floats, reference: Floats, players: Players) -> Estimate:
    """Return Shapley values by all coalitions.

    Parameters
    ----------
    score : callable
        Takes rows of shape (any, features), returns their scores, shape (any,).
    rows : array of float64, shape (n, features)
    reference : array of float64, shape (m, features)
    players : array of int, shape (features,)
        The player that each feature belongs to; the features of one come together.

    Returns
    -------
    Estimate
        After ``2 ** players * m`` scores for each row.

    Raises
    ------
    ExplainError
        If there are more than `MOST_EXACT` players, or the function returns no such scores.
    """
    count = int(players.max()) + 1
    if count > MOST_EXACT:
        raise ExplainError(
            f"{count} groups of features have {2**count:,} coalitions; join features into at "
            f"most {MOST_EXACT} groups, or sample with sampled_values"
        )
    coalitions = np.arange(2**count)
    is_member = (coalitions[:, None] >> np.arange(count)) & 1 == 1
    is_given = is_member[:, players]
    weights = coalition_weights(count).T
    values = np.empty((len(rows), count))
    base = float(checked_score(score, reference).mean())
    block = max(1, _KEPT_VALUES // len(coalitions))
    for start in range(0, len(rows), block):
        some = rows[start : start + block]
        cells = np.arange(len(coalitions) * len(some))
        which, row = np.divmod(cells, len(some))
        worth = _mean_scores(score, some, row, is_given, which, reference)
        values[start : start + block] = (weights @ worth.reshape(len(coalitions), -1)).T
    return Estimate(base, values, np.zeros_like(values))


def sampled_values(
    score: Score, rows: Floats, reference: Floats, players: Players, *, orders: int, seed: int = 0
) -> Estimate:
    """Return Shapley values by sampled orders in which players join, each with its reverse.

    Every order runs from a reference row to the row, so that its parts add up to the difference of
    both scores: the sum is exact with any number of orders. Every reference row has equally many,
    which leaves the standard errors to the orders alone.

    Parameters
    ----------
    score, rows, reference, players
        As of `exact_values`.
    orders : int
        Pairs of orders for each row and reference row; at least 2, or there are no errors.
    seed : int, default 0
        With the row's own values it settles the draw: a row has the same values in any batch.

    Returns
    -------
    Estimate
        After about ``2 * orders * players * m`` scores for each row.

    Raises
    ------
    ExplainError
        If there are fewer than 2 orders, or the function returns no such scores.

    References
    ----------
    Mitchell, R., Cooper, J., Frank, E., Holmes, G. (2022). Sampling permutations for Shapley value
    estimation. JMLR 23, section 2 (antithetic sampling).
    """
    if orders < 2:
        raise ExplainError(f"{orders} orders of joining have no standard error; take at least 2")
    count, many = int(players.max()) + 1, len(reference)
    ends = checked_score(score, reference)
    values, errors = np.empty((len(rows), count)), np.empty((len(rows), count))
    block = max(1, _KEPT_VALUES // (4 * many * orders * count))
    for start in range(0, len(rows), block):
        some = rows[start : start + block]
        rank = np.stack([_orders(row, (many, orders, count), seed) for row in some])
        found = _walks(score, some, reference, players, rank.reshape(-1, count), ends)
        found = found.reshape(len(some), many, orders, count)
        values[start : start + block] = found.mean(axis=(1, 2))
        spread = found.var(axis=2, ddof=1).sum(axis=1) / orders
        errors[start : start + block] = np.sqrt(spread) / many
    return Estimate(float(ends.mean()), values, errors)


def checked_score(score: Score, rows: Floats) -> Floats:
    """Return a function's scores of rows.

    Raises
    ------
    ExplainError
        If they are not one finite number for each row.
    """
    found = scores_of(score, rows)
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found))[0])
        raise ExplainError(
            f"the function returned {found[row]} for {rows[row].tolist()}; rows that mix a "
            "candidate's values with those of the reference population must have a score"
        )
    return found


def scores_of(score: Score, rows: Floats) -> Floats:
    """Return a function's scores of rows, finite or not.

    Raises
    ------
    ExplainError
        If they are not one number for each row.
    """
    found = np.asarray(score(rows), dtype=np.float64)
    if found.shape != (len(rows),):
        raise ExplainError(
            f"the function returned shape {found.shape} for {len(rows)} rows; it must return one "
            "score for each row, such as model.predict_proba(rows)[:, 1]"
        )
    return found


def _mean_scores(
    score: Score,
    rows: Floats,
    row: NDArray[np.int64],
    is_given: NDArray[np.bool_],
    which: NDArray[np.int64],
    reference: Floats,
) -> Floats:
    """Return the mean score over the reference of each cell: a coalition and a row."""
    worth = np.empty(len(row))
    block = max(1, _CALL_ROWS // len(reference))
    for start in range(0, len(row), block):
        cell = slice(start, start + block)
        mixed = np.where(is_given[which[cell], None], rows[row[cell], None], reference)
        found = checked_score(score, mixed.reshape(-1, rows.shape[1]))
        worth[cell] = found.reshape(-1, len(reference)).mean(axis=1)
    return worth


def _orders(row: Floats, shape: tuple[int, int, int], seed: int) -> NDArray[np.int64]:
    """Return the rank of each player in random orders, drawn by the row's own values."""
    digest = hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=8).digest()
    draw = np.random.default_rng([seed, int.from_bytes(digest, "little")])
    return draw.random(shape).argsort(axis=-1)


def _walks(
    score: Score,
    rows: Floats,
    reference: Floats,
    players: Players,
    rank: NDArray[np.int64],
    reference_scores: Floats,
) -> Floats:
    """Return what each player adds when it joins, the mean of an order and its reverse.

    Walks of a row stand together, and in them those of a reference row.
    """
    walks, count = rank.shape
    each = walks // len(rows)
    row = np.repeat(np.arange(len(rows)), each)
    other = np.tile(np.repeat(np.arange(len(reference)), each // len(reference)), len(rows))
    inner = count - 1
    forth, back = np.empty((walks, count + 1)), np.empty((walks, count + 1))
    forth[:, 0] = back[:, 0] = reference_scores[other]
    forth[:, count] = back[:, count] = checked_score(score, rows)[row]
    block = max(1, _CALL_ROWS // max(1, 2 * inner))
    for start in range(0, walks if inner else 0, block):
        cell = slice(start, start + block)
        has_joined = rank[cell, None, :] < np.arange(1, count)[:, None]
        # The reverse of an order holds, at each step, those who are the last to join in the order.
        given = np.concatenate([has_joined, ~has_joined[:, ::-1]], axis=1)[:, :, players]
        mixed = np.where(given, rows[row[cell], None], reference[other[cell], None])
        found = checked_score(score, mixed.reshape(-1, rows.shape[1])).reshape(-1, 2, inner)
        forth[cell, 1:count], back[cell, 1:count] = found[:, 0], found[:, 1]
    forward = np.take_along_axis(np.diff(forth, axis=1), rank, axis=1)
    backward = np.take_along_axis(np.diff(back, axis=1), inner - rank, axis=1)
    return (forward + backward) / 2
