"""One decision: what made its score, and how its candidates compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import pyarrow as pa

from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import Json, base_layout, empty_figure, font, label, note, short_label
from pellucid.figures.table import Column, Table

_UNEXPLAINED = 0.005
_BAR = 28


def waterfall(
    rows: pa.Table, base_value: float, raw_score: float, *, most: int = 9, unit: str = "log-odds"
) -> Figure:
    """Bars from the average to one raw score, largest attribution first.

    Parameters
    ----------
    rows : pyarrow.Table
        ``feature``, ``label``, ``shown_value`` (string) and ``attribution`` (float), one row for
        each feature.
    base_value, raw_score : float
        Where the bars start and end; what attributions leave unexplained is a bar of its own.
    most : int, default 9
        Features shown on their own; the rest is one bar.
    unit : str
        Scale of the attributions, for people.
    """
    found = sorted(rows.to_pylist(), key=lambda row: (-abs(row["attribution"]), row["feature"]))
    if not found:
        return empty_figure("attributions of this decision")
    bars = _folded(found, most)
    rest = raw_score - base_value - sum(value for _, _, value in bars)
    if abs(rest) >= _UNEXPLAINED:
        bars.append(("not explained", "", rest))
    ends = list(accumulate((value for _, _, value in bars), initial=base_value))
    layout = _waterfall_layout(bars, ends)
    steps = list(zip(bars, ends, strict=False))
    data = ({
        "type": "bar", "orientation": "h", "y": list(range(len(bars))),
        "base": [min(start, start + value) for (_, _, value), start in steps],
        "x": [abs(value) for _, _, value in bars],
        "marker": {"color": [_tone(value) for _, _, value in bars], "cornerradius": 2},
        "hovertext": [f"<b>{label(name)}</b> {label(shown)}<br>{numbers.log_odds(value)} {unit}"
                      for name, shown, value in bars],
        "hoverinfo": "text", "textposition": "none",
    },)  # fmt: skip
    top = ", ".join(f"{name} {numbers.log_odds(value)}" for name, _, value in bars[:3] if name)
    alt = (
        f"From the average {numbers.number(base_value)} to this decision's raw score "
        f"{numbers.number(raw_score)} in {unit}, over {len(found)} features. Largest: {top}."
    )
    columns = (Column("Feature"), Column("Value"), Column(f"Attribution ({unit})", "log_odds"))
    cells = tuple((row["label"] or row["feature"], row["shown_value"] or "", row["attribution"])
                  for row in found)  # fmt: skip
    total = ("Average + all = this decision", numbers.number(base_value), raw_score)
    return Figure(data, layout, alt, Table(columns, cells, total))


def _folded(found: Sequence[Mapping[str, object]], most: int) -> list[tuple[str, str, float]]:
    bars = [
        (str(row["label"] or row["feature"]), str(row["shown_value"] or ""),
         float(row["attribution"]))  # type: ignore[arg-type]
        for row in found
    ]  # fmt: skip
    # One bar of a single leftover feature would only hide its name.
    if len(bars) > most + 1:
        tail = bars[most:]
        return [*bars[:most], (f"{len(tail)} other features", "", sum(bar[2] for bar in tail))]
    return bars


def _tone(value: float) -> str:
    return "@up" if value > 0 else "@down" if value < 0 else "@neutral"


def _waterfall_layout(bars: Sequence[tuple[str, str, float]], ends: Sequence[float]) -> Json:
    count = len(bars)
    layout = base_layout(_BAR * count + 56, bargap=0.36, meta={"min_width": 430})
    layout["margin"] = {"l": 4, "r": 14, "t": 26, "b": 24}
    span = max(ends) - min(ends) or 1.0
    layout["xaxis"] |= {
        "range": [min(ends) - span * 0.24, max(ends) + span * 0.24], "visible": False,
    }  # fmt: skip
    layout["yaxis"] |= {
        "range": [count - 0.4, -0.7], "tickvals": list(range(count)), "showgrid": False,
        "ticktext": [f"{short_label(name)}  <b>{label(shown, longest=16)}</b>" if shown
                     else short_label(name) for name, shown, _ in bars],
        "tickfont": font(12, "@text"), "ticklabelstandoff": 8,
    }  # fmt: skip
    first, last = ends[0], ends[-1]
    layout["shapes"] = [
        {"type": "line", "x0": end, "x1": end, "y0": index + 0.31, "y1": index + 0.69,
         "line": {"color": "@faint", "width": 1}}
        for index, end in enumerate(ends[1:-1])
    ] + [
        {"type": "line", "x0": end, "x1": end, "y0": -0.62, "y1": count - 0.4, "layer": "below",
         "line": {"color": "@faint", "width": 1, "dash": "dot"}}
        for end in (first, last)
    ]  # fmt: skip
    rises = last >= first
    layout["annotations"] = [
        note(max(start, end) if value > 0 else min(start, end), index, numbers.log_odds(value),
             xanchor="left" if value > 0 else "right", xshift=5 if value > 0 else -5,
             font=font(11, _tone(value)), bgcolor="@surface/72", borderpad=0)
        for index, ((_, _, value), start, end) in enumerate(
            zip(bars, ends, ends[1:], strict=False))
    ] + [
        note(first, -0.62, f"average <b>{numbers.number(first)}</b>", yanchor="bottom",
             xanchor="left" if rises else "right"),
        note(last, count - 0.4, f"this decision <b>{numbers.number(last)}</b>", yanchor="top",
             xanchor="right" if rises else "left", font=font(11, "@text")),
    ]  # fmt: skip
    return layout
