"""Drift as text."""

from __future__ import annotations

from pellucid.monitor.drift.report import DriftReport
from pellucid.terminal.tables import shown, text_table


def drift_text(report: DriftReport) -> str:
    """Return a drift report as its paragraph and a table, those that moved first."""
    rows = [
        [shown(item.drift.column), item.verdict, shown(item.why), f"{item.drift.psi:.3f}",
         f"{item.drift.psi_noise:.3f}", f"{item.drift.jensen_shannon:.3f}",
         "" if item.drift.kind == "category" else f"{item.drift.wasserstein:.3f}"]
        for item in report.columns
    ]  # fmt: skip
    heads = ["column", "verdict", "what changed", "PSI", "by chance", "JS", "W1 in SD"]
    return f"{shown(report.told)}\n\n{text_table(heads, rows, right=heads[3:])}"
