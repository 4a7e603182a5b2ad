"""Content to what the template prints: cells with classes, anchors, sparklines, embedded data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pellucid.figures.figure import Figure, script_json
from pellucid.figures.numbers import is_known
from pellucid.figures.table import SMALL_N, Column, Table, cell_text, sort_key
from pellucid.figures.tokens import candidate_tokens
from pellucid.report.content import Card, Width

Scale = tuple[float, float]
_SMALL_SHARE = 0.5
_LONG_TEXT = 28
_TONES = {"good", "bad", "warn"}
_CUT_FROM = 25
_SPANS: Mapping[Width, int] = {"full": 12, "wide": 7, "half": 6, "narrow": 5}


@dataclass(frozen=True, slots=True)
class CellView:
    """A cell as the template prints it."""

    text: str
    css: str = ""
    tone: str = ""
    dot: str = ""
    share: float | None = None
    title: str = ""
    href: str = ""
    key: float | str | None = None


@dataclass(frozen=True, slots=True)
class TableView:
    """A table as the template prints it; a cut one shows its first rows until asked for all."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[CellView, ...], ...]
    total: tuple[CellView, ...] | None
    marked: frozenset[int]
    can_sort: bool
    is_cut: bool


@dataclass(slots=True)
class Anchors:
    """Unique element ids, made from titles, behind a prefix where a page is sent in parts."""

    prefix: str = ""
    seen: Counter[str] = field(default_factory=Counter)

    def take(self, title: str) -> str:
        """Return an id that no other element of the page has."""
        slug = re.sub(r"[^a-z0-9]+", "-", f"{self.prefix} {title}".lower()).strip("-") or "part"
        self.seen[slug] += 1
        return slug if self.seen[slug] == 1 else f"{slug}--{self.seen[slug]}"


def table_view(table: Table, candidates: Sequence[str]) -> TableView:
    """Return a table with every cell as text and style.

    Parameters
    ----------
    candidates : sequence of str
        The order that fixes candidates' colours.
    """
    dots = {name: css_colour(token) for name, token in candidate_tokens(candidates).items()}
    scales = tuple(_bar_scale(table, place) for place in range(len(table.columns)))
    heat = _heat_scale(table)
    rows = tuple(_row_view(table.columns, row, dots, scales, heat) for row in table.rows)
    total = table.total and _row_view(table.columns, table.total, {}, scales, None)
    return TableView(
        table.columns, rows, total, frozenset(table.marked),
        can_sort=table.is_whole and len(rows) > 1, is_cut=table.is_whole and len(rows) > _CUT_FROM,
    )  # fmt: skip


def _row_view(
    columns: Sequence[Column],
    row: Sequence[Any],
    dots: Mapping[str, str],
    scales: Sequence[float],
    heat: Scale | None,
) -> tuple[CellView, ...]:
    return tuple(
        replace(_cell_view(column, cell, dots, longest, heat), key=sort_key(column, cell))
        for column, cell, longest in zip(columns, row, scales, strict=True)
    )


def _cell_view(
    column: Column,
    cell: Any,
    dots: Mapping[str, str],
    longest: float,
    heat: Scale | None,
) -> CellView:
    text = cell_text(column, cell)
    css = "num" if column.is_number else ""
    if cell is None:
        return CellView(text, css=f"{css} none")
    if column.kind == "candidate":
        return CellView(text, dot=dots.get(text, ""))
    if column.kind == "link":
        return CellView(text, css="words" if len(text) > _LONG_TEXT else "", href=cell[1])
    if column.kind == "pill":
        return CellView(text, css="pill-cell", tone=cell[1] if cell[1] in _TONES else "plain")
    if column.kind == "points" and not text.startswith("±"):
        return CellView(text, css=f"{css} {'up' if text.startswith('+') else 'down'}")
    if column.kind == "bar":
        share = round(100 * min(1.0, cell / longest), 1) if is_known(cell) else None
        return CellView(text, css=f"{css} bar", share=share)
    if column.kind == "heat":
        return _heat_view(text, cell, heat)
    if column.kind == "text" and len(text) > _LONG_TEXT:
        return CellView(text, css="words")
    return CellView(text, css=css)


def _heat_view(text: str, cell: Any, scale: Scale | None) -> CellView:
    value, n = cell
    title = f"n {n:,}"
    if n < SMALL_N:
        return CellView(text, css="num small", title=f"{title}: too few to compare")
    if scale is None or not is_known(value):
        return CellView(text, css="num", title=title)
    low, high = scale
    share = 100.0 if high <= low else 100 * (value - low) / (high - low)
    return CellView(text, css="num heat", share=round(share, 1), title=title)


def _bar_scale(table: Table, place: int) -> float:
    """Return the value of a full bar: 1, or the largest of the column where all are small."""
    if table.columns[place].kind != "bar":
        return 1.0
    largest = max((row[place] for row in table.rows if is_known(row[place])), default=1.0)
    return largest if 0 < largest < _SMALL_SHARE else 1.0


def _heat_scale(table: Table) -> Scale | None:
    values = [
        cell[0]
        for row in table.rows
        for column, cell in zip(table.columns, row, strict=True)
        if column.kind == "heat" and cell is not None and is_known(cell[0]) and cell[1] >= SMALL_N
    ]
    return (min(values), max(values)) if values else None


def widths(cards: Sequence[Card]) -> tuple[Width, ...]:
    """Return the width of each card; one that would stand alone in its row takes all of it."""
    rows: list[list[Width]] = []
    used = 12
    for card in cards:
        span = _SPANS[card.width]
        if used + span > 12:
            rows.append([])
            used = 0
        rows[-1].append(card.width)
        used += span
    alone: list[Width] = ["full"]
    return tuple(width for row in rows for width in (alone if len(row) == 1 else row))


def css_colour(token: str) -> str:
    """Return a colour token without opacity as a CSS variable."""
    return f"var(--{token.removeprefix('@').replace('_', '-')})"


def figure_json(figure: Figure) -> str:
    """Return a figure as JSON that is safe inside a script element."""
    return script_json({"data": figure.data, "layout": figure.layout})


def csv_json(table: Table) -> str:
    """Return a table's raw values as JSON that is safe inside a script element."""
    return script_json(table.csv_records())


def sparkline(values: Sequence[float | None], width: float = 100, height: float = 28) -> list[str]:
    """Return the points of a line for each run of known values, for an SVG polyline."""
    known = [value for value in values if is_known(value) and value is not None]
    if len(known) < 2:
        return []
    low, span = min(known), (max(known) - min(known)) or 1.0
    runs: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None or not is_known(value):
            runs.append([])
            continue
        x = place / (len(values) - 1) * width
        y = height - 2 - (value - low) / span * (height - 4)
        runs[-1].append(f"{x:.1f},{y:.1f}")
    return [" ".join(run) for run in runs if len(run) > 1]
