"""What every figure shares: ground, axes, ticks, notes and escaped labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pellucid.figures.figure import Figure
from pellucid.figures.numbers import points
from pellucid.figures.tokens import FONT

Json = dict[str, Any]
_LONGEST_LABEL = 26


def label(text: object, *, longest: int = 0) -> str:
    """Return data as text that plotly shows as it is: its labels are a small HTML dialect.

    Parameters
    ----------
    text : object
        A value from data; None is shown as ``none``.
    longest : int, default 0
        Most characters to keep; 0 keeps all.
    """
    shown = "none" if text is None else str(text)
    if longest and len(shown) > longest:
        shown = shown[: longest - 1].rstrip() + "…"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def short_label(text: object) -> str:
    """Return data as an escaped label that fits an axis."""
    return label(text, longest=_LONGEST_LABEL)


def axis(**changes: Any) -> Json:
    """Return an axis without lines that neither zooms nor draws a grid."""
    return {
        "showgrid": False, "gridcolor": "@grid", "zeroline": False, "showline": False,
        "ticks": "", "tickfont": {"color": "@muted", "size": 11}, "automargin": True,
        "fixedrange": True, **changes,
    }  # fmt: skip


def base_layout(height: int, **changes: Any) -> Json:
    """Return a transparent layout in our font without a legend."""
    font = {"family": FONT, "size": 12, "color": "@text"}
    return {
        "height": height, "font": font, "showlegend": False, "hovermode": "closest",
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 4, "r": 12, "t": 8, "b": 4}, "dragmode": False,
        "hoverlabel": {"bgcolor": "@raised", "bordercolor": "@border", "align": "left",
                       "font": font},
        "xaxis": axis(), "yaxis": axis(showgrid=True), "shapes": [], "annotations": [], **changes,
    }  # fmt: skip


def note(x: object, y: object, text: str, **changes: Any) -> Json:
    """Return an annotation without an arrow; `text` must be escaped already."""
    return {
        "x": x, "y": y, "text": text, "showarrow": False,
        "font": {"size": 11, "color": "@muted"}, **changes,
    }  # fmt: skip


def font(size: float, colour: str) -> Json:
    """Return a font of an annotation."""
    return {"size": size, "color": colour}


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return at most about `most` round numbers that lie in [low, high].

    Examples
    --------
    >>> nice_ticks(0.79, 0.91)
    [0.8, 0.85, 0.9]
    """
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    rough = span / most
    size = 10 ** math.floor(math.log10(rough))
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def rate_ticks(low: float, high: float, most: int = 5) -> Json:
    """Return tick options of a rate axis, with as many decimals as the step needs."""
    values = nice_ticks(low, high, most)
    step = min((b - a for a, b in pairwise(values)), default=0.01)
    decimals = max(0, -math.floor(math.log10(step * 100) + 1e-9)) if step > 0 else 0
    return {"tickvals": values, "ticktext": [f"{value * 100:.{decimals}f}%" for value in values]}


def points_ticks(low: float, high: float, most: int = 5) -> Json:
    """Return tick options of an axis of differences of rates, in percentage points."""
    values = nice_ticks(low, high, most)
    return {"tickvals": values, "ticktext": [points(value) for value in values]}


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return ascending places moved as little as needed to lie `gap` apart within [low, high].

    Labels that do not fit are squeezed evenly.

    Examples
    --------
    >>> spread([0.1, 0.12, 0.9], 0.1, 0.0, 1.0)
    [0.1, 0.2, 0.9]
    """
    count = len(places)
    if count > 1:
        gap = min(gap, (high - low) / (count - 1))
    moved: list[float] = []
    for index, place in enumerate(places):
        floor = low + index * gap if not moved else moved[-1] + gap
        moved.append(max(place, floor))
    for index in range(count - 1, -1, -1):
        ceiling = high if index == count - 1 else moved[index + 1] - gap
        moved[index] = min(moved[index], ceiling)
    return [round(place, 6) for place in moved]


def empty_figure(what: str) -> Figure:
    """Return a figure that says that there is nothing to show.

    Parameters
    ----------
    what : str
        What is missing, in the plural, for example ``decisions``.
    """
    layout = base_layout(120)
    layout["xaxis"] |= {"visible": False, "range": [0, 1]}
    layout["yaxis"] |= {"visible": False, "range": [0, 1]}
    layout["annotations"] = [
        note(0.5, 0.5, f"<b>No {label(what)} in this window</b>", font=font(12, "@muted"))
    ]
    return Figure((), layout, f"Nothing to show: no {what} in this window.")
