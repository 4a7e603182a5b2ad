"""The policy flow: where the model wanted to send decisions, and what each layer changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import (
    Json, base_layout, empty_figure, font, label, note, short_label, spread,
)  # fmt: skip
from pellucid.figures.table import Column, Table
from pellucid.figures.tokens import MOST_CANDIDATES, OTHER, OTHER_TOKEN, candidate_tokens

_HEIGHT = 420
_GAP = 0.03
_HALF_NODE = 0.012
_STEPS = 16
_FLAT = 0.0005


class FlowTables(Protocol):
    """What a policy flow holds; `pellucid.explain.flow.Flow` is one.

    Attributes
    ----------
    stages : tuple of str
        Labels of the stages in order: the model, then each layer.
    nodes : pyarrow.Table
        ``stage``, ``candidate``, ``decisions``, ``share`` (0 to 1).
    links : pyarrow.Table
        ``stage``, ``next_stage``, ``source``, ``target``, ``decisions``, ``share``, ``is_moved``.
    """

    @property
    def stages(self) -> tuple[str, ...]:
        """Labels of the stages in order."""

    @property
    def nodes(self) -> pa.Table:
        """Decisions of each candidate after each stage."""

    @property
    def links(self) -> pa.Table:
        """Decisions between candidates of adjacent stages."""


@dataclass(slots=True)
class _Link:
    stage: str
    next_stage: str
    source: str
    target: str
    decisions: float

    @property
    def is_kept(self) -> bool:
        return self.source == self.target


@dataclass(frozen=True, slots=True)
class _Board:
    """Sizes and places of an alluvial chart, in shares of its height."""

    stages: tuple[str, ...]
    names: tuple[str, ...]
    size: dict[tuple[str, str], float]
    top: dict[tuple[str, str], float]
    scale: float
    total: float
    tokens: dict[str, str]


def policy_flow(flow: FlowTables, *, order: Sequence[str] = ()) -> Figure:
    """Alluvial chart of the picks after each stage of the policy.

    Decisions that a layer left alone are pale and lie flat; those that it moved are strong and on
    top. Headers say how much each layer moved, the right column how much each candidate gained
    or lost against the model, in percentage points.

    Parameters
    ----------
    flow : FlowTables
        Stages, nodes and links.
    order : sequence of str, optional
        All candidates in the order that fixes their colours; their sorted names by default. Of
        more than eight, the seven largest are drawn and the rest is "Other".
    """
    sizes = _sizes(flow)
    if not flow.stages or not sizes:
        return empty_figure("decisions with a logged pick at each stage")
    board = _board(flow.stages, sizes, order)
    links = _links(flow, board.names)
    layout = base_layout(_HEIGHT, hoverdistance=1, meta={"min_width": 720})
    layout["margin"] = {"l": 2, "r": 78, "t": 32, "b": 4}
    last = len(board.stages) - 1
    layout["xaxis"] |= {"range": [-_HALF_NODE, last + _HALF_NODE], "visible": False}
    layout["yaxis"] |= {"range": [-0.02, 1.0], "visible": False}
    layout["shapes"] = _node_shapes(board)
    layout["annotations"] = _headers(board, flow) + _node_labels(board)
    data = tuple(_paths(board, links))
    return Figure(data, layout, _alt(board, flow), _stage_table(board))


def _sizes(flow: FlowTables) -> dict[tuple[str, str], float]:
    sizes: dict[tuple[str, str], float] = defaultdict(float)
    for row in flow.nodes.to_pylist():
        if row["decisions"]:
            sizes[row["stage"], label_of(row["candidate"])] += row["decisions"]
    return dict(sizes)


def label_of(candidate: object) -> str:
    """Return a candidate's name; decisions without a pick are ``none``."""
    return "none" if candidate is None else str(candidate)


def _board(
    stages: tuple[str, ...], sizes: dict[tuple[str, str], float], order: Sequence[str]
) -> _Board:
    first, present = stages[0], {name for _, name in sizes}
    names = tuple(order) or tuple(sorted(present))
    names += tuple(sorted(present.difference(names)))
    ranked = sorted(present, key=lambda name: (-sizes.get((first, name), 0), name))
    if len(ranked) > MOST_CANDIDATES:
        biggest = sorted(
            present, key=lambda n: (-max(sizes.get((s, n), 0) for s in stages), n)
        )[: MOST_CANDIDATES - 1]  # fmt: skip
        ranked = [*(name for name in ranked if name in biggest), OTHER]
    tokens = candidate_tokens(names, ranked) | {OTHER: OTHER_TOKEN}
    folded: dict[tuple[str, str], float] = defaultdict(float)
    for (stage, name), decisions in sizes.items():
        folded[stage, name if name in ranked else OTHER] += decisions
    total = max(sum(size for (s, _), size in folded.items() if s == stage) for stage in stages)
    scale = (1 - _GAP * (len(ranked) - 1)) / total
    top = {}
    for stage in stages:
        height = 1.0
        for name in ranked:
            top[stage, name] = height
            height -= folded.get((stage, name), 0.0) * scale + _GAP
    return _Board(stages, tuple(ranked), folded, top, scale, total, tokens)


