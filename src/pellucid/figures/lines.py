"""Lines over time with their bands, broken where a bucket is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pellucid.figures import numbers
from pellucid.figures.layout import Json, base_layout, note, rate_ticks
from pellucid.figures.rows import Row, stamp, time_axis


def runs_of(rows: Sequence[Row], step: timedelta) -> list[list[Row]]:
    """Return rows, ordered by `start_at`, split where a bucket is missing: no line bridges it."""
    runs: list[list[Row]] = []
    for row in rows:
        is_next = runs and row["start_at"] - runs[-1][-1]["start_at"] <= step
        if is_next:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def band(
    run: Sequence[Row], *, low: str = "low", high: str = "high", colour: str = "@accent/12"
) -> Json:
    """Return the area between two columns of rows that follow each other."""
    known = [row for row in run if numbers.is_known(row[low]) and numbers.is_known(row[high])]
    times = [stamp(row["start_at"]) for row in known]
    return {
        "type": "scatter", "mode": "lines", "fill": "toself", "fillcolor": colour,
        "x": times + times[::-1], "line": {"width": 0}, "hoverinfo": "skip",
        "y": [row[high] for row in known] + [row[low] for row in reversed(known)],
    }  # fmt: skip


def line(
    runs: Sequence[Sequence[Row]], hover: Callable[[Row], str], *, value: str = "value",
    colour: str = "@accent", dash: str = "solid",
) -> Json:  # fmt: skip
    """Return a line through a column, with dots where no row has a neighbour.

    Parameters
    ----------
    hover : callable
        From a row to its text, escaped.
    """
    times: list[str | None] = []
    values: list[float | None] = []
    texts: list[str] = []
    for run in runs:
        if times:
            times.append(None)
            values.append(None)
            texts.append("")
        for row in run:
            times.append(stamp(row["start_at"]))
            values.append(row[value] if numbers.is_known(row[value]) else None)
            texts.append(hover(row))
    is_dot = all(len(run) == 1 for run in runs)
    return {
        "type": "scatter", "mode": "markers" if is_dot else "lines", "x": times, "y": values,
        "line": {"color": colour, "width": 2, "dash": dash}, "marker": {"color": colour, "size": 7},
        "hovertext": texts, "hoverinfo": "x+text", "connectgaps": False,
    }  # fmt: skip


def line_layout(
    first: datetime, last: datetime, values: Sequence[float], *, is_share: bool, height: int = 260
) -> Json:
    """Return the layout of lines over time: a date axis, and one that holds all values.

    Parameters
    ----------
    values : sequence of float
        All that are drawn; unknown ones are left out.
    is_share : bool
        Whether they are of 0 to 1, written in percent.
    """
    known = [value for value in values if numbers.is_known(value)]
    low, high = min(known), max(known)
    pad = max((high - low) * 0.05, 0.005 if is_share else 1e-9)
    low, high = low - pad, high + pad
    layout = base_layout(height, hovermode="x")
    layout["xaxis"] |= time_axis(first, last) | {
        "showspikes": True, "spikemode": "across", "spikethickness": 1, "spikedash": "solid",
        "spikecolor": "@faint", "spikesnap": "data",
    }  # fmt: skip
    if first == last:
        layout["xaxis"].pop("range")
    if is_share:
        low, high = max(0.0, low), min(1.0, high)
        layout["yaxis"] |= {"range": [low, high], **rate_ticks(low, high)}
    else:
        layout["yaxis"] |= {"range": [low, high]}
    return layout


def span(start: datetime, end: datetime, colour: str) -> Json:
    """Return a shaded span of time behind the lines."""
    return {
        "type": "rect", "xref": "x", "yref": "paper", "x0": stamp(start), "x1": stamp(end),
        "y0": 0, "y1": 1, "layer": "below", "line": {"width": 0}, "fillcolor": colour,
    }  # fmt: skip


def marked(at: datetime, text: str) -> tuple[Json, Json]:
    """Return a dotted vertical line at an instant, and its name, escaped, above the figure."""
    mark = {
        "type": "line", "xref": "x", "yref": "paper", "x0": stamp(at), "x1": stamp(at),
        "y0": 0, "y1": 1, "layer": "below", "line": {"color": "@faint", "width": 1, "dash": "dot"},
    }  # fmt: skip
    return mark, note(stamp(at), 1, text, yref="paper", yanchor="bottom", xanchor="left")
