"""What made the scores of every group, from stored attributions: 40 features by two dimensions.

The attributions are of four candidates in each decision; the question is about the one that was
picked, so every side joins them with their decisions. `explain_group` returns means, their
day-clustered errors and mean sizes. The other sides return means alone, and DuckDB also all that
ours does, in one query. All sides must agree on every mean.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import payments
import pyarrow as pa
from harness import (
    Meter,
    Report,
    Run,
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
from pellucid import Logger
from pellucid.spec.system import Dimension, Feature, System
from pellucid.store.reader import snapshot

ROWS = 10_000_000
DAYS = 28
EACH = payments.CANDIDATES_EACH
BY = ("country", "network")
FEATURES = tuple(f"x{number:02}" for number in range(40))
# Of the study of limits: decode of 40 columns from Parquet, and a kernel.
MOST_CPU_S = 1.1
SYSTEM = System(
    name="bench",
    dimensions=tuple(Dimension(name=name) for name in BY),
    features=tuple(Feature(name=name) for name in FEATURES),
)
_JOIN = (
    "FROM read_parquet($decisions) AS d JOIN read_parquet($attributions) AS a "
    "ON a.decision_id = d.decision_id AND a.candidate_id = d.chosen AND a.model_id = d.model_id"
)


def main() -> None:
    options = parse_options(__doc__, rounds=3)
    rows = options.rows(ROWS)
    report = Report("group_means", "what made the scores of every group?", options.scale == 1)
    with data_folder("group-means") as folder:
        need_disk(folder, gigabytes=4 * options.scale)
        lake = str(_write_lake(folder / f"lake-{rows}", rows))
        sides = {side.__name__: partial(fresh, side, lake) for side in (ask, ask_duckdb, ask_all)}
        runs = interleave(sides, rounds=options.rounds)
        # pandas is many times slower and here for scale: two rounds are enough.
        runs |= interleave({"ask_pandas": partial(fresh, ask_pandas, lake)},
                           rounds=min(2, options.rounds))  # fmt: skip
    _report(report, f"{rows / 1e6:g}M rows x 40 by {' and '.join(BY)}", runs)
    report.finish()


def _report(report: Report, case: str, runs: dict[str, list[Run]]) -> None:
    ours = runs["ask"]
    for side, label, goal in (
        ("ask_duckdb", "DuckDB by hand, means alone", MOST_CPU_S),
        ("ask_all", "DuckDB by hand, with errors and sizes", None),
        ("ask_pandas", "pandas, means alone", None),
    ):
        other = runs[side]
        _check_same(ours[0].value, other[0].value, label)
        report.add(f"{case}; other: {label}", "CPU s", cpu(ours), cpu(other), most=goal)
        report.add(f"{case}; other: {label}", "MiB peak", peak(ours), peak(other))


def ask(meter: Meter, lake: str) -> dict[str, float]:
    """Ask pellucid."""
    obs = pellucid.open(lake)
    with meter:
        story = obs.explain_group(by=BY, over=f"{DAYS}d")
    return {
        "|".join([row["country"], row["network"], row["part"]]): row["mean"]
        for row in story.parts.to_pylist() if row["kind"] == "feature"
    }  # fmt: skip


def ask_duckdb(meter: Meter, lake: str) -> dict[str, float]:
    """Ask DuckDB for the means alone."""
    means = ", ".join(f"avg(a_{name})" for name in FEATURES)
    return _asked(meter, lake, f"SELECT country, network, {means} {_JOIN} GROUP BY 1, 2")


def ask_all(meter: Meter, lake: str) -> dict[str, float]:
    """Ask DuckDB for means, day-clustered errors and mean sizes."""
    sums = ", ".join(
        f"sum(a_{name}::DOUBLE) AS s{name}, sum(abs(a_{name}::DOUBLE)) AS z{name}"
        for name in FEATURES
    )
    # Of n groups of days the error is that of a ratio, whose parts are the days' sums.
    shown = ", ".join(
        f"sum(z{name}) / sum(n), sqrt(count(*) / (count(*) - 1) * (sum(s{name} * s{name}) "
        f"- 2 * sum(s{name}) / sum(n) * sum(s{name} * n) "
        f"+ (sum(s{name}) / sum(n)) ** 2 * sum(n * n))) / sum(n)"
        for name in FEATURES
    )
    means = ", ".join(f"sum(s{name}) / sum(n)" for name in FEATURES)
    return _asked(meter, lake, (
        f"WITH days AS (SELECT country, network, d.day, count(*)::DOUBLE AS n, {sums} {_JOIN} "
        f"GROUP BY ALL) SELECT country, network, {means}, {shown} FROM days GROUP BY 1, 2"
    ))  # fmt: skip


def _asked(meter: Meter, lake: str, sql: str) -> dict[str, float]:
    import duckdb

    files, connection = _files(lake), duckdb.connect()
    with meter:
        found = connection.execute(sql, files).fetchall()
    return {
        "|".join([*row[:2], name]): value
        for row in found for name, value in zip(FEATURES, row[2:], strict=False)
    }  # fmt: skip


def ask_pandas(meter: Meter, lake: str) -> dict[str, float]:
    """Ask pandas for the means alone."""
    import pandas as pd

    files = _files(lake)
    keys = ["decision_id", "candidate_id"]
    with meter:
        decisions = pd.concat(
            pd.read_parquet(path, columns=["decision_id", "chosen", *BY])
            for path in files["decisions"]
        ).rename(columns={"chosen": "candidate_id"})
        columns = [f"a_{name}" for name in FEATURES]
        rows = pd.concat(
            pd.read_parquet(path, columns=[*keys, *columns]).merge(decisions, on=keys)
            for path in files["attributions"]
        )
        found = rows.groupby(list(BY))[columns].mean()
    return {
        "|".join([*place, name]): float(found.loc[place, f"a_{name}"])
        for place in found.index for name in FEATURES
    }  # fmt: skip


def _files(lake: str) -> dict[str, Any]:
    obs = pellucid.open(lake)
    return {name: list(snapshot(obs.lake, name).files) for name in ("decisions", "attributions")}


def _check_same(ours: dict[str, float], other: dict[str, float], side: str) -> None:
    if ours.keys() != other.keys():
        raise SystemExit(f"{side} has other cells: {len(ours):,} and {len(other):,}")
    for key, value in ours.items():
        # pandas gives means as float32.
        if not math.isclose(value, other[key], rel_tol=1e-5, abs_tol=1e-6):
            raise SystemExit(f"{side} has another {key}: {value} and {other[key]}")
    progress(f"the same as {side} in {len(ours):,} means")


def _write_lake(root: Path, rows: int) -> Path:
    done = root / "complete"
    if done.exists():
        return root
    logger = Logger(SYSTEM, to=root)
    step_us = DAYS * 86_400_000_000 // (rows // EACH)
    for block, count in payments.blocks(rows // EACH):
        made = payments.decisions(block, count, step_us=step_us)
        made = made.select(["decision_id", "decided_at", "model_id", "arm", "chosen", *BY])
        logger.table("decisions", made, batch_id=f"decisions-{block}").raise_for_refused()
        explained = _attributions(block, made)
        logger.table("attributions", explained, batch_id=f"rows-{block}").raise_for_refused()
    done.touch()
    progress(f"logged {rows:,} attributions")
    return root


def _attributions(block: int, decisions: pa.Table) -> pa.Table:
    """Return attributions of four candidates of each decision, the first of them its pick."""
    random = np.random.default_rng((5, block))
    count = decisions.num_rows * EACH
    place = pa.array(np.repeat(np.arange(decisions.num_rows), EACH))
    columns = {name: decisions.column(name).take(place)
               for name in ("decision_id", "decided_at", "model_id")}  # fmt: skip
    nth = np.tile(np.arange(EACH), decisions.num_rows)
    first = decisions.column("chosen").combine_chunks().dictionary_encode()
    names = np.array(payments.ROUTES)
    codes = np.searchsorted(names, first.dictionary.to_pylist())[first.indices.to_numpy()]
    whose = (np.repeat(codes, EACH) + nth) % len(names)
    columns["candidate_id"] = pa.DictionaryArray.from_arrays(
        pa.array(whose.astype(np.int16)), pa.array(names)
    ).dictionary_decode()
    bars = random.standard_normal((len(FEATURES), count), dtype=np.float32)
    base = np.full(count, 1.5)
    columns |= {
        "output_scale": pa.array(["log_odds"] * count), "base_value": pa.array(base),
        "raw_score": pa.array(base + bars.sum(axis=0, dtype=np.float64)),
        "residual": pa.array(np.zeros(count)), "explainer": pa.array(["bench"] * count),
    }  # fmt: skip
    named = zip(FEATURES, bars, strict=True)
    return pa.table(columns | {f"a_{name}": pa.array(values) for name, values in named})


if __name__ == "__main__":
    main()
