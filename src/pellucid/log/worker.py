"""The background of a live logger: queue to spool to tables, on two threads."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.log.backlog import Backlog
from pellucid.log.columns import Spooled, decode_batch, encode_batch, joined, to_arrow
from pellucid.log.drain import drain_outside
from pellucid.log.gather import size_of
from pellucid.log.health import Counts, Health
from pellucid.log.kinds import DECISION, Record
from pellucid.log.records import Batch, Shape, make_batch
from pellucid.log.sink import Sink
from pellucid.log.spool import Frame, Segment, SpoolFullError

if TYPE_CHECKING:
    import pyarrow as pa


class Ticket:
    """What a caller who waits for the disk is told."""

    __slots__ = ("is_durable", "settled")

    def __init__(self) -> None:
        self.settled = threading.Event()
        self.is_durable = False


Item = tuple[str, Record, Ticket | None]
_POLL_SECONDS = 0.05
_BATCH_RECORDS = 1000
_BATCH_BYTES = 16 * 1024 * 1024
_FIRST_RECORDS = 20
_FLUSH_BYTES = 16 * 1024 * 1024
_LONGEST_WAIT_SECONDS = 30.0
# A drain outside starts an interpreter.
_OUTSIDE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How the background works.

    Attributes
    ----------
    spool : Path
        Folder of this system's spool.
    most_spool_bytes : int
        Beyond this size records are dropped and counted.
    flush_seconds : float
        How long records wait for company before they go to the tables.
    """

    spool: Path
    most_spool_bytes: int
    flush_seconds: float


