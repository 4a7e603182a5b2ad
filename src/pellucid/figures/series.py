"""Any metric over time: one line for the whole, or one for each value of a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pyarrow as pa

from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import empty_figure, font, label, note, points_ticks, spread
from pellucid.figures.lines import line, line_layout, runs_of
from pellucid.figures.rows import Row, at_level, grain_word, step_of
from pellucid.figures.table import Column, Kind, Table
from pellucid.figures.tokens import MOST_CANDIDATES, candidate_tokens
from pellucid.spec.system import Metric

_LONGEST = 18
_SMALL = 0.1


def series_over_time(
    rows: pa.Table, metric: Metric, by: str = "", *, order: Sequence[str] = ()
) -> Figure:
    """Lines of a metric, named at their right ends.

    Parameters
    ----------
    rows : pyarrow.Table
        Result of the metric with a grain, broken down by `by` if that is given.
    metric : Metric
    by : str
        A dimension; of more than eight values those with most rows are drawn. Empty of the whole.
    order : sequence of str, optional
        Values in the order that fixes their colours, as `candidate_order` gives it; by default
        the values drawn, sorted.
    """
    found = [row for row in at_level(rows, (by,) if by else ()) if numbers.is_known(row["value"])]
    if not found:
        return empty_figure("values")
    names = _largest(found, by) if by else [""]
    tokens = candidate_tokens(order or names) if by else {"": "@accent"}
    step = step_of(sorted({row["start_at"] for row in found}))
    times = [row["start_at"] for row in found]
    shown = [row for row in found if not by or str(row[by]) in names]
    is_share = metric.value_unit == "share"
    layout = line_layout(
        min(times), max(times), [row["value"] for row in shown], is_share=is_share
    )  # fmt: skip
    if metric.value_unit == "points":
        layout["yaxis"] |= points_ticks(*layout["yaxis"]["range"])
    data, ends = [], []
    for name in names:
        own = sorted((row for row in shown if not by or str(row[by]) == name),
                     key=lambda row: row["start_at"])  # fmt: skip
        colour = tokens.get(name, "@neutral")
        data.append(line(runs_of(own, step), partial(_hover, name, metric), colour=colour))
        ends.append((own[-1]["value"], name, colour))
    if by:
        low, high = layout["yaxis"]["range"]
        ends.sort()
        places = spread([end[0] for end in ends], (high - low) / 16, low, high)
        layout["margin"]["r"] = 150
        layout["annotations"] = [*layout.get("annotations", []), *(
            note(1, place, f"{label(name, longest=_LONGEST)} <b>{written(value, metric)}</b>",
                 xref="paper", xanchor="left", xshift=8, font=font(11, colour))
            for place, (value, name, colour) in zip(places, ends, strict=True)
        )]  # fmt: skip
    title = metric.label or metric.name
    last = ", ".join(
        f"{name} {written(value, metric)}".strip() for value, name, _ in reversed(ends)
    )
    alt = f"{title} per {grain_word(step)}{f' by {by}' if by else ''}; last: {last}."
    return Figure(tuple(data), layout, alt, _table(shown, metric, by))


def written(value: float | None, metric: Metric) -> str:
    """Return a value of a metric as it is written for people."""
    if metric.value_unit == "share":
        return numbers.rate(value)
    if metric.value_unit == "points":
        return numbers.points(value)
    if metric.value_unit == "count" or metric.finalizer == "count":
        return numbers.count(value)
    # Small terms, such as what a fee takes from a score, would all be 0.03.
    is_small = value is not None and abs(value) < _SMALL
    return numbers.number(value, 4 if is_small else 2)


def kind_of(metric: Metric) -> Kind:
    """Return the kind of a table's column of a metric."""
    if metric.value_unit == "share":
        return "rate"
    if metric.value_unit == "points":
        return "points"
    return "count" if metric.value_unit == "count" or metric.finalizer == "count" else "number"


def _largest(found: Sequence[Row], by: str) -> list[str]:
    sizes: dict[str, float] = {}
    for row in found:
        sizes[str(row[by])] = sizes.get(str(row[by]), 0) + (row["n"] or 0)
    return sorted(sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST_CANDIDATES])


def _hover(name: str, metric: Metric, row: Row) -> str:
    ends = ""
    if numbers.is_known(row["low"]) and numbers.is_known(row["high"]):
        ends = f"<br>95% interval {written(row['low'], metric)} to {written(row['high'], metric)}"
    head = f"<b>{label(name)}</b> " if name else ""
    return (
        f"{head}{written(row['value'], metric)}<br>{numbers.instant(row['start_at'])}{ends}"
        f"<br>n {numbers.count(row['n'])}"
    )


def _table(shown: Sequence[Row], metric: Metric, by: str) -> Table:
    kind = kind_of(metric)
    columns = (
        Column("Start (UTC)", "time"), *([Column(by)] if by else []),
        Column(metric.label or metric.name, kind), Column("Low", kind), Column("High", kind),
        Column("n", "count"),
    )  # fmt: skip
    rows = sorted(shown, key=lambda row: (row["start_at"], str(row[by]) if by else ""))
    return Table(columns, tuple(
        (row["start_at"], *([str(row[by])] if by else []), row["value"], row["low"], row["high"],
         row["n"]) for row in rows
    ))  # fmt: skip
