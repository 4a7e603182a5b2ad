"""The live side of a logger: takes records in microseconds, never blocks, never raises."""

from __future__ import annotations

import atexit
import copy
import os
import signal
import sys
import threading
import time
import weakref
from collections import Counter, deque
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from pellucid.log.health import Counts, Health
from pellucid.log.kinds import DECISION, Record

if TYPE_CHECKING:
    from pathlib import Path

    from pellucid.log.sink import Sink
    from pellucid.log.worker import Item, Worker

WhenFull = Literal["drop_new", "drop_oldest", "block"]

_FORK_SECONDS = 1.0
# An import cannot be left half done: a child would wait for ever for the thread that began it.
_IMPORT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """How a logger takes live records.

    Attributes
    ----------
    most_queued : int
        Records held in memory at most.
    most_queued_bytes : int
        Memory that they may hold, by the size of those seen lately; large records make the queue
        shorter.
    when_full : str
        ``drop_new``, ``drop_oldest``, or ``block`` the caller for up to `block_seconds`; what is
        dropped is counted.
    block_seconds : float
        Longest wait of a caller when `when_full` is ``block``.
    copies : bool
        Copy each record when it is handed over, for callers that reuse their dicts. By default
        records are handed over by reference.
    spool : path, optional
        Folder below which each system has one for records on their way; by default the user's
        state folder.
    most_spool_bytes : int
        Size of the spool at most; beyond it records are dropped and counted.
    flush_seconds : float
        How long records wait for company before they go to the tables.
    close_seconds : float
        How long `close` and the interpreter's exit wait for the tables. What is not there by then
        stays in the spool, and the next logger stores it.
    """

    most_queued: int = 10_000
    most_queued_bytes: int = 64 * 1024 * 1024
    when_full: WhenFull = "drop_new"
    block_seconds: float = 0.05
    copies: bool = False
    spool: Path | str | None = None
    most_spool_bytes: int = 1024 * 1024 * 1024
    flush_seconds: float = 2.0
    close_seconds: float = 10.0


