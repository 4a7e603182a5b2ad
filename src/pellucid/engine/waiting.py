"""Queries that someone waits for, and may stop waiting for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

from pellucid.errors import StoppedError

_current: ContextVar[Waiting | None] = ContextVar("waiting", default=None)


class Waiting:
    """Someone who waits: every query run in its `asking` block stops once they leave."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stops: list[Callable[[], None]] = []
        self._has_left = False

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Run queries for who waits."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def leave(self) -> None:
        """Stop what runs, and all that would run next."""
        with self._lock:
            self._has_left = True
            for stop in self._stops:
                stop()

    @contextmanager
    def running(self, stop: Callable[[], None]) -> Iterator[None]:
        """Run one query that `stop` ends early."""
        with self._lock:
            if self._has_left:
                raise StoppedError
            self._stops.append(stop)
        try:
            yield
        finally:
            with self._lock:
                self._stops.remove(stop)


@contextmanager
def waited_for(stop: Callable[[], None]) -> Iterator[None]:
    """Run a query that `stop` ends early, should who waits for it leave.

    Raises
    ------
    StoppedError
        If they have left already.
    """
    waiting = _current.get()
    if waiting is None:
        yield
        return
    with waiting.running(stop):
        yield
