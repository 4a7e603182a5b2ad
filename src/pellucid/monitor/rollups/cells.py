"""Answers a scan from a roll-up where it can, and from the rows where it must."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from pellucid.engine.base import BUCKET, PERIOD, key_names, measure_type
from pellucid.engine.plan import Scan
from pellucid.engine.sql import quoted, snippet, text
from pellucid.monitor.rollups.build import stretches
from pellucid.monitor.rollups.definition import HOUR_US, LEVEL, Rollup, variants
from pellucid.monitor.rollups.sources import Hours, Query
from pellucid.schema.files import TableFiles
from pellucid.spec.expression import columns
from pellucid.spec.measure import Measure
from pellucid.windows import Window, parse_duration

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    kinds = _schema(scan)
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
    first, last = _micros(scan.span.start), _micros(scan.span.end)
    hours = {
        hour for cut in scan.cuts if (hour := _micros(cut) // HOUR_US * HOUR_US) != _micros(cut)
    }
    hours |= {int(hour) for hour in fresh.stale if first - HOUR_US < hour < last}
    hours |= {hour for hour in _turning(scan, fresh) if first - HOUR_US < hour < last}
    found = _fewer(np.array(sorted(hours), dtype=np.int64))
    windows = []
    for stretch in stretches(found):
        edges = [stretch.start, *(cut for cut in scan.cuts if stretch.start < cut < stretch.end),
                 stretch.end]  # fmt: skip
        windows += [Window(start, end) for start, end in pairwise(edges)]
    return [part for window in windows if (part := _clipped(window, scan)) is not None]


def _clipped(window: Window, scan: Scan) -> Window | None:
    """Return the part of a stretch that some window of the scan has, or None."""
    if not any(own.start < window.end and window.start < own.end for own in scan.windows):
        return None
    return window


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
        low, high = _micros(start) // HOUR_US * HOUR_US, _micros(end)
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


def _schema(scan: Scan) -> pa.Schema:
    kinds: dict[str, Any] = {name: pa.string() for name in scan.by}
    for name in key_names(scan):
        if name in (PERIOD, BUCKET):
            kinds[name] = pa.int64()
        elif name.startswith("segment_"):
            kinds[name] = pa.bool_()
    kinds |= {f"m{place}": measure_type(item) for place, item in enumerate(scan.measures)}
    return pa.schema(list(kinds.items()))


def _from_rollup(scan: Scan, fresh: Fresh, raw: Sequence[Window], query: Query) -> pa.Table:
    rollup = fresh.rollup
    level = rollup.level_for(dimensions_of(scan)) or ()
    keys = _keys(scan)
    folds = [f"{_fold(scan, fresh, measure)} AS m{place}"
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
        steps = " + ".join(f"CAST({BUCKET} >= {_micros(cut)} AS BIGINT)" for cut in inner)
        keys.append((PERIOD, steps))
    if scan.grain:
        length, offset = scan.grain_us
        floor = f"({BUCKET} - {offset}) // {length} * {length} + {offset}"
        keys.append((BUCKET, f"CAST({floor} AS BIGINT)"))
    for place, segment in enumerate(scan.segments):
        keys.append((f"segment_{place}", f"coalesce({snippet(segment.where)}, FALSE)"))
    return keys


def _inside(windows: Sequence[Window]) -> str:
    # Hours that a window cuts are read from the rows, so the others lie inside or outside whole.
    return " OR ".join(
        f"({BUCKET} >= {_micros(window.start) // HOUR_US * HOUR_US} "
        f"AND {BUCKET} < {_micros(window.end)})"
        for window in windows
    ).join("()")


def _fold(scan: Scan, fresh: Fresh, measure: Measure) -> str:
    places = {item: place for place, item in enumerate(fresh.rollup.measures)}
    cutoffs = {name: end for name, (_, end) in _turns(scan, fresh).items()}
    whens, how = [], {"smallest": "min", "largest": "max"}.get(measure.fold, "sum")
    for state, item in variants(measure).items():
        if item is None:
            continue
        conditions = [
            f"{BUCKET} {'<' if is_mature else '>='} {_micros(cutoffs[name]) // HOUR_US * HOUR_US}"
            for name, is_mature in state
        ]
        whens.append((" AND ".join(conditions), f"m{places[item]}"))
    if not whens:
        value = "NULL"
    elif not whens[0][0]:
        value = whens[0][1]
    else:
        value = f"CASE {' '.join(f'WHEN {when} THEN {column}' for when, column in whens)} END"
    folded = f"{how}({value})"
    if measure.fold == "count":
        folded = f"coalesce({folded}, 0)"
    return folded


def _micros(moment: datetime) -> int:
    return round((moment - _EPOCH) / timedelta(microseconds=1))
