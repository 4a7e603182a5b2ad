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
ROUTES = ("route-0", "route-1", "route-2", "route-3")
TERMS = dict.fromkeys(ROUTES, -0.01)
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
        spool=root / "spool", most_queued=RECORDS + 1, most_queued_bytes=2**40,
        flush_seconds=3600, close_seconds=600,
    )  # fmt: skip
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


def context(log: pellucid.Logger, number: int, features: dict[str, object]) -> None:
    with log.decision(f"context-{number}", at=NOW, dims={"country": "BR"}) as decision:
        for name in ROUTES:
            decision.candidate(name, features=features, raw_score=0.1, probability=0.5)
        decision.layer("fees", TERMS)
        decision.chose("route-0", propensity=0.95)


def in_context() -> dict[str, float]:
    root = Path(tempfile.mkdtemp())
    live = pellucid.LiveSettings(
        spool=root / "spool", most_queued=RECORDS + 1, most_queued_bytes=2**40,
        flush_seconds=3600, close_seconds=600,
    )  # fmt: skip
    system = pellucid.System(name="live", dimensions=(pellucid.Dimension(name="country"),))
    log = pellucid.Logger(system, to=root / "lake", live=live)
    features = record(1, 1)["candidates"][0]["features"]
    context(log, -1, features)
    walls = []
    for number in range(RECORDS):
        start = time.perf_counter_ns()
        context(log, number, features)
        walls.append(time.perf_counter_ns() - start)
    log.close(0)
    shutil.rmtree(root)
    return {"p50": sorted(walls)[RECORDS // 2] / 1000}


def others() -> dict[str, Callable[[dict[str, object]], object]]:
    """What the same record costs with loggers that services have already."""
    import structlog
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Counting(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:  # noqa: ARG002 - the protocol's name
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Counting()))
    tracer = provider.get_tracer("bench")

    def span(item: dict[str, object]) -> None:
        features = item["candidates"][0]["features"]
        with tracer.start_as_current_span("decision", attributes=features):
            pass

    lines = tempfile.TemporaryFile("w")  # noqa: SIM115 - it lives as long as the process
    logger = structlog.wrap_logger(
        structlog.PrintLogger(lines), processors=[structlog.processors.JSONRenderer(default=str)]
    )
    return {
        "structlog, JSON to a file": lambda item: logger.info("decision", **item),
        "OpenTelemetry span, counted and thrown away": span,
    }


def cost(call: Callable[[dict[str, object]], object]) -> float:
    """Return CPU microseconds a record, all threads."""
    records = [record(number, 1) for number in range(RECORDS // 4)]
    begin = cpu()
    for item in records:
        call(item)
    return (cpu() - begin) / len(records) * 1e6


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
    # Thrown away: what the libraries cost to import is no part of a decision.
    ours(1)
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
            if part == "tables" and candidates == 1:
                for name, call in others().items():
                    costs = Spread.of([cost(call) for _ in range(options.rounds)])
                    found.add(f"1 x 40 features, {name}", unit, mine, costs, most_ratio=1.0)
    walls = Spread.of([in_context()["p50"] for _ in range(options.rounds)])
    found.add("4 x 40 features, in a context", "us wall, caller p50", walls, None, most=10.0)
    found.finish()


if __name__ == "__main__":
    main()
