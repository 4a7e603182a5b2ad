"""Rows of dots with intervals and columns of numbers: the frame of every comparison."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pellucid.figures.layout import Json, base_layout, font, note, rate_ticks, short_label

WIDE_ONLY = "wide"
_ROW = 25
_TOP = 26
_BOTTOM = 26


@dataclass(frozen=True, slots=True)
class Side:
    """A column of numbers at the right of the dots.

    Attributes
    ----------
    header : str
        Heading.
    texts : sequence of str
        One for each row, escaped.
    width : int
        Pixels.
    colours : sequence of str
        Token of each text; a single one serves all.
    is_wide_only : bool
        Whether the column gives way on a narrow screen; it must then be the last.
    """

    header: str
    texts: Sequence[str]
    width: int
    colours: Sequence[str] = ("@text",)
    is_wide_only: bool = False


def dot_layout(
    labels: Sequence[object],
    values: Iterable[float],
    sides: Sequence[Side],
    *,
    first_bold: bool = False,
) -> Json:
    """Return the layout of dot rows: labels at the left, a rate axis, numbers at the right.

    Parameters
    ----------
    labels : sequence of object, shape (n_rows,)
        Row labels, unescaped, top to bottom.
    values : iterable of float
        Every rate that the axis must hold, interval ends included.
    sides : sequence of Side
        Columns of numbers, left to right.
    first_bold : bool, default False
        Whether the first row is the whole, and set in bold.
    """
    count = len(labels)
    low, high = padded(values)
    layout = base_layout(_TOP + _BOTTOM + _ROW * count)
    layout["margin"] |= {"t": _TOP, "b": _BOTTOM, "r": sum(side.width for side in sides) + 14}
    layout["xaxis"] |= {"range": [low, high], "showgrid": True, **rate_ticks(low, high)}
    texts = [short_label(name) for name in labels]
    if first_bold and texts:
        texts[0] = f"<b>{texts[0]}</b>"
    layout["yaxis"] |= {
        "range": [count - 0.5, -0.5], "tickvals": list(range(count)), "ticktext": texts,
        "showgrid": False, "tickfont": font(12, "@text"), "ticklabelstandoff": 8,
    }  # fmt: skip
    layout["annotations"] = _side_notes(sides)
    layout["meta"] = {"narrow_cut": sum(side.width for side in sides if side.is_wide_only)}
    return layout


def _side_notes(sides: Sequence[Side]) -> list[Json]:
    notes, offset = [], 6
    for side in sides:
        offset += side.width
        place = {"xref": "paper", "xanchor": "right", "xshift": offset}
        if side.is_wide_only:
            place["name"] = WIDE_ONLY
        notes.append(
            note(1, 1, side.header, yref="paper", yanchor="bottom", yshift=6,
                 font=font(11, "@faint"), **place)
        )  # fmt: skip
        for index, text in enumerate(side.texts):
            colour = side.colours[index % len(side.colours)]
            notes.append(note(1, index, text, font=font(12, colour), **place))
    return notes


def padded(values: Iterable[float]) -> tuple[float, float]:
    """Return a range of rates with a little room at both ends, kept within [0, 1]."""
    known = list(values)
    low, high = min(known), max(known)
    pad = max((high - low) * 0.06, 0.004)
    return max(low - pad, -0.004), min(high + pad, 1.004)


def bar_between(low: float, high: float, row: float, colour: str, width: float = 5) -> Json:
    """Return a horizontal line behind the dots: an interval, or the way between two dots."""
    return {
        "type": "line", "x0": low, "x1": high, "y0": row, "y1": row, "layer": "between",
        "line": {"color": colour, "width": width},
    }  # fmt: skip


def reference_line(value: float, text: str, count: int) -> tuple[Json, Json]:
    """Return a dotted vertical line through all rows, and its label above them."""
    line = {
        "type": "line", "x0": value, "x1": value, "y0": -0.5, "y1": count - 0.5,
        "layer": "below", "line": {"color": "@faint", "width": 1, "dash": "dot"},
    }  # fmt: skip
    return line, note(value, 1, text, yref="paper", yanchor="bottom", yshift=6)


def key_notes(parts: Sequence[tuple[str, str, str]]) -> list[Json]:
    """Return a line above the dots that says what each shape is.

    Parameters
    ----------
    parts : sequence of (shape, token, text)
        Left to right; a figure's own words, never data.
    """
    notes, offset = [], 0
    for shape, colour, text in parts:
        for content, shade in ((shape, colour), (text, "@muted")):
            place = {"xref": "paper", "yref": "paper", "xanchor": "left", "xshift": offset}
            look = {"yanchor": "bottom", "yshift": 6, "font": font(11, shade)}
            notes.append(note(0, 1, content, **place, **look))
            offset += 15 if content is shape else round(6.1 * len(text)) + 14
    return notes


def dots(
    values: Sequence[float],
    places: Sequence[float],
    hover: Sequence[str],
    *,
    colour: str | Sequence[str] = "@accent",
    symbol: str = "circle",
    size: float = 10,
    name: str = "",
) -> Json:
    """Return a trace of markers with a rim in the ground's colour; a `ring` is filled with it."""
    shade = colour if isinstance(colour, str) else list(colour)
    fill, rim = shade, {"color": "@surface", "width": 1.5}
    if symbol == "ring":
        symbol, fill, rim = "circle", "@surface", {"color": shade, "width": 2}
    elif symbol.startswith("line"):
        rim = {"color": shade, "width": 2}
    return {
        "type": "scatter", "mode": "markers", "x": list(values), "y": list(places), "name": name,
        "marker": {"size": size, "symbol": symbol, "color": fill, "line": rim},
        "hovertext": list(hover), "hoverinfo": "text", "cliponaxis": False,
    }  # fmt: skip