class LiveLog:
    """The queue of a logger and the worker behind it; safe in threads and after forks."""

    def __init__(self, sink: Sink, settings: LiveSettings) -> None:
        self._sink = sink
        self.settings = settings
        self._queue: deque[Item] = deque()
        self._limit = settings.most_queued
        # Reentrant, as is that of the counts: a signal's handler may log in the middle of it.
        self._start_lock = threading.RLock()
        self._is_starting = False
        self._is_start_held = False
        self._worker: Worker | None = None
        self._is_closed = False
        self._drains_outside = False
        self._logged = 0
        self._counts = Counts()
        _register(self)

    def hand_over(self, record: Record, kind: str = DECISION) -> None:
        """Take a record; return at once, whatever happens to it later."""
        if self._worker is None and not self._has_started():
            return
        queue = self._queue
        if len(queue) >= self._limit and not self._make_room():
            return
        if self.settings.copies:
            try:
                record = copy.deepcopy(record)
            except Exception as error:  # noqa: BLE001 - it costs only itself
                self._counts.refuse(
                    Counter({f"{kind}: cannot be copied ({type(error).__name__})": 1})
                )
                return
        self._logged += 1
        queue.append((kind, record, None))

    def hand_over_durably(self, record: Record, kind: str, timeout: float) -> bool:
        """Take a record; return whether it is on disk within `timeout` seconds."""
        if not self._has_started():
            return False
        from pellucid.log.worker import Ticket

        if self._worker is None or (len(self._queue) >= self._limit and not self._make_room()):
            return False
        ticket = Ticket()
        self._logged += 1
        self._queue.append((kind, record, ticket))
        self._worker.wake()
        return ticket.settled.wait(timeout) and ticket.is_durable

    def health(self) -> Health:
        """Return the counts and the state of queue and spool."""
        self._counts.numbers["logged"] = self._logged
        worker = self._worker
        if worker is None:
            return Health(logged=self._logged, queued=len(self._queue),
                          dropped=dict(self._counts.dropped))  # fmt: skip
        return worker.health()

    def stop(self, timeout: float) -> None:
        """Take no more records, and have the background drain; do not wait for it."""
        self._is_closed = True
        # Every further record finds the queue full, and is told so.
        self._limit = 0
        if self._worker is not None:
            self._worker.stop(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Stop taking records and drain; return whether all of them are in the tables."""
        seconds = self.settings.close_seconds if timeout is None else timeout
        self.stop(seconds)
        worker = self._worker
        if worker is None:
            return True
        is_drained = worker.close(seconds)
        left = len(self._queue)
        if left and is_drained:
            # Taken by a caller that raced with the end of the spooling thread.
            while self._drop_oldest("logger closed"):
                pass
        return is_drained and not left

    def before_fork(self) -> None:
        """Wait, not for long, until the background does nothing."""
        self._is_start_held = self._start_lock.acquire(timeout=_IMPORT_SECONDS)
        if self._worker is not None:
            self._worker.load(_IMPORT_SECONDS)
            self._worker.rest(_FORK_SECONDS)

    def after_fork_in_parent(self) -> None:
        """Let the background go on."""
        if self._worker is not None:
            self._worker.resume()
        if self._is_start_held:
            self._start_lock.release()

    def after_fork_in_child(self) -> None:
        """Start afresh in a child process: its parent logs what its parent was given."""
        if self._worker is not None:
            self._worker.abandon()
        # The tables' library stops a process that is the fork of one in which it ran.
        self._drains_outside = self._drains_outside or "deltalake" in sys.modules
        self._sink.is_forked = self._drains_outside
        self._queue = deque()
        self._start_lock = threading.RLock()
        self._is_starting = False
        self._worker = None
        self._logged = 0
        self._counts = Counts()

    def _fit(self, record_bytes: float) -> None:
        if not self._is_closed:
            fitting = int(self.settings.most_queued_bytes / record_bytes)
            self._limit = max(1, min(self.settings.most_queued, fitting))
        if self._is_closed:
            # Since the look above: with room again, records would be taken that nobody stores.
            self._limit = 0

    def _has_started(self) -> bool:
        if self._is_starting and self._start_lock.acquire(blocking=False):
            # This very thread is at it, and a handler of a signal interrupted it.
            self._start_lock.release()
            self._counts.drop("logging could not start")
            return False
        try:
            self._start()
        except Exception as error:  # noqa: BLE001 - the caller's work goes on without its log
            self._counts.error(f"logging could not start: {type(error).__name__}")
        if self._worker is None:
            self._counts.drop("logger closed" if self._is_closed else "logging could not start")
        return self._worker is not None

    def _start(self) -> None:
        with self._start_lock:
            if self._worker is not None or self._is_closed:
                return
            self._is_starting = True
            try:
                self._start_worker()
            finally:
                self._is_starting = False

    def _start_worker(self) -> None:
        from pellucid.log.worker import Worker, WorkerSettings

        settings = WorkerSettings(
            spool=spool_folder(self.settings.spool, self._sink.name, self._sink.root),
            most_spool_bytes=self.settings.most_spool_bytes,
            flush_seconds=self.settings.flush_seconds,
        )
        worker = Worker(
            self._queue, settings=settings, sink=self._sink, counts=self._counts,
            drains_outside=self._drains_outside, on_size=self._fit,
        )  # fmt: skip
        worker.start()
        self._worker = worker
        multiprocessing = sys.modules.get("multiprocessing.util")
        if multiprocessing is not None:
            # Its children leave without running what atexit registered.
            multiprocessing.Finalize(None, _close_all, exitpriority=10)

    def _make_room(self) -> bool:
        if self._is_closed:
            self._counts.drop("logger closed")
            return False
        if self._worker is not None:
            self._worker.wake()
        if self.settings.when_full == "drop_oldest":
            self._drop_oldest("queue full")
            return True
        if self.settings.when_full == "block":
            deadline = time.monotonic() + self.settings.block_seconds
            while time.monotonic() < deadline:
                time.sleep(0.001)
                if len(self._queue) < self._limit:
                    return True
        self._counts.drop("queue full")
        return False

    def _drop_oldest(self, reason: str) -> bool:
        try:
            _, _, ticket = self._queue.popleft()
        except IndexError:
            return False
        if ticket is not None:
            ticket.settled.set()
        self._counts.drop(reason)
        return True


def spool_folder(given: Path | str | None, name: str, root: str) -> Path:
    """Return the folder of a system's spool in one lake.

    Each has its own, below a folder that is given too: a logger takes over what it finds there, and
    must not store it in the tables of another.
    """
    # Imported here: they are a tenth of what importing the logger costs.
    from pathlib import Path
    from zlib import crc32

    lake = root if "://" in root else os.path.abspath(root)  # noqa: PTH100 - see above
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    base = Path(state) / "pellucid" / "spool" if given is None else Path(given)
    return base / f"{name}-{crc32(lake.encode()):08x}"


_open: weakref.WeakSet[LiveLog] = weakref.WeakSet()
_fork_turn = threading.Lock()


def _register(log: LiveLog) -> None:
    if not _open:
        _drain_on_sigterm()
    _watch_forks()
    _open.add(log)


@cache
def _watch_forks() -> None:
    # These hold locks across a fork, which the imports that ours waits for need. Hooks run in the
    # reverse of their order before a fork: with theirs first, ours runs before they hold any.
    import concurrent.futures.thread  # noqa: F401
    import logging  # noqa: F401

    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )


def _before_fork() -> None:
    _fork_turn.acquire()
    for log in list(_open):
        log.before_fork()


def _after_fork_in_parent() -> None:
    for log in list(_open):
        log.after_fork_in_parent()
    _fork_turn.release()


def _after_fork_in_child() -> None:
    global _fork_turn
    _fork_turn = threading.Lock()
    for log in list(_open):
        log.after_fork_in_child()


def _close_all() -> None:
    begin = time.monotonic()
    logs = list(_open)
    # All at once: with a store that is away, many loggers would take many times as long.
    for log in logs:
        log.stop(log.settings.close_seconds)
    for log in logs:
        log.close(max(0.0, log.settings.close_seconds - (time.monotonic() - begin)))


def _drain_on_sigterm() -> None:
    # A service with a handler of its own exits in its own way, and atexit drains. Without one,
    # SIGTERM would end the process at once.
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: object) -> None:  # noqa: ARG001 - the protocol of handlers
    # On a thread of its own: the interrupted one may hold a lock that closing needs.
    closing = threading.Thread(target=_close_all)
    closing.start()
    closing.join()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


atexit.register(_close_all)
