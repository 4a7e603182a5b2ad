"""SQL of stored attributions of one group of decisions, or of two that are compared."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pellucid.engine.sql import quoted, text
from pellucid.explain.deciding import DECIDING_SQL, explained_by_sql
from pellucid.explain.filters import decision_filter
from pellucid.explain.means import day_sums_sql
from pellucid.explain.records import DAY_SQL, Records, within
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.bind import declared_names
from pellucid.spec.sources import physical_column
from pellucid.spec.system import System
from pellucid.windows import Window, spanning


def side_sums(
    system: System, records: Records, window: Window, where: str, by: Sequence[str],
    candidate: str | None, other: tuple[str, Window | None], features: Sequence[str],
    clusters: Sequence[Sequence[str]],
) -> pa.Table:  # fmt: skip
    """Sum what was explained of one or two groups of decisions, by day.

    Parameters
    ----------
    candidate : str or None
        Whose scores, where it was eligible; None for whichever was picked.
    other : tuple of str and Window or None
        Condition of another group, or another window; neither for one group.
    features : sequence of str
    clusters : sequence of sequence of str
        Features to be summed with sign.

    Returns
    -------
    pyarrow.Table
        ``side`` (0 for the group), ``day``, ``k0`` and on for `by`, ``low_scale`` and
        ``high_scale``, the sums of `means.day_sums`, and ``absolute_0`` and on: of the score, the
        base, each feature, the residual, and each cluster.
    """
    versus, baseline = other
    sides = [f"({within(window)} AND {decision_filter(system, where)})"]
    if versus:
        sides.append(f"({within(window)} AND {decision_filter(system, versus)})")
    elif baseline:
        sides.append(f"({within(baseline)} AND {decision_filter(system, where)})")
    both = window if baseline is None else spanning((window, baseline))
    sided = " UNION ALL ".join(
        f"SELECT {side} AS side, decision_id, {DECIDING_SQL} AS model_id, chosen, "
        f"{DAY_SQL} AS day"
        + "".join(f", CAST({quoted(physical_column(system, 'decision', name))} AS VARCHAR) AS k{i}"
                  for i, name in enumerate(by))
        + f" FROM decisions LEFT JOIN own USING (decision_id) WHERE {condition}"
        for side, condition in enumerate(sides)
    )  # fmt: skip
    parts = {name: f"coalesce(CAST({quoted(f'a_{name}')} AS DOUBLE), 0)" for name in features}
    explained = " + ".join(["base_value", *parts.values()])
    columns = {
        "score": "raw_score", "base": "base_value",
        **{f"a{place}": part for place, part in enumerate(parts.values())},
        "residual": f"raw_score - ({explained})",
        **{f"c{place}": " + ".join(parts[name] for name in members)
           for place, members in enumerate(clusters)},
    }  # fmt: skip
    added = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    values = list(columns)
    whose = "d.chosen" if candidate is None else text(candidate)
    eligible = (
        "" if candidate is None else
        " SEMI JOIN (SELECT decision_id FROM candidates WHERE is_eligible "
        f"AND candidate_id = {text(candidate)} AND {within(both)}) AS c "
        "ON c.decision_id = d.decision_id"
    )  # fmt: skip
    keys = "".join(f", k{place}" for place in range(len(by)))
    sums = day_sums_sql(values, "w")
    sums += [f"sum(w * abs({value})) AS absolute_{i}" for i, value in enumerate(values)]
    sql = (
        f"WITH own AS ({explained_by_sql(both)}), d AS ({sided}), "
        "a AS (SELECT decision_id, candidate_id, model_id, output_scale, "
        f"coalesce({SAMPLE_WEIGHT}, 1) AS w, {added} FROM attributions WHERE {within(both)}) "
        "SELECT side, day, min(output_scale) AS low_scale, max(output_scale) AS high_scale"
        f"{keys}, {', '.join(sums)} FROM d JOIN a ON a.decision_id = d.decision_id "
        f"AND a.candidate_id = {whose} AND a.model_id = d.model_id"
        f"{eligible} GROUP BY side, day{keys} ORDER BY side, day{keys}"
    )
    tables = ("decisions", "candidates", "attributions")
    return records.query(sql, tables, both, names=declared_names(system))
