"""Live logging under faults, with real processes: killed, ended, flipped bits, a full disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pellucid.log.client import Logger
from pellucid.log.live import LiveSettings
from pellucid.observatory import open_system
from pellucid.spec.system import Dimension, Feature, System

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SYSTEM = System(
    name="faults", dimensions=(Dimension(name="country"),), features=(Feature(name="amount"),)
)
WORKER = """
import sys, time
from datetime import UTC, datetime, timedelta
import pellucid
from pellucid import LiveSettings
lake, spool, first = sys.argv[1], sys.argv[2], int(sys.argv[3])
log = pellucid.Logger("faults", to=lake, live=LiveSettings(spool=spool, flush_seconds=0.05))
now = datetime(2026, 6, 1, 12, tzinfo=UTC)
for number in range(first, first + 100_000):
    record = {"id": f"d{number}", "at": now, "dims": {"country": "BR"},
              "candidates": [{"id": "a", "features": {"amount": float(number)}}]}
    if number % 20:
        log.record(record)
    elif log.record(record, durable=True, timeout=30):
        print(f"d{number}", flush=True)
    if number % 200 == 0:
        time.sleep(0.001)
"""


def start(root: Path, first: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(root / "lake"), str(root / "spool"), str(first)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def settings(root: Path) -> LiveSettings:
    return LiveSettings(spool=root / "spool", flush_seconds=0.05, close_seconds=120)


def settle(root: Path) -> Logger:
    """Store what killed processes left, as the next logger of the system does."""
    log = Logger("faults", to=root / "lake", live=settings(root))
    assert log.record({"id": "last", "at": NOW}, durable=True, timeout=30)
    assert log.close()
    return log


def stored_ids(root: Path) -> list[str]:
    rows = open_system(root / "lake").records.rows("decisions", columns=["decision_id"])
    return rows.column("decision_id").to_pylist()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert Logger(SYSTEM, to=tmp_path / "lake").system == SYSTEM
    return tmp_path


def kill_and_read(process: subprocess.Popen, number: int) -> set[str]:
    """End a process and return every acknowledgement that it printed whole."""
    process.send_signal(number)
    with process:
        return {line.strip() for line in process.stdout if line.endswith("\n")}


@pytest.mark.slow
def test_killed_fifty_times_under_load_what_was_acknowledged_is_stored_once(root: Path) -> None:
    draw = random.Random(3)
    acknowledged: set[str] = set()
    for run in range(50):
        process = start(root, 100_000 * run)
        # Wait for the first acknowledgement, then kill at a random moment.
        acknowledged.add(process.stdout.readline().strip())
        time.sleep(draw.uniform(0, 0.25))
        acknowledged |= kill_and_read(process, signal.SIGKILL)
    log = settle(root)
    ids = stored_ids(root)
    assert len(ids) == len(set(ids)), "each once"
    assert acknowledged - {""} <= set(ids), "acknowledged is stored"
    candidates = open_system(root / "lake").records.rows("candidates", columns=["decision_id"])
    assert set(candidates.column("decision_id").to_pylist()) == set(ids) - {"last"}, "or whole"
    assert log.health().damaged_bytes == 0 or list((root / "spool").rglob("*.damaged"))
    assert not list((root / "spool").rglob("*.spool"))


def test_sigterm_drains(root: Path) -> None:
    process = start(root, 0)
    acknowledged = {process.stdout.readline().strip()}
    acknowledged |= kill_and_read(process, signal.SIGTERM)
    assert process.returncode == -signal.SIGTERM
    assert acknowledged <= set(stored_ids(root))
    assert not list((root / "spool").rglob("*.spool")), "nothing is left for the next one"


def test_the_interpreters_exit_drains(root: Path) -> None:
    code = WORKER.replace("100_000", "300")
    subprocess.run(
        [sys.executable, "-c", code, str(root / "lake"), str(root / "spool"), "0"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert len(stored_ids(root)) == 300


def test_two_processes_on_one_spool_folder(root: Path) -> None:
    processes = [start(root, 0), start(root, 1_000_000)]
    acknowledged = {process.stdout.readline().strip() for process in processes}
    time.sleep(0.3)
    for process in processes:
        acknowledged |= kill_and_read(process, signal.SIGKILL)
    settle(root)
    ids = stored_ids(root)
    assert len(ids) == len(set(ids))
    assert acknowledged <= set(ids)


def give_up(log: Logger) -> None:
    log.close(timeout=0.1)
    while any(thread.name == "pellucid-flush" for thread in threading.enumerate()):
        time.sleep(0.01)


def left_behind(root: Path, count: int) -> Path:
    """Spool records that nobody stores, as a killed process leaves them."""
    log = Logger(SYSTEM, to=root / "lake", live=settings(root))
    log._sink.store = lambda *_: (_ for _ in ()).throw(OSError("away"))
    for number in range(count):
        assert log.record({"id": f"d{number}", "at": NOW}, durable=True, timeout=30)
    give_up(log)
    return next((root / "spool").rglob("*.spool"))


@pytest.mark.parametrize("harm", ["torn", "flipped"])
def test_a_harmed_spool_loses_no_more_than_was_harmed(root: Path, harm: str) -> None:
    path = left_behind(root, 10)
    whole = path.read_bytes()
    if harm == "torn":
        path.write_bytes(whole[:-20])
    else:
        place = len(whole) - 20
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    log = settle(root)
    assert set(stored_ids(root)) == {f"d{number}" for number in range(9)} | {"last"}
    assert log.health().damaged_bytes > 0
    assert list((root / "spool").rglob("*.damaged")), "the bytes are kept for a look"


def test_a_clock_that_is_set_back_costs_no_record(root: Path, monkeypatch) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None) -> datetime:
            return datetime.now(tz) + timedelta(hours=2)

    log = Logger(SYSTEM, to=root / "lake", live=settings(root))
    log._sink.store = lambda *_: (_ for _ in ()).throw(OSError("away"))
    with monkeypatch.context() as patch:
        patch.setattr("pellucid.log.worker.datetime", Ahead)
        record = {"id": "ahead", "at": Ahead.now(UTC)}
        assert log.record(record, durable=True, timeout=30)
    # From here on the clock is right again, in this process and in the next.
    give_up(log)
    again = settle(root)
    assert again.health().is_well
    assert set(stored_ids(root)) == {"ahead", "last"}
    wrong = Logger(SYSTEM, to=root / "lake", live=settings(root))
    wrong.record({"id": "wrong", "at": Ahead.now(UTC)})
    assert wrong.close()
    assert any("in the future" in reason for reason in wrong.health().refused)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_degrades_to_counted_drops(root: Path) -> None:
    disk = root / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=False,
        capture_output=True,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        small = LiveSettings(spool=disk, flush_seconds=60, close_seconds=60)
        log = Logger("faults", to=root / "lake", live=small)
        for number in range(3000):
            log.record({"id": f"d{number}", "at": NOW, "raw": {"text": f"{number:0>900}"}})
        assert log.close()
        health = log.health()
        dropped = sum(health.dropped.values())
        assert dropped > 0
        assert health.stored + dropped == 3000
        assert len(stored_ids(root)) == health.stored
        assert any("No space left" in reason for reason in health.dropped)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_cannot_be_written_is_counted(root: Path) -> None:
    blocked = root / "file"
    blocked.write_text("not a folder")
    log = Logger("faults", to=root / "lake", live=LiveSettings(spool=blocked / "spool"))
    log.record({"id": "d", "at": NOW})
    assert log.record({"id": "e", "at": NOW}, durable=True, timeout=30) is False
    log.close()
    assert sum(log.health().dropped.values()) == 2
