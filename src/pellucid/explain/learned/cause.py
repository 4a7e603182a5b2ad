"""Stages 2 and 3, the cause: which terms of the policy carry a loss, and for which candidates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.engine.sql import text
from pellucid.explain.learned.daily import WEEKDAYS, Loss, weekday_of
from pellucid.explain.learned.roles import FeatureRoles
from pellucid.explain.means import clustered, sums_by_day
from pellucid.explain.records import Records
from pellucid.explain.traffic.replay import moves_of
from pellucid.explain.traffic.terms import LoggedTerms, explained_terms
from pellucid.explain.traffic.utilities import fidelity, picks
from pellucid.spec.system import System

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CALENDAR, IDENTITY, OTHER = "the calendar", "the candidate itself", "all other features"
RIVALS = "other candidates' eligibility"
# The calendar must carry at least this part of the loss, and be so many errors away from nothing.
LEAST_PART = 0.5
LEAST_ERRORS = 4.0
LEAST_DECISIONS = 100
# The stored terms must replay what was picked, or they do not say why.
LEAST_FIDELITY = 0.9


@dataclass(frozen=True, slots=True)
class Cause:
    """What makes a candidate lose traffic on a weekday, by stored attributions.

    Attributes
    ----------
    decisions : int
        Explained decisions behind it, in which the candidate was eligible.
    loss : float
        Share on the weekday less that on other days, in these.
    terms : pyarrow.Table
        ``term``, ``change``, ``error``, ``degrees``: parts that add up to `loss`, by replaying the
        pick without terms; the first is an even pick among those that were eligible.
    calendar_part : float
        What the calendar features carry, as a part of the loss.
    share, share_elsewhere : float
        Shares on the weekday and on other days.
    share_without : float
        Share on the weekday were `cells` taken off the scores: as if the calendar told nothing.
    cells : pyarrow.Table
        ``candidate``, then a column for each weekday: mean attribution of calendar and candidate
        on that weekday less that on the others, on the model's scale.
    fidelity : float
        Part of the decisions in which the stored terms give the logged pick.
    """

    decisions: int
    loss: float
    terms: pa.Table
    calendar_part: float
    share: float
    share_elsewhere: float
    share_without: float
    cells: pa.Table
    fidelity: float


def find_cause(
    system: System, records: Records, loss: Loss, model_id: str, roles: FeatureRoles
) -> Cause | None:
    """Return the cause of a loss if it is what the model learned about the calendar, else None.

    It is if calendar features carry at least half of the loss, 4 standard errors or more, and the
    candidate's own mean attributions are lowest on this weekday. Anything else (what comes in to be
    decided, layers, features that follow what happens) is no artefact of training.

    References
    ----------
    Replay-Shapley values, as in `replay.replay_moves` (of many layers, `replay.aumann_moves`), in
    the decisions of the weekday less in those of other days; errors by days.
    """
    if not roles.calendar:
        return None
    groups = {CALENDAR: roles.calendar, IDENTITY: roles.identity, OTHER: roles.other}
    logged = explained_terms(
        system, records, loss.window, (f"model_id = {text(model_id)}",),
        {name: members for name, members in groups.items() if members},
    )  # fmt: skip
    if loss.candidate not in logged.utilities.candidates:
        return None
    place = logged.utilities.candidates.index(loss.candidate)
    is_whole = logged.flags[0] & np.isfinite(logged.utilities.base[:, place])
    on_day = weekday_of(logged.day) == loss.weekday
    if min((is_whole & on_day).sum(), (is_whole & ~on_day).sum()) < LEAST_DECISIONS:
        return None
    cause = _cause(logged, place, is_whole, on_day)
    calendar = next(row for row in cause.terms.to_pylist() if row["term"] == CALENDAR)
    own = cause.cells.slice(place, 1).select(WEEKDAYS).to_pylist()[0]
    is_learned = (
        cause.loss < 0
        and cause.fidelity >= LEAST_FIDELITY
        and cause.calendar_part >= LEAST_PART
        and calendar["change"] <= -LEAST_ERRORS * calendar["error"]
        and min(own, key=lambda name: own[name]) == WEEKDAYS[loss.weekday]
        and own[WEEKDAYS[loss.weekday]] < 0
    )
    return cause if is_learned else None


def _cause(logged: LoggedTerms, place: int, is_whole: Bools, on_day: Bools) -> Cause:
    utilities = logged.utilities
    moves = moves_of(utilities, utilities.candidates[place])
    sides = (is_whole & on_day, is_whole & ~on_day)
    columns = np.column_stack([moves.after, moves.before, moves.values])
    on, off = (sums_by_day(columns[side], logged.weight[side], logged.day[side]) for side in sides)
    here, there = on.means, off.means
    change, spread = here - there, clustered([on.influence, off.influence])
    names = [RIVALS, *utilities.terms]
    calendar = change[1 + names.index(CALENDAR)]
    cells = _cells(logged, logged.flags[0])
    weight = logged.weight[sides[0]]
    without = float(weight @ (_picks_without(logged, cells)[sides[0]] == place) / weight.sum())
    return Cause(
        decisions=int(is_whole.sum()),
        loss=float(change[0]),
        terms=pa.table({"term": names, "change": change[1:], "error": spread.errors[1:],
                        "degrees": spread.degrees[1:]}),
        calendar_part=float(calendar / change[0]) if change[0] else 0.0,
        share=float(here[0]),
        share_elsewhere=float(there[0]),
        share_without=without,
        cells=cells,
        fidelity=fidelity(utilities, logged.picks[-1]),
    )  # fmt: skip


def _picks_without(logged: LoggedTerms, cells: pa.Table) -> NDArray[np.int64]:
    """Return the replayed picks with the mean of each candidate and weekday taken off.

    The weekday's mean and not the whole term: a candidate's own attributions, in which half of what
    it and the calendar do together stands, also tell which decisions suit it.
    """
    utilities = logged.utilities
    means = np.nan_to_num(np.column_stack([cells.column(name).to_numpy() for name in WEEKDAYS]))
    added = utilities.added.copy()
    added[utilities.terms.index(CALENDAR)] -= means[:, weekday_of(logged.day)].T
    return picks(replace(utilities, added=added))


def _cells(logged: LoggedTerms, is_own: Bools) -> pa.Table:
    utilities = logged.utilities
    wanted = [utilities.terms.index(name) for name in (CALENDAR, IDENTITY)
              if name in utilities.terms]  # fmt: skip
    told = utilities.added[wanted].sum(axis=0)
    weight = np.where(np.isfinite(utilities.base) & is_own[:, None], logged.weight[:, None], 0.0)
    weekday = weekday_of(logged.day)
    total, by_day = (weight * told).sum(axis=0), weight.sum(axis=0)
    columns: dict[str, object] = {"candidate": list(utilities.candidates)}
    for place, name in enumerate(WEEKDAYS):
        own = weekday == place
        sums, counts = (weight[own] * told[own]).sum(axis=0), weight[own].sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            columns[name] = sums / counts - (total - sums) / (by_day - counts)
    return pa.table(columns)
