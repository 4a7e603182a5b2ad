"""What the finder of learned artefacts says of worlds whose truth is known.

Four kinds of worlds: an outage of a route on one training Tuesday, a route that truly approves less
on Tuesdays, both, and neither. A world is a hit if what taught the model is told: the route, the
weekday and the right verdict, with the outage's date. It is wrong if anything is told that is not
so; where nothing was planted, if anything is. Else it is unclear, if a loss is told without a
cause, or silent: that is right where nothing was planted.

A model need not learn from each outage: `lost` counts the worlds in which the route's share is at
least 2 points below that of the world of the same seed in which nothing was planted, on three
Tuesdays of four. Of the others there is nothing to tell about the route.

python benchmarks/truth_learned.py --seeds 20 --jobs 2
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from harness import RESULTS, Meter, fresh, progress

from pellucid.explain.learned.daily import LEAST_LOSS
from pellucid.explain.learned.find import learned_artefacts
from pellucid.log.client import Logger
from pellucid.observatory import open_system
from pellucid.testing.worlds import (
    END_AT,
    Incident,
    Outage,
    WeekdayHabit,
    demo_incidents,
    payment_world,
)
from pellucid.windows import Window

BENCH = "truth_learned"
ROUTE, WEEKDAY, TUESDAY = "cedar-direct", "tuesday", 1
HABIT, HABIT_BESIDES = -0.8, -0.4
EXPECTED = {"outage": "incident", "habit": "habit", "both": "mixed", "nothing": ""}
FULL_SEEDS, LEAST_SEEDS = 20, 5
DECISIONS = 60_000
_TABLES = ("decisions", "candidates", "training")
_HOUR = timedelta(hours=1)


def planted(kind: str, history: int, live: int) -> tuple[Incident, ...]:
    """Return what is planted in a world of so many days of history and live days."""
    start = END_AT - timedelta(days=live)
    story = demo_incidents(live_start_at=start, history_days=history, live_days=live)
    outage = tuple(item for item in story if isinstance(item, Outage))
    since = start - timedelta(days=history)

    def habit(effect: float) -> tuple[Incident, ...]:
        return (WeekdayHabit(route=ROUTE, weekday=WEEKDAY, start_at=since, effect=effect),)

    return {"outage": outage, "habit": habit(HABIT), "both": (*outage, *habit(HABIT_BESIDES)),
            "nothing": ()}[kind]  # fmt: skip


def measure(
    meter: Meter, kind: str, seed: int, decisions: int, history: int, live: int
) -> dict[str, Any]:
    """Simulate a world and ask; in a process of its own."""
    incidents = planted(kind, history, live)
    world = payment_world(
        decisions=decisions, seed=seed, history_days=history, live_days=live, incidents=incidents
    )
    with tempfile.TemporaryDirectory(prefix="pellucid-truth-") as folder:
        log = Logger(world.system, to=folder)
        world.log_models(log)
        for name in _TABLES:
            log.table(name, world.tables[name])
        obs = open_system(folder)
        obs.attribute(most_decisions=decisions // 10)
        window = Window(END_AT - timedelta(days=live), END_AT)
        with meter:
            found = learned_artefacts(obs.system, obs.records, window=window)
    outage = next((item for item in incidents if isinstance(item, Outage)), None)
    told = [
        {"candidate": item.loss.candidate, "weekday": item.loss.weekday, "verdict": item.verdict,
         "taught_by": item.trace.candidate if item.trace else None,
         "window": [str(at) for at in (item.trace.window.start, item.trace.window.end)]
         if item.trace and item.trace.window else None,
         "hours_off": _hours_off(item.trace.window, outage)
         if item.trace and item.trace.window and outage else None}
        for item in found
    ]  # fmt: skip
    return {"kind": kind, "seed": seed, "told": told, "tuesdays": _tuesdays(world.tables)}


def _tuesdays(tables: dict[str, pa.Table]) -> list[float]:
    """Return the route's share of the policy's decisions that may use it, on each Tuesday."""
    arm, at = tables["decisions"]["arm"], tables["decisions"]["decided_at"]
    of_route = tables["candidates"].filter(pc.equal(tables["candidates"]["candidate_id"], ROUTE))
    day = pc.cast(at, pa.int64()).to_numpy() // 86_400_000_000
    counts = pc.not_equal(arm, "control").to_numpy() & of_route["is_eligible"].to_numpy()
    counts &= (day + 3) % 7 == TUESDAY
    chosen = of_route["is_chosen"].to_numpy()
    return [float(chosen[counts & (day == one)].mean()) for one in np.unique(day[counts])]


def _has_lost(world: dict[str, Any], calm: dict[str, Any]) -> bool:
    lower = np.array(world["tuesdays"]) <= np.array(calm["tuesdays"]) - LEAST_LOSS
    return bool(lower.mean() >= 0.75)


def _hours_off(window: Window, outage: Outage) -> float:
    """Return how many hours of the window and the outage are in one of them only."""
    end = outage.start_at + outage.hours * _HOUR
    return (abs(window.start - outage.start_at) + abs(window.end - end)) / _HOUR


def judged(world: dict[str, Any]) -> str:
    """Return what a world counts as: hit, wrong, unclear or silent."""
    expected = EXPECTED[world["kind"]]
    clear = [item for item in world["told"] if item["verdict"] not in ("unclear", "untraced")]
    if not all(_is_right(item, expected) for item in clear):
        return "wrong"
    if any(item["verdict"] == expected for item in clear):
        return "hit"
    return "unclear" if world["told"] else "silent"


def _is_right(item: dict[str, Any], expected: str) -> bool:
    """Return whether what is told is so: the weekday, the route, the verdict and the date."""
    if not expected or (item["weekday"], item["taught_by"]) != (TUESDAY, ROUTE):
        return False
    if item["window"] is not None and (item["hours_off"] is None or item["hours_off"] >= 24):
        return False
    # Where there was an outage, it may have taught the model about another route's Tuesdays too.
    is_spilled = item["candidate"] != ROUTE and expected == "mixed" and item["window"] is not None
    return item["verdict"] == expected or (is_spilled and item["verdict"] == "incident")


def lines_of(worlds: list[dict[str, Any]], cpu: dict[str, list[float]]) -> Iterator[dict[str, Any]]:
    """Yield a result line for each kind of world."""
    for kind, expected in EXPECTED.items():
        own = [world for world in worlds if world["kind"] == kind]
        verdicts = [judged(world) for world in own]
        calm = {world["seed"]: world for world in worlds if world["kind"] == "nothing"}
        lost = [_has_lost(world, calm[world["seed"]]) for world in own]
        off = [item["hours_off"] for world in own for item in world["told"]
               if item["verdict"] in ("incident", "mixed")]  # fmt: skip
        yield {
            "bench": BENCH, "case": kind, "expected": expected or "silence", "worlds": len(own),
            "lost": sum(lost),
            **{name: verdicts.count(name) for name in ("hit", "wrong", "unclear", "silent")},
            "lost_and_hit": sum(
                has and said == "hit" for has, said in zip(lost, verdicts, strict=True)
            ),
            "hours_off_most": max((hours for hours in off if hours is not None), default=None),
            "cpu_s_a_world": round(sum(cpu[kind]) / len(cpu[kind]), 1),
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=FULL_SEEDS)
    parser.add_argument("--first", type=int, default=400, help="first seed")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--decisions", type=int, default=DECISIONS)
    parser.add_argument("--history", type=int, default=28, help="days that train the model")
    parser.add_argument("--live", type=int, default=56, help="days that it decides")
    given = parser.parse_args()
    jobs = [(kind, given.first + seed) for seed in range(given.seeds) for kind in EXPECTED]
    worlds: list[dict[str, Any]] = []
    cpu: dict[str, list[float]] = {kind: [] for kind in EXPECTED}
    with ThreadPoolExecutor(given.jobs) as pool:
        runs = pool.map(
            lambda job: fresh(measure, *job, given.decisions, given.history, given.live), jobs
        )
        for run in runs:
            worlds.append(run.value)
            cpu[run.value["kind"]].append(run.cpu_s)
            progress(f"{run.value['kind']} {run.value['seed']}: {run.value['told']}")
    found = list(lines_of(worlds, cpu))
    print(f"\n{BENCH}: what is said of worlds whose truth is known?\n")
    columns = list(found[0])[1:]
    rows = [columns, *([str(line[name]) for name in columns] for line in found)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    text = "".join(f"{json.dumps(line)}\n" for line in found)
    print(f"\n{text}", end="")
    if given.seeds >= LEAST_SEEDS and given.decisions >= DECISIONS:
        RESULTS.mkdir(exist_ok=True)
        (Path(RESULTS) / f"{BENCH}.jsonl").write_text(text)


if __name__ == "__main__":
    main()
