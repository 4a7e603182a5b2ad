"""Parts that add up to a change, a margin or a score: a bar for each, with its 95% interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.explain.changes.story import ChangeStory
from pellucid.explain.groups.contrast import Contrast
from pellucid.explain.groups.story import GroupStory
from pellucid.explain.traffic.story import TrafficStory
from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import (
    Json,
    base_layout,
    empty_figure,
    font,
    label,
    note,
    short_label,
)
from pellucid.figures.table import Column, Kind, Table
from pellucid.stats.student import half_width

_BAR = 27
_MOST = 8
_UNKNOWN = float("nan")
# What rounds to nothing needs no bar of its own.
_LEAST = {"probability": 0.0005, "": 0.005}


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    value: float
    error: float
    degrees: float

    @property
    def half(self) -> float:
        """Half the width of the 95% interval; 0 where it is not known."""
        return half_width(self.error, self.degrees) if numbers.is_known(self.error) else 0.0


def change_parts(story: ChangeStory) -> Figure:
    """Bars of what changed a traffic share, and the change itself."""
    parts = [_Part(row["part"], row["change"], row["error"], row["degrees"])
             for row in story.parts.to_pylist()]  # fmt: skip
    total = _Part("Change", story.after - story.before, story.error, story.degrees)
    return _bars(parts, total, "probability", story.told)


def contrast_parts(answer: Contrast) -> Figure:
    """Bars of what put one candidate ahead of another, and the margin itself."""
    rows = answer.parts.to_pylist()
    total = _Part("Margin", answer.margin, answer.error, answer.degrees)
    return _bars(_folded(rows, "mean", "", answer.scale), total, answer.scale, answer.told)


def group_parts(story: GroupStory) -> Figure:
    """Bars of what made a group's mean score, or its difference to another group's.

    A group that is broken down by dimensions has no one figure: ask for each.
    """
    groups = story.groups.to_pylist()
    if story.by or not groups:
        return empty_figure("parts of one group")
    rows = story.parts.to_pylist()
    if story.is_compared:
        total = _Part("Difference", groups[0]["score"] - groups[1]["score"], _UNKNOWN, _UNKNOWN)
        parts = _folded(rows, "difference", "difference_", story.scale)
    else:
        total = _Part("Mean score", groups[0]["score"], groups[0]["error"],
                      groups[0]["degrees"])  # fmt: skip
        parts = _folded(rows, "mean", "", story.scale)
    return _bars(parts, total, story.scale, story.told)


def traffic_parts(story: TrafficStory) -> Figure:
    """Bars of what makes a share of traffic, or its difference to another group's or period's."""
    rows, sides = story.parts.to_pylist(), story.sides.to_pylist()
    if story.is_compared:
        total = _Part("Difference", sides[0]["share"] - sides[1]["share"], _UNKNOWN, _UNKNOWN)
        parts = _folded(rows, "difference", "difference_", "probability")
    else:
        total = _Part("Share", sides[0]["share"], sides[0]["error"], sides[0]["degrees"])
        parts = _folded(rows, "value", "", "probability")
    return _bars(parts, total, "probability", story.told)


def _folded(rows: Sequence[dict[str, Any]], value: str, prefix: str, scale: str) -> list[_Part]:
    """Return the largest features, the rest as one, and layers and what else shows."""
    least = _LEAST.get(scale, _LEAST[""])
    features = [row for row in rows if row["kind"] == "feature"]

    def part(row: dict[str, Any]) -> _Part:
        return _Part(row["label"], row[value], row[f"{prefix}error"], row[f"{prefix}degrees"])

    others = [part(row) for row in rows
              if row["kind"] != "feature"
              and (row["kind"] == "layer" or abs(row[value]) >= least)]  # fmt: skip
    shown = [row for row in features if abs(row[value]) >= least][:_MOST]
    names = {row["part"] for row in shown}
    parts = [part(row) for row in shown]
    rest = [row[value] for row in features if row["part"] not in names]
    if rest:
        parts.append(_Part(f"{len(rest)} other features", sum(rest), _UNKNOWN, _UNKNOWN))
    base = [part for part in others if part.name == rows[0]["label"]]
    return [*base, *parts, *(part for part in others if part not in base)]


def _bars(parts: Sequence[_Part], total: _Part, scale: str, alt: str) -> Figure:
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
    layout["annotations"] = [_value_note(part, row, scale) for row, part in enumerate(bars)]
    colours = [*("@up" if part.value > 0 else "@down" for part in parts), "@neutral"]
    data = ({
        "type": "bar", "orientation": "h", "y": list(range(count)),
        "x": [part.value for part in bars],
        "marker": {"color": colours, "cornerradius": 2},
        "error_x": {"type": "data", "array": [part.half for part in bars], "color": "@muted",
                    "thickness": 1.2, "width": 3},
        "hovertext": [f"<b>{label(part.name)}</b><br>{_shown(part.value, scale)}"
                      f"{_interval(part, scale)}" for part in bars],
        "hoverinfo": "text", "textposition": "none",
    },)  # fmt: skip
    kind: Kind = "points" if scale == "probability" else "log_odds"
    columns = (Column("Part"), Column("Adds", kind), Column("± 95%", "number"))
    factor = 100 if scale == "probability" else 1
    cells = [(part.name, part.value, factor * part.half if part.half else None) for part in bars]
    return Figure(data, layout, alt, Table(columns, tuple(cells[:-1]), cells[-1]))


def _value_note(part: _Part, row: int, scale: str) -> Json:
    is_right = part.value >= 0
    # Beyond the whisker, so that neither hides the other.
    place = part.value + (part.half if is_right else -part.half)
    tone = "@text" if numbers.is_known(part.value) else "@muted"
    return note(
        place, row, _shown(part.value, scale), xanchor="left" if is_right else "right",
        xshift=6 if is_right else -6, font=font(11, tone),
    )  # fmt: skip


def _shown(value: float, scale: str) -> str:
    return numbers.points(value) if scale == "probability" else numbers.log_odds(value)


def _interval(part: _Part, scale: str) -> str:
    if not part.half:
        return ""
    low, high = part.value - part.half, part.value + part.half
    return f"<br>95% interval {_shown(low, scale)} to {_shown(high, scale)}"
