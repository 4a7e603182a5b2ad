"""What a year costs to ask: from hourly roll-ups, and from the rows.

Three million decisions of a year and their outcomes; six dimensions and three fields are rolled up
(issuers of 200 values among them, so that most of the widest cells hold one decision). Three
questions, asked again of a copy of the lake without roll-ups: both must agree on every value. And
what an update costs: of a year at once, and after a thousand late outcomes.
"""

from __future__ import annotations

import math
import shutil
from functools import partial
from pathlib import Path

import payments
import pyarrow as pa
import pyarrow.compute as pc
from harness import (
    Meter,
    Report,
    cpu,
    data_folder,
    fresh,
    interleave,
    need_disk,
    parse_options,
    progress,
)

import pellucid
from pellucid import Logger

ROWS = 3_000_000
DAYS = 365
MOST_CPU_S = 1.0
QUESTIONS = {
    "day by day": {"by": [], "grain": "1d"},
    "by country": {"by": ["country"], "grain": ""},
    "by country and route, week by week": {"by": ["country", "route"], "grain": "1w"},
}
METRICS = ("decision_count", "approval_rate", "traffic_share", "override_rate")
LATE = 1_000


def main() -> None:
    options = parse_options(__doc__, rounds=3)
    rows = options.rows(ROWS)
    report = Report("rollups", "what does a year cost to ask?", options.scale == 1)
    with data_folder("rollups") as folder:
        need_disk(folder, gigabytes=3 * options.scale)
        bare = _write_lake(folder / f"lake-{rows}", rows)
        rolled = folder / f"rolled-{rows}"
        shutil.rmtree(rolled, ignore_errors=True)
        shutil.copytree(bare, rolled)
        built = interleave({"build": partial(fresh, build, str(rolled))}, rounds=1)["build"]
        for name in QUESTIONS:
            sides = {"rolled": partial(fresh, ask, str(rolled), name),
                     "rows": partial(fresh, ask, str(bare), name)}  # fmt: skip
            runs = interleave(sides, rounds=options.rounds)
            _check_same(runs["rolled"][0].value, runs["rows"][0].value)
            case = f"{rows / 1e6:g}M decisions of a year, {name}; other: from the rows"
            report.add(case, "CPU s", cpu(runs["rolled"]), cpu(runs["rows"]), most=MOST_CPU_S)
        late = interleave({"late": partial(fresh, update, str(rolled))}, rounds=1)["late"]
        report.add(f"update after {LATE:,} late outcomes; other: the whole year", "CPU s",
                   cpu(late), cpu(built))  # fmt: skip
    report.finish()


def ask(meter: Meter, lake: str, name: str) -> dict[str, float | None]:
    """Ask one question; the first one warms what is loaded on first use."""
    obs = pellucid.open(lake)
    obs.query("decision_count", over="1h")
    question = QUESTIONS[name]
    with meter:
        answer = obs.query(*METRICS, by=question["by"], grain=question["grain"], over=f"{DAYS}d")
    keys = ("metric", "level", "start_at", *question["by"])
    return {"|".join(str(row[key]) for key in keys): row["value"]
            for row in answer.rows.to_pylist()}  # fmt: skip


def build(meter: Meter, lake: str) -> int:
    """Make every roll-up."""
    obs = pellucid.open(lake)
    with meter:
        return sum(done.hours for done in obs.roll_up())


def update(meter: Meter, lake: str) -> int:
    """Log outcomes that come late, all on one day of months ago, and bring roll-ups up to date."""
    obs = pellucid.open(lake)
    ids = obs.records.engine.query(
        f"SELECT decision_id, decided_at FROM decisions ORDER BY decided_at LIMIT {LATE}",
        obs._tables("decision"),  # noqa: SLF001 - the files as they are
    )
    at = obs.latest()
    Logger(payments.SYSTEM.name, to=lake).outcomes(pa.table({
        "decision_id": ids.column("decision_id"), "outcome": ["approved"] * LATE,
        "value": [0.0] * LATE, "outcome_at": [at] * LATE, "recorded_at": [at] * LATE,
    })).raise_for_refused()  # fmt: skip
    with meter:
        return sum(done.hours for done in pellucid.open(lake).roll_up())


def _check_same(ours: dict[str, float | None], other: dict[str, float | None]) -> None:
    if ours.keys() != other.keys():
        raise SystemExit(f"other cells: {len(ours):,} and {len(other):,}")
    for key, value in ours.items():
        theirs = other[key]
        same = value == theirs or (
            None not in (value, theirs) and math.isclose(value, theirs, rel_tol=1e-9, abs_tol=1e-12)
        )
        if not same:
            raise SystemExit(f"another {key}: {value} and {theirs}")
    progress(f"the same in {len(ours):,} values")


def _a_year_ago(rows: pa.Table) -> pa.Table:
    """Return rows with every instant a year earlier: none may be in the future."""
    year = pa.scalar(DAYS * 86_400_000_000, pa.duration("us"))
    for place, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(place, field.name, pc.subtract(rows.column(place), year))
    return rows


def _write_lake(root: Path, rows: int) -> Path:
    done = root / "complete"
    if done.exists():
        return root
    logger = Logger(payments.SYSTEM, to=root)
    step_us = DAYS * 86_400_000_000 // rows
    for block, count in payments.blocks(rows):
        for table, make in (("decisions", payments.decisions), ("outcomes", payments.outcomes)):
            made = _a_year_ago(make(block, count, step_us=step_us))
            logger.table(table, made, batch_id=f"{table}-{block}").raise_for_refused()
    done.touch()
    progress(f"logged {rows:,} decisions")
    return root


if __name__ == "__main__":
    main()
