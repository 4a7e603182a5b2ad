"""What the logger has done, dropped and refused: counted, never raised."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

_FIRST_ERRORS = 20


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a logger at one moment.

    Attributes
    ----------
    logged : int
        Records handed over by callers.
    queued : int
        Records waiting in memory.
    spooled : int
        Records on this machine's disk since the start.
    stored : int
        Records in the tables since the start.
    sampled_out : int
        Decisions left out by sampling.
    dropped : dict of str to int
        Records lost, by reason.
    refused : dict of str to int
        Records and rows that cannot be stored, by reason.
    notes : dict of str to int
        What is told of rows that are stored, such as columns that the spec lacks.
    redacted : dict of str to int
        Values masked, by kind and column.
    lag_seconds : float
        Age of the oldest record that is not in the tables yet.
    spool_bytes : int
        Size of the spool.
    recovered : int
        Records taken over from processes that died.
    damaged_bytes : int
        Bytes of the spool that could not be read back.
    errors : tuple of str
        The first errors. They may name an outcome or a candidate that the spec lacks, redacted;
        no other logged value.
    """

    logged: int = 0
    queued: int = 0
    spooled: int = 0
    stored: int = 0
    sampled_out: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    lag_seconds: float = 0.0
    spool_bytes: int = 0
    recovered: int = 0
    damaged_bytes: int = 0
    errors: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether nothing was dropped, refused or damaged."""
        return not (self.dropped or self.refused or self.damaged_bytes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


class Counts:
    """Counters that the worker's threads share."""

    def __init__(self) -> None:
        # Reentrant: a signal's handler may log while a record is counted.
        self._lock = threading.RLock()
        self.numbers: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.redacted: Counter[str] = Counter()
        self.errors: list[str] = []

    def add(self, name: str, count: int) -> None:
        """Count records under a name of `Health`."""
        with self._lock:
            self.numbers[name] += count

    def drop(self, reason: str, count: int = 1) -> None:
        """Count lost records."""
        with self._lock:
            self.dropped[reason] += count

    def refuse(self, reasons: Counter[str]) -> None:
        """Count refused records."""
        with self._lock:
            self.refused.update(reasons)

    def note(self, found: Counter[str]) -> None:
        """Count what is told of stored rows."""
        with self._lock:
            self.notes.update(found)

    def redact(self, found: Counter[str]) -> None:
        """Count masked values."""
        with self._lock:
            self.redacted.update(found)

    def error(self, text: str) -> None:
        """Keep an error, if it is among the first."""
        with self._lock:
            if len(self.errors) < _FIRST_ERRORS and text not in self.errors:
                self.errors.append(text)
