"""Answers a scan from a roll-up where it can, and from the rows where it must."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa

from pellucid.engine.base import BUCKET, PERIOD, key_names, result_schema
from pellucid.engine.cells import MERGES
from pellucid.engine.plan import Scan
from pellucid.engine.sql import bucket_sql, quoted, segment_keys, snippet, text
from pellucid.monitor.rollups.build import stretches
from pellucid.monitor.rollups.definition import HOUR_US, LEVEL, Rollup, variants
from pellucid.monitor.rollups.sources import Hours, Query
from pellucid.schema.files import TableFiles
from pellucid.spec.expression import columns
from pellucid.spec.measure import Measure
from pellucid.windows import Window, micros, parse_duration

# Each stretch that is read from the rows costs a query: near ones are read as one.
_MOST_STRETCHES = 6


@dataclass(frozen=True, slots=True)
class Fresh:
    """A roll-up, and how far it can be trusted.

    Attributes
    ----------
    rollup : Rollup
    files : TableFiles
    stale : array of int64, shape (hours,)
        Starts of hours that records changed since.
    latest : datetime
        Of what the roll-up knows; it cannot answer with the knowledge of an earlier instant.
    longest_retry : timedelta
        Between the first attempt of a request and its last.
    """

    rollup: Rollup
    files: TableFiles
    stale: Hours
    latest: datetime
    longest_retry: timedelta


def refusal(scan: Scan, fresh: Fresh) -> str:
    """Return why a roll-up cannot answer a scan; empty where it can."""
    rollup = fresh.rollup
    if scan.as_of < fresh.latest:
        return "it asks what was known earlier"
    if scan.is_weighted != rollup.is_weighted:
        return "weights were first logged after it was made"
    level = rollup.level_for(dimensions_of(scan))
    if level is None:
        return f"it has no cells by {', '.join(dimensions_of(scan))}"
    known = set(rollup.measures)
    for measure in scan.measures:
        if any(item not in known for item in variants(measure).values() if item is not None):
            return "the metric is not in the catalogue that it was made for"
    return ""


def dimensions_of(scan: Scan) -> tuple[str, ...]:
    """Return every column that a scan groups or filters by, its time aside."""
    texts = [scan.where, *(segment.where for segment in scan.segments)]
    named = {name for item in texts if item for name in columns(item)}
    return tuple(sorted({*named, *scan.by}))


def rolled_cells(
    scan: Scan, fresh: Fresh, *, query: Query, run: Callable[[Scan], pa.Table]
) -> pa.Table:
    """Return the cells of a scan as an engine would, most of them from a roll-up.

    Parameters
    ----------
    run : callable
        Answers a scan from the rows.
    """
    raw = raw_windows(scan, fresh)
    kinds = result_schema(scan)
    parts = [_from_rollup(scan, fresh, raw, query).cast(kinds)]
    for window in raw:
        cells = run(replace(scan, windows=(window,)))
        if PERIOD in key_names(scan):
            place = sum(window.start >= cut for cut in scan.cuts[1:-1])
            cells = cells.append_column(PERIOD, pa.array([place] * cells.num_rows, pa.int64()))
        parts.append(cells.select(kinds.names).cast(kinds))
    return pa.concat_tables(parts)


def raw_windows(scan: Scan, fresh: Fresh) -> list[Window]:
    """Return the stretches of a scan that must be read from the rows; none crosses a cut.

    Hours that a window cuts, that records changed since, or in which some labels are mature and
    some are not.
    """
    first, last = micros(scan.span.start), micros(scan.span.end)
    hours = {hour for cut in scan.cuts if (hour := micros(cut) // HOUR_US * HOUR_US) != micros(cut)}
    hours |= {int(hour) for hour in fresh.stale if first - HOUR_US < hour < last}
    hours |= {hour for hour in _turning(scan, fresh) if first - HOUR_US < hour < last}
    found = _fewer(np.array(sorted(hours), dtype=np.int64))
    windows = []
    for stretch in stretches(found):
        edges = [stretch.start, *(cut for cut in scan.cuts if stretch.start < cut < stretch.end),
                 stretch.end]  # fmt: skip
        windows += [Window(start, end) for start, end in pairwise(edges)]
    return [
        window for window in windows
        if any(own.start < window.end and window.start < own.end for own in scan.windows)
    ]  # fmt: skip


def _fewer(hours: Hours) -> Hours:
    """Return hours, with the smallest gaps between them filled until few stretches are left."""
    gaps = np.diff(hours) // HOUR_US - 1
    if np.count_nonzero(gaps) < _MOST_STRETCHES:
        return hours
    widest = np.sort(gaps)[-(_MOST_STRETCHES - 1) :].min()
    filled = [hours[:1]]
    for place, gap in enumerate(gaps):
        start = hours[place] + HOUR_US if gap < widest else hours[place + 1]
        filled.append(np.arange(start, hours[place + 1] + 1, HOUR_US))
    return np.concatenate(filled)


def _turning(scan: Scan, fresh: Fresh) -> set[int]:
    """Return the hours in which labels that the scan reads become mature."""
    hours: set[int] = set()
    for start, end in _turns(scan, fresh).values():
        low, high = micros(start) // HOUR_US * HOUR_US, micros(end)
        hours |= set(range(low, high + 1, HOUR_US))
    return hours


def _turns(scan: Scan, fresh: Fresh) -> dict[str, tuple[datetime, datetime]]:
    """Return, by outcome, the span of decisions between surely mature and surely not."""
    read = {name for measure in scan.measures for state in variants(measure) for name, _ in state}
    slack = fresh.longest_retry if scan.unit == "request" else timedelta()
    turns = {}
    for outcome in scan.system.outcomes:
        if outcome.name in read:
            cutoff = scan.as_of - parse_duration(outcome.matures_after)
            turns[outcome.name] = (cutoff - slack, cutoff)
    return turns


def _from_rollup(scan: Scan, fresh: Fresh, raw: Sequence[Window], query: Query) -> pa.Table:
    rollup = fresh.rollup
    level = rollup.level_for(dimensions_of(scan)) or ()
    keys = _keys(scan)
    stored = {measure: f"m{place}" for place, measure in enumerate(rollup.measures)}
    turns = {name: micros(end) // HOUR_US * HOUR_US for name, (_, end) in
             _turns(scan, fresh).items()}  # fmt: skip
    folds = [f"{_fold(measure, stored, turns)} AS m{place}"
             for place, measure in enumerate(scan.measures)]  # fmt: skip
    selected = ", ".join([f"{sql} AS {quoted(name)}" for name, sql in keys] + folds)
    conditions = [f"{LEVEL} = {text(','.join(level))}", _inside(scan.windows)]
    if raw:
        conditions.append(f"NOT ({_inside(raw)})")
    if scan.where:
        conditions.append(snippet(scan.where))
    group = f" GROUP BY {', '.join(str(place + 1) for place in range(len(keys)))}" if keys else ""
    having = "" if keys else " HAVING count(*) > 0"
    sql = f"SELECT {selected} FROM rollup WHERE {' AND '.join(conditions)}{group}{having}"
    return query(sql, {"rollup": fresh.files})


def _keys(scan: Scan) -> list[tuple[str, str]]:
    keys = [(name, quoted(name)) for name in scan.by]
    inner = scan.cuts[1:-1]
    if inner:
        steps = " + ".join(f"CAST({BUCKET} >= {micros(cut)} AS BIGINT)" for cut in inner)
        keys.append((PERIOD, steps))
    if scan.grain:
        keys.append((BUCKET, bucket_sql(scan, BUCKET)))
    return [*keys, *segment_keys(scan)]


def _inside(windows: Sequence[Window]) -> str:
    # Hours that a window cuts are read from the rows, so the others lie inside or outside whole.
    return " OR ".join(
        f"({BUCKET} >= {micros(window.start) // HOUR_US * HOUR_US} "
        f"AND {BUCKET} < {micros(window.end)})"
        for window in windows
    ).join("()")


def _fold(measure: Measure, stored: Mapping[Measure, str], turns: Mapping[str, int]) -> str:
    """Return a measure of the scan as SQL over the columns of a roll-up.

    Parameters
    ----------
    stored : mapping of Measure to str
        The column of each settled measure.
    turns : mapping of str to int
        By outcome, the hour from which on labels are not mature.
    """
    whens = [
        (" AND ".join(f"{BUCKET} {'<' if is_mature else '>='} {turns[name]}"
                      for name, is_mature in state), stored[item])
        for state, item in variants(measure).items() if item is not None
    ]  # fmt: skip
    if not whens:
        value = "NULL"
    elif not whens[0][0]:
        value = whens[0][1]
    else:
        value = f"CASE {' '.join(f'WHEN {when} THEN {column}' for when, column in whens)} END"
    folded = f"{MERGES.get(measure.fold, 'sum')}({value})"
    return f"coalesce({folded}, 0)" if measure.fold == "count" else folded
