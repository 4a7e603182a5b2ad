"""What a live decision costs the caller, and the whole process, on its way to the tables.

The caller's part is timed call by call (wall, p50 and p99 of thread CPU); the rest is CPU of the
whole process per record, first to the fsync'd spool and then to the tables. The other side is a
queue append with msgspec in a thread, which stores nothing anyone could query.
"""

from __future__ import annotations

import itertools
import resource
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from harness import Report, Spread, parse_options

import pellucid

RECORDS = 20_000
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def record(number: int, candidates: int) -> dict[str, object]:
    features = {
        **{f"x{n}": number * 0.001 + n for n in range(30)},
        **{f"count{n}": number % 7 + n for n in range(5)},
        **{f"text{n}": f"value {number % 5}" for n in range(5)},
    }
    return {
        "id": f"decision-{number}", "at": NOW, "dims": {"country": "BR"},
        "candidates": [
            {"id": f"route-{n}", "features": features, "raw_score": 0.1, "probability": 0.5}
            for n in range(candidates)
        ],
    }  # fmt: skip


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ours(candidates: int) -> dict[str, float]:
    records = [record(number, candidates) for number in range(RECORDS)]
    root = Path(tempfile.mkdtemp())
    live = pellucid.LiveSettings(
        spool=root / "spool", most_queued=RECORDS + 1, flush_seconds=3600, close_seconds=600
    )
    system = pellucid.System(
        name="live", dimensions=(pellucid.Dimension(name="country"),),
        features=tuple(pellucid.Feature(name=name, kind="category" if "text" in name else "number")
                       for name in records[0]["candidates"][0]["features"]),
    )  # fmt: skip
    log = pellucid.Logger(system, to=root / "lake", live=live)
    log.record(record(-1, candidates), durable=True, timeout=60)
    waiting = iter(records)
    walls, threads = [], []
    begin = cpu()
    # In turns: the thread's clock is a system call, which would count as wall time of ours.
    for clock, found in ((time.perf_counter_ns, walls), (time.thread_time_ns, threads)) * 10:
        for item in itertools.islice(waiting, RECORDS // 20):
            start = clock()
            log.record(item)
            found.append(clock() - start)
    while log.health().spooled < RECORDS + 1:
        time.sleep(0.01)
    spooled = cpu()
    log.close()
    stored = cpu()
    assert log.health().stored == RECORDS + 1, log.health()
    shutil.rmtree(root)
    return {
        "p50": sorted(walls)[len(walls) // 2] / 1000,
        "p99": sorted(threads)[len(threads) * 99 // 100] / 1000,
        "spool": (spooled - begin) / RECORDS * 1e6, "tables": (stored - begin) / RECORDS * 1e6,
    }  # fmt: skip


def floor(candidates: int) -> dict[str, float]:
    records = [record(number, candidates) for number in range(RECORDS)]
    queue: deque[object] = deque()
    done = threading.Event()
    encode: Callable[[object], bytes] = msgspec.msgpack.Encoder().encode
    with tempfile.TemporaryFile(buffering=0) as file:

        def work() -> None:
            while not (done.is_set() and not queue):
                batch = [queue.popleft() for _ in range(min(1000, len(queue)))]
                if batch:
                    file.write(encode(batch))
                else:
                    time.sleep(0.01)

        thread = threading.Thread(target=work)
        thread.start()
        begin = cpu()
        for item in records:
            queue.append(item)
        done.set()
        thread.join()
        return {"spool": (cpu() - begin) / RECORDS * 1e6}


def main() -> None:
    options = parse_options(__doc__, rounds=3)
    found = Report("live_log", "what does a live decision cost?", options.scale == 1)
    for candidates in (1, 4):
        sides = [(ours(candidates), floor(candidates)) for _ in range(options.rounds)]
        for part, unit, most in (
            ("p50", "us wall, caller p50", 0.5),
            ("p99", "us CPU, caller p99", 3.0),
            ("spool", "us CPU, all threads, to the spool", 3.0 * candidates),
            ("tables", "us CPU, all threads, to the tables", 8.0 * candidates),
        ):
            mine = Spread.of([side[0][part] for side in sides])
            other = Spread.of([side[1][part] for side in sides]) if part == "spool" else None
            found.add(f"{candidates} x 40 features", unit, mine, other, most=most)
    found.finish()


if __name__ == "__main__":
    main()
