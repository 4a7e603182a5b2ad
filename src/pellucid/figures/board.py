"""Sizes and places of the policy flow, before anything is drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from pellucid.figures.tokens import (
    OTHER,
    OTHER_TOKEN,
    candidate_order,
    candidate_tokens,
    shown_candidates,
)

NO_PICK = "none"
_GAP = 0.03


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
class Link:
    """Decisions that went from one candidate to the same or another one in one step."""

    stage: str
    next_stage: str
    source: str
    target: str
    decisions: float

    @property
    def is_kept(self) -> bool:
        """Whether the layer left the pick alone."""
        return self.source == self.target


@dataclass(frozen=True, slots=True)
class Board:
    """Sizes and places of an alluvial chart, in shares of its height."""

    stages: tuple[str, ...]
    names: tuple[str, ...]
    size: dict[tuple[str, str], float]
    top: dict[tuple[str, str], float]
    scale: float
    total: float
    tokens: dict[str, str]


def sizes_of(flow: FlowTables) -> dict[tuple[str, str], float]:
    """Return (stage, candidate) to decisions, without empty nodes."""
    sizes: dict[tuple[str, str], float] = defaultdict(float)
    for row in flow.nodes.to_pylist():
        if row["decisions"]:
            sizes[row["stage"], label_of(row["candidate"])] += row["decisions"]
    return dict(sizes)


def label_of(candidate: object) -> str:
    """Return a candidate's name; that of decisions without a pick is ``none``."""
    return NO_PICK if candidate is None else str(candidate)


def make_board(
    stages: tuple[str, ...], sizes: dict[tuple[str, str], float], order: Sequence[str]
) -> Board:
    """Return the board of a flow: candidates by the model's share, from the top down."""
    first, present = stages[0], {name for _, name in sizes}
    picks = present - {NO_PICK}
    largest = {name: max(sizes.get((stage, name), 0.0) for stage in stages) for name in picks}
    names = tuple(order) or candidate_order(largest)
    names += tuple(sorted(picks.difference(names)))
    shown = picks.intersection(shown_candidates(names))
    ranked = sorted(shown, key=lambda name: (-sizes.get((first, name), 0), name))
    ranked += [OTHER] if picks - shown else []
    ranked += [NO_PICK] if NO_PICK in present else []
    tokens = candidate_tokens(names) | {OTHER: OTHER_TOKEN, NO_PICK: "@neutral"}
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
    return Board(stages, tuple(ranked), folded, top, scale, total, tokens)


def make_links(flow: FlowTables, names: Sequence[str]) -> list[Link]:
    """Return the links of a flow, candidates that are not among `names` folded into "Other"."""
    merged: dict[tuple[str, str, str, str], float] = defaultdict(float)
    for row in flow.links.to_pylist():
        ends = (label_of(row["source"]), label_of(row["target"]))
        source, target = (name if name in names else OTHER for name in ends)
        merged[row["stage"], row["next_stage"], source, target] += row["decisions"]
    return [Link(*key, decisions) for key, decisions in merged.items() if decisions]


def change_of(board: Board, name: str) -> float:
    """Return a candidate's share after the last stage less its share after the first."""
    first, last = board.stages[0], board.stages[-1]
    return (board.size.get((last, name), 0) - board.size.get((first, name), 0)) / board.total


def moved_share(flow: FlowTables, stage: str, total: float) -> float:
    """Return the share of decisions that a stage moved, counted before any folding."""
    return sum(
        row["decisions"] for row in flow.links.to_pylist()
        if row["next_stage"] == stage and row["is_moved"]
    ) / total  # fmt: skip
