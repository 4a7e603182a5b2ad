"""What a model's performance comes to, in words."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pellucid.stats.calibration import Reliability


def told_performance(rows: pa.Table, reliability: Reliability | None, *, outcome: str) -> str:
    """Return the finding as a paragraph, made from the numbers of the table."""
    whole = {(row["measure"], row["cutoff"]): row for row in rows.to_pylist() if not row["level"]}
    auc = whole[("roc_auc", None)]
    said = (
        f"Of {auc['decisions']:,} decisions, {auc['n']:,} have a mature label of {outcome} and "
        f"{auc['pending']:,} wait for theirs."
    )
    if auc["value"] is None:
        said += " There are no labels of both kinds yet, so nothing is measured."
    else:
        said += f" The model ranks a good decision above a bad one {_share(auc)} of the time (AUC)."
    if auc["expected"] is not None:
        said += (
            f" Over all decisions {auc['expected']:.1%} is to be expected, if outcomes follow the "
            "scores as they did before: an outage would not show in it."
        )
    if reliability is not None:
        said += f" {_calibration(reliability)}"
    return said


def _share(row: dict[str, Any]) -> str:
    if row["low"] is None:
        return f"{row['value']:.1%}"
    return f"{row['value']:.1%} ({row['low']:.1%} to {row['high']:.1%})"


def _calibration(found: Reliability) -> str:
    points, doubt = 100 * found.gap, 100 * 1.96 * found.gap_error
    if abs(points) <= doubt:
        return "On average its probabilities are what happened."
    way = "too high" if points > 0 else "too low"
    return f"Its probabilities are {way} by {abs(points):.1f} ± {doubt:.1f} pp on average."
