"""What a monitor says, hour by hour, of payments in which one known thing goes wrong.

Worlds, checks and what is planted: `planted_worlds.py`; when it could be told at the earliest:
`planted_truth.py`; how what was told is scored: `planted_scores.py`. For each kind: how many were
found at all, within one grain (an hour; a day for columns) of when they could be, and with exactly
the slice or column planted, as the incident was opened (the first that people hear) and at the end
of the week. Extra are incidents opened in the rest of the week beside the one that found it, those
by chance among them; false are those of the quiet worlds, a week.

python benchmarks/truth_incidents.py --seeds 20 --jobs 2
python benchmarks/truth_incidents.py --seeds 5 --first 0 --kinds outage quiet

Settings were chosen on seeds below 4000. Set PELLUCID_BENCH_DATA to a folder to keep the worlds: a
minute of a core makes the seven of a seed.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from harness import RESULTS, Meter, data_folder, fresh, progress
from planted_scores import Score, Sign, Told, Truth, false_a_week, score
from planted_worlds import CHECKS, DECISIONS, KINDS, QUIET, SYSTEM, planted

from pellucid.monitor.incidents.backtest import Backtest
from pellucid.monitor.incidents.incident import Cause
from pellucid.observatory import open_system

BENCH = "truth_incidents"
FULL_SEEDS, FIRST_SEED = 8, 4000
LEAST_IN_TIME, LEAST_EXACT, MOST_FALSE = 0.95, 0.90, 1.0
_HEADS = ("kind", "worlds", "found", "in_time", "exact", "exact_at_end", "delay_median",
          "delay_most", "extra", "false_a_week", "goals", "met")  # fmt: skip


def measure(meter: Meter, seed: int, kind: str, decisions: int, folder: str) -> dict[str, Any]:
    """Return how the monitor did in one world; in a process of its own."""
    world = planted(seed, kind, folder=Path(folder), decisions=decisions)
    truth = world.truth
    with meter:
        backtest = open_system(world.lake, system=SYSTEM).backtest(CHECKS, over=truth.judged)
    told = told_in(backtest)
    found = score(truth, told)
    return {
        "kind": kind, "seed": seed, "planted": world.drawn, "start_at": _said(truth.start_at),
        "detectable_at": _said(truth.detectable_at), "delay": found.delay,
        "is_exact": found.is_exact, "is_exact_at_end": found.is_exact_at_end,
        "extra": found.extra, "false": found.false, "quiet_s": found.quiet.total_seconds(),
        "series": backtest.series, "cpu_s": round(meter.cpu_s, 1),
        "told": [_line(one, truth) for one in told],
    }  # fmt: skip


def told_in(backtest: Backtest) -> list[Told]:
    """Return the incidents of a backtest in the order in which they were opened."""
    told = [
        Told(
            cause=_sign(first.cause, first.opened_at),
            last_cause=_sign(last.cause, last.opened_at),
            alerts=tuple(
                Sign(kind=alert.kind, subject=alert.subject, slice=alert.slice, at=alert.raised_at)
                for alert in last.alerts
            ),
        )
        for first, last in zip(backtest.opened, backtest.incidents, strict=True)
    ]
    return sorted(told, key=lambda one: one.opened_at)


def summary(kind: str, worlds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the line of a kind, or of several kinds together, with the goals."""
    scores = [score_of(world) for world in worlds]
    line = {"bench": BENCH, "part": "kind", "kind": kind, "worlds": len(scores)}
    if kind == QUIET:
        # The days before what is planted are the same in all worlds of a seed: these count alone.
        false = round(false_a_week(scores), 2)
        return line | {"false_a_week": false, "goals": f"false_a_week <= {MOST_FALSE:g}",
                       "met": false <= MOST_FALSE}  # fmt: skip
    delays = [one.delay for one in scores if one.delay is not None]
    in_time = sum(one.is_in_time for one in scores)
    exact = sum(one.is_exact for one in scores)
    return line | {
        "found": len(delays), "in_time": in_time, "exact": exact,
        "exact_at_end": sum(one.is_exact_at_end for one in scores),
        "delay_median": round(statistics.median(delays), 1) if delays else None,
        "delay_most": round(max(delays), 1) if delays else None,
        "extra": sum(one.extra for one in scores),
        "goals": f"in_time >= {LEAST_IN_TIME:.0%}, exact >= {LEAST_EXACT:.0%}",
        "met": in_time >= LEAST_IN_TIME * len(scores) and exact >= LEAST_EXACT * len(scores),
    }  # fmt: skip


