"""A small demo lake with an open incident and roll-ups, built once for all workers of a run."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

import pellucid
from pellucid.demo import SYSTEM, load_demo

BASE = "http://127.0.0.1"
DECISIONS = 12_000


def make_lake(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return the folder of the lake; the first worker that comes builds it."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "served"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "done").exists():
            list(load_demo(lake=str(shared / "lake"), decisions=DECISIONS))
            watch(shared / "lake")
            (shared / "done").touch()
    return shared / "lake"


def watch(lake: Path) -> None:
    """Roll up, and open an incident by a limit that cannot hold."""
    obs = pellucid.open(lake, system=SYSTEM)
    obs.roll_up()
    check = pellucid.Check(
        name="too_low", rule="limit", metric="approval_rate", below=0.99, over="1d"
    )
    obs.monitor(pellucid.Checks(checks=(check,)), now=obs.window("1h").end)
