"""How late outcomes come, and what young rates will end at."""

from __future__ import annotations

from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import base_layout, empty_figure, font, note, rate_ticks
from pellucid.figures.lines import band, line, line_layout, runs_of
from pellucid.figures.rows import Row, step_of
from pellucid.figures.table import Column, Table
from pellucid.monitor.performance.maturity import Maturity

_KNOWN = 0.995
_KEY = 36


def maturing(found: Maturity) -> Figure:
    """Line of the rate that is known of each cohort, and of what it is expected to end at.

    Where all is known the two are one; the band is the 95% interval of the forecast.
    """
    rows = [row for row in found.rows.to_pylist() if numbers.is_known(row["final_rate"])]
    if not rows:
        return empty_figure("outcomes")
    runs = runs_of(rows, step_of([row["start_at"] for row in rows]))
    young = [row for row in rows if row["known_share"] < _KNOWN]
    ends = [row[key] for row in rows for key in ("rate", "final_rate", "low", "high")]
    layout = line_layout(rows[0]["start_at"], rows[-1]["start_at"], ends, is_share=True)
    layout["margin"]["t"] = 22
    layout["annotations"] = [
        note(0, 1, text, xref="paper", yref="paper", xanchor="left", yanchor="bottom",
             xshift=shift, yshift=4, font=font(11, colour))
        for text, colour, shift in (("known so far", "@faint", 0), ("expected", "@accent", 84))
    ]  # fmt: skip

    def hover(row: Row) -> str:
        return (
            f"<b>{numbers.rate(row['final_rate'], 2)}</b> expected, "
            f"{numbers.interval(row['low'], row['high'])}<br>{numbers.rate(row['rate'], 2)} so "
            f"far, {numbers.rate(row['known_share'])} known<br>n {numbers.count(row['decisions'])}"
        )

    known = line(runs, lambda _: "", value="rate", colour="@faint", dash="dot")
    data = (
        *(band(run) for run in runs_of(young, step_of([row["start_at"] for row in rows]))),
        known | {"hoverinfo": "skip"},
        line(runs, hover, value="final_rate"),
    )
    columns = (
        Column("Start (UTC)", "time"), Column("Decisions", "count"), Column("Known", "bar"),
        Column("Rate so far", "rate"), Column("Expected to end at", "rate"),
        Column("95% interval", "interval"),
    )  # fmt: skip
    cells = tuple(
        (row["start_at"], row["decisions"], row["known_share"], row["rate"], row["final_rate"],
         (row["low"], row["high"]))
        for row in rows
    )  # fmt: skip
    return Figure(data, layout, found.told, Table(columns, cells))


def arrivals(found: Maturity) -> Figure:
    """Curves of the share of outcomes that is known after so many days or hours."""
    rows = found.curve.to_pylist()
    sides = {"positives": ("yes", "@up"), "negatives": ("no", "@down")}
    shown = [name for name in sides if any(numbers.is_known(row[name]) for row in rows)]
    if not shown:
        return empty_figure("outcomes")
    layout = base_layout(220)
    layout["margin"]["t"] = 22
    layout["xaxis"] |= {"range": [0, max(rows[-1]["delay"], 1)], "showgrid": False}
    layout["yaxis"] |= {"range": [0, 1.02], **rate_ticks(0, 1)}
    data = []
    for place, name in enumerate(shown):
        text, colour = sides[name]
        values = [row[name] if numbers.is_known(row[name]) else None for row in rows]
        data.append({
            "type": "scatter", "mode": "lines", "x": [row["delay"] for row in rows], "y": values,
            "line": {"color": colour, "width": 2, "shape": "hv"}, "name": text,
            "hovertext": [f"{text}: {numbers.rate(value)} known after {row['delay']}"
                          for row, value in zip(rows, values, strict=True)], "hoverinfo": "text",
        })  # fmt: skip
        layout["annotations"].append(
            note(0, 1, text, xref="paper", yref="paper", xanchor="left", yanchor="bottom",
                 xshift=_KEY * place, yshift=4, font=font(11, colour))
        )  # fmt: skip
    table = Table(
        (Column("After", "count"), *(Column(f"{sides[name][0].capitalize()} known", "rate")
                                     for name in shown)),
        tuple((row["delay"], *(row[name] for name in shown)) for row in rows),
    )  # fmt: skip
    return Figure(tuple(data), layout, found.told, table)
