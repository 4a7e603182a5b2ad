"""What stands out, as text."""

from __future__ import annotations

from pellucid.figures import numbers
from pellucid.monitor.anomalies.report import Anomalies
from pellucid.terminal.tables import shown, text_table
from pellucid.terminal.values import value_cells


def anomalies_text(found: Anomalies) -> str:
    """Return anomalies as their paragraph and a table, the largest effect times volume first."""
    if not found.rows.num_rows:
        return shown(found.told)
    metrics = {metric.name: metric for metric in found.metrics}
    heads = ["metric", *found.by, "kind", "since", "until", "value", "expected", "n", "p", "q"]
    body = []
    for row in found.rows.to_pylist():
        metric = metrics[row["metric"]]
        value, expected = (
            value_cells(metric, {"value": row[name], "low": None, "high": None, "n": 0,
                                 "note": None})[0]
            for name in ("value", "expected")
        )  # fmt: skip
        body.append([
            metric.name,
            *("(missing)" if row[name] is None else shown(row[name]) for name in found.by),
            row["kind"], f"{row['since']:%Y-%m-%d %H:%M}", f"{row['until']:%Y-%m-%d %H:%M}",
            value, expected, numbers.count(row["n"]), f"{row['p_value']:.1e}",
            f"{row['q_value']:.1e}",
        ])  # fmt: skip
    right = heads[len(found.by) + 4 :]
    return f"{shown(found.told)}\n\n{text_table(heads, body, right=right)}"
