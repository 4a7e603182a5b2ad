"""Structs of arrays over the same rows, which can be taken from and joined as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.int8]


class Rows:
    """Base of dataclasses whose fields are arrays, or other `Rows`, with one shared first axis."""

    __slots__ = ()

    def columns(self) -> list[Any]:
        """Return the fields' values in order."""
        return [getattr(self, item.name) for item in fields(self)]  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.columns()[0])

    def take(self, index: NDArray[Any] | slice) -> Self:
        """Return the rows at `index`: positions, a boolean mask or a slice."""
        picked = (
            column.take(index) if isinstance(column, Rows) else column[index]
            for column in self.columns()
        )
        return type(self)(*picked)

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all `parts`, of which there is at least one, in order."""
        joined = (
            type(columns[0]).concat(columns)
            if isinstance(columns[0], Rows)
            else np.concatenate(columns)
            for columns in zip(*(part.columns() for part in parts), strict=True)
        )
        return cls(*joined)
