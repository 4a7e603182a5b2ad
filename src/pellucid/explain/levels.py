"""Which features are of the decision, the same for all its candidates, and which of a candidate."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.engine.sql import quoted
from pellucid.explain.records import Records, within
from pellucid.windows import Window


def shared_features(records: Records, features: Sequence[str], window: Window) -> frozenset[str]:
    """Return the features that never differ between the candidates of a decision in a window.

    Parameters
    ----------
    features : sequence of str
        As logged; one that was never logged is shared.
    """
    if not features:
        return frozenset()
    # A null beside a value is a difference, and two nulls are none.
    differs = ", ".join(
        f"max(CAST(count(DISTINCT {_column(name)}) + CAST(bool_or({_column(name)} IS NULL) AS INT) "
        "> 1 AS INT)) OVER ()"
        for name in features
    )
    declared = {"features": dict.fromkeys(features, "number")}
    sql = (
        f"SELECT {differs} FROM candidates WHERE {within(window)} AND raw_score IS NOT NULL "
        "GROUP BY decision_id LIMIT 1"
    )
    rows = records.query(sql, ("candidates",), window, names=declared)
    if not rows.num_rows:
        return frozenset(features)
    found = [column[0].as_py() for column in rows.columns]
    return frozenset(
        name for name, is_different in zip(features, found, strict=True) if not is_different
    )


def _column(name: str) -> str:
    return quoted(f"f_{name}")
