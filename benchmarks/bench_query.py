"""What asking pellucid costs over asking DuckDB by hand.

Ten metrics by three dimensions, over ten million decisions and their outcomes, as logged. The other
sides are one query that an expert writes against the same Parquet files for the same measures, and
pandas on the columns that it needs. Only pellucid adds intervals and the totals of every level. All
sides must agree on every value.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import payments
import query_by_hand
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
from pellucid.store.reader import snapshot

ROWS = 10_000_000
DAYS = 28
MOST_RATIO = 1.2
BY = ("country", "network", "route")
_SHARED = ("decision_count", "traffic_share", "override_rate", "override_rate_fees",
           "override_rate_guardrail", "mean_eligible")  # fmt: skip
CASES = {
    "with outcomes": (*_SHARED, "approval_rate", "missing_share_approved", "predicted_rate",
                      "predicted_minus_realised"),
    "decisions only": (*_SHARED, "mean_propensity", "mean_chosen_score", "small_share",
                       "control_share"),
}  # fmt: skip
_OWN = {
    metric.name: metric
    for metric in (
        Metric(name="mean_eligible", finalizer="mean", value="eligible_count"),
        Metric(name="mean_propensity", finalizer="mean", value="propensity"),
        Metric(name="mean_chosen_score", finalizer="mean", value="chosen_raw_score"),
        Metric(name="small_share", finalizer="rate", value="amount_minor < 1000"),
        Metric(name="control_share", finalizer="rate", value="arm = 'control'"),
    )
}


def main() -> None:
    options = parse_options(__doc__, rounds=5)
    rows = options.rows(ROWS)
    report = Report("query", "what does asking pellucid cost over asking DuckDB by hand?",
                    options.scale == 1)  # fmt: skip
    with data_folder("query") as folder:
        need_disk(folder, gigabytes=5 * options.scale)
        lake = str(write_lake(folder / f"lake-{rows}", rows))
        for case in CASES:
            sides = {side.__name__: partial(fresh, side, lake, case) for side in (ask, ask_duckdb)}
            runs = interleave(sides, rounds=options.rounds)
            # pandas is many times slower and here for scale: two rounds are enough.
            sides = {ask_pandas.__name__: partial(fresh, ask_pandas, lake, case)}
            runs |= interleave(sides, rounds=min(2, options.rounds))
            _report(report, f"{rows / 1e6:g}M decisions, {case}", runs)
    report.finish()


def _report(report: Report, case: str, runs: dict[str, list[Any]]) -> None:
    ours = runs["ask"]
    for side, label, goal in (("ask_duckdb", "DuckDB by hand", MOST_RATIO),
                              ("ask_pandas", "pandas", None)):  # fmt: skip
        other = runs[side]
        _check_same(ours[0].value, other[0].value, label)
        report.add(f"{case}; other: {label}", "CPU s", cpu(ours), cpu(other), most_ratio=goal)
        report.add(f"{case}; other: {label}", "MiB peak", peak(ours), peak(other))


def ask(meter: Meter, lake: str, case: str) -> dict[str, float | None]:
    """Ask pellucid."""
    obs = pellucid.open(lake)
    with meter:
        answer = obs.query(*(_OWN.get(name, name) for name in CASES[case]), by=BY, over=f"{DAYS}d")
    return {
        "|".join([row["metric"], *(str(row[name]) for name in BY)]): row["value"]
        for row in answer.finest.to_pylist()
    }


def ask_duckdb(meter: Meter, lake: str, case: str) -> dict[str, float | None]:
    """Ask DuckDB."""
    import duckdb

    facts, connection = _facts(lake), duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    with meter:
        cells = query_by_hand.ask_duckdb(connection, facts, has_outcomes=case == "with outcomes")
    return query_by_hand.values(cells.to_pylist(), CASES[case])


def ask_pandas(meter: Meter, lake: str, case: str) -> dict[str, float | None]:
    """Ask pandas."""
    import pandas as pd

    facts = _facts(lake)
    pd.Series(["warm"], dtype="str")
    with meter:
        cells = query_by_hand.ask_pandas(facts, has_outcomes=case == "with outcomes")
    return query_by_hand.values(cells.to_dict("records"), CASES[case])


def _facts(lake: str) -> dict[str, Any]:
    obs = pellucid.open(lake)
    window = obs.window(f"{DAYS}d")
    return {
        "decisions": list(snapshot(obs.lake, "decisions").files),
        "outcomes": list(snapshot(obs.lake, "outcomes").files),
        "start": window.start, "end": window.end, "as_of": obs.latest(),
    }  # fmt: skip


def _check_same(ours: dict[str, Any], other: dict[str, Any], side: str) -> None:
    if ours.keys() != other.keys():
        raise SystemExit(f"{side} has other cells: {len(ours):,} and {len(other):,}")
    for key, value in ours.items():
        theirs = other[key]
        same = value == theirs or (
            None not in (value, theirs) and math.isclose(value, theirs, rel_tol=1e-9, abs_tol=1e-12)
        )
        if not same:
            raise SystemExit(f"{side} has another {key}: {value} and {theirs}")
    progress(f"the same as {side} in {len(ours):,} values")


def write_lake(root: Path, rows: int) -> Path:
    done = root / "complete"
    if done.exists():
        return root
    logger = Logger(payments.SYSTEM, to=root)
    step_us = DAYS * 86_400_000_000 // rows
    for block, count in payments.blocks(rows):
        for table, make in (("decisions", payments.decisions), ("outcomes", payments.outcomes)):
            made = make(block, count, step_us=step_us)
            logger.table(table, made, batch_id=f"{table}-{block}").raise_for_refused()
    done.touch()
    progress(f"logged {rows:,} decisions")
    return root


if __name__ == "__main__":
    main()
