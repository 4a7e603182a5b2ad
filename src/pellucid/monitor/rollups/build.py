"""Makes roll-ups and keeps them up to date: only the hours that new records touch are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.base import BUCKET, Engine, measure_type
from pellucid.engine.cells import merge
from pellucid.engine.plan import Scan, make_scan
from pellucid.monitor.rollups.definition import HOUR_US, LEVEL, Rollup
from pellucid.monitor.rollups.sources import (
    Hours,
    Query,
    Unseen,
    longest_retry,
    names_by_day,
    touched_hours,
    unseen,
)
from pellucid.schema.files import TableFiles
from pellucid.spec.system import System
from pellucid.store.lake import Lake
from pellucid.store.rollups import read_rollup, replace_days
from pellucid.windows import Window, instant_of

# Later than any record: what a roll-up holds is settled by the question, not by the clock.
ALWAYS = datetime(9000, 1, 1, tzinfo=UTC)
_DAY_US = 24 * HOUR_US
_DAYS_AT_ONCE = 7


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What bringing a roll-up up to date did.

    Attributes
    ----------
    unit : str
    hours : int
        Hours whose rows were read.
    days : int
        Days whose cells were written.
    """

    unit: str
    hours: int
    days: int


def refresh(
    system: System,
    lake: Lake,
    rollup: Rollup,
    engine: Engine,
    *,
    tables: Mapping[str, TableFiles],
    files: Callable[[Scan], Mapping[str, TableFiles]],
    query: Query,
    latest: datetime,
) -> Refreshed:
    """Bring a roll-up up to date with its tables.

    Parameters
    ----------
    tables : mapping of str to TableFiles
        Every file of each table that the unit reads.
    files : callable
        The files that a scan needs.
    query : callable
        Runs SQL over named files.
    latest : datetime
        Instant of the latest record.

    Returns
    -------
    Refreshed
        With no days where somebody else was refreshing it too: theirs is as good.
    """
    stored = read_rollup(lake, rollup.unit)
    is_kept = stored is not None and stored.note.get("mark") == rollup.mark
    held = stored.note if stored is not None and is_kept else {}
    seen = held.get("seen", {})
    found = unseen(tables, seen)
    if is_kept and found.is_empty:
        return Refreshed(rollup.unit, 0, 0)
    hours = touched_hours(rollup.unit, found, tables, query)
    is_whole = not is_kept or found.is_rewritten
    cells: dict[str, list[pa.Table]] = {}
    if stored is not None and is_whole:
        cells = {day: [] for day in stored.by_day}
    for part in _runs(hours):
        new = _levels(system, rollup, engine, files, part)
        kept = {} if is_whole or stored is None else stored.by_day
        cells |= _by_day(rollup, new, part, kept, query)
    note = {
        "mark": rollup.mark, "by": list(rollup.by), "alone": list(rollup.alone),
        "seen": names_by_day(tables), "latest": latest.isoformat(),
        "longest_retry_us": _longest_retry(rollup, found, tables, query, held),
    }  # fmt: skip
    was_stored = replace_days(
        lake, rollup.unit, cells, schema=schema_of(rollup), note=note,
        known=stored.version if stored is not None else None,
    )  # fmt: skip
    return Refreshed(rollup.unit, len(hours), len(cells) if was_stored else 0)


def _longest_retry(
    rollup: Rollup, found: Unseen, tables: Mapping[str, TableFiles], query: Query,
    held: Mapping[str, Any],
) -> int:  # fmt: skip
    """Return the longest time that a request was retried for: what was known, and what is new."""
    if rollup.unit != "request":
        return 0
    return max(held.get("longest_retry_us", 0), longest_retry(found, tables, query))


def schema_of(rollup: Rollup) -> pa.Schema:
    """Return the schema of a roll-up's cells."""
    names = dict.fromkeys([*rollup.by, *rollup.alone], pa.string())
    return pa.schema([
        (LEVEL, pa.string()), (BUCKET, pa.int64()), *names.items(),
        *((f"m{place}", measure_type(item)) for place, item in enumerate(rollup.measures)),
    ])  # fmt: skip


