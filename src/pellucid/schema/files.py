"""What a reader hands to an engine: the files of one table as of one instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFiles:
    """The Parquet files that make up one table, or the part of it that a question needs.

    Attributes
    ----------
    table : str
        Table name.
    files : tuple of str
        Paths: absolute local paths, or keys below `filesystem`.
    schema : pyarrow.Schema
        Every column of the table; a file that lacks one reads as null there.
    filesystem : pyarrow.fs.FileSystem or None
        None for local files.
    row_count : int
        Rows in `files`.
    is_uniform : bool
        Whether every file is known to have all columns of the schema, so that none is opened to
        see which it has.
    """

    table: str
    files: tuple[str, ...]
    schema: pa.Schema
    filesystem: Any = None
    row_count: int = 0
    is_uniform: bool = False
