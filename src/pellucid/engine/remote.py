"""Files of an object store, as DuckDB reads them through pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs


def remote_files(
    paths: Sequence[str], schema: pa.Schema, filesystem: fs.FileSystem
) -> RemoteFiles:  # fmt: skip
    """Return Parquet files as something that DuckDB can register and scan any number of times."""
    parquet = ds.ParquetFileFormat()
    fragments = [parquet.make_fragment(path, filesystem) for path in paths]
    return RemoteFiles(fragments, schema, parquet, filesystem)


class RemoteFiles(ds.FileSystemDataset):
    """A dataset that is read file by file.

    pyarrow's own reader of a dataset keeps the interpreter's lock while it waits for Arrow's
    threads, which need that lock for each read of a filesystem that is written in Python, such as
    delta-rs's: now and then each waits for the other for ever. Reading a file to a table gives the
    lock back.
    """

    def scanner(
        self, *, columns: Sequence[str] | None = None, filter: ds.Expression | None = None  # noqa: A002 - pyarrow's
    ) -> _FileByFile:  # fmt: skip
        """Return what DuckDB reads: some columns of the rows that meet a condition."""
        return _FileByFile(self, columns, filter)


class _FileByFile:
    def __init__(
        self, files: RemoteFiles, columns: Sequence[str] | None, condition: ds.Expression | None
    ) -> None:
        self._files = files
        self._options: dict[str, Any] = {"columns": columns, "filter": condition}
        self.projected_schema: pa.Schema = ds.Scanner.from_dataset(
            files, **self._options
        ).projected_schema

    def to_reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.projected_schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for fragment in self._files.get_fragments(filter=self._options["filter"]):
            found = fragment.scanner(schema=self._files.schema, **self._options).to_table()
            yield from found.to_batches()
