"""Profiles of Parquet files: one column of one row group in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from pellucid.errors import DataError
from pellucid.monitor.profiles.counting import (
    choose_binning,
    is_number,
    is_profiled,
    profile_of,
)
from pellucid.monitor.profiles.profile import Binning, Profile, empty_profile

_SAMPLE_ROWS = 65_536


def profile_baseline(
    paths: Sequence[str], *, columns: Sequence[str] = (), filesystem: fs.FileSystem | None = None
) -> dict[str, Profile]:
    """Return the profile of each column of a baseline, over bins chosen for it.

    Parameters
    ----------
    paths : sequence of str
        Files of one table.
    columns : sequence of str
        Which ones; all that have a profile, by default.
    filesystem : pyarrow.fs.FileSystem, optional
        Where the paths lead; the local one by default.

    Raises
    ------
    DataError
        If a file cannot be read, or a column is not there or has no profile.
    """
    files = [_opened(path, filesystem) for path in paths]
    kinds = {field.name: field.type for file in files for field in file.schema_arrow}
    names = list(columns) or [name for name, kind in kinds.items() if is_profiled(kind)]
    problems = [f"has no column '{name}'" for name in names if name not in kinds]
    problems += [
        f"column '{name}' is {kinds[name]}, which has no profile"
        for name in names if name in kinds and not is_profiled(kinds[name])
    ]  # fmt: skip
    if problems:
        raise DataError(str(paths[0]), problems)
    return {name: _baseline(files, name) for name in names}


def binnings_of(
    paths: Sequence[str], columns: Sequence[str], *, filesystem: fs.FileSystem | None = None
) -> dict[str, Binning]:
    """Return how to count those of some columns that files have and that can have a profile.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    files = [_opened(path, filesystem) for path in paths]
    kinds = {field.name: field.type for file in files for field in file.schema_arrow}
    found = {}
    for name in columns:
        if name in kinds and is_profiled(kinds[name]):
            logged = (column for _, column in _columns(files, name)
                      if not pa.types.is_null(column.type))  # fmt: skip
            first = next(logged, pa.chunked_array([], kinds[name]))
            found[name] = choose_binning(first.slice(0, _SAMPLE_ROWS), *_range(files, name))
    return found


def profile_files(
    paths: Sequence[str],
    binnings: Mapping[str, Binning],
    *,
    filesystem: fs.FileSystem | None = None,
) -> dict[str, Profile]:
    """Return the profile of each column over all rows of some files.

    A column that a file lacks has no values there.

    Raises
    ------
    DataError
        If a file cannot be read, or a column's values cannot be counted as the baseline's were.
    """
    files = [_opened(path, filesystem) for path in paths]
    found = {}
    for name, binning in binnings.items():
        profile = empty_profile(binning)
        for path, column in _columns(files, name):
            problem = _mismatch(column.type, binning)
            if problem:
                raise DataError(str(paths[path]), [f"column '{name}' {problem}"])
            profile += profile_of(column, binning)
        found[name] = profile
    return found


def _baseline(files: Sequence[pq.ParquetFile], name: str) -> Profile:
    low, high = _range(files, name)
    profile: Profile | None = None
    for _, column in _columns(files, name):
        if profile is None:
            binning = choose_binning(column.slice(0, _SAMPLE_ROWS), low, high)
            profile = empty_profile(binning)
        profile += profile_of(column, profile.binning)
    return profile or empty_profile(Binning(kind="category"))


def _columns(files: Sequence[pq.ParquetFile], name: str) -> Iterator[tuple[int, pa.ChunkedArray]]:
    for place, file in enumerate(files):
        is_there = name in file.schema_arrow.names
        for group in range(file.num_row_groups):
            if is_there:
                part = file.read_row_group(group, columns=[name], use_threads=False)
                yield place, part.column(0)
            else:
                rows = file.metadata.row_group(group).num_rows
                yield place, pa.chunked_array([pa.nulls(rows)])


def _mismatch(kind: pa.DataType, binning: Binning) -> str:
    if pa.types.is_null(kind):
        return ""
    if not is_profiled(kind):
        return f"is {kind} here, which has no profile"
    if is_number(kind) == (binning.kind != "category"):
        return ""
    said = kind.value_type if pa.types.is_dictionary(kind) else kind
    return (
        f"is {said} here, and {'numbers' if not is_number(kind) else 'no number'} in the baseline"
    )


def _opened(path: str, filesystem: fs.FileSystem | None) -> pq.ParquetFile:
    try:
        schema = pq.read_schema(path, filesystem=filesystem)
        texts = [field.name for field in schema if _is_text(field.type)]
        return pq.ParquetFile(path, read_dictionary=texts, filesystem=filesystem)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(path, [f"is no Parquet file that can be read: {error}"]) from error


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _range(files: Sequence[pq.ParquetFile], name: str) -> tuple[float, float]:
    """Return the smallest and largest value, from the footers; NaN where one does not say."""
    ends: list[tuple[Any, Any]] = []
    for file in files:
        if name not in file.schema_arrow.names:
            continue
        place = file.schema_arrow.names.index(name)
        for group in range(file.metadata.num_row_groups):
            found = file.metadata.row_group(group).column(place).statistics
            if found is not None and found.has_min_max:
                ends.append((found.min, found.max))
    if not ends or isinstance(ends[0][0], (str, bytes, bool)):
        return float("nan"), float("nan")
    return float(min(low for low, _ in ends)), float(max(high for _, high in ends))