def _links(flow: FlowTables, names: Sequence[str]) -> list[_Link]:
    merged: dict[tuple[str, str, str, str], float] = defaultdict(float)
    for row in flow.links.to_pylist():
        ends = (label_of(row["source"]), label_of(row["target"]))
        source, target = (name if name in names else OTHER for name in ends)
        merged[row["stage"], row["next_stage"], source, target] += row["decisions"]
    return [_Link(*key, decisions) for key, decisions in merged.items() if decisions]


def _paths(board: _Board, links: Sequence[_Link]) -> list[Json]:
    """Return one filled path a link, kept ones first so that moved ones lie on top."""
    place = {name: index for index, name in enumerate(board.names)}
    kept = [link for link in links if link.is_kept]
    moved = [link for link in links if not link.is_kept]
    used: dict[tuple[str, str, str], float] = defaultdict(float)
    ends: dict[int, list[float]] = defaultdict(list)
    # Kept decisions take the top of a node at both ends, hence lie flat; moved ones go below,
    # sorted by where they come from or go to, which keeps crossings few.
    for side, by in (("out", ("source", "target")), ("in", ("target", "source"))):
        ranked = sorted(moved, key=lambda link, by=by: tuple(place[getattr(link, b)] for b in by))
        for link in [*kept, *ranked]:
            stage, name = (link.stage, link.source) if side == "out" else (
                link.next_stage, link.target)  # fmt: skip
            start = board.top[stage, name] - used[side, stage, name]
            used[side, stage, name] += link.decisions * board.scale
            ends[id(link)].append(start)
    return [_path(board, link, *ends[id(link)]) for link in [*kept, *moved]]


def _path(board: _Board, link: _Link, left: float, right: float) -> Json:
    at = board.stages.index
    start, end = at(link.stage) + _HALF_NODE, at(link.next_stage) - _HALF_NODE
    steps = [0.0, 1.0] if abs(left - right) < _FLAT else [i / _STEPS for i in range(_STEPS + 1)]
    upper = [
        (start + (end - start) * t, left + (right - left) * t * t * (3 - 2 * t)) for t in steps
    ]
    height = link.decisions * board.scale
    points = upper + [(x, y - height) for x, y in reversed(upper)]
    share = numbers.rate(link.decisions / board.total)
    source, target = label(link.source), label(link.target)
    if link.is_kept:
        text = f"<b>{numbers.count(link.decisions)}</b> stay on {source} ({share})"
    else:
        text = f"<b>{numbers.count(link.decisions)}</b> moved {source} → {target} ({share})"
    colour = board.tokens[link.source]
    return {
        "type": "scatter", "mode": "lines", "fill": "toself", "hoveron": "fills",
        "x": [round(x, 3) for x, _ in points], "y": [round(y, 4) for _, y in points],
        "line": {"width": 0 if link.is_kept else 0.6, "color": f"{colour}/60"},
        "fillcolor": f"{colour}/14" if link.is_kept else f"{colour}/58", "hoverinfo": "text",
        "text": f"{text}<br>{label(link.stage)} → {label(link.next_stage)}",
        "name": f"{label(link.stage)}: {source} → {target}",
    }  # fmt: skip


def _node_shapes(board: _Board) -> list[Json]:
    return [
        {"type": "rect", "x0": index - _HALF_NODE, "x1": index + _HALF_NODE, "layer": "above",
         "y0": board.top[stage, name] - board.size[stage, name] * board.scale,
         "y1": board.top[stage, name], "line": {"width": 0}, "fillcolor": board.tokens[name]}
        for index, stage in enumerate(board.stages)
        for name in board.names if board.size.get((stage, name))
    ]  # fmt: skip