def score_of(world: dict[str, Any]) -> Score:
    """Return the score that `measure` returned as plain values."""
    return Score(
        delay=world["delay"], is_exact=world["is_exact"],
        is_exact_at_end=world["is_exact_at_end"], extra=world["extra"], false=world["false"],
        quiet=timedelta(seconds=world["quiet_s"]),
    )  # fmt: skip


def summaries(worlds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the line of each kind, then of all that were planted."""
    kinds = [kind for kind in (*KINDS, QUIET) if any(world["kind"] == kind for world in worlds)]
    lines = [summary(kind, [world for world in worlds if world["kind"] == kind]) for kind in kinds]
    some = [world for world in worlds if world["kind"] != QUIET]
    return [*lines, summary("all planted", some)] if some else lines


def _sign(cause: Cause, at: datetime) -> Sign:
    return Sign(kind=cause.kind, subject=cause.subject, slice=cause.slice, at=at)


def _line(one: Told, truth: Truth) -> str:
    """Return an incident in a line: when, what of and where, then what became of it."""
    causes = [f"{sign.subject} {dict(sign.slice) or 'everywhere'}"
              for sign in (one.cause, one.last_cause)]  # fmt: skip
    last = "" if causes[0] == causes[1] else f", in the end {causes[1]}"
    found_at = None if truth.start_at is None else one.found_at(truth)
    found = "" if found_at is None else f", touches it at {_said(found_at)}"
    return f"{_said(one.opened_at)} {causes[0]}{last}, {len(one.alerts)} alerts{found}"


def _said(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%d %H:%M}"


def _show(lines: Sequence[dict[str, Any]]) -> None:
    rows = [_HEADS, *(tuple(str(line.get(name, "")) for name in _HEADS) for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADS))]
    print(f"\n{BENCH}: of what goes wrong, what is told, when and how exactly?\n")
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=FULL_SEEDS, help="worlds of each kind")
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="first seed")
    parser.add_argument("--kinds", nargs="+", default=[*KINDS, QUIET], choices=[*KINDS, QUIET])
    parser.add_argument("--decisions", type=int, default=DECISIONS, help="in four weeks")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    given = parser.parse_args()
    worlds: list[dict[str, Any]] = []
    with data_folder(BENCH) as folder:

        def one(seed: int) -> list[dict[str, Any]]:
            # A process a seed: what is quiet and what is shared is made once.
            return fresh(measure_seed, seed, given.kinds, given.decisions, str(folder)).value

        with ThreadPoolExecutor(given.jobs) as pool:
            for found in pool.map(one, range(given.first, given.first + given.seeds)):
                worlds += found
                for world in found:
                    progress(_progress(world))
    lines = summaries(worlds)
    _show(lines)
    cases = [{"bench": BENCH, "part": "world", **world} for world in worlds]
    text = "".join(f"{json.dumps(line)}\n" for line in (*lines, *cases))
    print(f"\n{text}", end="")
    is_full = (given.seeds >= FULL_SEEDS and given.first >= FIRST_SEED
               and given.decisions == DECISIONS and {*given.kinds} == {*KINDS, QUIET})  # fmt: skip
    if is_full:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{BENCH}.jsonl").write_text(text)


def measure_seed(
    meter: Meter, seed: int, kinds: Sequence[str], decisions: int, folder: str
) -> list[dict[str, Any]]:
    """Return how the monitor did in the worlds of one seed."""
    del meter
    return [measure(Meter(), seed, kind, decisions, folder) for kind in kinds]


def _progress(world: dict[str, Any]) -> str:
    head = f"{world['seed']} {world['kind']}: {world['planted']}"
    if world["kind"] != QUIET:
        delay = "NOT FOUND" if world["delay"] is None else f"{world['delay']:+.0f} grains"
        exact = "exact" if world["is_exact"] else "NOT EXACT"
        head += f"; detectable {world['detectable_at']}, {delay}, {exact}"
    return "\n    ".join([f"{head}; {world['cpu_s']} CPU s", *world["told"]])


if __name__ == "__main__":
    main()
