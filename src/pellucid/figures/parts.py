"""Parts that add up to a change, a margin or a score: a bar for each, with its 95% interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.explain.changes.story import ChangeStory
from pellucid.explain.groups.contrast import Contrast
from pellucid.explain.groups.story import GroupStory
from pellucid.explain.traffic.story import TrafficStory
from pellucid.figures import numbers
from pellucid.figures.bars import Bar, bars_of
from pellucid.figures.figure import Figure
from pellucid.figures.layout import empty_figure
from pellucid.figures.table import Column, Kind, Table

_MOST = 8
_UNKNOWN = float("nan")
# What rounds to nothing needs no bar of its own.
_LEAST = {"probability": 0.0005, "": 0.005}


def change_parts(story: ChangeStory) -> Figure:
    """Bars of what changed a traffic share, and the change itself."""
    parts = [Bar(row["part"], row["change"], row["error"], row["degrees"])
             for row in story.parts.to_pylist()]  # fmt: skip
    total = Bar("Change", story.after - story.before, story.error, story.degrees)
    return _bars(parts, total, "probability", story.told)


def contrast_parts(answer: Contrast) -> Figure:
    """Bars of what put one candidate ahead of another, and the margin itself."""
    rows = answer.parts.to_pylist()
    total = Bar("Margin", answer.margin, answer.error, answer.degrees)
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
        total = Bar("Difference", groups[0]["score"] - groups[1]["score"], _UNKNOWN, _UNKNOWN)
        parts = _folded(rows, "difference", "difference_", story.scale)
    else:
        total = Bar("Mean score", groups[0]["score"], groups[0]["error"],
                      groups[0]["degrees"])  # fmt: skip
        parts = _folded(rows, "mean", "", story.scale)
    return _bars(parts, total, story.scale, story.told)


def traffic_parts(story: TrafficStory) -> Figure:
    """Bars of what makes a share of traffic, or its difference to another group's or period's."""
    rows, sides = story.parts.to_pylist(), story.sides.to_pylist()
    if story.is_compared:
        total = Bar("Difference", sides[0]["share"] - sides[1]["share"], _UNKNOWN, _UNKNOWN)
        parts = _folded(rows, "difference", "difference_", "probability")
    else:
        total = Bar("Share", sides[0]["share"], sides[0]["error"], sides[0]["degrees"])
        parts = _folded(rows, "value", "", "probability")
    return _bars(parts, total, "probability", story.told)


def _folded(rows: Sequence[dict[str, Any]], value: str, prefix: str, scale: str) -> list[Bar]:
    """Return the largest features, the rest as one, and layers and what else shows."""
    least = _LEAST.get(scale, _LEAST[""])
    features = [row for row in rows if row["kind"] == "feature"]

    def part(row: dict[str, Any]) -> Bar:
        return Bar(row["label"], row[value], row[f"{prefix}error"], row[f"{prefix}degrees"])

    others = [part(row) for row in rows
              if row["kind"] != "feature"
              and (row["kind"] == "layer" or abs(row[value]) >= least)]  # fmt: skip
    shown = [row for row in features if abs(row[value]) >= least][:_MOST]
    names = {row["part"] for row in shown}
    parts = [part(row) for row in shown]
    rest = [row[value] for row in features if row["part"] not in names]
    if rest:
        parts.append(Bar(f"{len(rest)} other features", sum(rest), _UNKNOWN, _UNKNOWN))
    base = [part for part in others if part.name == rows[0]["label"]]
    return [*base, *parts, *(part for part in others if part not in base)]


def _bars(parts: Sequence[Bar], total: Bar, scale: str, alt: str) -> Figure:
    is_rate = scale == "probability"
    kind: Kind = "points" if is_rate else "log_odds"
    columns = (Column("Part"), Column("Adds", kind), Column("± 95%", "number"))
    factor = 100 if is_rate else 1
    cells = [(part.name, part.value, factor * part.half if part.half else None)
             for part in (*parts, total)]  # fmt: skip
    table = Table(columns, tuple(cells[:-1]), cells[-1])
    return bars_of(parts, total, numbers.points if is_rate else numbers.log_odds, alt, table)
