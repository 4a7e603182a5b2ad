"""What does asking pellucid cost over asking DuckDB by hand?

Ten metrics by three dimensions, over ten million decisions and their outcomes, as logged. The other
sides are one query that an expert writes against the same Parquet files for the same measures, and
pandas on the columns that it needs. Only pellucid adds intervals and the totals of every level.
Every side is checked against the expert's numbers.
"""

from __future__ import annotations

import json
import math
from datetime import timedelta
from functools import partial
from pathlib import Path

import payments
from harness import (
    Meter,
    Report,
    cpu,
    data_folder,
    fresh,
    interleave,
    need_disk,
    parse_options,
    peak,
    progress,
)

import pellucid
from pellucid import Logger, Metric

ROWS = 10_000_000
DAYS = 28
MOST_RATIO = 1.2
BY = ("country", "network", "route")
_MEANS = (
    Metric(name="mean_eligible", finalizer="mean", value="eligible_count"),
    Metric(name="mean_propensity", finalizer="mean", value="propensity"),
)
CASES = {
    "with outcomes": (
        "decision_count", "traffic_share", "approval_rate", "missing_share_approved",
        "predicted_rate", "predicted_minus_realised", "override_rate", "override_rate_fees",
        "override_rate_guardrail", "mean_eligible",
    ),
    "decisions only": (
        "decision_count", "traffic_share", "override_rate", "override_rate_fees",
        "override_rate_guardrail", "mean_eligible", "mean_propensity", "chosen_score",
        "small_share", "explored_share",
    ),
}  # fmt: skip
_OWN = {
    **{metric.name: metric for metric in _MEANS},
    "chosen_score": Metric(name="chosen_score", finalizer="mean", value="chosen_raw_score"),
    "small_share": Metric(name="small_share", finalizer="rate", value="amount_minor < 1000"),
    "explored_share": Metric(name="explored_share", finalizer="rate", value="arm = 'control'"),
}
# Each measure that the metrics are made of, once, as an expert would name it.
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
_DECISIONS_ONLY = """
  SELECT country, network, chosen, {common},
    count(propensity) AS n_propensity, sum(propensity) AS propensity,
    sum(propensity * propensity) AS propensity_squares,
    count(chosen_raw_score) AS n_score, sum(chosen_raw_score) AS score,
    sum(chosen_raw_score * chosen_raw_score) AS score_squares,
    count(amount_minor) AS n_amount, count_if(amount_minor < 1000) AS small,
    count(arm) AS n_arm, count_if(arm = 'control') AS controlled
  FROM read_parquet({decisions}, hive_partitioning = false)
  WHERE decided_at >= TIMESTAMPTZ '{start}' AND decided_at < TIMESTAMPTZ '{end}'
  GROUP BY ALL"""
_WITH_OUTCOMES = """
  WITH latest AS (
    SELECT decision_id, arg_max(value, (recorded_at, outcome_at)) AS approved
    FROM read_parquet({outcomes}, hive_partitioning = false)
    WHERE outcome = 'approved' AND recorded_at <= TIMESTAMPTZ '{as_of}'
    GROUP BY decision_id)
  SELECT country, network, chosen, {common},
    count_if(mature) AS n_mature, count_if(mature AND approved IS NULL) AS missing,
    count(approved) FILTER (mature) AS n_known, count_if(mature AND approved >= 1) AS approvals,
    count(chosen_probability) FILTER (mature AND approved IS NOT NULL) AS n_predicted,
    sum(chosen_probability) FILTER (mature AND approved IS NOT NULL) AS predicted,
    sum(chosen_probability ** 2) FILTER (mature AND approved IS NOT NULL) AS predicted_squares,
    count(gap) FILTER (mature) AS n_gap, sum(gap) FILTER (mature) AS gaps,
    sum(gap * gap) FILTER (mature) AS gap_squares
  FROM (
    SELECT d.*, approved, chosen_probability - approved AS gap,
      decided_at <= TIMESTAMPTZ '{as_of}' - INTERVAL 2 HOUR AS mature
    FROM read_parquet({decisions}, hive_partitioning = false) AS d
    LEFT JOIN latest USING (decision_id)
    WHERE decided_at >= TIMESTAMPTZ '{start}' AND decided_at < TIMESTAMPTZ '{end}')
  GROUP BY ALL"""
_FROM_CELLS = {
    "decision_count": ("n", None), "override_rate": ("moved", "n_override"),
    "override_rate_fees": ("moved_fees", "n_fees"),
    "override_rate_guardrail": ("moved_guardrail", "n_guardrail"),
    "mean_eligible": ("eligible", "n_eligible"), "approval_rate": ("approvals", "n_known"),
    "missing_share_approved": ("missing", "n_mature"), "predicted_rate": ("predicted", "n_predicted"),
    "predicted_minus_realised": ("gaps", "n_gap"), "mean_propensity": ("propensity", "n_propensity"),
    "chosen_score": ("score", "n_score"), "small_share": ("small", "n_amount"),
    "explored_share": ("controlled", "n_arm"),
}  # fmt: skip


