"""Bars that add up to a whole, which is the last of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import Json, base_layout, font, label, note, short_label
from pellucid.figures.table import Table
from pellucid.stats.student import half_width

_BAR = 27
Shown = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a whole.

    Attributes
    ----------
    name : str
        Unescaped.
    value : float
    error : float
        Standard error; NaN where it is not known.
    degrees : float
        Of freedom, of the error.
    """

    name: str
    value: float
    error: float = float("nan")
    degrees: float = float("nan")

    @property
    def half(self) -> float:
        """Half the width of the 95% interval; 0 where it is not known."""
        return half_width(self.error, self.degrees) if numbers.is_known(self.error) else 0.0


def bars_of(parts: Sequence[Bar], total: Bar, shown: Shown, alt: str, table: Table) -> Figure:
    """Draw a bar for each part with its 95% interval, and one for all of them below.

    Parameters
    ----------
    shown : callable
        Writes a value for people, with its sign and unit.
    alt : str
        The figure in a sentence.
    table : Table
    """
    bars = [*parts, total]
    count = len(bars)
    ends = [part.value + sign * part.half for part in bars for sign in (-1, 1)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = 0.2 * ((high - low) or 1.0)
    layout = base_layout(_BAR * count + 20, bargap=0.42, meta={"min_width": 430})
    layout["margin"] = {"l": 4, "r": 14, "t": 6, "b": 8}
    layout["xaxis"] |= {"range": [low - room, high + room], "visible": False}
    layout["yaxis"] |= {
        "range": [count - 0.4, -0.6], "tickvals": list(range(count)), "showgrid": False,
        "ticktext": [*(short_label(part.name) for part in parts),
                     f"<b>{short_label(total.name)}</b>"],
        "tickfont": font(12, "@text"), "ticklabelstandoff": 8,
    }  # fmt: skip
    layout["shapes"] = [
        {"type": "line", "x0": 0, "x1": 0, "y0": -0.6, "y1": count - 0.4, "layer": "below",
         "line": {"color": "@faint", "width": 1}},
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": count - 1.5, "y1": count - 1.5,
         "line": {"color": "@grid", "width": 1}},
    ]  # fmt: skip
    layout["annotations"] = [_value_note(part, row, shown) for row, part in enumerate(bars)]
    colours = [*("@up" if part.value > 0 else "@down" for part in parts), "@neutral"]
    data = ({
        "type": "bar", "orientation": "h", "y": list(range(count)),
        "x": [part.value for part in bars],
        "marker": {"color": colours, "cornerradius": 2},
        "error_x": {"type": "data", "array": [part.half for part in bars], "color": "@muted",
                    "thickness": 1.2, "width": 3},
        "hovertext": [f"<b>{label(part.name)}</b><br>{shown(part.value)}"
                      f"{_interval(part, shown)}" for part in bars],
        "hoverinfo": "text", "textposition": "none",
    },)  # fmt: skip
    return Figure(data, layout, alt, table)


def _value_note(part: Bar, row: int, shown: Shown) -> Json:
    is_right = part.value >= 0
    # Beyond the whisker, so that neither hides the other.
    place = part.value + (part.half if is_right else -part.half)
    tone = "@text" if numbers.is_known(part.value) else "@muted"
    return note(
        place, row, shown(part.value), xanchor="left" if is_right else "right",
        xshift=6 if is_right else -6, font=font(11, tone),
    )  # fmt: skip


def _interval(part: Bar, shown: Shown) -> str:
    if not part.half:
        return ""
    low, high = part.value - part.half, part.value + part.half
    return f"<br>95% interval {shown(low)} to {shown(high)}"
