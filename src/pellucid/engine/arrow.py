"""The reference engine: slow, plain and independent of SQL. The tests trust it, users need not."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pellucid.engine.arrow_expression import evaluate
from pellucid.engine.base import BUCKET, PERIOD, key_names, measure_type
from pellucid.engine.plan import Scan
from pellucid.engine.sql import candidate_owned
from pellucid.schema.files import TableFiles
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.measure import Measure
from pellucid.spec.sources import outcome_columns, physical_column, source_columns
from pellucid.spec.system import Outcome
from pellucid.windows import parse_duration

Row = dict[str, Any]
_KINDS = {"number": pa.float64(), "string": pa.string(), "boolean": pa.bool_(),
          "timestamp": pa.timestamp("us", tz="UTC")}  # fmt: skip


class ArrowEngine:
    """Runs scans row by row; agrees with every other engine to the last unit."""

    name = "arrow"

    def run(self, scan: Scan, tables: Mapping[str, TableFiles]) -> pa.Table:
        """Return the measures of each group."""
        facts = list(_facts(scan, tables))
        kinds = source_columns(scan.system, scan.unit)
        columns = {
            name: pa.array([row.get(name) for row in facts], _KINDS[kinds[name]])
            for name in scan.columns
        }
        count = len(facts)
        if scan.where:
            kept = pa.compute.fill_null(evaluate(scan.where, columns, count), False)
            columns = {name: column.filter(kept) for name, column in columns.items()}
            count = pa.compute.sum(kept).as_py() or 0
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for index, key in enumerate(_keys(scan, columns, count)):
            groups[key].append(index)
        names = key_names(scan)
        result = {name: [key[i] for key in groups] for i, name in enumerate(names)}
        schema = [(name, _key_type(name)) for name in names]
        for index, measure in enumerate(scan.measures):
            values = list(_folded(measure, columns, count))
            result[f"m{index}"] = [
                _fold(measure, [values[row] for row in rows]) for rows in groups.values()
            ]
            schema.append((f"m{index}", measure_type(measure)))
        return pa.table(result, schema=pa.schema(schema))

    def show(self, scan: Scan) -> str:
        """Return what `run` would do, in words."""
        return f"read every row of a {scan.unit} scan, group by {', '.join(key_names(scan))}"


def _key_type(name: str) -> pa.DataType:
    if name in (PERIOD, BUCKET):
        return pa.int64()
    return pa.bool_() if name.startswith("segment_") else pa.string()


def _keys(scan: Scan, columns: Mapping[str, pa.Array], count: int) -> Iterator[tuple[Any, ...]]:
    segments = [
        [bool(value) for value in evaluate(segment.where, columns, count).to_pylist()]
        for segment in scan.segments
    ]
    dimensions = [[_text(value) for value in columns[name].to_pylist()] for name in scan.by]
    for index, at in enumerate(columns["decided_at"].to_pylist()):
        key: list[Any] = [values[index] for values in dimensions]
        if len(scan.cuts) > 2:
            key.append(sum(at >= cut for cut in scan.cuts[1:-1]))
        if scan.grain:
            length, offset = scan.grain_us
            micros = pa.scalar(at, pa.timestamp("us", tz="UTC")).value
            key.append((micros - offset) // length * length + offset)
        key += [values[index] for values in segments]
        yield tuple(key)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) else str(value)


def _folded(measure: Measure, columns: Mapping[str, pa.Array], count: int) -> Iterator[Any]:
    names = [text for text in (measure.value, measure.per) if text]
    parts = [evaluate(text, columns, count).to_pylist() for text in names]
    kept = evaluate(measure.where, columns, count).to_pylist() if measure.where else [True] * count
    for index in range(count):
        values = [part[index] for part in parts]
        yield tuple(values) if kept[index] and None not in values else None


def _fold(measure: Measure, values: list[Any]) -> Any:
    present = [value for value in values if value is not None]
    if measure.fold == "count":
        return len(present)
    if not present:
        return None
    if measure.fold in ("smallest", "largest"):
        return (min if measure.fold == "smallest" else max)(value[0] for value in present)
    if measure.fold == "sum_squares":
        return math.fsum(value[0] ** 2 for value in present)
    if measure.fold == "sum_products":
        return math.fsum(value[0] * value[1] for value in present)
    total = math.fsum(value[0] for value in present)
    return int(total) if str(measure_type(measure)).startswith("decimal") else total


def _facts(scan: Scan, tables: Mapping[str, TableFiles]) -> Iterator[Row]:
    decisions = [row for row in _rows(tables["decisions"]) if row["decided_at"] <= scan.as_of]
    if scan.unit == "candidate":
        by_id = {row["decision_id"]: row for row in decisions}
        for row in _rows(tables["candidates"]):
            if _inside(scan, row["decided_at"]):
                yield _candidate(scan, row, by_id.get(row["decision_id"], {}))
        return
    observed = {item.name: _latest(scan, item, tables["outcomes"]) for item in scan.outcomes}
    retries: dict[str, list[Row]] = defaultdict(list)
    for row in decisions:
        if row["attempt"] > 1 and row["decided_at"] >= scan.span.start:
            retries[row["request_id"]].append(row)
    for row in decisions:
        if not _inside(scan, row["decided_at"]):
            continue
        if scan.unit == "request":
            if row["attempt"] == 1:
                yield _decision(scan, row, retries[row["request_id"]], observed)
        else:
            yield _decision(scan, row, [], observed)


def _rows(table: TableFiles) -> Iterator[Row]:
    for path in table.files:
        for row in pq.read_table(path, filesystem=table.filesystem).to_pylist():
            yield {name: row.get(name) for name in table.schema.names}


def _inside(scan: Scan, at: datetime) -> bool:
    return scan.span.start <= at < scan.span.end and at <= scan.as_of


def _latest(scan: Scan, outcome: Outcome, table: TableFiles) -> dict[str, Row]:
    latest: dict[str, Row] = {}
    for row in _rows(table):
        if row["outcome"] != outcome.name or row["recorded_at"] > scan.as_of:
            continue
        held = latest.get(row["decision_id"])
        order = (row["recorded_at"], row["outcome_at"])
        if held is None or order > (held["recorded_at"], held["outcome_at"]):
            latest[row["decision_id"]] = row
    return latest


def _candidate(scan: Scan, row: Row, decision: Row) -> Row:
    return {
        name: _value(scan, row if candidate_owned(scan, name) else decision, name)
        for name in scan.columns
    }


def _value(scan: Scan, row: Row, name: str) -> Any:
    value = row.get(physical_column(scan.system, scan.unit, name))
    if name == SAMPLE_WEIGHT and (value is None or not scan.is_weighted):
        return 1.0
    return value


def _of_attempts(outcome: Outcome, values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    is_whole = len(known) == len(values)
    if outcome.kind == "amount":
        return math.fsum(known) if is_whole else None
    best = max(known, default=None)
    return best if best is not None and (is_whole or best >= 1) else None


def _decision(
    scan: Scan, row: Row, retries: list[Row], observed: Mapping[str, Mapping[str, Row]]
) -> Row:
    virtual = {name for outcome in scan.outcomes for name in outcome_columns(outcome)}
    fact = {name: _value(scan, row, name) for name in scan.columns if name not in virtual}
    last_at = max([row["decided_at"], *(retry["decided_at"] for retry in retries)])
    for outcome in scan.outcomes:
        latest = observed[outcome.name]
        own = latest.get(row["decision_id"], {})
        values = [latest.get(item["decision_id"], {}).get("value") for item in [row, *retries]]
        fact[outcome.name] = _of_attempts(outcome, values)
        cutoff: timedelta = parse_duration(outcome.matures_after)
        fact[f"{outcome.name}_mature"] = last_at + cutoff <= scan.as_of
        fact[f"{outcome.name}_reason"] = own.get("reason")
        fact[f"{outcome.name}_blame"] = own.get("blame")
    return fact