def _node_labels(board: _Board) -> list[Json]:
    notes: list[Json] = []
    last = len(board.stages) - 1
    for index, stage in enumerate(board.stages):
        names = [name for name in board.names if board.size.get((stage, name))]
        middles = [
            board.top[stage, name] - board.size[stage, name] * board.scale / 2 for name in names
        ]
        # `spread` wants ascending places; nodes are drawn from the top down.
        heights = [-place for place in spread([-middle for middle in middles], 0.05, -0.99, 0.0)]
        is_last = index == last and last > 0
        side = -_HALF_NODE if is_last else _HALF_NODE
        for name, height in zip(names, heights, strict=True):
            share = numbers.rate(board.size[stage, name] / board.total)
            notes.append(
                note(index + side, height, f"{short_label(name)}  <b>{share}</b>",
                     xanchor="right" if is_last else "left", xshift=-5 if is_last else 5,
                     bgcolor="@surface/72", borderpad=2, font=font(12, "@text"))
            )  # fmt: skip
            if is_last:
                notes.append(_change_note(board, name, index, height))
    return notes


def _change(board: _Board, name: str) -> float:
    first, last = board.stages[0], board.stages[-1]
    return (board.size.get((last, name), 0) - board.size.get((first, name), 0)) / board.total


def _change_note(board: _Board, name: str, index: int, height: float) -> Json:
    change = _change(board, name)
    text = numbers.points(change)
    colour = "@muted" if text.startswith("±") else "@up" if change > 0 else "@down"
    return note(index + _HALF_NODE, height, f"<b>{text}</b>", xanchor="left", xshift=8,
                font=font(12, colour))  # fmt: skip


def _moved(flow: FlowTables, stage: str, total: float) -> float:
    return sum(
        row["decisions"] for row in flow.links.to_pylist()
        if row["next_stage"] == stage and row["is_moved"]
    ) / total  # fmt: skip


def _headers(board: _Board, flow: FlowTables) -> list[Json]:
    notes, last = [], len(board.stages) - 1
    look = {"yanchor": "bottom", "yshift": 9, "font": font(12, "@muted")}
    for index, stage in enumerate(board.stages):
        anchor = "left" if index == 0 else "right" if index == last else "center"
        side = -_HALF_NODE if index == 0 else _HALF_NODE if index == last else 0
        text = f"<b>{label(stage)}</b>"
        if index:
            text += f"  {numbers.rate(_moved(flow, stage, board.total))} moved"
        notes.append(note(index + side, 1.0, text, xanchor=anchor, **look))
    if last:
        look["font"] = font(11, "@faint")
        notes.append(note(last + _HALF_NODE, 1.0, "vs model", xanchor="left", xshift=8, **look))
    return notes


def _alt(board: _Board, flow: FlowTables) -> str:
    moved = ", ".join(
        f"{stage} moved {numbers.rate(_moved(flow, stage, board.total))}"
        for stage in board.stages[1:]
    )
    gain = max(board.names, key=lambda name: _change(board, name))
    loss = min(board.names, key=lambda name: _change(board, name))
    return (
        f"Picks after each stage of the policy, {numbers.count(board.total)} decisions: {moved}. "
        f"Against the model's pick, {gain} changed most upward ({numbers.points(_change(board, gain))}) "
        f"and {loss} most downward ({numbers.points(_change(board, loss))})."
    )


def _stage_table(board: _Board) -> Table:
    columns = (Column("Candidate", "candidate"), *(Column(stage, "rate") for stage in board.stages),
               Column("vs model", "points"))  # fmt: skip
    rows = tuple(
        (name, *(board.size.get((stage, name), 0) / board.total for stage in board.stages),
         _change(board, name))
        for name in board.names
    )  # fmt: skip
    return Table(columns, rows)


def moves_table(flow: FlowTables, *, most: int = 10) -> Table:
    """Table of the largest moves that layers made.

    Parameters
    ----------
    flow : FlowTables
        Stages, nodes and links.
    most : int, default 10
        Rows to keep.
    """
    total = sum(
        row["decisions"] for row in flow.nodes.to_pylist() if row["stage"] == flow.stages[0]
    ) or 1  # fmt: skip
    moves = sorted(
        (row for row in flow.links.to_pylist() if row["is_moved"]),
        key=lambda row: (-row["decisions"], row["next_stage"], label_of(row["source"])),
    )[:most]
    columns = (Column("Layer"), Column("From", "candidate"), Column("To", "candidate"),
               Column("Decisions", "count"), Column("Share of all", "bar"))  # fmt: skip
    return Table(columns, tuple(
        (row["next_stage"], label_of(row["source"]), label_of(row["target"]), row["decisions"],
         row["decisions"] / total)
        for row in moves
    ))  # fmt: skip
