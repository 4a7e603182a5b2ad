"""Reads: which files a question needs, and how far the records reach."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from pellucid.schema.arrow import fixed_schema
from pellucid.schema.files import TableFiles
from pellucid.schema.tables import TABLES
from pellucid.store.lake import PARTITION, Lake
from pellucid.store.parquet import read_columns

Span = tuple[datetime, datetime]
_CUT = timedelta(milliseconds=1)
_MOST_HELD = 256
_held: dict[tuple[object, ...], tuple[tuple[str, int, int], DeltaTable | None]] = {}
_spans: dict[tuple[object, ...], tuple[tuple[str, int, int], Span | None]] = {}
_lock = Lock()


def snapshot(
    lake: Lake, name: str, *, start: datetime | None = None, end: datetime | None = None
) -> TableFiles:
    """Return the files of a table as of now, pruned to the days that [start, end) touches.

    The list stays valid while others write: files are never changed, and `compact` keeps replaced
    ones for days.

    Parameters
    ----------
    start, end : datetime, optional
        Aware bounds on the table's time column; open where None.

    Returns
    -------
    TableFiles
        With no files where the table does not exist yet.
    """
    delta = _opened(lake, name)
    if delta is None:
        return TableFiles(table=name, files=(), schema=fixed_schema(TABLES[name]))
    actions = pa.table(delta.get_add_actions(flatten=True))
    stored = pa.schema(delta.schema().to_arrow())
    first = start.astimezone(UTC).date().isoformat() if start else ""
    last = (end - timedelta(microseconds=1)).astimezone(UTC).date().isoformat() if end else "9999"
    picked = [
        (path, rows)
        for path, day, rows in zip(
            actions.column("path").to_pylist(),
            actions.column(f"partition.{PARTITION}").to_pylist(),
            actions.column("num_records").to_pylist(),
            strict=True,
        )
        if first <= day <= last
    ]
    prefix = f"{lake.uri(name)}/" if lake.is_local else ""
    return TableFiles(
        table=name,
        files=tuple(prefix + path for path, _ in sorted(picked)),
        schema=pa.schema([field for field in stored if field.name != PARTITION]),
        filesystem=None if lake.is_local else lake.filesystem(name),
        row_count=sum(rows for _, rows in picked),
    )


def state_of(lake: Lake) -> tuple[object, ...] | None:
    """Return what changes whenever any table of a system does; None where it cannot be told.

    It cannot of an object store, which would have to be asked.
    """
    if not lake.is_local:
        return None
    return tuple((name, _last_commit(lake, name)) for name in TABLES)


def _opened(lake: Lake, name: str) -> DeltaTable | None:
    """Return a table as it is now, to be read only: opened anew where its log has moved on.

    Replaying a log of many commits takes as long as many a query.
    """
    commit = _last_commit(lake, name)
    if commit is None:
        return lake.open(name)
    key = (lake.uri(name), lake.storage_options)
    with _lock:
        held = _held.get(key)
    if held is not None and held[0] == commit:
        return held[1]
    delta = lake.open(name)
    with _lock:
        if len(_held) >= _MOST_HELD:
            _held.clear()
        _held[key] = (commit, delta)
    return delta


def _last_commit(lake: Lake, name: str) -> tuple[str, int, int] | None:
    """Return what tells the last commit of a local table from any other; None where none is."""
    if not lake.is_local:
        return None
    try:
        with os.scandir(f"{lake.uri(name)}/_delta_log") as entries:
            last = max((entry for entry in entries if entry.name.endswith(".json")),
                       key=lambda entry: entry.name, default=None)  # fmt: skip
            if last is None:
                return None
            found = last.stat()
    except OSError:
        return None
    return last.name, found.st_mtime_ns, found.st_ino


def written_at(lake: Lake, name: str) -> datetime | None:
    """Return when the last commit to a table was made, or None where there is no table."""
    delta = _opened(lake, name)
    last = delta.history(1) if delta is not None else []
    return datetime.fromtimestamp(last[0]["timestamp"] / 1000, UTC) if last else None


def time_span(lake: Lake, name: str) -> Span | None:
    """Return the first and last instant of a table's time column, or None if it is empty.

    Read from the commit log, and from a file where the log may have cut an instant.
    """
    commit = _last_commit(lake, name)
    key = (lake.uri(name), lake.storage_options)
    with _lock:
        held = _spans.get(key)
    if commit is not None and held is not None and held[0] == commit:
        return held[1]
    found = _time_span(lake, name)
    if commit is not None:
        with _lock:
            if len(_spans) >= _MOST_HELD:
                _spans.clear()
            _spans[key] = (commit, found)
    return found


def _time_span(lake: Lake, name: str) -> Span | None:
    delta = _opened(lake, name)
    if delta is None:
        return None
    actions = pa.table(delta.get_add_actions(flatten=True))
    if actions.num_rows == 0:
        return None
    time = TABLES[name].time
    lows = actions.column(f"min.{time}").to_pylist()
    highs = actions.column(f"max.{time}").to_pylist()
    paths = actions.column("path").to_pylist()
    first, last = min(lows), max(highs)
    # Compaction by delta-rs cuts statistics to milliseconds, which would hide the newest records:
    # where an end looks cut, it is read from the files that may hold it.
    filesystem = lake.filesystem(name)
    if first.microsecond % 1000 == 0:
        near = [path for path, low in zip(paths, lows, strict=True) if low <= first + _CUT]
        parts = read_columns(filesystem, near, [time])
        first = min(pc.min(part.column(time)).as_py() for part in parts)
    if last.microsecond % 1000 == 0:
        near = [path for path, high in zip(paths, highs, strict=True) if high >= last - _CUT]
        parts = read_columns(filesystem, near, [time])
        last = max(pc.max(part.column(time)).as_py() for part in parts)
    return first.astimezone(UTC), last.astimezone(UTC)


def read_rows(lake: Lake, name: str, columns: Sequence[str]) -> pa.Table:
    """Return the named columns of a whole table; meant for small ones such as `models`."""
    files = [path.removeprefix(f"{lake.uri(name)}/") for path in snapshot(lake, name).files]
    parts = list(read_columns(lake.filesystem(name), files, columns)) if files else []
    kinds = fixed_schema(TABLES[name])
    empty = pa.schema([kinds.field(column) for column in columns]).empty_table()
    return pa.concat_tables([empty, *parts], promote_options="permissive")