class Worker:
    """Drains a queue: records to column batches to the spool, and from there to the tables.

    Parameters
    ----------
    queue : deque
        Callers append to it; the spooling thread pops.
    sink : Sink
        Stores column batches exactly once.
    drains_outside : bool
        Whether the tables' library cannot be used in this process, a fork of one that used it.
    on_size : callable
        Told the bytes of a record in memory, a mean over those seen lately.
    """

    def __init__(
        self,
        queue: deque[Item],
        *,
        settings: WorkerSettings,
        sink: Sink,
        counts: Counts,
        drains_outside: bool,
        on_size: Callable[[float], None],
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._sink = sink
        self._drains_outside = drains_outside
        self._on_size = on_size
        self._record_bytes = 0.0
        least = _OUTSIDE_SECONDS if drains_outside else 0.0
        self._pause = max(settings.flush_seconds, least)
        self.counts = counts
        self._backlog = Backlog(settings.spool, most_bytes=settings.most_spool_bytes)
        # Held at work, so that a fork can wait for a moment at which no library is in the middle
        # of something that its child could never finish.
        self._at_work = (threading.Lock(), threading.Lock())
        self._is_resting = False
        self._rested: list[threading.Lock] = []
        self._loaded = (threading.Event(), threading.Event())
        self._handed_on = 0
        self._closing = threading.Event()
        self._deadline = 0.0
        self._is_drained = False
        self._spooled_all = threading.Event()
        self._wake = threading.Event()
        self._threads = [
            threading.Thread(target=self._spool_forever, name="pellucid-spool", daemon=True),
            threading.Thread(target=self._flush_forever, name="pellucid-flush", daemon=True),
        ]

    def start(self) -> None:
        """Start both threads."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Spool what is queued now, not at the next turn."""
        self._wake.set()

    def stop(self, timeout: float) -> None:
        """Have both threads end once all is stored, or the time is over."""
        self._deadline = time.monotonic() + timeout
        self._closing.set()

    def close(self, timeout: float) -> bool:
        """Drain the queue to the spool and the spool to the tables; return whether it was done.

        What is not stored in time stays in the spool, and the next logger takes it over.
        """
        self.stop(timeout)
        for thread in self._threads:
            thread.join(max(0.0, self._deadline - time.monotonic()) + 0.1)
        return self._is_drained and not any(thread.is_alive() for thread in self._threads)

    def load(self, timeout: float) -> None:
        """Wait until both threads have imported what they use."""
        deadline = time.monotonic() + timeout
        for loaded in self._loaded:
            loaded.wait(max(0.0, deadline - time.monotonic()))

    def rest(self, timeout: float) -> None:
        """Wait until both threads are between two pieces of work, and keep them there."""
        deadline = time.monotonic() + timeout
        self._is_resting = True
        self._rested = [
            lock for lock in self._at_work
            if lock.acquire(timeout=max(0.0, deadline - time.monotonic()))
        ]  # fmt: skip

    def resume(self) -> None:
        """Go on after `rest`."""
        self._is_resting = False
        for lock in self._rested:
            lock.release()

    def abandon(self) -> None:
        """Let go of files that belong to the parent process, after a fork."""
        self._backlog.abandon()

    def health(self) -> Health:
        """Return the counts and the state of queue and spool."""
        counts = self.counts
        size, lag = self._backlog.state()
        return Health(
            logged=counts.numbers["logged"], queued=len(self._queue),
            spooled=counts.numbers["spooled"], stored=counts.numbers["stored"],
            sampled_out=counts.numbers["sampled_out"], dropped=dict(counts.dropped),
            refused=dict(counts.refused), notes=dict(counts.notes), redacted=dict(counts.redacted),
            lag_seconds=lag,
            spool_bytes=size, recovered=counts.numbers["recovered"],
            damaged_bytes=counts.numbers["damaged_bytes"], errors=tuple(counts.errors),
        )  # fmt: skip

    def _spool_forever(self) -> None:
        self._load(0, _import_for_spool)
        while True:
            is_closing = self._closing.is_set()
            while self._queue:
                with self._work(0):
                    self._spool_some()
            if is_closing:
                break
            self._wake.wait(_POLL_SECONDS)
            self._wake.clear()
        self._spooled_all.set()

    def _spool_some(self) -> None:
        items: list[Item] = []
        # Beside the queue's own bound: of large records few are held here.
        most = int(_BATCH_BYTES / self._record_bytes) if self._record_bytes else _FIRST_RECORDS
        while len(items) < max(1, min(most, _BATCH_RECORDS)):
            try:
                items.append(self._queue.popleft())
            except IndexError:
                break
        if items:
            self._weigh(items[-1][1])
            self._spool_items(items)

    def _weigh(self, record: Record) -> None:
        try:
            found = float(size_of(record))
        except Exception:  # noqa: BLE001 - a record may be anything; it is refused where it is read
            return
        known = self._record_bytes
        self._record_bytes = found if not known else 0.8 * known + 0.2 * found
        self._on_size(self._record_bytes)

    def _spool_items(self, items: list[Item]) -> None:
        try:
            batch, tables = self._prepared(items)
            if not batch.records or self._append(batch.records, tables):
                for place, (_, _, ticket) in enumerate(items):
                    if ticket is not None:
                        ticket.is_durable = place not in batch.refused_places
        except BaseException as error:  # noqa: BLE001 - nothing may end the thread; it is counted
            if half := len(items) // 2:
                # One of them is to blame: apart from it, the others are taken.
                self._spool_items(items[:half])
                self._spool_items(items[half:])
                return
            reason = f"{items[0][0]}: malformed ({type(error).__name__})"
            self.counts.refuse(Counter({reason: 1}))
            self.counts.error(reason)
        for _, _, ticket in items:
            if ticket is not None:
                ticket.settled.set()

    def _prepared(self, items: list[Item]) -> tuple[Batch, dict[str, pa.Table]]:
        batch = make_batch([(kind, record) for kind, record, _ in items], self._sink.shape)
        tables = joined(
            {name: to_arrow(found) for name, found in part.items()} for part in batch.parts
        )
        clean = self._sink.redact(tables, self.counts)
        # Only now: what fails above is done again in halves, and would count twice.
        if batch.refused:
            self.counts.refuse(batch.refused)
            for error in batch.errors:
                self.counts.error(error)
        self.counts.add("sampled_out", batch.sampled_out)
        return batch, clean

    def _append(self, records: int, tables: dict[str, pa.Table]) -> bool:
        payload = encode_batch(Spooled(records, datetime.now(UTC), tables))
        try:
            self._backlog.append(payload, records)
        except SpoolFullError:
            self.counts.drop("spool full", records)
        except OSError as error:
            self.counts.drop(f"disk ({error.strerror})", records)
            self.counts.error(f"spool: {error.strerror}")
        else:
            self.counts.add("spooled", records)
            return True
        return False

    def _load(self, thread: int, libraries: Callable[[], None]) -> None:
        try:
            libraries()
        except Exception as error:  # noqa: BLE001 - it is tried again, and counted, at work
            self.counts.error(f"logging could not load: {type(error).__name__}")
        self._loaded[thread].set()

    def _flush_forever(self) -> None:
        self._load(1, _nothing if self._drains_outside else _import_for_tables)
        if not self._drains_outside:
            with self._work(1):
                self._take_over()
        failures = 0
        while True:
            is_last = self._spooled_all.is_set()
            try:
                while self._flush_at_work():
                    failures = 0
            except BaseException as error:  # noqa: BLE001 - the store may be away for hours
                failures += 1
                self.counts.error(f"store: {type(error).__name__}: {_first_line(error)}")
                if is_last and time.monotonic() > self._deadline:
                    break
                wait = min(_LONGEST_WAIT_SECONDS, 0.1 * 2 ** min(failures, 12))
                wait *= random.uniform(0.5, 1.0)  # noqa: S311
                if is_last:
                    time.sleep(min(wait, max(0.0, self._deadline - time.monotonic()) + 0.01))
                else:
                    self._spooled_all.wait(wait)
                continue
            if is_last:
                self._is_drained = True
                break
            self._spooled_all.wait(self._pause)
        self._backlog.release()

    def _work(self, thread: int) -> threading.Lock:
        while self._is_resting:
            time.sleep(0.001)
        return self._at_work[thread]

    def _flush_at_work(self) -> bool:
        with self._work(1):
            return self._flush_outside() if self._drains_outside else self._flush_some()

    def _take_over(self) -> None:
        try:
            found = self._backlog.take_over()
        except OSError as error:
            self.counts.error(f"spool: {error.strerror}")
            return
        for segment in found:
            self.counts.add("damaged_bytes", segment.torn_bytes)
            for frame in segment.frames():
                with contextlib.suppress(Exception):
                    self.counts.add("recovered", decode_batch(frame.payload).records)

    def _flush_some(self) -> bool:
        """Store one portion of the oldest segment; return whether there was anything."""
        segment, frames = self._backlog.portion(_FLUSH_BYTES)
        if segment is None:
            return False
        if frames:
            records = self._store_frames(segment, frames)
            self._backlog.stored(segment, frames[-1].end, records)
            self.counts.add("stored", records)
            return True
        damaged = self._backlog.finish(segment)
        self.counts.add("damaged_bytes", damaged or 0)
        return damaged is not None

    def _store_frames(self, segment: Segment, frames: list[Frame]) -> int:
        last = frames[-1].sequence
        try:
            batches = [decode_batch(frame.payload) for frame in frames]
            self._sink.store(batches, segment.identity, last, self.counts)
        except OSError:
            # The store is away, or says so: all of it is tried again.
            raise
        except Exception as error:  # noqa: BLE001 - it is kept, counted and told
            if len(frames) > 1:
                return sum(self._store_frames(segment, [frame]) for frame in frames)
            # It can never be stored, and must not hold up those behind it.
            path = segment.path.with_suffix(f".{last}.unstored")
            path.write_bytes(frames[0].payload)
            self.counts.refuse(Counter({f"batch set aside ({type(error).__name__})": 1}))
            self.counts.error(f"a batch was set aside: {type(error).__name__}")
            return 0
        return sum(batch.records for batch in batches)

    def _flush_outside(self) -> bool:
        self._handed_on += self._backlog.hand_on()
        if not self._handed_on:
            return False
        sink = self._sink
        refused = drain_outside(
            self._settings.spool, root=sink.root, system=sink.name, options=sink.options
        )
        self.counts.refuse(Counter(refused))
        self.counts.add("stored", self._handed_on)
        self._handed_on = 0
        self._backlog.settle()
        return True


def _import_for_spool() -> None:
    # By doing all of it once: libraries import parts of theirs, and pandas, on first use.
    from pellucid.log.redact import Redaction, Redactor

    record = {"id": "a", "at": datetime.now(UTC), "raw": {"text": "a@b.example", "list": [1]}}
    part = make_batch([(DECISION, record)], Shape()).parts[0]
    rows = {name: to_arrow(found) for name, found in part.items()}
    clean = {name: Redactor(Redaction()).arrow(name, found) for name, found in rows.items()}
    decode_batch(encode_batch(Spooled(1, datetime.now(UTC), joined([clean]))))


def _import_for_tables() -> None:
    from importlib import import_module

    for name in ("log.bulk", "log.infer", "store.specs", "store.writer"):
        import_module(f"pellucid.{name}")
    import_module("deltalake")


def _nothing() -> None:
    pass


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200]
