"""Stage 4, the training rows: which dates taught less than was to be expected, and which hours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.engine.sql import text
from pellucid.explain.explainers.base import encode
from pellucid.explain.learned.learner import Learner
from pellucid.explain.records import Records
from pellucid.schema.tables import TRAINING
from pellucid.stats.discovery import false_discovery, null_scale

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_HOUR_US = 3_600_000_000
HOURS = 24
_FOLDS = 5
# With less variance a sum of outcomes is too far from normal to be judged: some 30 rows.
LEAST_VARIANCE = 3.0


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """The rows that trained a model.

    Attributes
    ----------
    matrix : array of float64, shape (n, features)
    label, weight : array of float64, shape (n,)
    hour : array of int64, shape (n,)
        Hours since 1970, UTC, of `observed_at`.
    candidates : tuple of str
    candidate : array of int64, shape (n,)
        Place of the candidate; -1 where none was logged.
    """

    matrix: Floats
    label: Floats
    weight: Floats
    hour: Ints
    candidates: tuple[str, ...]
    candidate: Ints

    @property
    def day(self) -> Ints:
        """Days since 1970, shape (n,)."""
        return self.hour // HOURS


@dataclass(frozen=True, slots=True)
class DayScores:
    """How the outcomes of each candidate and date compare with what was to be expected.

    Attributes
    ----------
    candidate, day : array of int64, shape (k,)
    rows : array of int64, shape (k,)
    surplus, variance : array of float64, shape (k,)
        Weighted sums of outcome less expected outcome, and of its variance by chance.
    z : array of float64, shape (k,)
        Surplus over its standard deviation, that of most cells being at most 1.
    q : array of float64, shape (k,)
        Chance of so low a z, adjusted for all cells; 1 where there are too few rows to judge.
    scale : float
        By which z was divided: how much more than by chance most cells spread.
    """

    candidate: Ints
    day: Ints
    rows: Ints
    surplus: Floats
    variance: Floats
    z: Floats
    q: Floats
    scale: float


def training_rows(
    records: Records, model_id: str, features: Sequence[str], categories: Mapping[str, list[str]]
) -> TrainingRows | None:
    """Return the rows that trained a model; None if none were logged."""
    rows = records.rows(TRAINING.name, where=f"model_id = {text(model_id)} ORDER BY record_id")
    if not rows.num_rows:
        return None
    named = rows.column("candidate_id")
    candidates = tuple(sorted(pc.unique(named.drop_null()).to_pylist()))
    place = pc.fill_null(pc.index_in(named, value_set=pa.array(candidates, pa.string())), -1)
    at_us = pc.cast(pc.cast(rows.column("observed_at"), pa.timestamp("us", "UTC")), pa.int64())
    return TrainingRows(
        encode(rows, features, categories),
        rows.column("label").to_numpy(),
        pc.fill_null(rows.column("weight"), 1.0).to_numpy(),
        at_us.to_numpy() // _HOUR_US, candidates, place.to_numpy().astype(np.int64),
    )  # fmt: skip


def score_days(
    rows: TrainingRows, learner: Learner, without: Sequence[int], *, most_q: float
) -> tuple[DayScores, Floats]:
    """Score every candidate and date against what was to be expected.

    Twice: what stands out at first is left out when the outcomes to be expected are learned anew. A
    long outage would else lower what is expected on all other dates, and hide a habit.

    Parameters
    ----------
    without : sequence of int
        Places of the features under suspicion.
    most_q : float
        Below which a date stands out.

    Returns
    -------
    DayScores
    array of float64, shape (n,)
        The outcome to be expected of each row.
    """
    expected = expected_outcomes(rows, learner, without)
    scores = day_scores(rows, expected)
    odd = scores.q < most_q
    if odd.any():
        # Candidates are few, so that a pair is a number.
        pairs = scores.day[odd] * len(rows.candidates) + scores.candidate[odd]
        own = rows.day * len(rows.candidates) + rows.candidate
        usual = ~np.isin(own, pairs) | (rows.candidate < 0)
        expected = expected_outcomes(rows, learner, without, usual=usual)
        scores = day_scores(rows, expected)
    return scores, expected


def expected_outcomes(
    rows: TrainingRows, learner: Learner, without: Sequence[int], *, usual: Bools | None = None
) -> Floats:
    """Return the outcome to be expected of each row, from rows of other dates.

    Parameters
    ----------
    without : sequence of int
        Places of the features that the model must not see: those under suspicion.
    usual : array of bool, shape (n,), optional
        Rows to learn from; all where None.

    Returns
    -------
    array of float64, shape (n,)
        Probabilities. Dates take turns in the folds, so that what drifts slowly is known on both
        sides of each date.
    """
    fold = np.unique(rows.day, return_inverse=True)[1] % _FOLDS
    known = np.ones(len(rows.label), dtype=bool) if usual is None else usual
    expected = np.empty(len(rows.label))
    for turn in range(_FOLDS):
        own = fold == turn
        if own.any():
            kept = known & ~own
            score = learner.fit(
                rows.matrix[kept], rows.label[kept], rows.weight[kept], without=without
            )
            expected[own] = 1 / (1 + np.exp(-score(rows.matrix[own])))
    return expected


def day_scores(rows: TrainingRows, expected: Floats) -> DayScores:
    """Score every candidate and date.

    References
    ----------
    Benjamini and Hochberg (1995), and Efron (2004) for the scale; see `stats.discovery`.
    """
    known = rows.candidate >= 0
    day = rows.day[known]
    first, width = (int(day.min()), int(np.ptp(day)) + 1) if len(day) else (0, 1)
    key, place = np.unique(rows.candidate[known] * width + day - first, return_inverse=True)
    surplus, variance = summed(
        place, len(key), rows.weight[known], rows.label[known], expected[known]
    )
    raw = np.divide(surplus, np.sqrt(variance), out=np.zeros(len(key)), where=variance > 0)
    judged = variance >= LEAST_VARIANCE
    scale = null_scale(raw[judged])
    z, q = raw / scale, np.ones(len(key))
    q[judged] = false_discovery(np.array([lower_tail(value) for value in z[judged]]))
    return DayScores(
        key // width, key % width + first, np.bincount(place, minlength=len(key)),
        surplus, variance, z, q, scale,
    )  # fmt: skip


def worst_hours(
    rows: TrainingRows, expected: Floats, *, candidate: int, day: int
) -> tuple[int, int]:
    """Return the hours of a candidate's date in which its outcomes were worst: [first, end).

    Of all runs of hours it is the one whose surplus is furthest below what chance gives, in
    standard deviations: more hours than are bad dilute it, and fewer miss some.

    Returns
    -------
    tuple of int
        Hours of the UTC day, 0 to 24.

    References
    ----------
    Kulldorff, M. (1997). A spatial scan statistic. Communications in Statistics 26(6), in one
    dimension and with a normal likelihood.
    """
    own = (rows.candidate == candidate) & (rows.day == day)
    surplus, variance = summed(
        rows.hour[own] % HOURS, HOURS, rows.weight[own], rows.label[own], expected[own]
    )
    total, spread = (np.concatenate([[0.0], np.cumsum(part)]) for part in (surplus, variance))
    lowest, found = 0.0, (0, HOURS)
    for first in range(HOURS):
        for end in range(first + 1, HOURS + 1):
            width = spread[end] - spread[first]
            score = (total[end] - total[first]) / math.sqrt(width) if width > 0 else 0.0
            if score < lowest - 1e-12:
                lowest, found = score, (first, end)
    return found


def lower_tail(z: Any) -> float:
    """Return the chance that a standard normal number is at most z."""
    return 0.5 * math.erfc(-float(z) / math.sqrt(2))


def summed(
    place: Ints, count: int, weight: Floats, label: Floats, expected: Floats
) -> tuple[Floats, Floats]:
    """Return weighted sums of outcome less expected outcome, and its variance, by place."""
    surplus = np.bincount(place, weight * (label - expected), count)
    variance = np.bincount(place, weight**2 * expected * (1 - expected), count)
    return surplus.astype(np.float64), variance.astype(np.float64)
