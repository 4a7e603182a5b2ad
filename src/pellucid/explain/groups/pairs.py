"""SQL of two candidates in the same decisions: their differences, who won, and what moved it."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.engine.sql import quoted, text
from pellucid.explain.deciding import DECIDING_SQL, explained_by_sql
from pellucid.explain.records import DAY_SQL, within
from pellucid.explain.stages import Stages
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.system import System
from pellucid.windows import Window

# Below it a difference of raw scores is rounding, and a ratio to it is noise.
_TINY = 1e-9
# Far above the steepest slope of a logistic link, or falling, the probability is no function of
# the raw score that both share: then nothing can be rescaled, and it is left unexplained.
_RATIO = (
    f"CASE WHEN NOT is_rescaled THEN 1 WHEN raw IS NULL OR abs(raw) < {_TINY} THEN 0 "
    "WHEN score / raw BETWEEN 0 AND 1 THEN score / raw ELSE 0 END"
)
_MODEL = "Model"
_CONTROL, _UNLOGGED = "Control arm", "No picks logged"


def pairs_sql(
    system: System,
    pair: tuple[str, str],
    window: Window,
    chosen: str,
    features: Sequence[str],
    stages: Stages,
) -> str:
    """Return a query that begins with ``terms``: a row for each decision of both candidates.

    Parameters
    ----------
    pair : tuple of str
        The candidates; all values are of the first less those of the second.
    chosen : str
        Condition on decisions, as SQL.
    features : sequence of str
    stages : Stages
        What could move the pick.

    Returns
    -------
    str
        ``WITH ... terms``, of ``day``, ``winner`` (x, y, other), ``mover`` (what moved the pick
        where the model preferred the other), ``w``, ``score`` on the policy's scale, and the parts
        ``margin``, ``base``, ``a0`` and on, ``l0`` and on (layers), ``residual``.
    """
    both = f"candidate_id IN ({text(pair[0])}, {text(pair[1])})"
    layers = [quoted(f"layer_{layer.name}") for layer in system.layers]
    parts = [quoted(f"a_{name}") for name in features]
    score = "probability" if system.policy_scale == "probability" else "raw_score"
    differences = [f"x.{score} - y.{score} AS score", "x.raw_score - y.raw_score AS raw",
                   "ax.base_value - ay.base_value AS base_",
                   *(f"coalesce(CAST(ax.{name} AS DOUBLE), 0) - "
                     f"coalesce(CAST(ay.{name} AS DOUBLE), 0) AS a_{place}"
                     for place, name in enumerate(parts)),
                   *(f"coalesce(x.{name}, 0) - coalesce(y.{name}, 0) AS l{place}"
                     for place, name in enumerate(layers))]  # fmt: skip
    rescaled = (
        "ax.output_scale <> 'probability'" if system.policy_scale == "probability" else "FALSE"
    )
    own = "".join(f", {name}" for name in parts)
    terms = [f"ratio * a_{place} AS a{place}" for place in range(len(features))]
    explained = " + ".join(["base_", *(f"a_{place}" for place in range(len(features)))])
    margin = " + ".join(["score", *(f"l{place}" for place in range(len(layers)))])
    kept = "".join(f", l{place}" for place in range(len(layers)))
    return (
        f"WITH d AS ({_decisions_sql(stages, pair, window, chosen)}), "
        f"c AS (SELECT decision_id, candidate_id, raw_score, probability"
        f"{''.join(f', {name}' for name in layers)} FROM candidates "
        f"WHERE {within(window)} AND is_eligible AND {both}), "
        f"a AS (SELECT decision_id, candidate_id, model_id, base_value, output_scale, "
        f"{SAMPLE_WEIGHT}{own} FROM attributions WHERE {within(window)} AND {both}), "
        f"pairs AS (SELECT d.day, d.winner, d.mover, {rescaled} AS is_rescaled, "
        f"greatest(coalesce(ax.{SAMPLE_WEIGHT}, 1), coalesce(ay.{SAMPLE_WEIGHT}, 1)) AS w, "
        f"{', '.join(differences)} FROM d "
        + "".join(
            f"JOIN c AS {side} ON {side}.decision_id = d.decision_id "
            f"AND {side}.candidate_id = {text(name)} "
            f"JOIN a AS a{side} ON a{side}.decision_id = d.decision_id "
            f"AND a{side}.candidate_id = {text(name)} "
            f"AND a{side}.model_id = d.model_id "
            for side, name in zip("xy", pair, strict=True)
        )
        + f"WHERE x.{score} IS NOT NULL AND y.{score} IS NOT NULL), "
        f"scaled AS (SELECT *, {_RATIO} AS ratio FROM pairs), "
        f"terms AS (SELECT day, winner, score, is_rescaled, w{kept}, "
        # Who won against the model's preference was moved by something; who won with it was not.
        f"CASE WHEN (score > 0 AND winner = 'y') OR (score < 0 AND winner = 'x') THEN mover END "
        f"AS mover, {margin} AS margin, ratio * base_ AS base"
        f"{''.join(f', {term}' for term in terms)}, score - ratio * ({explained}) AS residual "
        "FROM scaled)"
    )


def _decisions_sql(stages: Stages, pair: tuple[str, str], window: Window, chosen: str) -> str:
    """Return decisions with who won, and what moved the pick to the one that was picked."""
    steps = stages.policy if len(stages.policy) > 1 or stages.last.layers else ()
    picks, moves = [], ""
    if steps:
        picks = [f"{quoted(steps[0].pick)} AS stage_0"]
        # Where the pick of a layer is missing, it is taken to have moved nothing.
        picks += [f"coalesce({quoted(step.pick)}, stage_{place}) AS stage_{place + 1}"
                  for place, step in enumerate(steps[1:])]  # fmt: skip
        last = text(stages.last.label)
        moves = f"WHEN stage_{len(steps) - 1} IS DISTINCT FROM chosen THEN {last} "
        moves += "".join(
            f"WHEN stage_{place - 1} IS DISTINCT FROM chosen THEN {text(steps[place].label)} "
            for place in range(len(steps) - 1, 0, -1)
        )
    unlogged = "stage_0 IS NULL" if steps else "TRUE"
    mover = (
        f"CASE WHEN arm = 'control' THEN {text(_CONTROL)} "
        f"WHEN {unlogged} THEN {text(_UNLOGGED)} {moves}ELSE {text(_MODEL)} END"
    )
    winner = (
        f"CASE WHEN chosen = {text(pair[0])} THEN 'x' WHEN chosen = {text(pair[1])} THEN 'y' "
        "ELSE 'other' END"
    )
    return (
        f"SELECT decision_id, {DECIDING_SQL} AS model_id, {DAY_SQL} AS day"
        f"{''.join(f', {pick}' for pick in picks)}, {winner} AS winner, {mover} AS mover "
        f"FROM decisions LEFT JOIN ({explained_by_sql(window)}) AS own USING (decision_id) "
        f"WHERE {within(window)} AND {chosen}"
    )
