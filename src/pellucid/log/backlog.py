"""What is on disk and not in the tables yet: the segments of this process, in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

from pellucid.log.spool import Frame, Segment, abandoned_segments, new_segment

_ROTATE_BYTES = 8 * 1024 * 1024


class Backlog:
    """The spool between the thread that appends to it and the one that stores from it.

    Parameters
    ----------
    folder : Path
        Folder of this system's spool.
    most_bytes : int
        Size of all segments at most.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self.folder = folder
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._active: Segment | None = None
        self._full: deque[Segment] = deque()
        self._read_to = 0
        self._records = 0
        self._since: float | None = None

    def append(self, payload: bytes, records: int) -> None:
        """Append a batch, on disk when this returns.

        Raises
        ------
        SpoolFullError
            If the spool has reached its size.
        OSError
            If the disk refuses.
        """
        with self._lock:
            self._segment(len(payload)).append(payload)
            self._since = self._since or time.monotonic()
            self._records += records

    def take_over(self) -> list[Segment]:
        """Add what processes that are gone left behind, and return it.

        Raises
        ------
        OSError
            If the folder cannot be read.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        found = abandoned_segments(self.folder, most_bytes=self._most_bytes)
        with self._lock:
            self._full.extendleft(found)
        return found

    def portion(self, most_bytes: int) -> tuple[Segment | None, list[Frame]]:
        """Return the oldest segment, and the frames of it to store next."""
        with self._lock:
            segment = self._full[0] if self._full else self._active
        frames: list[Frame] = []
        size = 0
        for frame in segment.frames(self._read_to) if segment else ():
            frames.append(frame)
            size += len(frame.payload)
            if size >= most_bytes:
                break
        return segment, frames

    def stored(self, segment: Segment, end: int, records: int) -> None:
        """Say that a segment is stored up to an offset."""
        with self._lock:
            self._read_to = end
            self._records -= records
            is_empty = end >= segment.size and not self._full
            self._since = None if is_empty else time.monotonic()
            if segment is self._active and end >= segment.size:
                segment.empty()
                self._read_to = 0

    def finish(self, segment: Segment) -> int | None:
        """Remove a segment that nothing more can be read from.

        Returns
        -------
        int, optional
            Bytes of it that did not read back, kept beside it; None where it is still written to.
        """
        with self._lock:
            if segment is self._active:
                return None
        damaged = 0
        if self._read_to < segment.size:
            # Acknowledged, and harmed on the disk since.
            damaged = segment.set_rest_aside(self._read_to)
        with self._lock:
            self._full.popleft()
            if not self._full and not (self._active and self._active.size):
                self._since = None
            self._read_to = 0
        segment.close(remove=True)
        return damaged

    def hand_on(self) -> int:
        """Give up every segment for another process to take; return how many records they hold."""
        with self._lock:
            records, self._records = self._records, 0
        self.release()
        return records

    def release(self) -> None:
        """Give up every segment; those that hold nothing are removed."""
        with self._lock:
            for segment in self._segments():
                segment.close(remove=segment.size == 0)
            self._full.clear()
            self._active = None

    def abandon(self) -> None:
        """Let go of files that belong to the parent process, after a fork."""
        for segment in self._segments():
            segment.close(remove=False)

    def settle(self) -> None:
        """Say that nothing waits any more."""
        self._since = None

    def state(self) -> tuple[int, float]:
        """Return the bytes on disk, and for how many seconds the oldest record has waited."""
        with self._lock:
            since = self._since
            size = sum(segment.size for segment in self._segments())
        return size, 0.0 if since is None else max(0.0, time.monotonic() - since)

    def _segments(self) -> list[Segment]:
        return [*self._full, *([self._active] if self._active else [])]

    def _segment(self, size: int) -> Segment:
        held = sum(segment.size for segment in self._full)
        if self._active is not None and self._active.size + size > _ROTATE_BYTES:
            self._full.append(self._active)
            held += self._active.size
            self._active = None
        room = self._most_bytes - held
        if self._active is None:
            self._active = new_segment(self.folder, most_bytes=room)
        self._active.most_bytes = room
        return self._active
