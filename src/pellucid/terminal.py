"""Output of the command: a table for people, or JSON, CSV and Parquet for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from pellucid.errors import DataError
from pellucid.explain.change import ChangeStory
from pellucid.explain.contrast import Contrast
from pellucid.explain.groups import GroupStory
from pellucid.explain.wording import HALF_WIDTH
from pellucid.figures import numbers
from pellucid.monitor.answer import Answer
from pellucid.spec.system import Metric, System

_MOST_CELLS = 8
_MOST_PARTS = 5
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
            ("(missing)" if row[name] is None else _shown(row[name])) if name in level else "(all)"
            for name in answer.by
        ]
        body.append([
            *([f"{row['start_at']:%Y-%m-%d %H:%M}"] if has_time else []),
            *([row["segment"]] if has_segments else []),
            *dimensions, row["metric"], *_value_cells(metrics[row["metric"]], row),
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


def change_text(story: ChangeStory) -> str:
    """Return a change of share as its paragraph, its parts and the cells that carry it."""
    rows = [[row["part"], numbers.points(row["change"], 2), _half(row["error"], "probability")]
            for row in story.parts.to_pylist()]  # fmt: skip
    total = numbers.points(story.after - story.before, 2)
    rows.append(["Change", total, _half(story.error, "probability")])
    heads = ["part", "change", "± 95%"]
    tables = [story.told, text_table(heads, rows, right=heads[1:])]
    names = story.cells.column_names
    by = names[: names.index("decisions_before")]
    cells = [
        [*(_shown(row[name] or "(missing)") for name in by), numbers.points(row["change"], 2),
         numbers.rate(row["share_before"]), numbers.rate(row["share_after"]),
         numbers.count(row["decisions_before"]), numbers.count(row["decisions_after"])]
        for row in story.cells.slice(0, _MOST_CELLS).to_pylist()
    ]  # fmt: skip
    if by:
        heads = [*by, "part of change", "share before", "after", "decisions before", "after "]
        tables.append(text_table(heads, cells, right=heads[len(by) :]))
    return "\n\n".join(tables)


def contrast_text(answer: Contrast) -> str:
    """Return a contrast as its paragraph, its parts, who won and what flipped it."""
    scale = answer.scale
    rows = [[row["label"], row["kind"], _amount(row["mean"], scale), _half(row["error"], scale)]
            for row in answer.parts.to_pylist()]  # fmt: skip
    rows.append(["Margin", "", _amount(answer.margin, scale), _half(answer.error, scale)])
    unit = "pp" if scale == "probability" else scale.replace("_", "-")
    heads = ["part", "kind", f"for {answer.candidate} ({unit})", "± 95%"]
    tables = [answer.told, text_table(heads, rows, right=heads[2:])]
    wins = [[row["winner"], numbers.count(row["decisions"]), numbers.rate(row["share"])]
            for row in answer.wins.to_pylist()]  # fmt: skip
    heads = ["picked", "decisions", "share"]
    tables.append(text_table(heads, wins, right=heads[1:]))
    flips = [[row["preferred"], row["winner"], row["layer"], numbers.count(row["decisions"]),
              numbers.rate(row["share"])] for row in answer.flips.to_pylist()]  # fmt: skip
    if flips:
        heads = ["model preferred", "picked", "moved by", "decisions", "share"]
        tables.append(text_table(heads, flips, right=heads[3:]))
    if answer.is_rescaled:
        tables.append(
            "Parts of the model are rescaled from its raw score to probability, in each decision "
            "by the ratio of the two differences."
        )
    return "\n\n".join(tables)


def group_text(story: GroupStory) -> str:
    """Return a group's mean score as its paragraph, the groups, and the parts of each."""
    scale, by = story.scale, story.by
    groups = [
        [*(_shown(row[name] or "(missing)") for name in by), row["side"], numbers.count(row["n"]),
         numbers.count(row["decisions"]), _amount(row["score"], scale), _half(row["error"], scale)]
        for row in story.groups.to_pylist()
    ]  # fmt: skip
    heads = [*by, "side", "n", "decisions", "mean score", "± 95%"]
    tables = [story.told, text_table(heads, groups, right=heads[len(by) + 1 :])]
    shown: dict[tuple[str, ...], int] = {}
    rows = []
    for row in story.parts.to_pylist():
        key = tuple(_shown(row[name] or "(missing)") for name in by)
        shown[key] = shown.get(key, 0) + 1
        if by and shown[key] > _MOST_PARTS:
            continue
        cells = [_amount(row["mean"], scale), _half(row["error"], scale),
                 numbers.number(row["mean_absolute"])]  # fmt: skip
        if story.is_compared:
            cells = [_amount(row["mean"], scale), _amount(row["versus_mean"], scale),
                     _amount(row["difference"], scale),
                     _half(row["difference_error"], scale)]  # fmt: skip
        rows.append([*key, row["label"], *cells])
    cells = ["mean", "versus", "difference", "± 95%"] if story.is_compared else [
        "mean", "± 95%", "mean size"
    ]  # fmt: skip
    tables.append(text_table([*by, "part", *cells], rows, right=cells))
    return "\n\n".join(tables)


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


def text_table(
    heads: Sequence[str], body: Sequence[Sequence[str]], *, right: Sequence[str] = ()
) -> str:
    """Return rows as aligned text under their heads."""
    widths = [
        max([len(head), *(len(row[index]) for row in body)]) for index, head in enumerate(heads)
    ]

    def line(cells: Sequence[str]) -> str:
        aligned = [
            cell.rjust(width) if head in right else cell.ljust(width)
            for cell, width, head in zip(cells, widths, heads, strict=True)
        ]
        return "  ".join(aligned).rstrip()

    rule = "  ".join("─" * width for width in widths)
    return "\n".join([line(heads), rule, *(line(row) for row in body)])


def _value_cells(metric: Metric, row: dict[str, Any]) -> list[str]:
    n = numbers.count(row["n"])
    value, low, high = row["value"], row["low"], row["high"]
    if value is None:
        return [row["note"] or "no data", "", n]
    if metric.value_unit == "share":
        return [numbers.rate(value, 2), numbers.interval(low, high, 2), n]
    if metric.value_unit == "points":
        return [numbers.points(value, 2), _span(low, high, lambda end: numbers.points(end, 2)), n]
    if metric.finalizer == "count":
        return [numbers.count(value), _span(low, high, numbers.count), n]
    currency = f" {row['currency']}" if row.get("currency") else ""
    unit = f"{currency} minor" if metric.value_unit == "money" else ""
    if metric.finalizer == "total":
        return [f"{numbers.count(value)}{unit}", _span(low, high, numbers.count), n]
    return [f"{numbers.number(value, 3)}{unit}",
            _span(low, high, lambda end: numbers.number(end, 3)), n]  # fmt: skip


def _amount(value: float | None, scale: str) -> str:
    return numbers.points(value, 2) if scale == "probability" else numbers.log_odds(value)


def _half(error: float | None, scale: str) -> str:
    """Return the half width of a 95% interval."""
    if error is None or not numbers.is_known(error):
        return numbers.NONE
    return _amount(HALF_WIDTH * error, scale).lstrip("+±")


def _span(low: float | None, high: float | None, shown: Callable[[float | None], str]) -> str:
    return "" if low is None else f"{shown(low)} to {shown(high)}"


def _shown(value: object) -> str:
    # A logged string must not move the cursor, or break the table.
    return "".join(mark if mark.isprintable() else "·" for mark in str(value))


def _print(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(f"{text}\n")
    else:
        output.write_text(f"{text}\n")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
