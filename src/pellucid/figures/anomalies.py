"""What a metric did against what its own past foretold."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import Json, empty_figure, font, note
from pellucid.figures.lines import band, line, line_layout, marked, runs_of, span
from pellucid.figures.rows import Row, step_of
from pellucid.figures.table import Column, Kind, Table
from pellucid.monitor.anomalies.report import Anomalies
from pellucid.monitor.localize.wording import Units


def expected_band(found: Anomalies, place: int = 0) -> Figure:
    """Line of a series in which something stands out, over the band of what was expected.

    Its spikes are shaded; where its level moved stands a line.

    Parameters
    ----------
    place : int, default 0
        Row of `found.rows` whose series is drawn; the first is the largest.
    """
    rows = found.rows.to_pylist()
    if not rows:
        return empty_figure("anomalies")
    own = _same(rows, rows[place], found.by)
    points = [row for row in _same(found.series.to_pylist(), rows[place], found.by)
              if numbers.is_known(row["value"])]  # fmt: skip
    metric = next(item for item in found.metrics if item.name == rows[place]["metric"])
    units = Units.of(metric)
    runs = runs_of(points, step_of([row["start_at"] for row in points]))
    ends = [row[key] for row in points for key in ("low", "high", "value")]
    first, last = points[0]["start_at"], points[-1]["start_at"]
    layout = line_layout(first, last, ends, is_share=units.is_share)
    layout["margin"]["t"] = 22
    layout["shapes"] = [
        span(row["since"], row["until"], "@down/10") for row in own if row["kind"] == "spike"
    ]
    layout["annotations"] = _keys(has_spike=bool(layout["shapes"]))
    for row in own:
        if row["kind"] == "shift":
            shape, name = marked(row["since"], "moved")
            layout["shapes"].append(shape)
            layout["annotations"].append(name)

    def hover(row: Row) -> str:
        return (
            f"<b>{units.value(row['value'])}</b>, {units.value(row['expected'])} expected"
            f"<br>usual {units.value(row['low'])} to {units.value(row['high'])}"
        )

    expected = line(runs, lambda _: "", value="expected", colour="@faint", dash="dot")
    data = (
        *(band(run, colour="@neutral/18") for run in runs),
        expected | {"hoverinfo": "skip"},
        line(runs, hover),
    )
    return Figure(data, layout, found.told, anomaly_table(found))


def anomaly_table(found: Anomalies) -> Table:
    """Return every anomaly: of what, where, since when, and what was expected."""
    kinds = {item.name: Units.of(item) for item in found.metrics}
    is_share = all(item.is_share for item in kinds.values())
    value: Kind = "rate" if is_share else "text"
    columns = (
        Column("Metric"), Column("Where"), Column("What"), Column("Since (UTC)", "time"),
        Column("Until (UTC)", "time"), Column("Value", value), Column("Expected", value),
        Column("n", "count"),
    )  # fmt: skip
    cells = []
    for row in found.rows.to_pylist():
        units = kinds[row["metric"]]
        values = [row["value"], row["expected"]]
        shown = values if is_share else [units.value(item) for item in values]
        where = ", ".join(f"{name}={row[name]}" for name in found.by)
        cells.append((units.label, where or "everywhere", row["kind"], row["since"], row["until"],
                      *shown, row["n"]))  # fmt: skip
    return Table(columns, tuple(cells))


def _same(rows: list[Row], row: Row, by: tuple[str, ...]) -> list[Row]:
    return [item for item in rows if all(item[name] == row[name] for name in ("metric", *by))]


def _keys(*, has_spike: bool) -> list[Json]:
    texts = [("as it was", "@accent", 0), ("as expected", "@faint", 66)]
    texts += [("unusual", "@down", 142)] if has_spike else []
    return [
        note(0, 1, text, xref="paper", yref="paper", xanchor="left", yanchor="bottom",
             xshift=shift, yshift=4, font=font(11, colour))
        for text, colour, shift in texts
    ]  # fmt: skip


def pattern_table(patterns: pa.Table, by: tuple[str, ...]) -> Table:
    """Return the weekdays on which one series differs from the others."""
    columns = (Column("Metric"), Column("Where"), Column("Weekday"), Column("Differs by", "number"),
               Column("Weeks", "count"), Column("of them alike", "count"))  # fmt: skip
    cells: list[tuple[Any, ...]] = [
        (row["metric"], ", ".join(f"{name}={row[name]}" for name in by) or "everywhere",
         row["weekday"], row["effect"], row["weeks"], row["weeks_alike"])
        for row in patterns.to_pylist()
    ]  # fmt: skip
    return Table(columns, tuple(cells))
