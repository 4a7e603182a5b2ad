"""Finds rows whose key is already stored, so that the same row is stored once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from pellucid.schema.fields import Table
from pellucid.store.hashing import row_keys
from pellucid.store.lake import PARTITION
from pellucid.store.parquet import days_of, read_columns

# 8 bytes a key: an index of at most 128 MiB. The days least recently written are read again.
_MOST_KEYS = 16 * 1024 * 1024


class StoredKeys:
    """The keys stored in the days that a writer touches, read once and kept up to date.

    A key is looked for in the UTC day of its row: a decision logged twice has the same
    `decided_at`. The same id under another day is a contradiction, which `pellucid check` reports.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._files: dict[str, set[str]] = {}
        # Sorted, which makes a look-up a search.
        self._keys: OrderedDict[str, np.ndarray] = OrderedDict()
        self._latest: dict[str, np.ndarray] = {}

    def first_seen(
        self, rows: pa.Table, filesystem: fs.FileSystem, files: Iterable[str]
    ) -> np.ndarray:
        """Return which rows are new: not stored yet, and the first of their key in `rows`.

        Parameters
        ----------
        rows : pyarrow.Table, n rows
        filesystem : pyarrow.fs.FileSystem
            Rooted at the table.
        files : iterable of str
            Every file of the table's current snapshot, relative to `filesystem`.

        Returns
        -------
        array of bool, shape (n,)
        """
        keys = row_keys(rows, self._table.key)
        new = np.ones(len(keys), dtype=bool)
        by_day: dict[str, list[str]] = {}
        for path in files:
            by_day.setdefault(path.partition("/")[0], []).append(path)
        found = {day: (at, np.sort(keys[at])) for day, at in _rows_by_day(rows, self._table.time)}
        for day, (at, ordered) in found.items():
            stored = self._stored(day, filesystem, by_day.get(day, []))
            if not _is_among(ordered, stored).any():
                continue
            hits = at[_is_among(keys[at], stored)]
            new[hits] = ~self._is_stored(rows.take(hits), filesystem, by_day.get(day, []))
        new[self._repeats_within(rows, keys, [ordered for _, ordered in found.values()])] = False
        self._latest = {
            day: ordered if new[at].all() else np.sort(keys[at][new[at]])
            for day, (at, ordered) in found.items()
        }
        return new

    def remember(self, files: Iterable[str]) -> None:
        """Take note that the rows last found new were committed in these files, one for each day.

        Their keys are known, so the files need not be read.
        """
        for path in files:
            day = path.partition("/")[0]
            if day in self._keys and day in self._latest:
                self._keys[day] = _merged([self._keys[day], self._latest.pop(day)])
                self._files[day].add(path)

    def _stored(self, day: str, filesystem: fs.FileSystem, paths: list[str]) -> np.ndarray:
        seen = self._files.setdefault(day, set())
        known = self._keys.pop(day, None)
        if known is None:
            seen.clear()
            known = np.zeros(0, dtype=np.uint64)
        unread = [path for path in paths if path not in seen]
        for part in read_columns(filesystem, unread, self._table.key):
            known = _merged([known, np.sort(row_keys(part, self._table.key))])
        seen.update(unread)
        self._keys[day] = known
        while len(self._keys) > 1 and sum(map(len, self._keys.values())) > _MOST_KEYS:
            self._keys.popitem(last=False)
        return known

    def _is_stored(
        self, suspects: pa.Table, filesystem: fs.FileSystem, paths: list[str]
    ) -> np.ndarray:
        wanted: dict[tuple[object, ...], list[int]] = {}
        for index, values in enumerate(_values(suspects, self._table.key)):
            wanted.setdefault(values, []).append(index)
        stored = np.zeros(suspects.num_rows, dtype=bool)
        hashes = np.sort(row_keys(suspects, self._table.key))
        for part in read_columns(filesystem, paths, self._table.key):
            near = np.flatnonzero(_is_among(row_keys(part, self._table.key), hashes))
            for values in _values(part.take(near), self._table.key):
                stored[wanted.get(values, [])] = True
        return stored

    def _repeats_within(
        self, rows: pa.Table, keys: np.ndarray, runs: list[np.ndarray]
    ) -> list[int]:
        ordered = _merged(runs)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if not len(twice):
            return []
        shared = np.flatnonzero(_is_among(keys, twice))
        seen: set[tuple[object, ...]] = set()
        repeats = []
        suspects = rows.take(shared)
        days = days_of(suspects, self._table.time).tolist()
        for index, day, values in zip(
            shared, days, _values(suspects, self._table.key), strict=True
        ):
            if (day, *values) in seen:
                repeats.append(int(index))
            seen.add((day, *values))
        return repeats


def _rows_by_day(rows: pa.Table, time_column: str) -> Iterator[tuple[str, np.ndarray]]:
    days = days_of(rows, time_column)
    order = np.argsort(days, kind="stable")
    ordered = days[order]
    edges = np.flatnonzero(np.diff(ordered)) + 1
    for at in np.split(order, edges) if len(order) else ():
        yield f"{PARTITION}={np.datetime64(int(days[at[0]]), 'D')}", at


# Searches in sorted keys: on 64-bit integers np.isin and np.unique take several times as long.
def _is_among(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return known[places] == keys


def _merged(runs: list[np.ndarray]) -> np.ndarray:
    if len(runs) < 2:
        return runs[0] if runs else np.zeros(0, dtype=np.uint64)
    # The stable sort finds the runs and merges them.
    return np.sort(np.concatenate(runs), kind="stable")


def _values(rows: pa.Table, names: Iterable[str]) -> list[tuple[object, ...]]:
    columns = []
    for name in names:
        if name not in rows.column_names:
            columns.append([None] * rows.num_rows)
            continue
        column = rows.column(name)
        if pa.types.is_timestamp(column.type):
            column = pc.cast(column, pa.int64())
        columns.append(column.to_pylist())
    return list(zip(*columns, strict=True))
