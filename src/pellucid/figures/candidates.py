"""The candidates of one decision: probability, what each layer added, utility."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa

from pellucid.figures import numbers
from pellucid.figures.dots import Side, bar_between, dot_layout, dots, key_notes
from pellucid.figures.figure import Figure
from pellucid.figures.layout import Json, empty_figure, font, label, note
from pellucid.figures.table import Column, Table
from pellucid.figures.tokens import candidate_tokens

_PREFIX = "layer_"
_LANE = 0.15
Row = dict[str, Any]


def candidate_scores(
    rows: pa.Table,
    *,
    order: Sequence[str] = (),
    layers: Sequence[str] = (),
    labels: Sequence[str] = (),
) -> Figure:
    """Candidates by utility: the model's probability, each layer's term, and where they lead.

    Parameters
    ----------
    rows : pyarrow.Table
        ``candidate``, ``is_eligible``, ``reason``, ``probability``, ``is_chosen`` and one column
        for each layer with its term; a null term is 0.
    order : sequence of str, optional
        All candidates in the order that fixes their colours; their sorted names by default.
    layers : sequence of str, optional
        Layer columns in the order in which they act; those named ``layer_...`` by default.
    labels : sequence of str, optional
        Names of the layers for people.
    """
    layers = tuple(layers) or tuple(c for c in rows.column_names if c.startswith(_PREFIX))
    labels = tuple(labels) or tuple(_readable(name) for name in layers)
    found = [row | {"path": _path(row, layers)} for row in rows.to_pylist()]
    found.sort(key=_rank)
    scored = [row for row in found if row["is_eligible"] and row["path"]]
    table = _table(found, layers, labels)
    if not scored:
        empty = empty_figure("scored candidates")
        return Figure(empty.data, empty.layout, empty.alt, table)
    names = tuple(order) or tuple(sorted(row["candidate"] for row in found))
    layout = _layout(found, scored)
    layout["shapes"] = [
        bar_between(start, end, place + lane, "@up" if end > start else "@down", 3.5)
        for place, row in enumerate(found) if row in scored
        for start, end, lane in _lanes(row["path"])
    ]  # fmt: skip
    places = [place for place, row in enumerate(found) if row in scored]
    tokens = candidate_tokens(names)
    colours = [tokens.get(row["candidate"], "@neutral") for row in scored]
    hover = [_hover(row, labels) for row in scored]
    data = (
        dots([row["path"][0] for row in scored], places, hover, symbol="ring",
             colour=colours, size=9, name="model's probability"),
        dots([row["path"][-1] for row in scored], places, hover, symbol="diamond",
             colour=colours, size=11, name="after layers"),
    )  # fmt: skip
    return Figure(data, layout, _alt(found, scored), table)


def _reason(row: Row) -> str:
    return label((row["reason"] or "no reason logged").replace("_", " "), longest=40)


def _rank(row: Row) -> tuple[bool, bool, float, str]:
    """Return the sort key: allowed first, then scored, then by utility."""
    path = row["path"]
    return (not row["is_eligible"], not path, -path[-1] if path else 0.0, row["candidate"])


def _readable(column: str) -> str:
    return column.removeprefix(_PREFIX).replace("_", " ").capitalize()


def _path(row: Row, layers: Sequence[str]) -> list[float]:
    """Return the utility after the model and after each layer; empty without a score."""
    if not numbers.is_known(row["probability"]):
        return []
    path = [row["probability"]]
    for name in layers:
        path.append(path[-1] + (row[name] if numbers.is_known(row[name]) else 0.0))
    return path


def _lanes(path: Sequence[float]) -> list[tuple[float, float, float]]:
    """Return start, end and shift of each step that goes somewhere, side by side in the row."""
    steps = [(start, end) for start, end in pairwise(path) if start != end]
    middle = (len(steps) - 1) / 2
    return [(start, end, (place - middle) * _LANE) for place, (start, end) in enumerate(steps)]


def _layout(found: Sequence[Row], scored: Sequence[Row]) -> Json:
    utilities = [
        numbers.rate(row["path"][-1]) if row in scored else "" for row in found
    ]  # fmt: skip
    sides = (
        Side("model", [numbers.rate(row["path"][0]) if row in scored else "" for row in found],
             54, ("@muted",)),
        Side("utility", [f"<b>{text}</b>" if row["is_chosen"] else text
                         for row, text in zip(found, utilities, strict=True)], 56),
    )  # fmt: skip
    ends = [end for row in scored for end in row["path"]]
    layout = dot_layout([row["candidate"] for row in found], ends, sides)
    layout["height"] += 6 * len(found)
    texts = layout["yaxis"]["ticktext"]
    for place, row in enumerate(found):
        if row["is_chosen"]:
            texts[place] = f"<b>{texts[place]}</b>"
    layout["annotations"] += [
        note(0, place, f"not allowed: {_reason(row)}", xref="paper",
             xanchor="left", xshift=6, font=font(11.5, "@faint"))
        for place, row in enumerate(found) if not row["is_eligible"]
    ]  # fmt: skip
    layout["annotations"] += key_notes(
        [("○", "@muted", "model"), ("◆", "@muted", "after layers"), ("━", "@up", "a layer adds"),
         ("━", "@down", "takes away")]
    )  # fmt: skip
    layout["meta"] = {"min_width": 460}
    return layout


def _hover(row: Row, labels: Sequence[str]) -> str:
    terms = [
        f"<br>{label(name)} {numbers.signed((end - start) * 100, 2)} pp"
        for name, start, end in zip(labels, row["path"], row["path"][1:], strict=False)
        if start != end
    ]  # fmt: skip
    return (
        f"<b>{label(row['candidate'])}</b><br>model {numbers.rate(row['path'][0], 2)}"
        f"{''.join(terms)}<br>utility <b>{numbers.rate(row['path'][-1], 2)}</b>"
    )


def _alt(found: Sequence[Row], scored: Sequence[Row]) -> str:
    chosen = next((row for row in found if row["is_chosen"]), None)
    best = scored[0]
    barred = sum(not row["is_eligible"] for row in found)
    text = (
        f"{len(found)} candidates, {barred} not allowed. Highest utility: {best['candidate']} "
        f"{numbers.rate(best['path'][-1])}, from a probability of {numbers.rate(best['path'][0])}."
    )
    if chosen is None:
        return f"{text} None was chosen."
    if chosen is best:
        return f"{text} It was chosen."
    return f"{text} {chosen['candidate']} was chosen."


def _table(found: Sequence[Row], layers: Sequence[str], labels: Sequence[str]) -> Table:
    columns = (
        Column("Candidate", "candidate"), Column("Allowed", "pill"), Column("Probability", "rate"),
        *(Column(name, "points") for name in labels), Column("Utility", "rate"),
        Column("Picked", "pill"),
    )  # fmt: skip
    rows = tuple(
        (row["candidate"],
         ("yes", "") if row["is_eligible"] else (row["reason"] or "no", "warn"),
         row["probability"], *(row[name] for name in layers),
         row["path"][-1] if row["path"] else None,
         ("chosen", "good") if row["is_chosen"] else None)
        for row in found
    )  # fmt: skip
    marked = tuple(place for place, row in enumerate(found) if row["is_chosen"])
    return Table(columns, rows, marked=marked)