def main() -> None:
    options = parse_options(__doc__, rounds=5)
    rows = options.rows(ROWS)
    report = Report("query", "what does asking pellucid cost over asking DuckDB by hand?",
                    options.scale == 1)  # fmt: skip
    with data_folder("query") as folder:
        need_disk(folder, gigabytes=4 * options.scale)
        lake = _write_lake(folder / f"lake-{rows}", rows)
        for name in CASES:
            sides = {
                side.__name__: partial(fresh, side, str(lake), name)
                for side in (ask, ask_duckdb)
            }  # fmt: skip
            runs = interleave(sides, rounds=options.rounds)
            # pandas takes ten times as long and is here for scale: two rounds are enough.
            slow = interleave({"ask_pandas": partial(fresh, ask_pandas, str(lake), name)},
                              rounds=min(2, options.rounds))["ask_pandas"]  # fmt: skip
            ours, expert = runs["ask"], runs["ask_duckdb"]
            for side, theirs in (("DuckDB by hand", expert), ("pandas", slow)):
                _check_same(ours[0].value, theirs[0].value, side)
                goal = MOST_RATIO if theirs is expert else None
                case = f"10 metrics x 3 dimensions, {rows / 1e6:g}M decisions, {name}, vs {side}"
                report.add(case, "CPU s", cpu(ours), cpu(theirs), most_ratio=goal)
                report.add(case, "MiB peak", peak(ours), peak(theirs))
    report.finish()


def ask(meter: Meter, lake: str, case: str) -> dict[str, float]:
    """Ask pellucid; return the value of each metric and finest cell."""
    obs = pellucid.open(lake)
    with meter:
        answer = obs.query(*(_OWN.get(name, name) for name in CASES[case]), by=BY, over=f"{DAYS}d")
        rows = answer.table.to_pylist()
    finest = [row for row in rows if row["level"] == ",".join(BY)]
    return {_key(row["metric"], *(row[name] for name in BY)): row["value"] for row in finest}


def ask_duckdb(meter: Meter, lake: str, case: str) -> dict[str, float]:
    """Ask DuckDB by hand."""
    import duckdb

    text = _WITH_OUTCOMES if case == "with outcomes" else _DECISIONS_ONLY
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    with meter:
        cells = connection.sql(text.format(common=_COMMON, **_facts(lake))).fetch_arrow_table()
    return _values(cells.to_pylist(), CASES[case])


def ask_pandas(meter: Meter, lake: str, case: str) -> dict[str, float]:
    """Ask pandas."""
    import pandas as pd

    has_outcomes = case == "with outcomes"
    wanted = ["country", "network", "chosen", "pick_model", "pick_fees", "pick_guardrail",
              "eligible_count", "decided_at"]  # fmt: skip
    wanted += (["decision_id", "chosen_probability"] if has_outcomes
               else ["propensity", "chosen_raw_score", "amount_minor", "arm"])  # fmt: skip
    facts = _facts(lake)
    with meter:
        rows = _read_pandas(facts["decisions"], wanted)
        start, end, as_of = (pd.Timestamp(facts[name]) for name in ("start", "end", "as_of"))
        rows = rows[(rows.decided_at >= start) & (rows.decided_at < end)]
        if has_outcomes:
            rows = _with_outcomes(rows, facts["outcomes"], as_of)
        rows = rows.assign(**_pandas_measures(rows, has_outcomes=has_outcomes))
        names = [name for name in rows if name not in wanted and name != "approved"]
        cells = rows.groupby(["country", "network", "chosen"], observed=True)[names].sum()
        cells = cells.reset_index()
    return _values(cells.to_dict("records"), CASES[case])


def _read_pandas(files: str, columns: list[str]) -> object:
    import pandas as pd

    paths = json.loads(files.replace("'", '"'))
    return pd.concat([pd.read_parquet(path, columns=columns, partitioning=None) for path in paths],
                     ignore_index=True)  # fmt: skip


def _with_outcomes(rows, files, as_of):  # noqa: ANN001, ANN202
    names = ["decision_id", "outcome", "value", "recorded_at", "outcome_at"]
    outcomes = _read_pandas(files, names)
    outcomes = outcomes[(outcomes.outcome == "approved") & (outcomes.recorded_at <= as_of)]
    outcomes = outcomes.sort_values(["recorded_at", "outcome_at"])
    latest = outcomes.drop_duplicates("decision_id", keep="last")[["decision_id", "value"]]
    return rows.merge(latest.rename(columns={"value": "approved"}), on="decision_id", how="left")


def _pandas_measures(rows, *, has_outcomes):  # noqa: ANN001, ANN202
    both = rows.pick_model.notna() & rows.chosen.notna()
    fees = rows.pick_model.notna() & rows.pick_fees.notna()
    guardrail = rows.pick_fees.notna() & rows.pick_guardrail.notna()
    measures = {
        "n": 1, "n_chosen": rows.chosen.notna(),
        "n_override": both, "moved": both & (rows.chosen != rows.pick_model),
        "n_fees": fees, "moved_fees": fees & (rows.pick_fees != rows.pick_model),
        "n_guardrail": guardrail,
        "moved_guardrail": guardrail & (rows.pick_guardrail != rows.pick_fees),
        "n_eligible": rows.eligible_count.notna(), "eligible": rows.eligible_count,
    }  # fmt: skip
    if not has_outcomes:
        return measures | {
            "n_propensity": rows.propensity.notna(), "sum_propensity": rows.propensity,
            "n_score": rows.chosen_raw_score.notna(), "score": rows.chosen_raw_score,
            "n_amount": rows.amount_minor.notna(), "small": rows.amount_minor < 1000,
            "n_arm": rows.arm.notna(), "controlled": rows.arm == "control",
        }  # fmt: skip
    as_of = rows.attrs.get("as_of")
    mature = rows.decided_at <= as_of if as_of is not None else rows.decided_at.notna()
    known = mature & rows.approved.notna()
    gap = (rows.chosen_probability - rows.approved).where(mature)
    return measures | {
        "n_mature": mature, "missing": mature & rows.approved.isna(), "n_known": known,
        "approvals": known & (rows.approved >= 1),
        "n_predicted": known & rows.chosen_probability.notna(),
        "predicted": rows.chosen_probability.where(known),
        "n_gap": gap.notna(), "gaps": gap,
    }  # fmt: skip
