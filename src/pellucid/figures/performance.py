"""Was the model right: predicted probability against realised rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pellucid.figures import numbers
from pellucid.figures.dots import Side, bar_between, dot_layout, dots, key_notes, padded
from pellucid.figures.figure import Figure
from pellucid.figures.layout import (
    Json,
    base_layout,
    empty_figure,
    font,
    label,
    rate_ticks,
)  # fmt: skip
from pellucid.figures.table import Column, Kind, Table

Row = dict[str, Any]


def predicted_against_realised(
    rows: pa.Table, by: str = "candidate", *, title: str = "Rate"
) -> Figure:
    """Predicted probability (diamond) beside realised rate (dot, 95% interval), for each value.

    Parameters
    ----------
    rows : pyarrow.Table
        Columns `by`, ``predicted``, ``realised``, ``low``, ``high`` (of the realised rate) and
        ``n``, in the order to show.
    by : str, default "candidate"
        Column of the candidate, bucket or other dimension.
    title : str
        Name of the realised rate, for the sentence.
    """
    found = _known(rows)
    if not found:
        return empty_figure("mature labels")
    sides = (
        Side("gap", [f"<b>{numbers.points(_gap(row))}</b>" for row in found], 66,
             [_gap_tone(row) for row in found]),
        Side("n", [numbers.count(row["n"]) for row in found], 60, ("@muted",), is_wide_only=True),
    )  # fmt: skip
    ends = [row[key] for row in found for key in ("predicted", "realised", "low", "high")
            if numbers.is_known(row[key])]  # fmt: skip
    layout = dot_layout([row[by] for row in found], ends, sides)
    layout["shapes"] = _interval_bars(found, "low", "high", "@accent/35", 0)
    layout["annotations"] += key_notes([("◆", "@down", "predicted"), ("●", "@accent", "realised")])
    places = list(range(len(found)))
    hover = [
        f"<b>{label(row[by])}</b><br>predicted {numbers.rate(row['predicted'], 2)}<br>realised "
        f"{numbers.rate(row['realised'], 2)} ({numbers.interval(row['low'], row['high'])})"
        f"<br>n {numbers.count(row['n'])}"
        for row in found
    ]
    data = (
        dots([row["realised"] for row in found], places, hover, name="realised"),
        dots([row["predicted"] for row in found], places, hover, symbol="diamond", size=9,
             colour="@down", name="predicted"),
    )  # fmt: skip
    return Figure(data, layout, _gap_alt(found, by, title), _gap_table(found, by))


def _known(rows: pa.Table) -> list[Row]:
    return [
        row for row in rows.to_pylist()
        if numbers.is_known(row["predicted"]) and numbers.is_known(row["realised"])
    ]  # fmt: skip


def _gap(row: Row) -> float:
    return row["predicted"] - row["realised"]


def _gap_tone(row: Row) -> str:
    is_known = numbers.is_known(row["low"]) and numbers.is_known(row["high"])
    if not is_known or row["low"] <= row["predicted"] <= row["high"]:
        return "@muted"
    return "@down" if _gap(row) > 0 else "@up"


def _gap_alt(found: Sequence[Row], by: str, title: str) -> str:
    outside = sum(_gap_tone(row) != "@muted" for row in found)
    row = max(found, key=lambda row: abs(_gap(row)))
    return (
        f"{title}, predicted against realised, by {by}: {outside} of {len(found)} predictions lie "
        f"outside the 95% interval of the realised rate. Largest gap: {row[by]}, predicted "
        f"{numbers.rate(row['predicted'])}, realised {numbers.rate(row['realised'])} "
        f"(n {numbers.count(row['n'])})."
    )


def _interval_bars(
    found: Sequence[Row], low: str, high: str, colour: str, shift: float
) -> list[Json]:
    return [
        bar_between(row[low], row[high], place + shift, colour)
        for place, row in enumerate(found)
        if numbers.is_known(row[low]) and numbers.is_known(row[high])
    ]


def _gap_table(found: Sequence[Row], by: str = "") -> Table:
    kind: Kind = "candidate" if by in ("candidate", "route") else "text"
    first = (Column(by.replace("_", " ").capitalize(), kind),) if by else ()
    columns = (
        *first, Column("Predicted", "rate"), Column("Realised", "rate"),
        Column("95% interval", "interval"), Column("Gap", "points"), Column("n", "count"),
    )  # fmt: skip
    return Table(columns, tuple(
        (*((row[by],) if by else ()), row["predicted"], row["realised"],
         (row["low"], row["high"]), _gap(row), row["n"])
        for row in found
    ))  # fmt: skip


def calibration(rows: pa.Table, *, title: str = "Rate") -> Figure:
    """Realised rate against predicted probability, by bucket of the prediction.

    Parameters
    ----------
    rows : pyarrow.Table
        ``predicted`` (mean in the bucket), ``realised``, ``low``, ``high`` and ``n``.
    title : str
        Name of the realised rate, for the axis and the sentence.
    """
    found = sorted(_known(rows), key=lambda row: row["predicted"])
    if not found:
        return empty_figure("mature labels")
    ends = [row[key] for row in found for key in ("predicted", "realised", "low", "high")
            if numbers.is_known(row[key])]  # fmt: skip
    low, high = padded(ends)
    layout = base_layout(320)
    for name, text in (("xaxis", "predicted"), ("yaxis", f"realised: {label(title.lower())}")):
        layout[name] |= {"range": [low, high], "showgrid": True, **rate_ticks(low, high),
                         "title": {"text": text, "font": font(11, "@muted")}}  # fmt: skip
    line = {"color": "@faint", "width": 1, "dash": "dot"}
    layout["shapes"] = [{"type": "line", "x0": low, "y0": low, "x1": high, "y1": high,
                         "layer": "below", "line": line}]  # fmt: skip
    layout["shapes"] += [
        {"type": "line", "x0": row["predicted"], "x1": row["predicted"], "y0": row["low"],
         "y1": row["high"], "layer": "between", "line": {"color": "@accent/35", "width": 4}}
        for row in found if numbers.is_known(row["low"]) and numbers.is_known(row["high"])
    ]  # fmt: skip
    hover = [
        f"predicted {numbers.rate(row['predicted'], 2)}<br>realised "
        f"<b>{numbers.rate(row['realised'], 2)}</b><br>n {numbers.count(row['n'])}"
        for row in found
    ]
    data = (dots([row["predicted"] for row in found], [row["realised"] for row in found], hover),)
    shown = [row | {"bucket": numbers.rate(row["predicted"], 0)} for row in found]
    return Figure(data, layout, _gap_alt(shown, "bucket", title), _gap_table(found))
