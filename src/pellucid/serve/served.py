"""The systems that are served: opened once, opened anew where their definitions change."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

from pellucid.errors import EngineError, PellucidError, UnknownNameError
from pellucid.figures.tokens import candidate_order
from pellucid.monitor.top import is_rest
from pellucid.observatory import Observatory, open_system
from pellucid.spec.check import Checks
from pellucid.store.lake import systems
from pellucid.store.reader import state_of
from pellucid.store.specs import load_system

_FRESH_SECONDS = 60.0
_MOST_VALUES = 200
_MOST_PARTS = 500
_RECENT = "90d"
Found = TypeVar("Found")


@dataclass(slots=True)
class Served:
    """The systems under one root.

    Parameters
    ----------
    root : str
        A local folder, or a URL of an object store.
    storage_options : mapping, optional
        Of the object store.
    named : tuple of str
        The systems of an object store, which cannot be listed; of a folder all that it holds.
    checks : Checks, optional
        What the monitor watches.
    """

    root: str
    storage_options: Mapping[str, str] | None = None
    named: tuple[str, ...] = ()
    checks: Checks | None = None
    _opened: dict[str, Observatory] = field(default_factory=dict)
    _kept: dict[tuple[str, ...], tuple[float, Any]] = field(default_factory=dict)
    _parts: dict[tuple[str, ...], tuple[tuple[object, ...], str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def names(self) -> tuple[str, ...]:
        """Return the names of the systems, sorted."""
        return self.named or systems(self.root)

    def open(self, name: str) -> Observatory:
        """Return a system as its definitions stand now.

        Raises
        ------
        UnknownNameError
            If there is no such system, or it was deleted.
        StoreError
            If it cannot be read.
        """
        known = self.names()
        if name not in known:
            with self._lock:
                self._opened.pop(name, None)
            raise UnknownNameError(kind="system", name=name, known=known)
        with self._lock:
            held = self._opened.get(name)
        if held is None or load_system(held.lake) != held.system:
            held = open_system(self.root, system=name, storage_options=self.storage_options)
            with self._lock:
                self._opened[name] = held
        return held

    def warm(self) -> None:
        """Open every system, so that who asks first need not wait for it.

        What cannot be read is said to who asks for it.
        """
        for name in self.names():
            with suppress(PellucidError):
                self.order(self.open(name))

    def order(self, obs: Observatory) -> tuple[str, ...]:
        """Return a system's candidates in the order that fixes their colours everywhere."""
        return candidate_order(dict(self._candidates(obs)))

    def busiest(self, obs: Observatory) -> tuple[str, ...]:
        """Return a system's candidates, the one picked most often first."""
        return tuple(name for name, _ in self._candidates(obs))

    def _candidates(self, obs: Observatory) -> list[tuple[str, int]]:
        found = self.values(obs, obs.system.candidate.name)
        return [(name, n) for name, n in found if name is not None]

    def values(self, obs: Observatory, dimension: str) -> tuple[tuple[str | None, int], ...]:
        """Return the values of a dimension with their decisions, the largest first."""
        return self.kept(
            (obs.system.name, "values", dimension), lambda: _values(obs, dimension)
        )  # fmt: skip

    def part(self, obs: Observatory, key: tuple[str, ...], draw: Callable[[], str]) -> str:
        """Return a part as it was drawn, or draw it where records have changed since.

        A part says what its address and the records say and nothing else, so that who asks next
        need not wait.
        """
        state = state_of(obs.lake)
        if state is None:
            return draw()
        state = (*state, obs.system)
        with self._lock:
            held = self._parts.get(key)
        if held is not None and held[0] == state:
            return held[1]
        html = draw()
        with self._lock:
            if len(self._parts) >= _MOST_PARTS:
                self._parts.clear()
            self._parts[key] = (state, html)
        return html

    def kept(self, key: tuple[str, ...], find: Callable[[], Found]) -> Found:
        """Return what was found less than a minute ago, or find it."""
        now = time.monotonic()
        with self._lock:
            held = self._kept.get(key)
        if held is not None and now - held[0] < _FRESH_SECONDS:
            found: Found = held[1]
            return found
        found = find()
        with self._lock:
            self._kept[key] = (now, found)
        return found


def _values(obs: Observatory, dimension: str) -> tuple[tuple[str | None, int], ...]:
    try:
        rows = obs.query("decision_count", by=[dimension], over=_RECENT, top=_MOST_VALUES).rows
    except EngineError:
        return ()
    found = [
        (row[dimension], row["n"]) for row in rows.to_pylist()
        if row["level"] == dimension and row["n"] and not is_rest(row[dimension])
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda pair: -pair[1]))
