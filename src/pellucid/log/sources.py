"""Where bulk rows come from: frames with an Arrow stream, Parquet files, CSV files."""

from __future__ import annotations

import csv as stdlib_csv
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from pellucid.errors import DataError

# A chunk is one commit. Large enough for few files, small enough for bounded memory.
_CHUNK_BYTES = 96 * 1024 * 1024
_FEWEST_ROWS, _MOST_ROWS = 16 * 1024, 1024 * 1024
_BATCH_ROWS = 64 * 1024
_PARQUET_BUFFER_BYTES = 256 * 1024
_CSV_BLOCK_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A stream of rows.

    Attributes
    ----------
    name : str
        For people: the file's name, or the kind of frame.
    identity : str or None
        Says which rows these are, in every process; None where nothing does.
    chunks : callable
        Yields tables; the same chunks each time for the same identity.
    row_count : int or None
        Rows in all, where known beforehand.
    refused_lines : callable
        Tells the lines read so far that are not rows at all.
    """

    name: str
    identity: str | None
    chunks: Callable[[], Iterator[pa.Table]]
    row_count: int | None
    refused_lines: Callable[[], tuple[str, ...]] = tuple


def open_source(frame: object, *, batch_id: str | None) -> Source:
    """Open a frame or file.

    Raises
    ------
    DataError
        If it cannot be read as rows.
    """
    if isinstance(frame, (str, os.PathLike)):
        return _file_source(Path(os.fspath(frame)), batch_id)
    if not hasattr(frame, "__arrow_c_stream__"):
        raise DataError(
            f"a {type(frame).__name__}",
            ["has no Arrow stream; pass a PyArrow, Polars or pandas frame, a DuckDB relation, "
             "or the path of a Parquet or CSV file"],
        )  # fmt: skip
    count = frame.num_rows if isinstance(frame, pa.Table) else None

    def chunks() -> Iterator[pa.Table]:
        try:
            reader = pa.RecordBatchReader.from_stream(frame)
            yield from _gather(iter(reader), reader.schema, _FEWEST_ROWS * 16)
        except (pa.ArrowException, TypeError) as error:
            first = str(error).splitlines()[0]
            raise DataError(
                f"a {type(frame).__name__}", [f"does not convert to Arrow: {first}"]
            ) from error

    return Source(f"{type(frame).__module__.partition('.')[0]} frame", batch_id, chunks, count)


def read_sample(path: Path, *, rows: int = 50_000) -> pa.Table:
    """Return the first rows of a file, types inferred where the file has none.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    source = open_source(path, batch_id="sample")
    try:
        if path.suffix.lower() in (".csv", ".tsv"):
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            with csv.open_csv(path, parse_options=csv.ParseOptions(delimiter=delimiter)) as reader:
                return pa.Table.from_batches([reader.read_next_batch()]).slice(0, rows)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise _unreadable(path, "CSV", error) from error
    except StopIteration as error:
        raise DataError(f"'{path.name}'", ["has no rows"]) from error
    first = next(source.chunks(), None)
    if first is None:
        raise DataError(f"'{path.name}'", ["has no rows"])
    return first.slice(0, rows)


def _file_source(path: Path, batch_id: str | None) -> Source:
    if not path.is_file():
        raise DataError(f"'{path.name}'", [f"there is no file at {path}"])
    if path.stat().st_size == 0:
        raise DataError(f"'{path.name}'", ["the file is empty"])
    kind = path.suffix.lower()
    if kind in (".parquet", ".pq"):
        return _parquet_source(path, batch_id)
    if kind in (".csv", ".tsv"):
        return _csv_source(path, batch_id, delimiter="\t" if kind == ".tsv" else ",")
    raise DataError(f"'{path.name}'", ["is neither .parquet nor .csv"])


