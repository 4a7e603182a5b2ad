"""The policy flow: where the model wanted to send decisions, and what each layer changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pellucid.figures import numbers
from pellucid.figures.board import (
    Board,
    FlowTables,
    Link,
    change_of,
    label_of,
    make_board,
    make_links,
    moved_share,
    sizes_of,
)  # fmt: skip
from pellucid.figures.figure import Figure
from pellucid.figures.layout import (
    Json,
    base_layout,
    empty_figure,
    font,
    label,
    note,
    spread,
)  # fmt: skip
from pellucid.figures.table import Column, Table

_HEIGHT = 420
_HALF_NODE = 0.012
_CHANGE = 66
_STAGE = 158
_MOST_NAMED = 4
_LONGEST = 18
_STEPS = 16
_FLAT = 0.0005


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
        All candidates in the order that fixes their colours, as `candidate_order`
        gives it. Of more than eight, the first seven are drawn and the rest is "Other".
    """
    sizes = sizes_of(flow)
    if not flow.stages or not sizes:
        return empty_figure("decisions with a logged pick at each stage")
    board = make_board(flow.stages, sizes, order)
    links = make_links(flow, board.names)
    last = len(board.stages) - 1
    names = 64 + round(6.6 * max(min(len(name), _LONGEST) for name in board.names))
    layout = base_layout(_HEIGHT, hoverdistance=1)
    layout["meta"] = {"min_width": names + _CHANGE + max(_STAGE, names) * last}
    layout["margin"] = {"l": 2, "r": names + _CHANGE, "t": 46, "b": 4}
    layout["xaxis"] |= {"range": [-_HALF_NODE, last + _HALF_NODE], "visible": False}
    layout["yaxis"] |= {"range": [-0.02, 1.0], "visible": False}
    layout["shapes"] = _node_shapes(board)
    layout["annotations"] = _headers(board, flow, names) + _node_labels(board, names)
    data = tuple(_paths(board, links))
    return Figure(data, layout, _alt(board, flow), _stage_table(board))


def _short(text: str) -> str:
    return label(text, longest=_LONGEST)


def _paths(board: Board, links: Sequence[Link]) -> list[Json]:
    """Return one filled path a link, kept ones first so that moved ones lie on top."""
    place = {name: index for index, name in enumerate(board.names)}
    kept = [link for link in links if link.is_kept]
    moved = [link for link in links if not link.is_kept]
    # Kept decisions take the top of a node at both ends, hence lie flat; moved ones go below,
    # sorted by where they go to or come from, which keeps crossings few.
    leaving = sorted(moved, key=lambda link: (place[link.source], place[link.target]))
    coming = sorted(moved, key=lambda link: (place[link.target], place[link.source]))
    left = _stacked(board, [(link, link.stage, link.source) for link in kept + leaving])
    right = _stacked(board, [(link, link.next_stage, link.target) for link in kept + coming])
    return [_path(board, link, left[id(link)], right[id(link)]) for link in kept + moved]


def _stacked(board: Board, ends: Sequence[tuple[Link, str, str]]) -> dict[int, float]:
    """Return where each link starts at its node, from the top down, by the link's identity."""
    used: dict[tuple[str, str], float] = defaultdict(float)
    starts = {}
    for link, stage, name in ends:
        starts[id(link)] = board.top[stage, name] - used[stage, name]
        used[stage, name] += link.decisions * board.scale
    return starts


def _path(board: Board, link: Link, left: float, right: float) -> Json:
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


def _node_shapes(board: Board) -> list[Json]:
    return [
        {"type": "rect", "x0": index - _HALF_NODE, "x1": index + _HALF_NODE, "layer": "above",
         "y0": board.top[stage, name] - board.size[stage, name] * board.scale,
         "y1": board.top[stage, name], "line": {"width": 0}, "fillcolor": board.tokens[name]}
        for index, stage in enumerate(board.stages)
        for name in board.names if board.size.get((stage, name))
    ]  # fmt: skip


def _node_labels(board: Board, width: int) -> list[Json]:
    """Return names and shares at the nodes; between the ends, only shares where it is crowded."""
    notes: list[Json] = []
    last = len(board.stages) - 1
    for index, stage in enumerate(board.stages):
        names = [name for name in board.names if board.size.get((stage, name))]
        middles = [
            board.top[stage, name] - board.size[stage, name] * board.scale / 2 for name in names
        ]
        # `spread` wants ascending places; nodes are drawn from the top down.
        heights = [-place for place in spread([-middle for middle in middles], 0.05, -0.99, 0.0)]
        has_names = index in (0, last) or last < _MOST_NAMED
        for name, height in zip(names, heights, strict=True):
            text = f"<b>{numbers.rate(board.size[stage, name] / board.total)}</b>"
            if has_names:
                text = f"{_short(name)}  {text}"
            plate = {} if index == last else {"bgcolor": "@surface/72", "borderpad": 2}
            notes.append(
                note(index + _HALF_NODE, height, text, xanchor="left", xshift=5,
                     font=font(12, "@text"), **plate)
            )  # fmt: skip
            if index == last > 0:
                notes.append(_change_note(board, name, height, width))
    return notes


def _change_note(board: Board, name: str, height: float, width: int) -> Json:
    change = change_of(board, name)
    text = numbers.points(change)
    colour = "@muted" if text.startswith("±") else "@up" if change > 0 else "@down"
    return note(len(board.stages) - 1 + _HALF_NODE, height, f"<b>{text}</b>", xanchor="right",
                xshift=width + _CHANGE - 2, font=font(12, colour))  # fmt: skip


def _headers(board: Board, flow: FlowTables, width: int) -> list[Json]:
    notes, last = [], len(board.stages) - 1
    look = {"yanchor": "bottom", "yshift": 9}
    for index, stage in enumerate(board.stages):
        text = f"<b>{_short(stage)}</b>"
        if index:
            text += f"<br>{numbers.rate(moved_share(flow, stage, board.total))} moved"
        notes.append(
            note(
                index - _HALF_NODE,
                1.0,
                text,
                xanchor="left",
                align="left",
                font=font(12, "@muted"),
                **look,
            )
        )
    if last:
        notes.append(
            note(last + _HALF_NODE, 1.0, "vs model", xanchor="right", xshift=width + _CHANGE - 2,
                 font=font(11, "@faint"), **look)
        )  # fmt: skip
    return notes


def _alt(board: Board, flow: FlowTables) -> str:
    moved = ", ".join(
        f"{stage} moved {numbers.rate(moved_share(flow, stage, board.total))}"
        for stage in board.stages[1:]
    )
    changes = {name: change_of(board, name) for name in board.names}
    gain, loss = max(changes, key=changes.__getitem__), min(changes, key=changes.__getitem__)
    return (
        f"Picks after each stage of the policy, {numbers.count(board.total)} decisions: {moved}. "
        f"Against the model's pick, {gain} changed most upward ({numbers.points(changes[gain])}) "
        f"and {loss} most downward ({numbers.points(changes[loss])})."
    )


def _stage_table(board: Board) -> Table:
    columns = (Column("Candidate", "candidate"), *(Column(stage, "rate") for stage in board.stages),
               Column("vs model", "points"))  # fmt: skip
    rows = tuple(
        (name, *(board.size.get((stage, name), 0) / board.total for stage in board.stages),
         change_of(board, name))
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
