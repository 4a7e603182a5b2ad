"""Any metric by dimension: bars from zero with their intervals, the largest first."""

from __future__ import annotations

import pyarrow as pa

from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import (
    base_layout,
    empty_figure,
    font,
    label,
    note,
    points_ticks,
    short_label,
)
from pellucid.figures.rows import Row, at_level, whole_of
from pellucid.figures.series import kind_of, written
from pellucid.figures.table import Column, Table
from pellucid.monitor.top import is_rest
from pellucid.spec.system import Metric

_ROW, _MOST_ROWS = 25, 24


def value_by(rows: pa.Table, by: str, metric: Metric, *, name: str = "") -> Figure:
    """Bars of a metric by dimension, with 95% intervals as lines and the value at their end.

    Parameters
    ----------
    rows : pyarrow.Table
        Result of the metric, broken down by `by`.
    by : str
        The dimension. Of more than 24 values, those with most rows are drawn; all are in the table.
    name : str, optional
        What the dimension is called for people; its own name by default.
    """
    every = [row for row in at_level(rows, (by,)) if numbers.is_known(row["value"])]
    if not every:
        return empty_figure("values")
    every.sort(key=lambda row: (is_rest(row[by]), -row["value"], str(row[by])))
    most = sorted(every, key=lambda row: -(row["n"] or 0))[:_MOST_ROWS]
    found = [row for row in every if row in most]
    count, places = len(found), list(range(len(found)))
    layout = base_layout(_ROW * count + 40, bargap=0.35)
    layout["margin"]["r"] = 76
    layout["yaxis"] |= {
        "range": [count - 0.4, -0.6], "tickvals": places, "showgrid": False,
        "ticktext": [short_label(_named(row, by)) for row in found],
        "tickfont": font(12, "@text"), "ticklabelstandoff": 8,
    }  # fmt: skip
    layout["xaxis"] |= {"showgrid": True, "rangemode": "tozero"}
    if metric.value_unit == "points":
        held = [0.0, *(_end(row, key) for row in found for key in ("low", "high"))]
        layout["xaxis"] |= points_ticks(min(held), max(held))
    layout["annotations"] = [
        note(1, place, f"<b>{written(row['value'], metric)}</b>", xref="paper", xanchor="left",
             xshift=8, font=font(12, "@text"))
        for place, row in zip(places, found, strict=True)
    ]  # fmt: skip
    above, below = (
        [abs(_end(row, key) - row["value"]) for row in found] for key in ("high", "low")
    )
    has_ends = any(numbers.is_known(row["low"]) for row in found)
    errors = {"error_x": {
        "type": "data", "symmetric": False, "array": above, "arrayminus": below,
        "color": "@text", "thickness": 1.2, "width": 3,
    }} if has_ends else {}  # fmt: skip
    data = ({
        "type": "bar", "orientation": "h", "y": places, "x": [row["value"] for row in found],
        "marker": {"color": "@accent/75", "cornerradius": 2},
        "hovertext": [_hover(row, by, metric) for row in found], "hoverinfo": "text",
        "textposition": "none", **errors,
    },)  # fmt: skip
    title, first, last = metric.label or metric.name, found[0], found[-1]
    more = len(every) - count
    alt = (
        f"{title} by {name or by}, {count} values: highest {_named(first, by)} "
        f"{written(first['value'], metric)}, lowest {_named(last, by)} "
        f"{written(last['value'], metric)}."
        + (f" {more} more with fewer rows are in the table." if more else "")
    )
    return Figure(data, layout, alt, _table(every, rows, by, metric, name or by))


def _named(row: Row, by: str) -> str:
    return "(missing)" if row[by] is None else str(row[by])


def _end(row: Row, key: str) -> float:
    end: float = row[key] if numbers.is_known(row[key]) else row["value"]
    return end


def _hover(row: Row, by: str, metric: Metric) -> str:
    ends = ""
    if numbers.is_known(row["low"]) and numbers.is_known(row["high"]):
        ends = f"<br>95% interval {written(row['low'], metric)} to {written(row['high'], metric)}"
    return (
        f"<b>{label(_named(row, by))}</b> {written(row['value'], metric)}{ends}"
        f"<br>n {numbers.count(row['n'])}"
    )


def _table(every: list[Row], rows: pa.Table, by: str, metric: Metric, name: str) -> Table:
    kind, whole = kind_of(metric), whole_of(rows)
    columns = (
        Column(name), Column(metric.label or metric.name, kind), Column("Low", kind),
        Column("High", kind), Column("n", "count"),
    )  # fmt: skip

    def cells(head: str, row: Row) -> tuple[object, ...]:
        return (head, row["value"], row["low"], row["high"], row["n"])

    body = tuple(cells(_named(row, by), row) for row in every)
    return Table(columns, body, cells("All", whole) if whole else None)
