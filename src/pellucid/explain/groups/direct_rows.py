"""What a direct contrast reads: scored rows of two groups of decisions, and their one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.engine.sql import text
from pellucid.errors import ExplainError
from pellucid.explain import wording
from pellucid.explain.attribution import LoadedModel
from pellucid.explain.filters import decision_filter
from pellucid.explain.records import DAY_SQL, Records, within
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.bind import declared_names
from pellucid.spec.system import System
from pellucid.windows import Window

Floats = NDArray[np.float64]

# The reference of each weight has tables of its own.
_MOST_WEIGHTS = 12


@dataclass(frozen=True, slots=True)
class Side:
    """Scored rows of one side.

    Attributes
    ----------
    matrix : array of float64, shape (n, features)
    score : array of float64, shape (n,)
        As logged.
    weight : array of float64, shape (n,)
        They add up to the decisions that the rows stand for.
    day : array of int64, shape (n,)
    """

    matrix: Floats
    score: Floats
    weight: Floats
    day: NDArray[np.int64]

    def first(self, count: int) -> Side:
        """Return the first rows, weighing together what all do."""
        kept = slice(count)
        scale = self.weight.sum() / self.weight[kept].sum()
        return Side(self.matrix[kept], self.score[kept], scale * self.weight[kept],
                     self.day[kept])  # fmt: skip


def scored_rows(
    system: System, records: Records, window: Window, where: str, candidate: str | None, most: int
) -> pa.Table:
    """Return scored candidates of at most so many decisions, drawn by a hash of their id.

    Raises
    ------
    ExplainError
        If there is none.
    """
    whose = "d.chosen" if candidate is None else text(candidate)
    eligible = "" if candidate is None else " AND c.is_eligible"
    weight = f"coalesce({SAMPLE_WEIGHT}, 1)"
    sql = (
        f"WITH d AS (SELECT decision_id, chosen, model_id, {DAY_SQL} AS day, {weight} AS w "
        f"FROM decisions WHERE {within(window)} AND model_id IS NOT NULL "
        f"AND ({decision_filter(system, where)})), own AS (SELECT c.*, "
        'd.model_id AS "d.model_id", d.day AS "d.day", d.w AS "d.w", sum(d.w) OVER () AS "d.all" '
        f"FROM candidates AS c JOIN d ON d.decision_id = c.decision_id WHERE {within(window)} "
        f"AND c.candidate_id = {whose}{eligible} AND c.raw_score IS NOT NULL) "
        f"SELECT * FROM own ORDER BY hash(decision_id), decision_id LIMIT {most}"
    )
    rows = records.query(sql, ("decisions", "candidates"), window, names=declared_names(system))
    if not rows.num_rows:
        raise _nothing(records, candidate, window, where)
    return rows


def model_of(records: Records, rows: Sequence[pa.Table]) -> LoadedModel:
    """Return the one model of all rows.

    Raises
    ------
    ExplainError
        If there are several, or its file was not logged.
    """
    names = sorted({name for found in rows
                    for name in pc.unique(found.column("d.model_id")).to_pylist()})  # fmt: skip
    if len(names) > 1:
        raise ExplainError(
            f"the two sides were scored by {wording.listed(names)}, and a direct contrast is of "
            "one model: narrow both to it with \"model_id = '...'\", or ask what tells the models "
            "apart with obs.compare_models(...)"
        )
    # One of its own: the explainer that others share must keep their reference.
    model = Records(records.lake).model(names[0])
    if model is None:
        raise ExplainError(
            f"the file of model '{names[0]}' was not logged, so nothing can be explained anew; log "
            'it with log.model(...), or compare stored attributions with contrast="stored"'
        )
    return model


def side_of(model: LoadedModel, rows: pa.Table) -> Side:
    """Return rows as the model sees them; of many weights, drawn in proportion to them."""
    weight = rows.column("d.w").to_numpy().astype(np.float64)
    if len(np.unique(weight)) > _MOST_WEIGHTS:
        at = (np.arange(len(weight)) + 0.5) / len(weight)
        places = np.searchsorted(np.cumsum(weight) / weight.sum(), at)
        rows, weight = rows.take(pa.array(places)), np.ones(len(weight))
    # What was drawn stands for all.
    weight *= float(rows.column("d.all")[0].as_py()) / weight.sum()
    return Side(model.matrix(rows), rows.column("raw_score").to_numpy(), weight,
                 rows.column("d.day").to_numpy())  # fmt: skip


def _nothing(records: Records, candidate: str | None, window: Window, where: str) -> ExplainError:
    if candidate is not None:
        records.check_candidate(candidate, window)
    whose = "the pick" if candidate is None else f"'{candidate}'"
    among = f" where {where}" if where else ""
    return ExplainError(
        f"no decision{among} from {wording.span(window)} has a model and a score of {whose}; widen "
        "the group"
    )
