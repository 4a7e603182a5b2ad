"""Policy flow: the traffic that the model alone would send, then after each layer, to the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.base import Engine, holds_weights
from pellucid.engine.plan import Scan, make_scan
from pellucid.errors import ExplainError
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
    nodes : pyarrow.Table
        ``stage``, ``candidate``, ``decisions``, ``share`` of all decisions in the flow.
    links : pyarrow.Table
        ``stage``, ``next_stage``, ``source``, ``target``, ``decisions``, ``share``, ``is_moved``.
    decisions : int or float
        Decisions in the flow; everywhere here weighted, hence an estimate, where they are a sample.
    outside : int or float
        Decisions left out because a pick was not logged, for example those of the control arm.
    n : int
        Decisions stored behind the flow.
    """

    stages: tuple[str, ...]
    nodes: pa.Table
    links: pa.Table
    decisions: float
    outside: float
    n: int


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
    scan = make_scan(
        system, "decision", [Measure(fold="count")], windows=[window], as_of=as_of,
        by=(*picks, "chosen"), where=where,
    )  # fmt: skip
    files = tables(scan)
    if holds_weights(files):
        weight = Measure(fold="sum", value=SAMPLE_WEIGHT)
        scan = replace(scan, measures=(*scan.measures, weight), is_weighted=True)
    cells = engine.run(scan, files)
    cells = cells.append_column(_MASS, cells.column(f"m{len(scan.measures) - 1}"))
    known = pc.is_valid(cells.column("chosen"))
    for pick in picks:
        known = pc.and_(known, pc.is_valid(cells.column(pick)))
    inside = cells.filter(known)
    total = pc.sum(inside.column(_MASS)).as_py() or 0
    outside = pc.sum(cells.filter(pc.invert(known)).column(_MASS)).as_py() or 0
    if not total:
        raise ExplainError(f"in {window.start:%Y-%m-%d}..{window.end:%Y-%m-%d} no {_PICKED}")
    labels = ["Model", *(layer.label or layer.name for layer in system.layers)]
    columns = list(picks)
    # What was chosen can differ from the last layer's pick only if something outside acted.
    if pc.any(pc.not_equal(inside.column(picks[-1]), inside.column("chosen"))).as_py():
        labels, columns = [*labels, "Final"], [*columns, "chosen"]
    return Flow(tuple(labels), _nodes(inside, labels, columns, total),
                _links(inside, labels, columns, total), total, outside,
                pc.sum(inside.column("m0")).as_py())  # fmt: skip


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
