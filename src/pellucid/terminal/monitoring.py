"""What is compared and measured, as text."""

from __future__ import annotations

from typing import Any

from pellucid.figures import numbers
from pellucid.monitor.comparison import Comparison
from pellucid.monitor.performance.maturity import Maturity
from pellucid.monitor.performance.performance import Performance
from pellucid.spec.system import Metric
from pellucid.terminal.tables import shown, text_table
from pellucid.terminal.values import value_cells


def comparison_text(comparison: Comparison) -> str:
    """Return a comparison as aligned text: a row for each group, then its totals."""
    metrics = {metric.name: metric for metric in comparison.metrics}
    heads = [*comparison.by, "metric", "value", "baseline", "change", "95% interval", "n",
             "baseline n"]  # fmt: skip
    body = []
    for row in comparison.rows.to_pylist():
        level = row["level"].split(",") if row["level"] else []
        groups = [
            ("(missing)" if row[name] is None else shown(row[name])) if name in level else "(all)"
            for name in comparison.by
        ]
        metric = metrics[row["metric"]]
        body.append([
            *groups, metric.name, _value(metric, row["value"]), _value(metric, row["baseline"]),
            *_change(metric, row), numbers.count(row["n"]), numbers.count(row["baseline_n"]),
        ])  # fmt: skip
    told = f"{shown(comparison.names[0])}, compared with {shown(comparison.names[1])}"
    table = text_table(heads, body, right=heads[len(comparison.by) + 1 :])
    return "\n\n".join([told, table, *([comparison.note] if comparison.note else [])])


def performance_text(found: Performance) -> str:
    """Return a model's performance as its paragraph, the measures and the reliability."""
    heads = ["from (UTC)", "measure", "value", "95% interval", "labels", "expected", "pending"]
    rows = [
        [f"{row['start_at']:%Y-%m-%d %H:%M}" if row["level"] else "(all)",
         f"{row['measure']} at {row['cutoff']}" if row["cutoff"] else row["measure"],
         *_ends(row["value"], row["low"], row["high"]), numbers.count(row["n"]),
         _ends(row["expected"], None, None)[0], numbers.count(row["pending"])]
        for row in found.rows.to_pylist()
    ]  # fmt: skip
    parts = [found.told, text_table(heads, rows, right=heads[2:])]
    if found.reliability is not None:
        bins = found.reliability
        held = [
            [numbers.rate(predicted), numbers.rate(realised), numbers.interval(low, high),
             numbers.count(n)]
            for predicted, realised, low, high, n in zip(
                bins.predicted.tolist(), bins.realised.tolist(), bins.low.tolist(),
                bins.high.tolist(), bins.n.tolist(), strict=True)
        ]  # fmt: skip
        heads = ["predicted", "realised", "95% interval", "labels"]
        parts.append(text_table(heads, held, right=heads))
    return "\n\n".join(parts)


def maturity_text(found: Maturity) -> str:
    """Return how late outcomes come as a paragraph and a table of cohorts."""
    heads = ["from (UTC)", "decisions", "known", "of all to come", "rate so far", "expected end",
             "95% interval"]  # fmt: skip
    rows = [
        [f"{row['start_at']:%Y-%m-%d %H:%M}", numbers.count(row["decisions"]),
         numbers.count(row["known"]), numbers.rate(row["known_share"]), numbers.rate(row["rate"]),
         numbers.rate(row["final_rate"]), numbers.interval(row["low"], row["high"])]
        for row in found.rows.to_pylist()
    ]  # fmt: skip
    return f"{found.told}\n\n{text_table(heads, rows, right=heads[1:])}"


def _ends(value: float | None, low: float | None, high: float | None) -> list[str]:
    if value is None:
        return ["no labels", ""]
    return [f"{value:.4f}", "" if low is None else f"{low:.4f} to {high:.4f}"]


def _value(metric: Metric, value: float | None) -> str:
    row = {"value": value, "low": None, "high": None, "n": 0, "note": None}
    return "no data" if value is None else value_cells(metric, row)[0]


def _change(metric: Metric, row: dict[str, Any]) -> list[str]:
    change, low, high = row["change"], row["low"], row["high"]
    if change is None:
        return [row["note"] or "", ""]
    if metric.value_unit in ("share", "points"):
        ends = "" if low is None else f"{numbers.points(low, 2)} to {numbers.points(high, 2)}"
        return [numbers.points(change, 2), ends]
    relative = "" if row["relative"] is None else f" ({row['relative']:+.1%})"
    digits = 0 if metric.finalizer in ("count", "total") else 3
    ends = "" if low is None else f"{low:+,.3f} to {high:+,.3f}"
    return [_minus(f"{change:+,.{digits}f}{relative}"), _minus(ends)]


def _minus(text: str) -> str:
    return text.replace("-", "−")
