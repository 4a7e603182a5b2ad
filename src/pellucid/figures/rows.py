"""Rows of a result table, ready to draw: one level, one metric, known values only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa

from pellucid.errors import DataError, UnknownNameError
from pellucid.figures.numbers import is_known

Row = dict[str, Any]


def at_level(rows: pa.Table, by: Collection[str]) -> list[Row]:
    """Return the rows that are broken down by exactly these dimensions and have a value.

    Parameters
    ----------
    rows : pyarrow.Table
        Result of a question; without a ``level`` column every row counts.
    by : collection of str
        Dimensions; empty for the whole.

    Returns
    -------
    list of dict
        In the order of the table.

    Raises
    ------
    DataError
        If more than one metric or segment would be mixed in one figure.
    UnknownNameError
        If a dimension is not a column.
    """
    for name in by:
        if name not in rows.column_names:
            raise UnknownNameError(kind="column", name=name, known=rows.column_names)
    found = rows.to_pylist()
    if "level" in rows.column_names:
        found = [row for row in found if set(filter(None, row["level"].split(","))) == set(by)]
    for name in ("metric", "segment"):
        mixed = sorted({str(row[name]) for row in found if name in row})
        if len(mixed) > 1:
            raise DataError("rows of a figure", [
                f"hold more than one {name} ({', '.join(mixed[:4])}); filter to one"
            ])  # fmt: skip
    return [row for row in found if is_known(row.get("value"))]


def whole_of(rows: pa.Table) -> Row | None:
    """Return the row of the whole where the table has one."""
    if "level" not in rows.column_names:
        return None
    found = at_level(rows, ())
    return found[0] if found else None


def step_of(times: list[datetime]) -> timedelta:
    """Return the smallest step between times; a day where there is only one.

    The first bucket of a window may be cut, so its step counts only where there is no other.
    """
    ordered = sorted(set(times))
    steps = [later - earlier for earlier, later in pairwise(ordered)]
    return min(steps[1:] or steps, default=timedelta(days=1))


def grain_word(step: timedelta) -> str:
    """Return what people call a bucket of this length."""
    if step < timedelta(hours=20):
        return "hour" if step <= timedelta(hours=1) else "bucket"
    return "day" if step < timedelta(days=2) else "week" if step == timedelta(weeks=1) else "bucket"


def time_axis(first: datetime, last: datetime) -> dict[str, Any]:
    """Return axis options for a span of time: days, or hours with their day where it is short."""
    is_short = last - first < timedelta(days=3)
    return {
        "type": "date", "tickangle": 0, "ticklabelstandoff": 6,
        "tickformat": "%H:%M<br>%-d %b" if is_short else "%-d %b",
        "range": [stamp(first), stamp(last)],
    }  # fmt: skip


def stamp(when: datetime) -> str:
    """Return an instant as plotly's date axis takes it, in UTC."""
    return f"{when:%Y-%m-%d %H:%M}"
