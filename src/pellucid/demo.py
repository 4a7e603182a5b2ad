"""The demo: a simulated payments router, logged, measured, explained and reported on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from pellucid.figures import numbers
from pellucid.log.client import Logger
from pellucid.metrics.checks import propose_checks
from pellucid.observatory import Observatory, open_system
from pellucid.report.build import write_report
from pellucid.spec.check import Checks
from pellucid.testing.worlds import payment_world
from pellucid.windows import WEEK

SYSTEM = "card-routing"
_TABLES = ("decisions", "candidates", "outcomes", "training")


def run_demo(*, lake: str, report: Path, decisions: int, seed: int) -> Iterator[str]:
    """Run the demo and yield what it does and finds, a line at a time.

    Parameters
    ----------
    lake : str
        Folder to log to. Running it again adds nothing.
    report : Path
        HTML file to write.
    decisions : int
        About how many live decisions to simulate.
    seed : int
        Seed of the world.

    Raises
    ------
    MissingExtraError
        If LightGBM, Plotly or Jinja is not installed.
    """
    started = time.perf_counter()
    yield from load_demo(lake=lake, decisions=decisions, seed=seed)
    obs = open_system(lake, system=SYSTEM)
    yield ""
    yield from _findings(obs)
    learned = obs.learned()
    for found in learned:
        yield f"What the model learned ({found.verdict}): {found.told}"
    size = write_report(obs, report, over="14d", learned=learned)
    yield ""
    yield f"Report: {report} ({size / 1e6:.1f} MB, opens offline)"
    yield f"Why one payment went where it went: pellucid explain {_moved(obs)} --lake {lake}"
    yield f"Ask more: pellucid query approval_rate traffic_share --by route --lake {lake}"
    yield f"Done in {time.perf_counter() - started:.0f} s."


def load_demo(*, lake: str, decisions: int = 60_000, seed: int = 7) -> Iterator[str]:
    """Simulate, log and explain; yield what is done. See `run_demo`."""
    yield f"Simulating a card-payments router: about {decisions:,} decisions, seed {seed} ..."
    world = payment_world(decisions=decisions, seed=seed)
    log = Logger(world.system, to=lake)
    batch = f"demo-{seed}-{decisions}"
    world.log_models(log)
    for name in _TABLES:
        yield f"  logged {log.table(name, world.tables[name], batch_id=batch)}"
    receipt = open_system(lake, system=world.system.name).attribute(most_decisions=2_000)
    yield f"  explained {receipt.stored:,} candidates; every one adds up to its score"


def watch_demo(lake: str) -> Iterator[str]:
    """Roll up, and run the checks over the last week; yield what is done."""
    obs = open_system(lake, system=SYSTEM)
    obs.roll_up()
    yield "  rolled up by the hour"
    checks = demo_checks(lake)
    end = obs.window("1h").end
    obs.monitor(checks, now=end - WEEK)
    run = obs.monitor(checks, now=end)
    found = obs.incidents()
    yield f"  watched {run.series:,} series for a week: {len(found)} incidents"


def demo_checks(lake: str) -> Checks:
    """Return the checks that watch the demo."""
    return propose_checks(open_system(lake, system=SYSTEM).system)


def _findings(obs: Observatory) -> Iterator[str]:
    rows = obs.query(
        "decision_count", "approval_rate", "request_approval_rate", "override_rate"
    ).rows.to_pylist()  # fmt: skip
    found = {row["metric"]: row for row in rows}
    attempt, request = found["approval_rate"], found["request_approval_rate"]
    yield (
        f"{numbers.count(found['decision_count']['value'])} decisions; approved "
        f"{_rate(attempt)} of attempts, {_rate(request)} of payments (retries counted once)."
    )
    routes = obs.query("traffic_share", by=[obs.system.candidate.name]).finest.to_pylist()
    top = sorted(routes, key=lambda row: -row["value"])[:3]
    shares = ", ".join(f"{row['route']} {numbers.rate(row['value'])}" for row in top)
    yield f"Most traffic: {shares}."
    yield f"The policy moved {_rate(found['override_rate'])} of decisions off the model's pick."
    arms = obs.query("request_approval_rate", by=["arm"], where="attempt = 1").finest.to_pylist()
    by_arm = {row["arm"]: row for row in arms}
    if {"ml", "control"} <= set(by_arm):
        yield (
            f"ML approves {_rate(by_arm['ml'])} of payments, the control arm "
            f"{_rate(by_arm['control'])}."
        )


def _moved(obs: Observatory) -> str:
    moved = obs.records.rows(
        "decisions", where="chosen <> pick_fees AND arm = 'ml' ORDER BY decided_at",
        columns=["decision_id"], limit=1,
    )  # fmt: skip
    return str(moved.column("decision_id")[0].as_py())


def _rate(row: dict[str, float]) -> str:
    return f"{numbers.rate(row['value'])} ({numbers.interval(row['low'], row['high'])})"