def _parquet_source(path: Path, batch_id: str | None) -> Source:
    try:
        with _open_parquet(path) as file:
            footer, schema = file.metadata, file.schema_arrow
            rows = _rows_in_chunk(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, "Parquet", error) from error

    def chunks() -> Iterator[pa.Table]:
        try:
            with _open_parquet(path) as file:
                yield from _gather(file.iter_batches(batch_size=_BATCH_ROWS), schema, rows)
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(path, "Parquet", error) from error

    return Source(path.name, batch_id or _digest(path, rows), chunks, footer.num_rows)


def _open_parquet(path: Path) -> pq.ParquetFile:
    # By default pyarrow holds whole row groups before it yields their first row.
    return pq.ParquetFile(path, pre_buffer=False, buffer_size=_PARQUET_BUFFER_BYTES)


def _rows_in_chunk(file: pq.ParquetFile) -> int:
    # Measured on the first rows: the footer tells encoded sizes, which are far smaller for text.
    first = next(file.iter_batches(batch_size=_FEWEST_ROWS), None)
    if first is None or not first.num_rows:
        return _MOST_ROWS
    rows = _CHUNK_BYTES * first.num_rows // max(1, first.nbytes)
    return min(max(rows, _FEWEST_ROWS), _MOST_ROWS)


def _csv_source(path: Path, batch_id: str | None, *, delimiter: str) -> Source:
    refused: list[str] = []

    def refuse(row: csv.InvalidRow) -> str:
        refused.append(
            f"a line has {row.actual_columns} cells, expected {row.expected_columns}: "
            f"{row.text[:60]!r}"
        )
        return "skip"

    def chunks() -> Iterator[pa.Table]:
        refused.clear()
        parse = csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse
        )
        try:
            names = _header(path, delimiter)
            # Every cell is read as text and converted by the record's own rules: a wrong cell
            # then costs its row, not the file, and 'NA' stays Namibia.
            convert = csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                strings_can_be_null=True, null_values=["", "NULL", "null"],
                quoted_strings_can_be_null=False,
            )  # fmt: skip
            read = csv.ReadOptions(block_size=_CSV_BLOCK_BYTES)
            with csv.open_csv(
                path, parse_options=parse, convert_options=convert, read_options=read
            ) as reader:
                yield from _gather(iter(reader), reader.schema, _FEWEST_ROWS * 16)
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(path, "CSV", error) from error

    identity = batch_id or _digest(path, _CSV_BLOCK_BYTES)
    return Source(path.name, identity, chunks, None, lambda: tuple(refused))


def _header(path: Path, delimiter: str) -> list[str]:
    # As pyarrow reads it, but before a cell decides what type its column has.
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            names = next(stdlib_csv.reader(file, delimiter=delimiter), [])
        except UnicodeDecodeError as error:
            raise DataError(f"'{path.name}'", ["is not UTF-8; convert it first"]) from error
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise DataError(
            f"'{path.name}'",
            [f"has one column, {names[0][:60]!r}: is its delimiter a comma? A .tsv uses tabs"],
        )
    return names


def _gather(batches: Iterator[pa.RecordBatch], schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, rows - count)
            held.append(part)
            count += part.num_rows
            start += part.num_rows
            if count == rows:
                yield _without_views(pa.Table.from_batches(held, schema))
                held, count = [], 0
    if held:
        yield _without_views(pa.Table.from_batches(held, schema))


def _without_views(rows: pa.Table) -> pa.Table:
    # Polars hands text over as views, which many of Arrow's kernels do not take.
    for index, column in enumerate(rows.columns):
        kind = column.type
        if pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type):
            chunks = [
                chunk.dictionary.cast(pa.string()).take(chunk.indices) for chunk in column.chunks
            ]
            column = pa.chunked_array(chunks, pa.string())
        elif pa.types.is_string_view(kind):
            column = column.cast(pa.string())
        rows = rows.set_column(index, rows.column_names[index], column)
    return rows


def _digest(path: Path, chunking: int) -> str:
    # The chunking is part of the identity: other chunks are other batches.
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{digest}:{chunking}"


def _unreadable(path: Path, kind: str, error: Exception) -> DataError:
    first = (str(error).splitlines() or ["unreadable"])[0]
    return DataError(f"'{path.name}'", [f"cannot be read as {kind}: {first}"])
