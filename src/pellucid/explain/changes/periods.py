"""Decisions of two periods side by side, with all that a policy went by in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.engine.sql import quoted, text
from pellucid.errors import ExplainError
from pellucid.explain import wording
from pellucid.explain.changes.policy_tables import Keys
from pellucid.explain.means import DaySums, day_sums, day_sums_sql
from pellucid.explain.records import DAY_SQL, Records, within
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.bind import declared_names
from pellucid.spec.sources import physical_column
from pellucid.spec.system import System
from pellucid.windows import Window

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NAMED = ("baseline", "window")
_NONE = -1
# Beyond so many reasons they are no names of rules, and all are taken as one.
_MOST_REASONS = 50
_WEIGHT = f"coalesce({SAMPLE_WEIGHT}, 1)"
# Who decided by a model and its policy: the control arm is replayed by no scores.
_DECIDED = "chosen IS NOT NULL AND model_id IS NOT NULL AND arm IS DISTINCT FROM 'control'"


@dataclass(frozen=True, slots=True)
class Periods:
    """Decisions of two periods: n decisions with r candidates in all, of c names.

    Attributes
    ----------
    rows : pyarrow.Table, r rows
        With the features of the candidates.
    candidates : tuple of str
    models : tuple of str
    reasons : tuple of str
        Why candidates were ruled out; empty where none was logged.
    place, whose, reason : array of int64, shape (r,)
        Decision, candidate and reason of each row.
    eligible : array of bool, shape (r,)
    terms : mapping of str to array of float64, shape (r,)
        What each layer added; NaN where that was not logged, and 0 if the candidate was eligible.
    keys : Keys
        Of the rows.
    side, model, chosen, day : array of int64, shape (n,)
        0 for the baseline and 1 for the window; places of model and pick; day since 1970.
    weight : array of float64, shape (n,)
    """

    rows: pa.Table
    candidates: tuple[str, ...]
    models: tuple[str, ...]
    reasons: tuple[str, ...]
    place: Ints
    whose: Ints
    reason: Ints
    eligible: Bools
    terms: Mapping[str, Floats]
    keys: Keys
    side: Ints
    model: Ints
    chosen: Ints
    day: Ints
    weight: Floats

    def dense(self, values: NDArray[np.generic], empty: float) -> NDArray[np.generic]:
        """Return values of rows by decision and candidate, shape (n, c)."""
        table = np.full((len(self.side), len(self.candidates)), empty, dtype=values.dtype)
        table[self.place, self.whose] = values
        return table


def read_periods(
    system: System, records: Records, windows: Sequence[Window], where: str, most: int
) -> Periods:
    """Return up to so many decisions of each of two windows, drawn by a hash of their id.

    Raises
    ------
    ExplainError
        If a window has no decision that a model made.
    """
    parts = [_rows(system, records, window, where, most) for window in windows]
    for named, window, part in zip(NAMED, windows, parts, strict=True):
        if not part.num_rows:
            raise ExplainError(
                f"the {named} ({wording.span(window)}) has no decision that names its model and "
                "what it picked, control arm aside; widen it, or log model_id with decisions"
            )
    rows = pa.concat_tables(parts, promote_options="permissive")
    ids = rows.column("decision_id").to_numpy()
    of_side = np.repeat([0, 1], [part.num_rows for part in parts])
    starts = (ids != np.roll(ids, 1)) | (of_side != np.roll(of_side, 1))
    starts[0] = True
    first = np.flatnonzero(starts)
    names = pa.chunked_array(
        [*rows.column("candidate_id").chunks, *rows.column("d.chosen").take(first).chunks]
    )
    candidates = tuple(sorted(pc.unique(names).to_pylist()))
    models, model = _codes(rows.column("d.model_id").take(first))
    reasons, reason = _codes(pc.fill_null(rows.column("ineligible_reason"), ""))
    if len(reasons) > _MOST_REASONS:
        reasons, reason = ("",), np.zeros_like(reason)
    eligible = rows.column("is_eligible").to_numpy()
    whose = _places(rows.column("candidate_id"), candidates)
    return Periods(
        rows, candidates, models, reasons, np.cumsum(starts) - 1, whose, reason, eligible,
        _terms(system, rows, eligible), _keys(system, rows, whose), of_side[first], model,
        _places(rows.column("d.chosen").take(first), candidates),
        rows.column("d.day").to_numpy()[first],
        rows.column("d.weight").to_numpy().astype(np.float64)[first],
    )  # fmt: skip


def logged_shares(
    system: System, records: Records, candidate: str, window: Window, where: str
) -> tuple[DaySums, float]:
    """Return a candidate's share of all that a model decided in a window, by day.

    Returns
    -------
    DaySums, float
        The sums, and the part of the decisions that are left out as no model decided them.
    """
    sums = ", ".join(day_sums_sql(["hit"], "w"))
    sql = (
        f"SELECT decided, day, {sums} FROM (SELECT {DAY_SQL} AS day, {_WEIGHT} AS w, "
        f"CAST(chosen = {text(candidate)} AS DOUBLE) AS hit, {_DECIDED} AS decided "
        f"FROM decisions WHERE {within(window)} AND chosen IS NOT NULL AND ({where})) "
        "GROUP BY ALL ORDER BY ALL"
    )
    rows = records.query(sql, ("decisions",), window, names=declared_names(system))
    found = day_sums(rows.filter(rows.column("decided")), 1)
    total = pc.sum(rows.column("weight")).as_py() or 1.0
    return found, 1 - float(found.weight.sum()) / total


def _rows(system: System, records: Records, window: Window, where: str, most: int) -> pa.Table:
    dimensions = [
        f"CAST({quoted(physical_column(system, 'decision', name))} AS VARCHAR) AS k{place}"
        for place, name in enumerate(system.dimension_names)
    ]
    kept = ["model_id", "chosen", "day", "weight", "amount", "currency",
            *(f"k{place}" for place in range(len(dimensions)))]  # fmt: skip
    selected = ", ".join([
        "decision_id", "model_id", "chosen", f"{DAY_SQL} AS day", f"{_WEIGHT} AS weight",
        "CAST(amount_minor AS DOUBLE) AS amount", "currency", *dimensions,
    ])  # fmt: skip
    # No column of a candidate has a name with a dot.
    beside = ", ".join(f'd.{name} AS "d.{name}"' for name in kept)
    sql = (
        f"WITH d AS (SELECT {selected} FROM decisions WHERE {within(window)} AND {_DECIDED} "
        f"AND ({where}) ORDER BY hash(decision_id) LIMIT {most}) "
        f"SELECT c.*, {beside} "
        "FROM candidates AS c JOIN d ON d.decision_id = c.decision_id "
        f"WHERE {within(window)} ORDER BY c.decision_id, c.candidate_id"
    )
    return records.query(sql, ("decisions", "candidates"), window, names=declared_names(system))


def _terms(system: System, rows: pa.Table, eligible: Bools) -> dict[str, Floats]:
    found = {}
    for layer in system.layers:
        logged = pc.cast(rows.column(f"layer_{layer.name}"), pa.float64())
        term = pc.fill_null(logged, float("nan")).to_numpy().astype(np.float64)
        found[layer.name] = np.where(np.isnan(term) & eligible, 0.0, term)
    return found


def _keys(system: System, rows: pa.Table, whose: Ints) -> Keys:
    columns = {name: rows.column(f"d.k{place}")
               for place, name in enumerate(system.dimension_names)}  # fmt: skip
    columns["currency"] = rows.column("d.currency")
    columns |= {item.name: rows.column(item.name) for item in system.candidate.dimensions}
    codes = {name: _codes(column)[1] for name, column in columns.items()}
    for item in system.candidate.dimensions:
        both = whose * (codes[item.name].max() + 1) + codes[item.name]
        if len(np.unique(both)) == len(np.unique(whose)):
            # What the candidate tells by itself.
            del codes[item.name]
    amount = pc.fill_null(rows.column("d.amount"), float("nan")).to_numpy()
    return Keys(
        whose, {name: code for name, code in codes.items() if code.any()},
        np.asarray(amount, dtype=np.float64),
    )  # fmt: skip


def _codes(column: pa.ChunkedArray) -> tuple[tuple[str, ...], Ints]:
    """Return the values of a column in order, and the place of each row's; null is a value too."""
    values = sorted(pc.unique(column).to_pylist(), key=lambda value: (value is None, value))
    found = pc.index_in(column, value_set=pa.array(values, column.type))
    return tuple(values), found.to_numpy().astype(np.int64)


def _places(column: pa.ChunkedArray, known: Sequence[str]) -> Ints:
    found = pc.index_in(column, value_set=pa.array(known, pa.string()))
    return np.asarray(pc.fill_null(found, _NONE).to_numpy(), dtype=np.int64)
