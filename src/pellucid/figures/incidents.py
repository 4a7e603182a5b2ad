"""Incidents over time: since when, how long, how grave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import base_layout, empty_figure, font, label, short_label
from pellucid.figures.lines import marked
from pellucid.figures.rows import stamp, time_axis
from pellucid.figures.table import Column, Table
from pellucid.monitor.incidents.incident import Incident
from pellucid.spec.check import Marker
from pellucid.windows import Window, parse_instant

_ROW, _MOST = 26, 20
_COLOURS = {"critical": "@down", "warn": "@warn", "info": "@neutral"}
_TONES = {"critical": "bad", "warn": "warn", "info": ""}


def incident_timeline(
    incidents: Sequence[Incident], window: Window, markers: Sequence[Marker] = ()
) -> Figure:
    """A bar for each incident, from when it began to when it was last seen; the first on top.

    Parameters
    ----------
    incidents : sequence of Incident
        In the order to show; the first 20 are drawn, all are in the table.
    window : Window
        The span of time that is shown; bars are cut to it.
    markers : sequence of Marker, optional
        Releases and the like, drawn where they lie in the window.
    """
    shown = [item for item in incidents
             if item.started_at < window.end and item.last_at >= window.start][:_MOST]  # fmt: skip
    if not shown:
        return empty_figure("incidents")
    count = len(shown)
    layout = base_layout(_ROW * count + 56, bargap=0.45, meta={"min_width": 430})
    layout["margin"]["t"] = 22
    layout["xaxis"] |= time_axis(window.start, window.end) | {"showgrid": True}
    layout["yaxis"] |= {
        "range": [count - 0.4, -0.6], "tickvals": list(range(count)), "showgrid": False,
        "ticktext": [short_label(_place(item)) for item in shown], "tickfont": font(12, "@text"),
        "ticklabelstandoff": 8,
    }  # fmt: skip
    for item in markers:
        at = parse_instant(item.at)
        if window.start <= at < window.end:
            shape, name = marked(at, label(item.name))
            layout["shapes"].append(shape)
            layout["annotations"].append(name)
    starts = [max(item.started_at, window.start) for item in shown]
    # Less than an hour would be no bar at all.
    ends = [max(min(item.last_at, window.end), start + timedelta(hours=1))
            for item, start in zip(shown, starts, strict=True)]  # fmt: skip
    data = ({
        "type": "bar", "orientation": "h", "y": list(range(count)),
        "base": [stamp(start) for start in starts],
        "x": [(end - start) / timedelta(milliseconds=1)
              for start, end in zip(starts, ends, strict=True)],
        "marker": {"color": [_COLOURS[item.severity] for item in shown], "cornerradius": 2,
                   "opacity": [0.45 if item.state == "resolved" else 1.0 for item in shown]},
        "hovertext": [f"<b>{label(item.title)}</b><br>{item.state}, opened "
                      f"{numbers.instant(item.opened_at)}" for item in shown],
        "hoverinfo": "text", "textposition": "none",
    },)  # fmt: skip
    still = sum(item.state != "resolved" for item in shown)
    more = len(incidents) - count
    alt = (
        f"{len(incidents)} {'incident' if len(incidents) == 1 else 'incidents'}, {still} of those "
        f"shown not resolved. First: {shown[0].title}."
        + (f" {more} more are in the table." if more > 0 else "")
    )
    return Figure(data, layout, alt, incidents_table(incidents))


def incidents_table(incidents: Sequence[Incident]) -> Table:
    """Return each incident: state, what, where, since when, at what cost, whose it is."""
    columns = (
        Column("State", "pill"), Column("What"), Column("Where"), Column("Since (UTC)", "time"),
        Column("Last seen (UTC)", "time"), Column("Lost"), Column("Owner"),
    )  # fmt: skip
    rows = tuple(
        ((item.state, "good" if item.state == "resolved" else _TONES[item.severity]), item.title,
         _where(item), item.started_at, item.last_at, lost_text(item), item.owner or None)
        for item in incidents
    )  # fmt: skip
    return Table(columns, rows)


def _place(item: Incident) -> str:
    where = ", ".join(value for _, value in item.cause.slice)
    return f"{item.cause.label} {where}" if where else item.cause.label


def _where(item: Incident) -> str:
    return ", ".join(f"{name}={value}" for name, value in item.cause.slice) or "everywhere"


def lost_text(item: Incident) -> str | None:
    """Return what an incident costs, in words; None where it is not known."""
    stake = item.stake
    if stake is None:
        return None
    told = f"{numbers.count(stake.lost)} {stake.label}"
    if stake.money_minor is None:
        return told
    return f"{told}, {numbers.money(stake.money_minor, stake.currency, is_compact=True)}"
