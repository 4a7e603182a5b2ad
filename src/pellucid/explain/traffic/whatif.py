"""What another policy would have done with the logged decisions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.errors import ExplainError, UnknownNameError
from pellucid.explain import wording
from pellucid.explain.filters import decision_filter
from pellucid.explain.means import clustered, left_out
from pellucid.explain.records import Records, within
from pellucid.explain.spans import day_spans
from pellucid.explain.traffic.policy import (
    PolicyChange,
    by_name,
    capped_picks,
    changed_utilities,
    check_changes,
    told_changes,
)
from pellucid.explain.traffic.story import NOBODY_NAME, WhatIf
from pellucid.explain.traffic.terms import MOST_ROWS, LoggedTerms, only, scored_terms
from pellucid.explain.traffic.utilities import NOBODY, picks
from pellucid.spec.system import System
from pellucid.stats.student import Spread
from pellucid.windows import Window

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def what_if(
    system: System,
    records: Records,
    changes: Sequence[PolicyChange],
    *,
    window: Window,
    where: str = "",
) -> WhatIf:
    """Replay the logged decisions of a window under a changed policy.

    Scores and terms are as logged: no model is needed. Decisions of the control arm, and those in
    which an eligible candidate has no score, are left out.

    Parameters
    ----------
    changes : sequence of PolicyChange
        Layers by name or by label.
    where : str
        Decisions to look at, all where empty; the others are left out, also of caps.

    Raises
    ------
    UnknownNameError
        If there is no such layer, or no such candidate in the window.
    ExplainError
        If nothing is changed or a number is out of range, or no decision can be replayed.
    SpecError
        If `where` does not bind.
    """
    changes = by_name(system, changes)
    check_changes(system, changes)
    chosen = decision_filter(system, where)
    names = _candidates(records, window)
    for change in changes:
        name = getattr(change, "candidate", "")
        if name and name not in names:
            raise UnknownNameError(kind="candidate", name=name, known=names)
    counted = []
    for span in day_spans(records, "candidates", window, most_rows=MOST_ROWS):
        terms = scored_terms(system, records, span, [chosen])
        if terms.flags[0].any():
            counted.append(_count(system, only(terms, terms.flags[0]), changes, names))
    if not counted:
        among = f" where {where}" if where else ""
        raise ExplainError(
            f"no decision{among} from {wording.span(window)} has scores of all its eligible "
            "candidates, so none can be replayed; log raw_score and probability of candidates"
        )
    days = _Days(*(
        np.concatenate([getattr(part, field.name) for part in counted]) for field in fields(_Days)
    ))  # fmt: skip
    total = float(days.weight.sum())
    labels = [("outcome", "outcome", "Expected outcome"), *(
        (layer.name, "layer", layer.label or layer.name) for layer in system.layers
    )]  # fmt: skip
    return WhatIf(
        changes, told_changes(system, changes), window, where, int(days.n.sum()), total,
        len(days.n),
        float(days.replayed.sum()) / total, float(days.moves.sum()) / total,
        _shares(days, [*names, NOBODY_NAME]), _moves(days, [*names, NOBODY_NAME]),
        _means(days, labels),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Days:
    """Weighted sums by day: of d days, c candidates (nobody last) and k means.

    Attributes
    ----------
    n, weight, replayed : array of float64, shape (d,)
    before, after : array of float64, shape (d, c)
    moves : array of float64, shape (d, c, c)
        From the first to the second, where they differ.
    known, old, new : array of float64, shape (d, k)
    """

    n: Floats
    weight: Floats
    replayed: Floats
    before: Floats
    after: Floats
    moves: Floats
    known: Floats
    old: Floats
    new: Floats


def _candidates(records: Records, window: Window) -> list[str]:
    sql = (
        f"SELECT candidate_id FROM candidates WHERE {within(window)} "
        f"UNION SELECT chosen FROM decisions WHERE {within(window)} AND chosen IS NOT NULL "
        "ORDER BY 1"
    )
    found = records.query(sql, ("candidates", "decisions"), window)
    found = found.column("candidate_id").to_pylist()
    return [str(name) for name in found]


def _count(
    system: System, terms: LoggedTerms, changes: Sequence[PolicyChange], names: Sequence[str]
) -> _Days:
    before = terms.picks[-1]
    is_replayed = picks(terms.utilities) == before
    changed = changed_utilities(terms.utilities, changes)
    after = capped_picks(changed, changes, terms.day, terms.weight)
    after = np.where(is_replayed, after, before)
    days, day = np.unique(terms.day, return_inverse=True)
    place = {name: number for number, name in enumerate(names)}
    # Nobody is the last place of all, here as in the sums.
    whole = np.array([*(place[name] for name in terms.utilities.candidates), len(names)])
    size, count = len(names) + 1, len(days)
    old, new = whole[before], whole[after]
    weight, moved = terms.weight, before != after
    pairs = _pairs(system, terms, before, after, changed.added)
    known = (before != NOBODY) & (after != NOBODY)
    sums = []
    for first, second in pairs:
        own = weight * (known & np.isfinite(first) & np.isfinite(second))
        sums.append([_sums(day, own * np.where(own > 0, value, 0.0), count)
                     for value in (np.ones(len(own)), first, second)])  # fmt: skip
    means = np.array(sums).transpose(1, 2, 0)
    return _Days(
        _sums(day, np.ones(len(day)), count), _sums(day, weight, count),
        _sums(day, weight * is_replayed, count),
        _sums(day * size + old, weight, count, size), _sums(day * size + new, weight, count, size),
        _sums((day * size + old) * size + new, weight * moved, count, size, size),
        means[0], means[1], means[2],
    )  # fmt: skip


def _sums(place: Ints, values: Floats, *shape: int) -> Floats:
    """Return sums by place in an array of a shape."""
    return np.bincount(place, values, math.prod(shape)).astype(np.float64).reshape(shape)


def _pairs(
    system: System, terms: LoggedTerms, before: Ints, after: Ints, changed: Floats
) -> list[tuple[Floats, Floats]]:
    """Return, before and after, the probability of what is picked and what layers add to it."""
    every, utilities = np.arange(len(before)), terms.utilities
    places = [utilities.terms.index(layer.name) for layer in system.layers]
    return [
        (terms.probability[every, before], terms.probability[every, after]),
        *((utilities.added[place, every, before], changed[place, every, after])
          for place in places),
    ]  # fmt: skip


def _shares(days: _Days, names: Sequence[str]) -> pa.Table:
    before, after = days.before.sum(axis=0), days.after.sum(axis=0)
    total = days.weight.sum()
    change = (after - before) / total
    spread = _spread(days.after - days.before, change, days.weight)
    order = [place for place in np.argsort(-np.abs(change), kind="stable").tolist()
             if before[place] or after[place]]  # fmt: skip
    return pa.table({
        "candidate": pa.array([names[place] for place in order], pa.string()),
        "share_before": before[order] / total, "share_after": after[order] / total,
        "change": change[order], "error": spread.errors[order],
        "degrees": spread.degrees[order],
    })  # fmt: skip


def _moves(days: _Days, names: Sequence[str]) -> pa.Table:
    moves = days.moves.sum(axis=0)
    sources, targets = np.nonzero(moves)
    amounts = moves[sources, targets]
    order = np.argsort(-amounts, kind="stable")
    return pa.table({
        "source": pa.array([names[place] for place in sources[order]], pa.string()),
        "target": pa.array([names[place] for place in targets[order]], pa.string()),
        "decisions": amounts[order], "share": amounts[order] / days.weight.sum(),
    })  # fmt: skip


def _means(days: _Days, labels: Sequence[tuple[str, str, str]]) -> pa.Table:
    known, old, new = (part.sum(axis=0) for part in (days.known, days.old, days.new))
    shown = np.flatnonzero(known > 0).tolist()
    change = (new - old)[shown] / known[shown]
    spread = _spread((days.new - days.old)[:, shown], change, days.known[:, shown])
    named = {
        key: pa.array([labels[place][column] for place in shown], pa.string())
        for column, key in enumerate(("name", "kind", "label"))
    }
    return pa.table(named | {
        "before": old[shown] / known[shown], "after": new[shown] / known[shown],
        "change": change, "error": spread.errors, "degrees": spread.degrees,
    })  # fmt: skip


def _spread(sums: Floats, means: Floats, weight: Floats) -> Spread:
    """Return the spread of weighted means by days; NaN where there is one day."""
    if len(sums) < 2:
        unknown = np.full(sums.shape[1], np.nan)
        return Spread(unknown, unknown)
    own = weight if weight.ndim > 1 else weight[:, None]
    return clustered([left_out(sums - means * own, own)])
