"""Policy flow: the traffic that the model alone would send, then after each layer, to the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.base import Engine, holds_weights
from pellucid.engine.plan import Scan, make_scan
from pellucid.errors import ExplainError
from pellucid.explain.stages import joined_stages
from pellucid.schema.files import TableFiles
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.measure import Measure
from pellucid.spec.system import System
from pellucid.windows import Window

_MASS = "decisions"
_PICKED = "model's own pick and every layer's pick were logged"


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic by stage of the policy.

    Attributes
    ----------
    stages : tuple of str
        Labels in order: the model, then each layer.
    picks : tuple of str
        Where decisions hold the pick of each stage.
    nodes : pyarrow.Table
        ``stage``, ``candidate``, ``decisions``, ``share`` of all decisions in the flow.
    links : pyarrow.Table
        ``stage``, ``next_stage``, ``source``, ``target``, ``decisions``, ``share``, ``is_moved``.
    results : pyarrow.Table
        ``candidate``, ``decisions``, ``decided``: those whose outcome is final, ``positive``: those
        of them that had it, ``pending``. Of the outcome that the model predicts, else of the first
        that is yes or no; no rows where there is none.
    decisions : int or float
        Decisions in the flow; everywhere here weighted, hence an estimate, where they are a sample.
    outside : int or float
        Decisions left out because a pick was not logged, for example those of the control arm.
    n : int
        Decisions stored behind the flow.
    notes : tuple of str
        What to know of layers whose picks were not logged.
    """

    stages: tuple[str, ...]
    picks: tuple[str, ...]
    nodes: pa.Table
    links: pa.Table
    results: pa.Table
    decisions: float
    outside: float
    n: int
    notes: tuple[str, ...]


def policy_flow(
    system: System,
    engine: Engine,
    tables: Callable[[Scan], Mapping[str, TableFiles]],
    *,
    window: Window,
    as_of: datetime,
    where: str = "",
) -> Flow:
    """Count the picks after each stage and the moves between stages.

    Raises
    ------
    ExplainError
        If the system has no layers, or no decision of the window has its picks logged.
    """
    if not system.layers:
        raise ExplainError(f"system '{system.name}' declares no policy layers; there is no flow")
    picks = tuple(f"pick_{stage}" for stage in system.stages)
    outcome = _outcome(system)
    known = f"{outcome}_mature AND {outcome} IS NOT NULL"
    conditions = ["", *([known, f"{known} AND {outcome} = 1"] if outcome else [])]
    scan = make_scan(
        system, "decision", [Measure(fold="count", where=where_) for where_ in conditions],
        windows=[window], as_of=as_of, by=(*picks, "chosen"), where=where,
    )  # fmt: skip
    files = tables(scan)
    if holds_weights(files):
        weights = [Measure(fold="sum", value=SAMPLE_WEIGHT, where=where_) for where_ in conditions]
        scan = replace(scan, measures=(*scan.measures, *weights), is_weighted=True)
    cells = engine.run(scan, files)
    first = len(scan.measures) - len(conditions)
    for place, name in enumerate((_MASS, "decided", "positive")[: len(conditions)]):
        counted = pc.fill_null(cells.column(f"m{first + place}"), 0)
        cells = cells.append_column(name, counted)
    stages = joined_stages(system, _unlogged(cells, picks))
    columns = [stage.pick for stage in stages.policy]
    is_inside = pc.is_valid(cells.column("chosen"))
    for pick in columns:
        is_inside = pc.and_(is_inside, pc.is_valid(cells.column(pick)))
    inside = cells.filter(is_inside)
    total = pc.sum(inside.column(_MASS)).as_py() or 0
    outside = pc.sum(cells.filter(pc.invert(is_inside)).column(_MASS)).as_py() or 0
    if not total:
        raise ExplainError(f"in {window.start:%Y-%m-%d}..{window.end:%Y-%m-%d} no {_PICKED}")
    labels = [stage.label for stage in stages.policy]
    # What was chosen can differ from the last layer's pick only if something outside acted.
    if pc.any(pc.not_equal(inside.column(columns[-1]), inside.column("chosen"))).as_py():
        labels.append(stages.last.label if stages.last.layers else "Final")
        columns.append("chosen")
    return Flow(tuple(labels), tuple(columns), _nodes(inside, labels, columns, total),
                _links(inside, labels, columns, total), _results(inside), total, outside,
                pc.sum(inside.column("m0")).as_py(), stages.notes)  # fmt: skip


def _unlogged(cells: pa.Table, picks: Sequence[str]) -> set[str]:
    """Return the layers of which no pick was logged where that of the model was."""
    model = cells.filter(pc.is_valid(cells.column(picks[0])))
    return {
        pick.removeprefix("pick_") for pick in picks[1:]
        if model.num_rows and model.column(pick).null_count == model.num_rows
    }  # fmt: skip


def _outcome(system: System) -> str:
    """Return the outcome that the model predicts, else the first that is yes or no."""
    known = [outcome for outcome in system.outcomes if outcome.kind == "yes_no"]
    known.sort(key=lambda outcome: not outcome.is_predicted)
    return known[0].name if known else ""


def _results(cells: pa.Table) -> pa.Table:
    if "decided" not in cells.column_names:
        none = {"candidate": pa.string(), _MASS: pa.int64(), "decided": pa.int64(),
                "positive": pa.int64(), "pending": pa.int64()}  # fmt: skip
        return pa.schema(list(none.items())).empty_table()
    sums = [(_MASS, "sum"), ("decided", "sum"), ("positive", "sum")]
    found = cells.group_by("chosen").aggregate(sums).sort_by([(f"{_MASS}_sum", "descending")])
    decisions, decided = found.column(f"{_MASS}_sum"), found.column("decided_sum")
    return pa.table({
        "candidate": found.column("chosen"), _MASS: decisions, "decided": decided,
        "positive": found.column("positive_sum"), "pending": pc.subtract(decisions, decided),
    })  # fmt: skip


def _nodes(cells: pa.Table, labels: list[str], columns: list[str], total: float) -> pa.Table:
    parts = []
    for label, column in zip(labels, columns, strict=True):
        grouped = cells.group_by(column).aggregate([(_MASS, "sum")]).sort_by(column)
        parts.append(
            pa.table({
                "stage": pa.array([label] * grouped.num_rows, pa.string()),
                "candidate": grouped.column(column),
                "decisions": grouped.column(f"{_MASS}_sum"),
                "share": pc.divide(pc.cast(grouped.column(f"{_MASS}_sum"), pa.float64()), total),
            })
        )  # fmt: skip
    return pa.concat_tables(parts)


def _links(cells: pa.Table, labels: list[str], columns: list[str], total: float) -> pa.Table:
    parts = []
    for index in range(len(columns) - 1):
        before, after = columns[index], columns[index + 1]
        keys = [(before, "ascending"), (after, "ascending")]
        grouped = cells.group_by([before, after]).aggregate([(_MASS, "sum")]).sort_by(keys)
        count = grouped.num_rows
        parts.append(
            pa.table({
                "stage": pa.array([labels[index]] * count, pa.string()),
                "next_stage": pa.array([labels[index + 1]] * count, pa.string()),
                "source": grouped.column(before),
                "target": grouped.column(after),
                "decisions": grouped.column(f"{_MASS}_sum"),
                "share": pc.divide(pc.cast(grouped.column(f"{_MASS}_sum"), pa.float64()), total),
                "is_moved": pc.not_equal(grouped.column(before), grouped.column(after)),
            })
        )  # fmt: skip
    return pa.concat_tables(parts)
