"""Profiles of rows that a condition picks, and of training records: read through the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.plan import Scan, make_rows_scan
from pellucid.engine.sql import rows_statement
from pellucid.errors import SpecError
from pellucid.monitor.profiles.counting import (
    choose_binning,
    is_number,
    is_profiled,
    profile_of,
)
from pellucid.monitor.profiles.days import Days, window_of
from pellucid.monitor.profiles.profile import Binning, Profile
from pellucid.monitor.profiles.tables import CANDIDATES, DECISIONS, Profiled
from pellucid.schema.files import TableFiles
from pellucid.spec.expression import BOOLEAN, problems_in
from pellucid.spec.sources import source_columns
from pellucid.spec.system import System, Unit

_UNITS: Mapping[str, Unit] = {CANDIDATES: "candidate", DECISIONS: "decision"}
_ALWAYS = datetime(9000, 1, 1, tzinfo=UTC)


def profile_where(
    system: System, columns: Sequence[Profiled], days: Sequence[str], where: str, *,
    files: Callable[[Scan], Mapping[str, TableFiles]],
    query: Callable[[str, Mapping[str, TableFiles]], pa.Table],
    binnings: Mapping[str, Binning] | None = None,
) -> Days:  # fmt: skip
    """Return the profiles of columns on some days, of the rows that a condition picks.

    Parameters
    ----------
    columns : sequence of Profiled
        Those of candidates and decisions; others are left out.
    where : str
        Condition over the columns of candidates, of decisions, or of both; columns of a table that
        it is not about are left out.
    files, query : callable
        The files that a scan needs; runs SQL over named files.
    binnings : mapping of str to Binning, optional
        How to count; by default chosen from the first day with rows.

    Raises
    ------
    SpecError
        If the condition binds to the columns of no table.
    """
    found: Days = {}
    chosen = dict(binnings or {})
    for table, unit in _bound(system, where):
        own = {item.column: item.name for item in columns if item.table == table}
        for day in days if own else ():
            scan = make_rows_scan(system, unit, tuple(own), window=window_of([day]), as_of=_ALWAYS,
                                  where=where)  # fmt: skip
            rows = query(rows_statement(scan, tuple(own)), files(scan))
            for column, name in own.items():
                values = rows.column(column)
                if not len(values) or not is_profiled(values.type):
                    continue
                if name not in chosen:
                    chosen[name] = binning_of(values)
                found.setdefault(name, {})[day] = profile_of(values, chosen[name])
    return found


def _bound(system: System, where: str) -> list[tuple[str, Unit]]:
    """Return the tables whose columns a condition can be about."""
    problems = {
        table: problems_in(where, source_columns(system, unit), result=BOOLEAN)
        for table, unit in _UNITS.items()
    }
    bound = [(table, unit) for table, unit in _UNITS.items() if not problems[table]]
    if not bound:
        raise SpecError("drift", [item for found in problems.values() for item in found])
    return bound


def profile_training(rows: pa.Table, columns: Sequence[Profiled]) -> dict[str, Profile]:
    """Return the profiles of features over training records.

    Parameters
    ----------
    rows : pyarrow.Table
        With columns ``f_<feature>``.
    """
    return {
        item.name: profile_of(rows.column(item.column), binning_of(rows.column(item.column)))
        for item in columns
        if item.column in rows.column_names and is_profiled(rows.schema.field(item.column).type)
    }


def binning_of(values: pa.ChunkedArray) -> Binning:
    """Return how to count values that are all at hand."""
    if is_number(values.type):
        ends = pc.min_max(values).as_py()
        low, high = (float("nan") if ends[end] is None else float(ends[end])
                     for end in ("min", "max"))  # fmt: skip
        return choose_binning(values, low, high)
    return choose_binning(values, float("nan"), float("nan"))
