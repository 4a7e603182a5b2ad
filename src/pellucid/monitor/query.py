"""Self-serve questions: any metric, broken down, filtered, windowed, with totals at every level."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.base import BUCKET, PERIOD, Engine, holds_weights, key_names
from pellucid.engine.cells import merge
from pellucid.engine.plan import Scan, make_scan
from pellucid.errors import SpecError
from pellucid.monitor.finalize import finalize
from pellucid.monitor.top import largest_values, with_rest
from pellucid.schema.files import TableFiles
from pellucid.spec.measure import measures_of
from pellucid.spec.system import Metric, Segment, System, Unit
from pellucid.windows import Window, micros

WHOLE = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a user asks: a plain value, so that it can be a URL, a schedule or a test.

    Attributes
    ----------
    metrics : tuple of Metric
        What to compute.
    windows : tuple of Window
        Over which decisions.
    as_of : datetime
        With the knowledge of when.
    by : tuple of str
        Dimensions to break down by.
    where : str
        SQL condition on the rows.
    grain : str
        ``1h``, ``1d``, ``1w``, or empty for the window as a whole.
    segments : tuple of Segment
        Named segments, shown beside the whole.
    confidence : float
        Coverage of intervals.
    top : int or None
        Values of each dimension to show, those with most rows; the rest is added up as one.
    """

    metrics: tuple[Metric, ...]
    windows: tuple[Window, ...]
    as_of: datetime
    by: tuple[str, ...] = ()
    where: str = ""
    grain: str = ""
    segments: tuple[Segment, ...] = ()
    confidence: float = 0.95
    top: int | None = None


def plan(system: System, question: Question) -> tuple[Scan, ...]:
    """Return the scans that answer a question: one for each unit among its metrics.

    Raises
    ------
    SpecError, UnknownNameError
        If a name or expression does not bind.
    """
    units: dict[Unit, list[Metric]] = {}
    for metric in question.metrics:
        units.setdefault(metric.unit, []).append(metric)
    return tuple(
        make_scan(
            system, unit, [m for metric in metrics for m in measures_of(metric).values()],
            windows=question.windows, as_of=question.as_of, by=question.by, where=question.where,
            grain=question.grain, segments=question.segments,
        )
        for unit, metrics in units.items()
    )  # fmt: skip


def planned(
    system: System, question: Question, tables: Callable[[Scan], Mapping[str, TableFiles]]
) -> Iterator[tuple[Scan, Mapping[str, TableFiles], tuple[Metric, ...]]]:
    """Yield each scan of a question with its files and metrics; weighted where the files are.

    Raises
    ------
    SpecError, UnknownNameError
        If a name or expression does not bind.
    """
    for scan in plan(system, question):
        metrics = tuple(metric for metric in question.metrics if metric.unit == scan.unit)
        files = tables(scan)
        if not holds_weights(files):
            yield scan, files, metrics
            continue
        roles = (measures_of(metric, is_weighted=True) for metric in metrics)
        measures = dict.fromkeys(measure for found in roles for measure in found.values())
        yield replace(scan, is_weighted=True, measures=tuple(measures)), files, metrics


def answer(
    system: System,
    question: Question,
    engine: Engine,
    tables: Callable[[Scan], Mapping[str, TableFiles]],
) -> pa.Table:
    """Run a question and return one row for each metric, group and level.

    Parameters
    ----------
    tables : callable
        Given a scan, the files that it needs.

    Returns
    -------
    pyarrow.Table
        Columns: ``metric``, ``segment``, the `by` dimensions (null above their level), ``level``
        (the dimensions that a row is broken down by, comma-joined; empty for the total),
        ``start_at``, ``end_at``, ``value``, ``low``, ``high``, ``n``, ``numerator``,
        ``denominator``, ``note``. Rates and shares are 0 to 1; money is in minor units. Where
        decisions are a sample, ``n`` counts rows that are stored, and all else is weighted.
    """
    return answer_together(system, [question], engine, tables)[0]


def answer_together(
    system: System,
    questions: Sequence[Question],
    engine: Engine,
    tables: Callable[[Scan], Mapping[str, TableFiles]],
) -> list[pa.Table]:
    """Run questions about the same rows, which are read once for each unit.

    Cells of the finest breakdown among them merge exactly to that of each.

    Parameters
    ----------
    questions : sequence of Question
        Alike but for metrics, breakdown, `top`, confidence and whether there is a grain.

    Returns
    -------
    list of pyarrow.Table
        The rows of each question, as of `answer`.

    Raises
    ------
    SpecError
        If they are about different rows.
    """
    parts: list[list[pa.Table]] = [[] for _ in questions]
    kept: dict[int, dict[str, pa.Array]] = {}
    for shared in _shared(questions):
        for scan, files, metrics in planned(system, shared, tables):
            cells = engine.run(scan, files)
            for place, question in enumerate(questions):
                own = tuple(metric for metric in metrics if metric in question.metrics)
                if not own:
                    continue
                shown = cells
                if question.top is not None and question.by:
                    if place not in kept:
                        # The first metric says which values are large, so that all show the same.
                        rows = measures_of(own[0], is_weighted=scan.is_weighted)["n"]
                        counts = f"m{scan.measures.index(rows)}"
                        kept[place] = largest_values(cells, question.by, counts, question.top)
                    shown = with_rest(cells, kept[place])
                coarser = replace(scan, grain=question.grain)
                parts[place] += _levels(system, question, coarser, shown, own)
    return [_ordered(question, found) for question, found in zip(questions, parts, strict=True)]


