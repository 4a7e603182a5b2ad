"""The scored candidates that a plan picks of the decisions of a span, and those that came late."""

from __future__ import annotations

import pyarrow as pa

from pellucid.engine.sql import quoted, text
from pellucid.explain.job.plans import Plan
from pellucid.explain.records import DAY_SQL, Records, within
from pellucid.explain.spans import joined_days
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.windows import Window

_LARGEST_HASH = 2**64
_TABLES = ("candidates", "decisions", "attributions")


def due_rows(
    records: Records, model_id: str, plan: Plan, window: Window, *, is_late: bool
) -> pa.Table:
    """Return the scored candidates of the decisions of a window that a plan picks, weighted.

    Sampled to be logged, then again to be explained: a row's weight is the product of both.

    Parameters
    ----------
    is_late : bool
        Only those of which no attributions are stored yet. They are picked at the same rates as
        all others of their kind, so that weights stay the inverse of them.
    """
    return _query(records, f"c.*, d.w AS {SAMPLE_WEIGHT}", model_id, plan, window, is_late=is_late)


def late_spans(
    records: Records, model_id: str, plan: Plan, window: Window, *, most_rows: int
) -> list[Window]:
    """Return the spans of a window that hold what a plan picks and is not explained, in order."""
    days = _query(
        records, f"{DAY_SQL.replace('decided_at', 'c.decided_at')} AS day, count(*) AS n",
        model_id, plan, window, is_late=True, end=" GROUP BY 1 ORDER BY 1",
    )  # fmt: skip
    return joined_days(days.to_pylist(), window, most_rows=most_rows)


def _query(
    records: Records, select: str, model_id: str, plan: Plan, window: Window, *,
    is_late: bool, end: str = "",
) -> pa.Table:  # fmt: skip
    late = (
        "ANTI JOIN (SELECT decision_id, candidate_id FROM attributions "
        f"WHERE model_id = {text(model_id)} AND {within(window)}) AS a "
        "ON a.decision_id = c.decision_id AND a.candidate_id = c.candidate_id "
    )
    return records.query(
        f"WITH p AS ({_picked(model_id, plan, window)}), d AS (SELECT decision_id, "
        f"any_value(coalesce({SAMPLE_WEIGHT}, 1) / rate) AS w FROM p "
        f"WHERE hash(decision_id) <= rate * {_LARGEST_HASH - 1} GROUP BY 1) "
        f"SELECT {select} FROM (SELECT * FROM candidates "
        f"WHERE raw_score IS NOT NULL AND {within(window)}) AS c "
        f"JOIN d ON d.decision_id = c.decision_id {late if is_late else ''}{end}",
        _TABLES if is_late else _TABLES[:2],
        window,
        names={"dimensions": dict.fromkeys(plan.dimensions[1:], "")},
    )


def _picked(model_id: str, plan: Plan, window: Window) -> str:
    picked = f"SELECT decision_id, {SAMPLE_WEIGHT}, 1.0 AS rate FROM decisions AS d"
    if not plan.is_whole:
        rates = ", ".join(
            f"({', '.join([*map(_literal, cell), repr(rate)])})"
            for cell, rate in zip(plan.cells, plan.rates, strict=True)
        )
        columns = [f"k{place}" for place in range(len(plan.dimensions))]
        same = " AND ".join(
            f"CAST(d.{quoted(name)} AS VARCHAR) IS NOT DISTINCT FROM r.{column}"
            for name, column in zip(plan.dimensions, columns, strict=True)
        )
        picked = (
            f"SELECT decision_id, {SAMPLE_WEIGHT}, coalesce(r.rate, 1.0) AS rate FROM decisions "
            f"AS d LEFT JOIN (VALUES {rates}) AS r({', '.join([*columns, 'rate'])}) ON {same}"
        )
    return f"{picked} WHERE model_id = {text(model_id)} AND {within(window)}"


def _literal(value: str | None) -> str:
    return "CAST(NULL AS VARCHAR)" if value is None else text(value)
