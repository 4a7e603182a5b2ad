"""Drift: how far each column moved beside chance, and the values of one now and before."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import axis, base_layout, empty_figure, font, label, short_label
from pellucid.figures.table import Column, Table
from pellucid.monitor.drift.report import ColumnDrift, DriftReport

_ROW, _MOST = 24, 16
_MOST_BINS = 24
_COLOURS = {"moved": "@down", "no values": "@down", "slightly": "@warn", "constant": "@warn"}
_TONES = {"moved": "bad", "no values": "bad", "slightly": "warn", "constant": "warn",
          "steady": "good", "too few rows": ""}  # fmt: skip


def drift_bars(report: DriftReport) -> Figure:
    """A bar of the population stability index of each column, with a tick where chance ends.

    Parameters
    ----------
    report : DriftReport
        Its first 16 columns with values are drawn, all are in the table.
    """
    shown = [item for item in report.columns if numbers.is_known(item.drift.psi)][:_MOST]
    if not shown:
        return empty_figure("columns with values")
    count = len(shown)
    layout = base_layout(_ROW * count + 40, bargap=0.4)
    layout["yaxis"] |= {
        "range": [count - 0.4, -0.6], "tickvals": list(range(count)), "showgrid": False,
        "ticktext": [short_label(item.label) for item in shown], "tickfont": font(12, "@text"),
        "ticklabelstandoff": 8,
    }  # fmt: skip
    layout["xaxis"] |= {"showgrid": True, "rangemode": "tozero"}
    psi = [item.drift.psi for item in shown]
    noise = [item.drift.psi_noise for item in shown]
    hover = [f"<b>{label(item.label)}</b> {item.verdict}<br>{label(item.why)}" for item in shown]
    data = (
        {"type": "bar", "orientation": "h", "y": list(range(count)), "x": psi,
         "marker": {"color": [_COLOURS.get(item.verdict, "@neutral") for item in shown],
                    "cornerradius": 2},
         "hovertext": hover, "hoverinfo": "text", "textposition": "none"},
        {"type": "scatter", "mode": "markers", "x": noise, "y": list(range(count)),
         "marker": {"symbol": "line-ns-open", "size": 13, "color": "@text"},
         "hovertext": [f"chance explains up to {value:.4f}" for value in noise],
         "hoverinfo": "text"},
    )  # fmt: skip
    first = shown[0]
    alt = (
        f"Population stability index of {count} columns; {len(report.moved)} moved. First: "
        f"{first.label}, {first.drift.psi:.3f}, {first.verdict}."
    )
    return Figure(data, layout, alt, drift_table(report, {}))


def drift_table(report: DriftReport, links: Mapping[str, str]) -> Table:
    """Return each column: verdict, what changed, distances, rows.

    Parameters
    ----------
    links : mapping of str to str
        Addresses of columns; of none where there are no pages.
    """
    columns = (
        Column("Column", "link" if links else "text"), Column("Verdict", "pill"),
        Column("What changed"), Column("PSI", "number", "population stability index"),
        Column("By chance", "number", "what chance explains of it"),
        Column("Jensen-Shannon", "number"), Column("Missing before", "rate"),
        Column("Missing now", "rate"), Column("n", "count"),
    )  # fmt: skip
    rows = []
    for item in report.columns:
        drift = item.drift
        name = (item.label, links[drift.column]) if links else item.label
        rows.append((
            name, (item.verdict, _TONES[item.verdict]), item.why or None, drift.psi,
            drift.psi_noise, drift.jensen_shannon, drift.baseline_missing, drift.missing, drift.n,
        ))  # fmt: skip
    return Table(columns, tuple(rows))


def distribution(item: ColumnDrift) -> Figure:
    """Shares of a column's values in the window as bars, in the baseline as a stepped line.

    Of a category with more than 24 values those are drawn that have or moved most.
    """
    support = item.drift.support
    now, before = (side / max(side.sum(), 1.0) for side in (support.counts, support.baseline))
    used = np.flatnonzero(now + before > 0)
    if not len(used):
        return empty_figure("values")
    if item.drift.kind == "category":
        used = used[np.argsort(-np.maximum(now, before)[used], kind="stable")[:_MOST_BINS]]
    names = [str(support.names[place]) for place in used]
    layout = base_layout(260, bargap=0.12)
    layout["xaxis"] = axis(
        tickvals=list(range(len(names))),
        ticktext=[short_label(name) for name in names],
        tickangle=-35 if len(names) > 6 else 0,
        range=[-0.6, len(names) - 0.4],
    )
    top = float(max(now[used].max(), before[used].max()))
    layout["yaxis"] |= {"range": [0, top * 1.08], "tickformat": ".0%" if top > 0.05 else ".1%"}
    hover = [
        f"<b>{label(name)}</b><br>{numbers.rate(before[place], 2)} before, "
        f"{numbers.rate(now[place], 2)} now"
        for name, place in zip(names, used, strict=True)
    ]
    places = list(range(len(names)))
    data = (
        {"type": "bar", "x": places, "y": now[used].tolist(), "hovertext": hover,
         "hoverinfo": "text", "textposition": "none",
         "marker": {"color": "@accent/55", "cornerradius": 2}},
        {"type": "scatter", "mode": "lines", "x": places, "y": before[used].tolist(),
         "line": {"shape": "hvh", "color": "@text", "width": 1.6}, "hoverinfo": "skip"},
    )  # fmt: skip
    most = max(used, key=lambda place: abs(now[place] - before[place]))
    alt = (
        f"{item.label}: {item.verdict}. Largest change: {support.names[most]}, from "
        f"{numbers.rate(before[most])} to {numbers.rate(now[most])} of rows."
    )
    columns = (Column("Value"), Column("Before", "rate"), Column("Now", "rate"),
               Column("Change", "points"))  # fmt: skip
    rows = tuple((name, float(before[place]), float(now[place]), float(now[place] - before[place]))
                 for name, place in zip(names, used, strict=True))  # fmt: skip
    return Figure(data, layout, alt, Table(columns, rows))
