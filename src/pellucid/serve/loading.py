"""Loads the demo data while its page waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock, Thread

from pellucid.errors import PellucidError


@dataclass(frozen=True, slots=True)
class DemoState:
    """How far loading is.

    Attributes
    ----------
    is_running, is_done : bool
    said : str
        What it does, or why it failed; empty before it began.
    """

    is_running: bool = False
    is_done: bool = False
    said: str = ""


@dataclass(slots=True)
class DemoLoader:
    """Runs the demo once, in a thread.

    Parameters
    ----------
    lines : callable or None
        Runs the demo and yields what it does; None where there is none to load.
    """

    lines: Callable[[], Iterable[str]] | None = None
    _state: DemoState = DemoState()
    _lock: Lock = field(default_factory=Lock)

    @property
    def can_load(self) -> bool:
        """Whether there is a demo."""
        return self.lines is not None

    def state(self) -> DemoState:
        """Return how far it is."""
        with self._lock:
            return self._state

    def load(self) -> None:
        """Begin, unless it runs or is done."""
        with self._lock:
            if self.lines is None or self._state.is_running or self._state.is_done:
                return
            self._state = DemoState(is_running=True, said="Starting …")
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            for line in self.lines() if self.lines else ():
                if line.strip():
                    self._set(DemoState(is_running=True, said=line.strip()))
        except PellucidError as error:
            self._set(DemoState(said=f"The demo data could not be loaded: {error}"))
        else:
            self._set(DemoState(is_done=True, said="The demo data is loaded."))

    def _set(self, state: DemoState) -> None:
        with self._lock:
            self._state = state
