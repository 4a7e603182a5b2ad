"""What the policy maximised in logged decisions: scores or stored attributions, and layer terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.engine.sql import quoted
from pellucid.errors import ExplainError
from pellucid.explain.deciding import DECIDING_SQL, explained_by_sql
from pellucid.explain.records import DAY_SQL, Records, within
from pellucid.explain.traffic.utilities import NOBODY, Utilities
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.bind import declared_names
from pellucid.spec.system import System
from pellucid.windows import Window

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GENERAL, UNEXPLAINED = "general", "residual"
# Candidates of the decisions that are replayed at once.
MOST_ROWS = 2_000_000
# Sums of attributions, stored as float32, are as exact as this.
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class LoggedTerms:
    """Decisions of the policy as utilities, beside what was logged of them.

    Attributes
    ----------
    utilities : Utilities
        Of n decisions and c candidates, on the policy's own scale.
    picks : array of int64, shape (stages, n)
        Place of the pick after the model, after each layer, and of what was chosen; -1 for none.
    probability : array of float64, shape (n, c)
        As logged; NaN where it was not.
    day : array of int64, shape (n,)
        Days since 1970, UTC.
    weight : array of float64, shape (n,)
        Decisions that each stands for.
    flags : array of bool, shape (k, n)
        Which of the conditions asked for hold.
    """

    utilities: Utilities
    picks: Ints
    probability: Floats
    day: Ints
    weight: Floats
    flags: NDArray[np.bool_]


def only(terms: LoggedTerms, chosen: NDArray[np.bool_]) -> LoggedTerms:
    """Return some of the decisions, shape (n,)."""
    utilities = terms.utilities
    kept = replace(utilities, base=utilities.base[chosen], added=utilities.added[:, chosen])
    return LoggedTerms(
        kept, terms.picks[:, chosen], terms.probability[chosen], terms.day[chosen],
        terms.weight[chosen], terms.flags[:, chosen],
    )  # fmt: skip


def scored_terms(
    system: System, records: Records, window: Window, conditions: Sequence[str]
) -> LoggedTerms:
    """Return the decisions of a window with their scores as bases and the layers as terms.

    Decisions count in which a model decided and every eligible candidate has a score.

    Parameters
    ----------
    conditions : sequence of str
        Conditions on decisions, as SQL, told of each decision as `flags`; none leaves any out.
    """
    score = _score_of(system)
    rows = _rows(
        system, records, window, conditions, f"c.{score} IS NULL", f"c.{score} AS base", ""
    )
    return _logged(system, rows, rows.column("base").to_numpy(), {}, len(conditions))


def explained_terms(
    system: System, records: Records, window: Window, conditions: Sequence[str],
    groups: Mapping[str, Sequence[str]],
) -> LoggedTerms:  # fmt: skip
    """Return the explained decisions of a window, with groups of attributions and layers as terms.

    Decisions count in which a model decided and every eligible candidate has attributions. Where
    the policy adds to probabilities and attributions are in log-odds, the utilities have a logistic
    link; what it misses, as in a model that is calibrated apart, is the term ``residual``. How far
    the base values of candidates lie apart is the term ``general``, and all begin level.

    Raises
    ------
    ExplainError
        If attributions of these decisions are on several scales.

    Parameters
    ----------
    conditions : sequence of str
        Conditions on decisions, as SQL, told of each decision as `flags`; none leaves any out.
    groups : mapping of str to sequence of str
        Features of each term, by its name.
    """
    attributed = [name for names in groups.values() for name in names]
    wanted = "".join(f", a.{quoted(f'a_{name}')} AS a{i}" for i, name in enumerate(attributed))
    score = _score_of(system)
    rows = _rows(
        system, records, window, conditions, f"a.base_value IS NULL OR c.{score} IS NULL",
        f"a.base_value AS base, c.{score} AS score, c.raw_score AS raw, a.output_scale{wanted}",
        "LEFT JOIN a ON a.decision_id = c.decision_id AND a.candidate_id = c.candidate_id "
        "AND a.model_id = d.model_id",
    )  # fmt: skip
    base, score_is = _floats(rows, "base"), _floats(rows, "score")
    scales = set(pc.unique(rows.column("output_scale")).to_pylist())
    if len(scales) > 1:
        raise ExplainError(
            f"attributions on {', '.join(sorted(scales))} do not add up together; narrow the "
            "window to one model"
        )
    is_linked = system.policy_scale == "probability" and scales == {"log_odds"}
    terms, place = {}, 0
    for name, members in groups.items():
        terms[name] = np.zeros(rows.num_rows)
        for _ in members:
            terms[name] += _floats(rows, f"a{place}")
            place += 1
    total = sum(terms.values(), base)
    # What candidates are worth in general is a term too: so all begin level.
    level = float(base.mean()) if len(base) else 0.0
    terms = {GENERAL: base - level, **terms}
    base = np.full(len(base), level)
    missed = score_is - (1 / (1 + np.exp(-total)) if is_linked else total)
    terms[UNEXPLAINED] = np.where(np.abs(missed) > _ROUNDING, missed, 0.0)
    return _logged(system, rows, base, terms, len(conditions), is_linked=is_linked)


def _score_of(system: System) -> str:
    return "probability" if system.policy_scale == "probability" else "raw_score"


def _floats(rows: pa.Table, name: str) -> Floats:
    column = pc.fill_null(pc.cast(rows.column(name), pa.float64()), 0.0)
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _rows(
    system: System, records: Records, window: Window, conditions: Sequence[str],
    is_incomplete: str, selected: str, joined: str,
) -> pa.Table:  # fmt: skip
    """Return a row for each eligible candidate of whole decisions, in the order of decisions."""
    picks = [f"pick_{stage}" for stage in system.stages] if system.layers else []
    kept = [quoted(name) for name in (*picks, "chosen")]
    layers = [f"coalesce(c.{quoted(f'layer_{layer.name}')}, 0) AS l{place}"
              for place, layer in enumerate(system.layers)]  # fmt: skip
    decided = f"{quoted(picks[0])} IS NOT NULL" if picks else "model_id IS NOT NULL"
    flags = [f"coalesce({condition}, FALSE) AS g{i}" for i, condition in enumerate(conditions)]
    weight = f"coalesce(d.{SAMPLE_WEIGHT}, 1)"
    if joined:
        weight = f"coalesce(a.{SAMPLE_WEIGHT}, {weight})"
    model, unnamed = "model_id", ""
    if joined:
        model = f"{DECIDING_SQL} AS model_id"
        unnamed = f" LEFT JOIN ({explained_by_sql(window)}) AS own USING (decision_id)"
    sql = (
        f"WITH d AS (SELECT decision_id, {model}, {DAY_SQL} AS day, {SAMPLE_WEIGHT}, "
        f"{', '.join([*(f'{name} AS p{i}' for i, name in enumerate(kept)), *flags])} "
        f"FROM decisions{unnamed} "
        f"WHERE {within(window)} AND arm IS DISTINCT FROM 'control' AND {decided}), "
        f"c AS (SELECT * FROM candidates WHERE {within(window)} AND is_eligible)"
        + (f", a AS (SELECT * FROM attributions WHERE {within(window)})" if joined else "")
        + f", whole AS (SELECT d.*, c.candidate_id, c.probability, {selected}, {weight} AS w, "
        f"{', '.join([*layers, f'bool_or({is_incomplete}) OVER same AS is_incomplete'])} "
        f"FROM d JOIN c ON c.decision_id = d.decision_id {joined} "
        "WINDOW same AS (PARTITION BY d.decision_id)) "
        "SELECT *, dense_rank() OVER (ORDER BY decision_id) - 1 AS place FROM whole "
        "WHERE NOT is_incomplete ORDER BY decision_id, candidate_id"
    )
    tables = ("decisions", "candidates", *(("attributions",) if joined else ()))
    return records.query(sql, tables, window, names=declared_names(system))


def _logged(
    system: System, rows: pa.Table, start: Floats, terms: Mapping[str, Floats], conditions: int,
    *, is_linked: bool = False,
) -> LoggedTerms:  # fmt: skip
    stages = len(system.stages) + 1 if system.layers else 1
    picked = [rows.column(f"p{place}").combine_chunks() for place in range(stages)]
    named = pa.chunked_array([rows.column("candidate_id").combine_chunks(), *picked], pa.string())
    candidates = tuple(sorted(pc.unique(named).drop_null().to_pylist()))
    known = pa.array(candidates, pa.string())
    place, whose = rows.column("place").to_numpy(), _places(rows.column("candidate_id"), known)
    count = int(place[-1]) + 1 if len(place) else 0
    first = np.flatnonzero(np.diff(place, prepend=-1))
    names = [*terms, *(layer.name for layer in system.layers)]
    base = np.full((count, len(candidates)), -np.inf)
    base[place, whose] = start
    probability = np.full(base.shape, np.nan)
    probability[place, whose] = pc.fill_null(rows.column("probability"), float("nan")).to_numpy()
    added = np.zeros((len(names), *base.shape))
    values = [*terms.values(), *(_floats(rows, f"l{i}") for i in range(len(system.layers)))]
    for term, value in enumerate(values):
        added[term, place, whose] = value
    return LoggedTerms(
        Utilities(
            candidates, tuple(names), base, added, sum(name != UNEXPLAINED for name in terms),
            "logistic" if is_linked else "identity",
        ),
        np.stack([_places(column, known)[first] for column in picked]),
        probability, rows.column("day").to_numpy()[first],
        rows.column("w").to_numpy().astype(np.float64)[first],
        np.array([rows.column(f"g{i}").to_numpy()[first] for i in range(conditions)], dtype=bool),
    )  # fmt: skip


def _places(column: pa.Array | pa.ChunkedArray, known: pa.Array) -> Ints:
    found = pc.fill_null(pc.cast(pc.index_in(column, value_set=known), pa.int64()), NOBODY)
    return np.asarray(found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array)
                      else found.to_numpy())  # fmt: skip
