"""The largest values of each dimension, and the rest as one, so that nothing is dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

_REST = re.compile(r"other \([\d,]+ values?\)")


def largest_values(
    cells: pa.Table, by: Sequence[str], counts: str, most: int
) -> dict[str, pa.Array]:
    """Return the values of each dimension with most rows, of equal ones the first by name.

    Parameters
    ----------
    counts : str
        Column that counts rows.
    most : int
        How many to keep of each dimension; a missing value counts as one.
    """
    kept = {}
    for name in by:
        found = cells.group_by([name], use_threads=False).aggregate([(counts, "sum")])
        ordered = found.sort_by([(f"{counts}_sum", "descending"), (name, "ascending")])
        kept[name] = ordered.column(name).slice(0, most).combine_chunks()
    return kept


def with_rest(cells: pa.Table, kept: Mapping[str, pa.Array]) -> pa.Table:
    """Return cells in which every other value of a dimension is named as the rest."""
    for name, values in kept.items():
        column = cells.column(name)
        is_kept = pc.is_in(column, values)
        rest = pc.count_distinct(column.filter(pc.invert(is_kept)), mode="all").as_py()
        if rest:
            label = _rest_name(rest)
            place = cells.column_names.index(name)
            cells = cells.set_column(place, name, pc.if_else(is_kept, column, label))
    return cells


def is_rest(value: str | None) -> bool:
    """Return whether a value of a breakdown stands for all others."""
    return value is not None and _REST.fullmatch(value) is not None


def _rest_name(count: int) -> str:
    return f"other ({count:,} values)" if count > 1 else "other (1 value)"
