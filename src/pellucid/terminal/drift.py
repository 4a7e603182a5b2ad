"""Drift as text: of columns, and of what features do to the scores."""

from __future__ import annotations

from pellucid.figures import numbers
from pellucid.monitor.drift.attributions import AttributionDrift
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


def order_text(found: AttributionDrift) -> str:
    """Return the order of features as its paragraph and a row each, the most important first."""
    heads = ["feature", "verdict", "rank", "before", "mean size", "size before", "95% of change",
             "q", "mean", "mean before"]  # fmt: skip
    rows = [
        [shown(item.label), item.verdict, _rank(item.rank), _rank(item.baseline_rank),
         numbers.number(item.importance, 4), numbers.number(item.baseline_importance, 4),
         f"{numbers.number(item.low, 4)} to {numbers.number(item.high, 4)}"
         if numbers.is_known(item.low) else numbers.NONE, f"{item.q_value:.2g}",
         numbers.number(item.mean, 4), numbers.number(item.baseline_mean, 4)]
        for item in found.features
    ]  # fmt: skip
    return f"{shown(found.told)}\n\n{text_table(heads, rows, right=heads[2:])}"


def _rank(rank: int | None) -> str:
    return numbers.NONE if rank is None else str(rank)
