"""Profiles by UTC day: kept as roll-ups, read from the files where those are behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from pellucid.monitor.profiles.files import binnings_of, profile_files
from pellucid.monitor.profiles.profile import Binning, Profile
from pellucid.monitor.profiles.tables import Profiled
from pellucid.monitor.rollups.sources import names_by_day
from pellucid.schema.files import TableFiles
from pellucid.store.lake import Lake
from pellucid.store.rollups import StoredRollup, read_rollup, replace_days
from pellucid.windows import Window

NAME = "profiles"
Days = dict[str, dict[str, Profile]]
_CHOSEN_BY_DAYS = 7
# Two tables, over the days of a baseline and of a window: looks of a backtest share most of them.
_KEPT = 96
_SCHEMA = pa.schema([
    ("column", pa.string()), ("kind", pa.string()), ("low", pa.float64()), ("high", pa.float64()),
    ("scale", pa.string()), ("bins", pa.int64()), ("n", pa.int64()), ("nulls", pa.int64()),
    ("counts", pa.binary()), ("levels", pa.list_(pa.string())),
    ("level_counts", pa.list_(pa.int64())), ("total", pa.float64()), ("squares", pa.float64()),
    ("infinite", pa.int64()),
])  # fmt: skip


def days_of(window: Window) -> tuple[str, ...]:
    """Return every UTC day that a window touches, as ISO dates."""
    first = window.start.astimezone(UTC).date()
    last = (window.end - timedelta(microseconds=1)).astimezone(UTC).date()
    return tuple((first + timedelta(days=place)).isoformat()
                 for place in range((last - first).days + 1))  # fmt: skip


def window_of(days: Sequence[str]) -> Window:
    """Return the window of whole days, from the first to the last."""
    ends = [datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
            for day in (days[0], days[-1])]  # fmt: skip
    return Window(ends[0], ends[1] + timedelta(days=1))


def day_profiles(
    lake: Lake, columns: Iterable[Profiled], tables: Mapping[str, TableFiles], days: Iterable[str]
) -> Days:
    """Return the profiles of columns on some days, by column and day.

    Read from the roll-up where it has seen every file of a day, else from the files.

    Parameters
    ----------
    tables : mapping of str to TableFiles
        Every file of the tables that the columns are of.
    days : iterable of str
        ISO dates. Days without rows have no profile, nor have columns that nobody logged.
    """
    wanted, asked = tuple(columns), tuple(days)
    stored = read_rollup(lake, NAME)
    held = stored if stored is not None and "binnings" in stored.note else None
    binnings = _binnings(wanted, tables, held)
    fresh = _fresh(held, tables, asked)
    found: Days = {column.name: {} for column in wanted if column.name in binnings}
    if held is not None and fresh:
        for day, name, profile in _stored_profiles(held, sorted(fresh)):
            # A binning that was chosen anew since tells other profiles.
            if name in found and profile.binning == binnings[name]:
                found[name][day] = profile
    by_day = {table: _by_day(files) for table, files in tables.items()}
    for day in asked:
        if day not in fresh:
            for name, profile in _read(wanted, tables, by_day, binnings, day).items():
                found[name][day] = profile
    return found


def refresh_profiles(
    lake: Lake, columns: Iterable[Profiled], tables: Mapping[str, TableFiles]
) -> int:
    """Bring the stored profiles up to date; return of how many days they were read."""
    wanted = tuple(columns)
    stored = read_rollup(lake, NAME)
    held = stored if stored is not None and "binnings" in stored.note else None
    by_day = {table: _by_day(files) for table, files in tables.items()}
    logged = sorted({day for days in by_day.values() for day in days})
    binnings = _binnings(wanted, tables, held)
    is_same = held is not None and set(held.note["binnings"]) == set(binnings)
    fresh = _fresh(held, tables, logged) if is_same else set()
    due = [day for day in logged if day not in fresh]
    if not due:
        return 0
    cells = {day: [_as_rows(_read(wanted, tables, by_day, binnings, day))] for day in due}
    note = {
        "binnings": {name: asdict(binning) for name, binning in binnings.items()},
        "seen": names_by_day(tables),
    }
    known = stored.version if stored is not None else None
    return (
        len(due) if replace_days(lake, NAME, cells, schema=_SCHEMA, note=note, known=known) else 0
    )


def _binnings(
    columns: Sequence[Profiled], tables: Mapping[str, TableFiles], held: StoredRollup | None
) -> dict[str, Binning]:
    known = held.note["binnings"] if held is not None else {}
    found = {item.name: Binning(**known[item.name]) for item in columns if item.name in known}
    for table, files in tables.items():
        names = {item.column: item.name for item in columns
                 if item.table == table and item.name not in found}  # fmt: skip
        by_day = _by_day(files)
        # Always of the same days, so that a question gets one answer however it is read.
        first = sorted(by_day)[:_CHOSEN_BY_DAYS]
        paths = [path for day in first for path in by_day[day]]
        if names and paths:
            chosen = _chosen(_Files(tuple(paths), files.filesystem), tuple(names))
            found |= {names[column]: binning for column, binning in chosen.items()}
    return found


@dataclass(frozen=True, slots=True)
class _Files:
    """Files of a store, which are written once: one path is one content."""

    paths: tuple[str, ...]
    filesystem: fs.FileSystem | None = field(hash=False)


@lru_cache(maxsize=_KEPT)
def _chosen(files: _Files, columns: tuple[str, ...]) -> dict[str, Binning]:
    return binnings_of(files.paths, columns, filesystem=files.filesystem)


@lru_cache(maxsize=_KEPT)
def _counted(files: _Files, binnings: tuple[tuple[str, Binning], ...]) -> dict[str, Profile]:
    return profile_files(files.paths, dict(binnings), filesystem=files.filesystem)


def _read(
    columns: Sequence[Profiled], tables: Mapping[str, TableFiles],
    by_day: Mapping[str, Mapping[str, Sequence[str]]], binnings: Mapping[str, Binning], day: str,
) -> dict[str, Profile]:  # fmt: skip
    found: dict[str, Profile] = {}
    for table, files in tables.items():
        paths = tuple(by_day[table].get(day, ()))
        names = {item.column: item.name for item in columns
                 if item.table == table and item.name in binnings}  # fmt: skip
        if paths and names:
            asked = tuple((column, binnings[name]) for column, name in names.items())
            profiles = _counted(_Files(paths, files.filesystem), asked)
            found |= {names[column]: profile for column, profile in profiles.items()}
    return found


def _by_day(files: TableFiles) -> dict[str, list[str]]:
    days: dict[str, list[str]] = {}
    for path in files.files:
        days.setdefault(path.split("/")[-2].removeprefix("day="), []).append(path)
    return days


def _fresh(
    held: StoredRollup | None, tables: Mapping[str, TableFiles], days: Iterable[str]
) -> set[str]:
    """Return the days of which the roll-up has seen every file."""
    if held is None:
        return set()
    seen, now = held.note["seen"], names_by_day(tables)
    return {
        day for day in days
        if all(sorted(now[table].get(f"day={day}", ()))
               == sorted(seen.get(table, {}).get(f"day={day}", ())) for table in tables)
    }  # fmt: skip


def _stored_profiles(held: StoredRollup, days: Sequence[str]) -> Iterable[tuple[str, str, Profile]]:
    for day in days:
        if day in held.by_day:
            rows = pq.read_table(held.by_day[day], schema=_SCHEMA, filesystem=held.files.filesystem)
            for row in rows.to_pylist():
                yield day, row["column"], _from_row(row)


def _as_rows(profiles: Mapping[str, Profile]) -> pa.Table:
    rows = [
        {
            "column": name, **asdict(item.binning), "n": item.n, "nulls": item.nulls,
            "counts": item.counts.tobytes(), "levels": list(item.levels),
            "level_counts": list(item.levels.values()), "total": item.total,
            "squares": item.squares, "infinite": item.infinite,
        }
        for name, item in profiles.items()
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _from_row(row: Mapping[str, Any]) -> Profile:
    binning = Binning(
        kind=row["kind"], low=row["low"], high=row["high"], scale=row["scale"], bins=row["bins"]
    )
    levels = dict(zip(row["levels"], row["level_counts"], strict=True))
    return Profile(
        binning, row["n"], row["nulls"], np.frombuffer(row["counts"], dtype=np.int64), levels,
        row["total"], row["squares"], row["infinite"],
    )  # fmt: skip
