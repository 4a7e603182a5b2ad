"""What every answer of rows can do: be read as Arrow, and as a pandas frame."""

from __future__ import annotations

from typing import Any, Protocol

import pyarrow as pa


class HasRows(Protocol):
    """Anything that is told in rows."""

    @property
    def rows(self) -> pa.Table:
        """All rows."""


class Tabular:
    """An answer with `rows`; anything that reads Arrow streams reads it."""

    __slots__ = ()

    def to_arrow(self: HasRows) -> pa.Table:
        """Return all rows."""
        return self.rows

    def to_pandas(self: HasRows) -> Any:
        """Return all rows as a pandas frame, where pandas is installed."""
        return self.rows.to_pandas()

    def __arrow_c_stream__(self: HasRows, requested_schema: object = None) -> object:
        return self.rows.__arrow_c_stream__(requested_schema)
