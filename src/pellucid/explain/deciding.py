"""By which model a decision was made, where its record does not say."""

from __future__ import annotations

from pellucid.explain.records import within
from pellucid.windows import Window

# Reads as the model of a decision where `explained_by_sql` is joined to it.
DECIDING_SQL = "coalesce(model_id, explained_by)"


def explained_by_sql(window: Window) -> str:
    """Return decisions that name no model, each with the one whose attributions to read.

    Several models can have explained them, and each decision counts once: by the model that
    explained the most of its candidates, then by the one that misses their logged scores the least.

    Returns
    -------
    str
        A query of ``decision_id`` and ``explained_by``.
    """
    return (
        "SELECT decision_id, first(model_id ORDER BY n DESC, miss, model_id) AS explained_by "
        "FROM (SELECT decision_id, model_id, count(*) AS n, avg(abs(residual)) AS miss "
        "FROM attributions SEMI JOIN (SELECT decision_id FROM decisions WHERE model_id IS NULL "
        f"AND {within(window)}) AS unnamed USING (decision_id) WHERE {within(window)} "
        "GROUP BY decision_id, model_id) GROUP BY decision_id"
    )
