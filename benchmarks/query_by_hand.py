"""The questions of `bench_query` asked without pellucid: an expert's SQL, and pandas.

Both return one row for each country, network and route, with the measures under the same names; the
SQL also folds the squares that intervals need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BY = ("country", "network", "chosen")
# What each metric is, as (numerator, denominator).
METRICS = {
    "decision_count": ("n", ""), "override_rate": ("moved", "n_override"),
    "override_rate_fees": ("moved_fees", "n_fees"),
    "override_rate_guardrail": ("moved_guardrail", "n_guardrail"),
    "mean_eligible": ("eligible", "n_eligible"),
    "approval_rate": ("approvals", "n_known"), "missing_share_approved": ("missing", "n_mature"),
    "predicted_rate": ("predicted", "n_predicted"), "predicted_minus_realised": ("gaps", "n_gap"),
    "mean_propensity": ("propensities", "n_propensity"), "mean_chosen_score": ("scores", "n_score"),
    "small_share": ("small", "n_amount"), "control_share": ("controlled", "n_arm"),
    "traffic_share": ("n_chosen", "whole"),
}  # fmt: skip
_COMMON = """
  count(*) AS n, count(chosen) AS n_chosen,
  count_if(pick_model IS NOT NULL AND chosen IS NOT NULL) AS n_override,
  count_if(chosen <> pick_model) AS moved,
  count_if(pick_model IS NOT NULL AND pick_fees IS NOT NULL) AS n_fees,
  count_if(pick_fees <> pick_model) AS moved_fees,
  count_if(pick_fees IS NOT NULL AND pick_guardrail IS NOT NULL) AS n_guardrail,
  count_if(pick_guardrail <> pick_fees) AS moved_guardrail,
  count(eligible_count) AS n_eligible, sum(eligible_count) AS eligible,
  sum(eligible_count::DOUBLE * eligible_count) AS eligible_squares"""
_DECISIONS = """
SELECT country, network, chosen, {common},
  count(propensity) AS n_propensity, sum(propensity) AS propensities,
  sum(propensity * propensity) AS propensity_squares,
  count(chosen_raw_score) AS n_score, sum(chosen_raw_score) AS scores,
  sum(chosen_raw_score * chosen_raw_score) AS score_squares,
  count(amount_minor) AS n_amount, count_if(amount_minor < 1000) AS small,
  count(arm) AS n_arm, count_if(arm = 'control') AS controlled
FROM read_parquet($decisions, hive_partitioning = false)
WHERE decided_at >= $start AND decided_at < $end
GROUP BY ALL"""
_OUTCOMES = """
WITH latest AS (
  SELECT decision_id, arg_max(value, (recorded_at, outcome_at)) AS approved
  FROM read_parquet($outcomes, hive_partitioning = false)
  WHERE outcome = 'approved' AND recorded_at <= $as_of
  GROUP BY decision_id
), facts AS (
  SELECT d.*, approved, chosen_probability - approved AS gap,
    decided_at <= $as_of - INTERVAL 2 HOUR AS mature
  FROM read_parquet($decisions, hive_partitioning = false) AS d
  LEFT JOIN latest USING (decision_id)
  WHERE decided_at >= $start AND decided_at < $end
)
SELECT country, network, chosen, {common},
  count_if(mature) AS n_mature, count_if(mature AND approved IS NULL) AS missing,
  count(approved) FILTER (mature) AS n_known, count_if(mature AND approved >= 1) AS approvals,
  count(gap) FILTER (mature) AS n_predicted,
  sum(chosen_probability) FILTER (mature AND gap IS NOT NULL) AS predicted,
  sum(chosen_probability * chosen_probability) FILTER (mature AND gap IS NOT NULL)
    AS predicted_squares,
  count(gap) FILTER (mature) AS n_gap, sum(gap) FILTER (mature) AS gaps,
  sum(gap * gap) FILTER (mature) AS gap_squares