def _runs(hours: Hours) -> Iterator[Hours]:
    """Yield the hours of neighbouring days together, in stretches that fit in memory."""
    days = hours // _DAY_US
    stretch = np.cumsum(np.diff(days, prepend=days[:1]) > 1) * 10**6 + days // _DAYS_AT_ONCE
    for name in np.unique(stretch):
        yield hours[stretch == name]


def _levels(
    system: System, rollup: Rollup, engine: Engine,
    files: Callable[[Scan], Mapping[str, TableFiles]], hours: Hours,
) -> dict[tuple[str, ...], pa.Table]:  # fmt: skip
    """Return the cells of hours at each level, read from the rows."""
    wide = _scanned(system, rollup, engine, files, hours, rollup.by)
    return {
        level: merge(wide, (BUCKET, *level), rollup.measures)
        if set(level) <= set(rollup.by)
        else _scanned(system, rollup, engine, files, hours, level)
        for level in rollup.levels
    }


def _scanned(
    system: System, rollup: Rollup, engine: Engine,
    files: Callable[[Scan], Mapping[str, TableFiles]], hours: Hours, by: tuple[str, ...],
) -> pa.Table:  # fmt: skip
    parts = []
    for window in stretches(hours):
        scan = make_scan(
            system, rollup.unit, rollup.measures, windows=[window], as_of=ALWAYS, by=by,
            grain="1h",
        )  # fmt: skip
        scan = replace(scan, is_weighted=rollup.is_weighted)
        parts.append(engine.run(scan, files(scan)))
    return pa.concat_tables(parts)


def stretches(hours: Hours) -> Iterator[Window]:
    """Yield the windows that hours make up, neighbours joined.

    Parameters
    ----------
    hours : array of int64, shape (hours,)
        Their starts in microseconds since 1970, in order.
    """
    starts = hours[np.diff(hours, prepend=np.iinfo(np.int64).min // 2) != HOUR_US]
    ends = hours[np.diff(hours, append=np.iinfo(np.int64).max // 2) != HOUR_US] + HOUR_US
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield Window(instant_of(start), instant_of(end))


def _by_day(
    rollup: Rollup, new: Mapping[tuple[str, ...], pa.Table], touched: Hours,
    stored: Mapping[str, str], query: Query,
) -> dict[str, list[pa.Table]]:  # fmt: skip
    """Return the row groups of each day: narrow levels, then the widest."""
    schema = schema_of(rollup)
    cells = pa.concat_tables([_labelled(schema, level, part) for level, part in new.items()])
    days: dict[str, list[pa.Table]] = {}
    widest = ",".join(rollup.levels[-1])
    for number in np.unique(touched // _DAY_US).tolist():
        day = str(np.datetime64(number, "D"))
        bucket = cells.column(BUCKET)
        inside = pc.and_(
            pc.greater_equal(bucket, number * _DAY_US), pc.less(bucket, (number + 1) * _DAY_US)
        )
        parts = [cells.filter(inside)]
        if day in stored:
            files = TableFiles(table="rollup", files=(stored[day],), schema=schema)
            old = query("SELECT * FROM rollup", {"rollup": files}).select(schema.names).cast(schema)
            is_touched = pc.is_in(old.column(BUCKET), pa.array(touched))
            parts.append(old.filter(pc.invert(is_touched)))
        every = pa.concat_tables(parts).sort_by([(LEVEL, "ascending"), (BUCKET, "ascending")])
        is_wide = pc.equal(every.column(LEVEL), widest)
        days[day] = [every.filter(pc.invert(is_wide)), every.filter(is_wide)]
    return days


def _labelled(schema: pa.Schema, level: tuple[str, ...], cells: pa.Table) -> pa.Table:
    count = cells.num_rows
    columns = {
        field.name: cells.column(field.name)
        if field.name in cells.column_names
        else pa.nulls(count, field.type)
        for field in schema
    }
    columns[LEVEL] = pa.array([",".join(level)] * count, pa.string())
    return pa.table(columns, schema=schema)
