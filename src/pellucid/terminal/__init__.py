"""Output of the command: a table for people, or JSON, CSV and Parquet for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from pellucid.errors import DataError
from pellucid.monitor.answer import Answer
from pellucid.spec.system import Metric, System
from pellucid.terminal.tables import shown, text_table
from pellucid.terminal.values import value_cells

FORMATS = ("table", "json", "csv", "parquet")


def write_answer(answer: Answer, *, style: str, output: Path | None) -> None:
    """Write an answer; a table shows each metric with its interval and n.

    Raises
    ------
    DataError
        If Parquet is asked for without a file to write to.
    """
    if style == "table":
        _print(answer_text(answer), output)
    else:
        write_rows(answer.rows, style=style, output=output)


def write_rows(rows: pa.Table, *, style: str, output: Path | None) -> None:
    """Write rows as JSON lines, CSV or Parquet, to a file or to stdout.

    Raises
    ------
    DataError
        If Parquet is asked for without a file to write to.
    """
    if style == "parquet":
        if output is None:
            raise DataError("--format parquet", ["needs a file: add --output FILE.parquet"])
        pq.write_table(rows, output)
    elif style == "csv":
        with pa.BufferOutputStream() as sink:
            csv.write_csv(rows, sink)
            _print(sink.getvalue().to_pybytes().decode().rstrip("\n"), output)
    else:
        lines = [json.dumps(row, default=_plain, allow_nan=False) for row in rows.to_pylist()]
        _print("\n".join(lines), output)


def answer_text(answer: Answer) -> str:
    """Return an answer as aligned text: a row for each group, then its totals, then its note."""
    has_time = len(set(answer.rows.column("start_at").to_pylist())) > 1
    has_segments = len(set(answer.rows.column("segment").to_pylist())) > 1
    heads = [*(["from (UTC)"] if has_time else []), *(["segment"] if has_segments else []),
             *answer.by, "metric", "value", "95% interval", "n"]  # fmt: skip
    metrics = {metric.name: metric for metric in answer.metrics}
    body = []
    for row in answer.rows.to_pylist():
        level = row["level"].split(",") if row["level"] else []
        dimensions = [
            ("(missing)" if row[name] is None else shown(row[name])) if name in level else "(all)"
            for name in answer.by
        ]
        body.append([
            *([f"{row['start_at']:%Y-%m-%d %H:%M}"] if has_time else []),
            *([row["segment"]] if has_segments else []),
            *dimensions, row["metric"], *value_cells(metrics[row["metric"]], row),
        ])  # fmt: skip
    table = text_table(heads, body, right=("value", "95% interval", "n"))
    return f"{table}\n\n{answer.note}" if answer.note else table


def write_story(text: str, rows: pa.Table, *, style: str, output: Path | None) -> None:
    """Write an explanation: its text for people, the rows of its parts for programs.

    Raises
    ------
    DataError
        If Parquet is asked for without a file to write to.
    """
    if style == "table":
        _print(text, output)
        return
    for place, field in enumerate(rows.schema):
        if pa.types.is_floating(field.type):
            # An error that cannot be known is NaN, which JSON does not have.
            known = pc.if_else(pc.is_nan(rows.column(place)), None, rows.column(place))
            rows = rows.set_column(place, field.name, known)
    write_rows(rows, style=style, output=output)


def catalogue_text(system: System, metrics: Mapping[str, Metric]) -> str:
    """Return every metric, dimension and segment of a system with its meaning."""
    metric_rows = [[metric.name, metric.unit, metric.meaning] for metric in metrics.values()]
    dimensions = [
        *((item.name, item.meaning or item.label) for item in system.dimensions),
        (system.candidate.name, system.candidate.label or "the candidate"),
        *((item.name, item.meaning or item.label) for item in system.candidate.dimensions),
        *((name, "a field of the record") for name in ("arm", "model_id", "currency", "attempt")),
    ]
    segments = [[segment.name, segment.where] for segment in system.segments]
    parts = [
        text_table(["metric", "counted per", "meaning"], metric_rows),
        text_table(["dimension", "meaning"], dimensions),
    ]
    if segments:
        parts.append(text_table(["segment", "rows"], segments))
    return "\n\n".join(parts)


def _print(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(f"{text}\n")
    else:
        output.write_text(f"{text}\n")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