FROM facts
GROUP BY ALL"""


def ask_duckdb(connection: Any, facts: Mapping[str, Any], *, has_outcomes: bool) -> Any:
    """Return the cells as an Arrow table."""
    text = (_OUTCOMES if has_outcomes else _DECISIONS).format(common=_COMMON)
    given = {name: value for name, value in facts.items() if f"${name}" in text}
    return connection.sql(text, params=given).to_arrow_table()


def ask_pandas(facts: Mapping[str, Any], *, has_outcomes: bool) -> Any:
    """Return the cells as a data frame."""
    names = [*BY, "pick_model", "pick_fees", "pick_guardrail", "eligible_count", "decided_at"]
    names += (["decision_id", "chosen_probability"] if has_outcomes
              else ["propensity", "chosen_raw_score", "amount_minor", "arm"])  # fmt: skip
    rows = _read(facts["decisions"], names)
    rows = rows[(rows["decided_at"] >= facts["start"]) & (rows["decided_at"] < facts["end"])]
    if has_outcomes:
        rows = rows.merge(_latest(facts), on="decision_id", how="left")
        measures = _common(rows) | _of_outcomes(rows, facts["as_of"])
    else:
        measures = _common(rows) | _of_decisions(rows)
    cells = rows[list(BY)].assign(**measures).groupby(list(BY), observed=True).sum()
    return cells.reset_index()


def _read(paths: Sequence[str], names: Sequence[str]) -> Any:
    import pandas as pd

    return pd.concat(
        [pd.read_parquet(path, columns=list(names), partitioning=None) for path in paths],
        ignore_index=True,
    )


def _latest(facts: Mapping[str, Any]) -> Any:
    names = ["decision_id", "outcome", "value", "recorded_at", "outcome_at"]
    rows = _read(facts["outcomes"], names)
    rows = rows[(rows["outcome"] == "approved") & (rows["recorded_at"] <= facts["as_of"])]
    rows = rows.sort_values(["recorded_at", "outcome_at"])
    rows = rows.drop_duplicates("decision_id", keep="last")[["decision_id", "value"]]
    return rows.rename(columns={"value": "approved"})


def _common(rows: Any) -> dict[str, Any]:
    model, fees, guardrail, chosen = (
        rows[name] for name in ("pick_model", "pick_fees", "pick_guardrail", "chosen")
    )
    both, by_fees = model.notna() & chosen.notna(), model.notna() & fees.notna()
    by_guardrail = fees.notna() & guardrail.notna()
    return {
        "n": 1, "n_chosen": chosen.notna(), "n_override": both, "moved": both & (chosen != model),
        "n_fees": by_fees, "moved_fees": by_fees & (fees != model),
        "n_guardrail": by_guardrail, "moved_guardrail": by_guardrail & (guardrail != fees),
        "n_eligible": rows["eligible_count"].notna(), "eligible": rows["eligible_count"],
    }  # fmt: skip


def _of_decisions(rows: Any) -> dict[str, Any]:
    return {
        "n_propensity": rows["propensity"].notna(), "propensities": rows["propensity"],
        "n_score": rows["chosen_raw_score"].notna(), "scores": rows["chosen_raw_score"],
        "n_amount": rows["amount_minor"].notna(), "small": rows["amount_minor"] < 1000,
        "n_arm": rows["arm"].notna(), "controlled": rows["arm"] == "control",
    }  # fmt: skip


def _of_outcomes(rows: Any, as_of: Any) -> dict[str, Any]:
    import pandas as pd

    mature, approved = rows["decided_at"] <= as_of - pd.Timedelta(hours=2), rows["approved"]
    known, predicted = mature & approved.notna(), rows["chosen_probability"]
    gap = (predicted - approved).where(known)
    return {
        "n_mature": mature, "missing": mature & approved.isna(), "n_known": known,
        "approvals": known & (approved >= 1), "n_predicted": gap.notna(),
        "predicted": predicted.where(gap.notna()), "n_gap": gap.notna(), "gaps": gap,
    }  # fmt: skip


def values(cells: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> dict[str, float | None]:
    """Return the value of each metric in each cell, under "metric|country|network|route"."""
    whole: dict[tuple[str, str], int] = {}
    for cell in cells:
        pair = (cell["country"], cell["network"])
        whole[pair] = whole.get(pair, 0) + int(cell["n_chosen"])
    found: dict[str, float | None] = {}
    for cell in cells:
        for metric in metrics:
            top, bottom = METRICS[metric]
            count = whole[cell["country"], cell["network"]] if bottom == "whole" else (
                cell[bottom] if bottom else 1)  # fmt: skip
            key = "|".join([metric, *(str(cell[name]) for name in BY)])
            found[key] = float(cell[top] or 0) / float(count) if count else None
    return found