def _shared(questions: Sequence[Question]) -> Iterator[Question]:
    """Yield, for each unit, the question whose cells answer every other."""
    first = questions[0]
    grains = {question.grain for question in questions} - {""}
    alike = {(item.windows, item.as_of, item.where, item.segments) for item in questions}
    if len(alike) > 1 or len(grains) > 1:
        raise SpecError("query", [
            "asks together what is not about the same rows: windows, as_of, where, segments and "
            "grain must be alike"
        ])  # fmt: skip
    units = dict.fromkeys(metric.unit for item in questions for metric in item.metrics)
    for unit in units:
        asking = [item for item in questions if any(own.unit == unit for own in item.metrics)]
        yield replace(
            first, grain="".join(grains),
            metrics=tuple(dict.fromkeys(
                metric for item in asking for metric in item.metrics if metric.unit == unit
            )),
            by=_merged(item.by for item in asking),
        )  # fmt: skip


def _merged(breakdowns: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return every dimension once; but twice where one breakdown has it twice, which is refused."""
    found: list[str] = []
    for own in breakdowns:
        found += [name for name in own if name not in frozenset(found)]
    return tuple(found)


def _ordered(question: Question, parts: Sequence[pa.Table]) -> pa.Table:
    if not parts:
        return _empty(question)
    rows = pa.concat_tables(parts)
    order = {metric.name: index for index, metric in enumerate(question.metrics)}
    rank = pa.array([order[name] for name in rows.column("metric").to_pylist()], pa.int32())
    keys = [("rank", "ascending"), ("segment", "ascending"), ("start_at", "ascending"),
            ("depth", "descending"), ("level", "ascending"),
            *((name, "ascending") for name in question.by)]  # fmt: skip
    return rows.append_column("rank", rank).sort_by(keys).drop_columns(["rank", "depth"])


def _levels(
    system: System, question: Question, scan: Scan, cells: pa.Table, metrics: Sequence[Metric]
) -> Iterator[pa.Table]:
    for window_index, window in enumerate(question.windows):
        inside = within(scan, cells, window)
        for segment_index, name in [(None, WHOLE), *_named(question.segments)]:
            part = inside
            if segment_index is not None:
                part = inside.filter(inside.column(f"segment_{segment_index}"))
            for depth in range(len(question.by), -1, -1):
                for level in combinations(question.by, depth):
                    yield from _tables(
                        system, question, scan, part, metrics, level, name, window_index
                    )


def _tables(
    system: System,
    question: Question,
    scan: Scan,
    cells: pa.Table,
    metrics: Sequence[Metric],
    level: tuple[str, ...],
    segment: str,
    window_index: int,
) -> Iterator[pa.Table]:
    of_candidate = {system.candidate.name, *(item.name for item in system.candidate.dimensions)}
    time = (BUCKET,) if question.grain else ()
    merged = merge(cells, (*level, *time), scan.measures)
    whole = tuple(name for name in (*level, *time) if name not in of_candidate)
    starts, ends = _periods(scan, merged, question.windows[window_index])
    count = merged.num_rows
    for metric in metrics:
        values = finalize(metric, merged, scan.measures, whole=whole,
                          confidence=question.confidence, is_weighted=scan.is_weighted)  # fmt: skip
        columns = {"metric": pa.array([metric.name] * count, pa.string()),
                   "segment": pa.array([segment] * count, pa.string())}  # fmt: skip
        for name in question.by:
            columns[name] = merged.column(name) if name in level else pa.nulls(count, pa.string())
        columns |= {
            "level": pa.array([",".join(level)] * count, pa.string()),
            "depth": pa.array([len(level)] * count, pa.int32()),
            "start_at": starts, "end_at": ends,
            **{key: pa.array(getattr(values, key), pa.float64(), from_pandas=True)
               for key in ("value", "low", "high")},
            "n": pa.array(values.n),
            **{key: pa.array(getattr(values, key), pa.float64(), from_pandas=True)
               for key in ("numerator", "denominator")},
            "note": pa.array(values.note, pa.string()),
        }  # fmt: skip
        yield pa.table(columns)


def _named(segments: Sequence[Segment]) -> list[tuple[int, str]]:
    return [(index, segment.name) for index, segment in enumerate(segments)]


def within(scan: Scan, cells: pa.Table, window: Window) -> pa.Table:
    """Return the cells of one of the windows of a scan."""
    if PERIOD not in key_names(scan):
        return cells
    first, last = scan.cuts.index(window.start), scan.cuts.index(window.end)
    period = cells.column(PERIOD)
    return cells.filter(pc.and_(pc.greater_equal(period, first), pc.less(period, last)))


def _periods(scan: Scan, cells: pa.Table, window: Window) -> tuple[pa.Array, pa.Array]:
    kind = pa.timestamp("us", tz="UTC")
    if not scan.grain:
        starts, ends = [window.start] * cells.num_rows, [window.end] * cells.num_rows
        return pa.array(starts, kind), pa.array(ends, kind)
    length, _ = scan.grain_us
    low, high = micros(window.start), micros(window.end)
    begin = cells.column(BUCKET).to_numpy()
    # A bucket that the window cuts is shown as the part that was counted.
    return (
        pa.array(np.maximum(begin, low)).cast(kind),
        pa.array(np.minimum(begin + length, high)).cast(kind),
    )


def _empty(question: Question) -> pa.Table:
    time, number = pa.timestamp("us", tz="UTC"), pa.float64()
    names = ("metric", "segment", *question.by, "level")
    kinds = {name: pa.string() for name in names}
    kinds |= {"start_at": time, "end_at": time, "value": number, "low": number, "high": number,
              "n": pa.int64(), "numerator": number, "denominator": number,
              "note": pa.string()}  # fmt: skip
    return pa.schema(list(kinds.items())).empty_table()
