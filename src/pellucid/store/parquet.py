"""Parquet files of a table: written, made durable, and described for the commit."""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.transaction import AddAction
from pyarrow import fs

from pellucid.schema.fields import Table
from pellucid.store.lake import PARTITION, Lake

_ROW_GROUP_ROWS = 256 * 1024


def write_files(lake: Lake, table: Table, rows: pa.Table) -> list[AddAction]:
    """Write rows as one Parquet file for each UTC day, and make the files durable.

    The files belong to nothing until their actions are committed; those of a writer that died are
    orphans, which readers never see and `compact` removes.

    Parameters
    ----------
    rows : pyarrow.Table
        Accepted rows; `table.time` holds no null.

    Returns
    -------
    list of AddAction
        One for each file.
    """
    filesystem = lake.filesystem(table.name)
    actions: list[AddAction] = []
    path = ""
    try:
        for day, part in by_day(rows, table.time):
            path = f"{PARTITION}={day}/{uuid.uuid4().hex}.parquet"
            filesystem.create_dir(f"{PARTITION}={day}", recursive=True)
            _write(filesystem, path, part)
            actions.append(_add_action(filesystem, path, day, part, table.time))
        if lake.is_local:
            make_files_durable([f"{lake.uri(table.name)}/{action.path}" for action in actions])
    except OSError:
        # A full disk must not stay full of halves.
        _remove(filesystem, [path, *(action.path for action in actions)])
        raise
    return actions


def remove_files(lake: Lake, table: Table, actions: Sequence[AddAction]) -> None:
    """Remove files that were written and not committed."""
    if actions:
        _remove(lake.filesystem(table.name), [action.path for action in actions])


def _remove(filesystem: fs.FileSystem, paths: Sequence[str]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            filesystem.delete_file(path)


def by_day(rows: pa.Table, time_column: str) -> Iterator[tuple[str, pa.Table]]:
    """Yield each UTC day (ISO date) and its rows, days in order, rows in their given order."""
    days = days_of(rows, time_column)
    order = None
    if np.any(days[1:] < days[:-1]):
        order = np.argsort(days, kind="stable")
        days = days[order]
    starts = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
    for start, end in zip(starts, [*starts[1:], len(days)], strict=True):
        part = rows.slice(start, end - start) if order is None else rows.take(order[start:end])
        yield str(np.datetime64(int(days[start]), "D")), part


def days_of(rows: pa.Table, time_column: str) -> np.ndarray:
    """Return the UTC day of each row, as whole days since 1970."""
    micros = pc.cast(rows.column(time_column), pa.int64()).to_numpy()
    return np.floor_divide(micros, 86_400_000_000)


def make_commit_durable(lake: Lake, table: Table, version: int, *, since: int = 0) -> None:
    """Flush a commit and all before it to disk; object stores are durable once they answer.

    Neither delta-rs nor pyarrow calls fsync, so without this a power cut could take back a commit
    that was acknowledged, or one below it.

    Parameters
    ----------
    since : int, default 0
        First version that may not be on disk yet.
    """
    if not lake.is_local:
        return
    log = Path(lake.uri(table.name)) / "_delta_log"
    for number in range(since, version + 1):
        entry = log / f"{number:020d}.json"
        # Old entries are cleaned up once a checkpoint holds them.
        if entry.exists():
            _fsync(entry)
    for folder in (log, log.parent, log.parent.parent, log.parent.parent.parent):
        _fsync(folder)


def make_files_durable(paths: Sequence[str]) -> None:
    """Flush local files and their folders to disk."""
    for path in [*paths, *sorted({str(Path(path).parent) for path in paths})]:
        _fsync(Path(path))


def _write(filesystem: fs.FileSystem, path: str, rows: pa.Table) -> None:
    dictionary = [name for name in rows.column_names if _repeats(rows, name)]
    with filesystem.open_output_stream(path) as sink:
        pq.write_table(
            rows,
            sink,
            compression="zstd",
            compression_level=1,
            use_dictionary=dictionary,
            write_statistics=_statistics_columns(rows),
            row_group_size=_ROW_GROUP_ROWS,
            write_page_checksum=True,
            store_schema=False,
        )


def _repeats(rows: pa.Table, name: str) -> bool:
    # A dictionary that does not pay is built, found too large and thrown away: skip it for ids.
    kind = rows.schema.field(name).type
    if pa.types.is_boolean(kind) or pa.types.is_list(kind):
        return False
    column = rows.column(name)
    sample = column.slice(0, 4096)
    return len(sample) < 64 or pc.count_distinct(sample).as_py() < 0.5 * len(sample)


def _statistics_columns(rows: pa.Table) -> list[str]:
    return [
        name for name in rows.column_names if not pa.types.is_list(rows.schema.field(name).type)
    ]


def _add_action(
    filesystem: fs.FileSystem, path: str, day: str, rows: pa.Table, time_column: str
) -> AddAction:
    span = pc.min_max(rows.column(time_column)).as_py()
    stats = {
        "numRecords": rows.num_rows,
        "minValues": {time_column: _iso(span["min"])},
        "maxValues": {time_column: _iso(span["max"])},
        "nullCount": {time_column: 0},
    }
    return AddAction(
        path=path,
        size=filesystem.get_file_info(path).size,
        partition_values={PARTITION: day},
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps(stats),
    )


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_columns(
    filesystem: fs.FileSystem, paths: Sequence[str], names: Sequence[str]
) -> Iterator[pa.Table]:
    """Yield the named columns of each file; a column that a file lacks reads as null."""
    for path in paths:
        with filesystem.open_input_file(path) as source:
            file = pq.ParquetFile(source)
            present = set(file.schema_arrow.names)
            part = file.read(columns=[name for name in names if name in present])
        for name in names:
            if name not in present:
                part = part.append_column(name, pa.nulls(part.num_rows))
        yield part.select(list(names))
