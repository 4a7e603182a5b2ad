"""Stages 4 to 6 in turn: training rows, verdict, proof and consequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.engine.sql import quoted, text
from pellucid.explain.attribution import LoadedModel
from pellucid.explain.explainers.base import encode
from pellucid.explain.learned.consequence import Consequence, consequence
from pellucid.explain.learned.daily import DAYS, WEEKDAY_SQL, Loss, midnight
from pellucid.explain.learned.learner import Learner
from pellucid.explain.learned.proof import Proof, Sample, prove
from pellucid.explain.learned.training import (
    HOURS,
    DayScores,
    TrainingRows,
    score_days,
    summed,
    worst_hours,
)
from pellucid.explain.learned.verdict import MOST_Q, Slice, Verdict, judge
from pellucid.explain.records import Records, within
from pellucid.spec.system import System
from pellucid.windows import Window

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SAMPLE_ROWS = 2_000
_SCAN_ROWS = 10


@dataclass(frozen=True, slots=True)
class Trace:
    """A loss traced to the rows that trained the model.

    Attributes
    ----------
    candidate : str
        Whose rows taught it: nearly always that which loses.
    verdict : Verdict
    dates : pyarrow.Table
        ``date``, ``rows``, ``surplus``, ``z``, ``q`` of its training rows with the weekday's
        calendar; surplus is outcomes less expected ones.
    scan : pyarrow.Table
        The 10 lowest ``z`` of all candidates and dates: ``candidate``, ``date``, ``z``, ``q``.
    window : Window or None
        The worst hours of the worst date, where that is an incident by the counts.
    proof : Proof or None
        None where the counts give no verdict.
    consequence : Consequence or None
        Of leaving the window out; None where training again does not bear the verdict out.
    """

    candidate: str
    verdict: Verdict
    dates: pa.Table
    scan: pa.Table
    window: Window | None = None
    proof: Proof | None = None
    consequence: Consequence | None = None


def trace_loss(
    system: System, records: Records, loss: Loss, *, model: LoadedModel, learner: Learner,
    rows: TrainingRows, calendar: Sequence[str],
) -> Trace | None:  # fmt: skip
    """Trace a loss to training rows; None if none of them has the candidate and the weekday.

    An incident is told only if it is proven: without its window the effect must vanish, and no
    other date take away half as much; a habit only if the effect stays whatever date is left out.
    Where the candidate's own rows do not tell, those of the one with the worst date of the weekday
    may.

    Parameters
    ----------
    learner : Learner
        Trains the model again.
    rows : TrainingRows
    calendar : sequence of str
        Features that tell the model the weekday.
    """
    places = tuple(model.features.index(name) for name in calendar if name in model.features)
    sample = _sample(records, loss, model, places)
    on_value = np.isclose(
        rows.matrix[:, list(places)], sample.calendar[loss.weekday], equal_nan=True
    ).all(axis=1)
    if not places or loss.candidate not in rows.candidates:
        return None
    own = rows.candidates.index(loss.candidate)
    if not (on_value & (rows.candidate == own)).any():
        return None
    scores, expected = score_days(rows, learner, places, most_q=MOST_Q)
    task = _Task(system, records, loss, model, learner, rows, on_value, sample, expected, scores)
    trace = _of_candidate(task, own)
    if trace.verdict.kind == "unclear":
        other = _suspect(task, own)
        found = None if other is None else _of_candidate(task, other)
        if found is not None and found.verdict.kind == "incident":
            return found
    return trace


@dataclass(frozen=True, slots=True)
class _Task:
    system: System
    records: Records
    loss: Loss
    model: LoadedModel
    learner: Learner
    rows: TrainingRows
    on_value: Bools
    sample: Sample
    expected: Floats
    scores: DayScores


def _of_candidate(task: _Task, candidate: int) -> Trace:
    """Return what the training rows of a candidate say of the loss."""
    rows = task.rows
    own = task.on_value & (rows.candidate == candidate)
    found = _slice(task, own, candidate)
    verdict = judge(found)
    trace = Trace(rows.candidates[candidate], verdict, _dates(found), _scan(rows, task.scores))
    if verdict.kind == "unclear":
        return trace
    worst = int(found.day[verdict.worst])
    others = [(int(day), own & (rows.day == day)) for day in found.day if day != worst]
    if verdict.kind == "habit":
        suspect = own & (rows.day == worst)
        proof, _ = prove(task.learner, rows, suspect, others, task.sample)
        return _checked(replace(trace, proof=proof))
    first, end = worst_hours(rows, task.expected, candidate=candidate, day=worst)
    hour = rows.hour - HOURS * worst
    suspect = (rows.candidate == candidate) & (hour >= first) & (hour < end)
    proof, counterfactual = prove(task.learner, rows, suspect, others, task.sample)
    begin = midnight(worst)
    window = Window(begin + timedelta(hours=first), begin + timedelta(hours=end))
    effect = consequence(task.system, task.records, task.loss, task.model, counterfactual)
    return _checked(replace(trace, window=window, proof=proof, consequence=effect))


def _suspect(task: _Task, own: int) -> int | None:
    """Return the other candidate with the worst date of this weekday, if that is significant.

    Trees do not keep a bad day apart by candidate alone: what one candidate did on it may be held
    against all that are considered on such days.
    """
    scores, rows, count = task.scores, task.rows, len(task.rows.candidates)
    pairs = np.unique((rows.day * count + rows.candidate)[task.on_value & (rows.candidate >= 0)])
    judged = (scores.q < MOST_Q) & np.isin(scores.day * count + scores.candidate, pairs)
    judged &= scores.candidate != own
    if not judged.any():
        return None
    return int(scores.candidate[np.argmin(np.where(judged, scores.z, np.inf))])


def _checked(trace: Trace) -> Trace:
    """Return a trace whose verdict is withdrawn if training again does not bear it out."""
    proof, kind = trace.proof, trace.verdict.kind
    if proof is None:
        return trace
    is_borne_out = {
        "incident": proof.vanishes,
        "mixed": proof.takes_most,
        "habit": proof.is_spread,
    }[kind]
    return trace if is_borne_out else replace(
        trace, verdict=replace(trace.verdict, kind="unclear"), consequence=None
    )  # fmt: skip


def _sample(records: Records, loss: Loss, model: LoadedModel, places: tuple[int, ...]) -> Sample:
    """Return live rows of the candidate, and the calendar of each weekday."""
    own = (
        f"raw_score IS NOT NULL AND {within(loss.window)} AND decision_id IN (SELECT decision_id "
        f"FROM decisions WHERE {within(loss.window)} AND model_id = {text(model.model_id)})"
    )
    tables = ("candidates", "decisions")
    live = records.query(
        f"SELECT * FROM candidates WHERE {own} AND candidate_id = {text(loss.candidate)} "
        f"ORDER BY hash(decision_id) LIMIT {_SAMPLE_ROWS}",
        tables, loss.window,
    )  # fmt: skip
    names = [model.features[place] for place in places]
    columns = [quoted(f"f_{name}") for name in names]
    values = ", ".join(f"any_value({name}) AS {name}" for name in columns)
    weekly = records.query(
        f"SELECT {WEEKDAY_SQL} AS weekday, {values} FROM candidates WHERE {own} "
        "GROUP BY 1 ORDER BY 1",
        tables, loss.window,
    )  # fmt: skip
    calendar = np.full((DAYS, len(places)), np.nan)
    calendar[weekly.column("weekday").to_numpy()] = encode(weekly, names, model.categories)
    return Sample(encode(live, model.features, model.categories), places, calendar, loss.weekday)


def _slice(task: _Task, own: Bools, candidate: int) -> Slice:
    rows, scores = task.rows, task.scores
    days, place = np.unique(rows.day[own], return_inverse=True)
    surplus, variance = summed(
        place, len(days), rows.weight[own], rows.label[own], task.expected[own]
    )
    is_own = scores.candidate == candidate
    of_day = dict(zip(scores.day[is_own].tolist(), scores.q[is_own].tolist(), strict=True))
    return Slice(
        days, np.bincount(place, minlength=len(days)), surplus, variance * scores.scale**2,
        np.array([of_day[day] for day in days.tolist()]),
    )  # fmt: skip


def _dates(found: Slice) -> pa.Table:
    return pa.table({
        "date": [midnight(int(day)).date() for day in found.day], "rows": found.rows,
        "surplus": found.surplus, "z": found.surplus / np.sqrt(found.variance), "q": found.q,
    })  # fmt: skip


def _scan(rows: TrainingRows, scores: DayScores) -> pa.Table:
    order = np.argsort(scores.z)[:_SCAN_ROWS]
    return pa.table({
        "candidate": [rows.candidates[place] for place in scores.candidate[order]],
        "date": [midnight(int(day)).date() for day in scores.day[order]],
        "z": scores.z[order], "q": scores.q[order],
    })  # fmt: skip
