"""A rate by two dimensions as a heat table, with both totals."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pellucid.figures.rows import Row, at_level
from pellucid.figures.table import Cell, Column, Table


def heat_table(
    rows: pa.Table,
    by_row: str,
    by_column: str,
    *,
    columns: Sequence[str] = (),
    row_label: str = "",
    is_candidate: bool = False,
) -> Table:
    """Table of a rate whose ground darkens with it; cells of small n are dimmed.

    Parameters
    ----------
    rows : pyarrow.Table
        Result of one rate metric, broken down by both dimensions.
    by_row, by_column : str
        Dimensions down and across.
    columns : sequence of str, optional
        Values across, in order; sorted by default.
    row_label : str, optional
        Heading of the first column; the dimension's name by default.
    is_candidate : bool, default False
        Whether the rows are candidates, to show with their colours.
    """
    cells = {(str(r[by_row]), str(r[by_column])): r for r in at_level(rows, (by_row, by_column))}
    across = tuple(columns) or tuple(sorted({column for _, column in cells}))
    down = sorted({row for row, _ in cells})
    of_row, of_column, whole = {}, {}, None
    if "level" in rows.column_names:
        of_row = {str(row[by_row]): row for row in at_level(rows, (by_row,))}
        of_column = {str(row[by_column]): row for row in at_level(rows, (by_column,))}
        whole = next(iter(at_level(rows, ())), None)
    heads = (
        Column(row_label or by_row.replace("_", " ").capitalize(),
               "candidate" if is_candidate else "text"),
        Column("All", "bar"), *(Column(name, "heat") for name in across),
    )  # fmt: skip
    body = tuple(
        (name, _value(of_row.get(name)), *(_heat(cells.get((name, column))) for column in across))
        for name in down
    )
    total = None
    if of_column:
        total = ("All", _value(whole), *(_heat(of_column.get(column)) for column in across))
    return Table(heads, body, total)


def _heat(row: Row | None) -> Cell:
    return None if row is None else (row["value"], row["n"])


def _value(row: Row | None) -> Cell:
    return None if row is None else row["value"]
