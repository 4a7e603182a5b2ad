"""The durable spool: append-only segments of framed batches, fsync'd before they are acknowledged.

A frame is a header (magic, sequence, length, CRC-32) and its payload. Each process has a segment
of its own, held by a lock that dies with it, so another process can take over what a killed one
left. SQLite was measured first: 2.4 µs a record of 830 bytes against 0.35 µs for a plain file
(`make bench ONLY=live_log`), because every page is written twice.
"""

from __future__ import annotations

import fcntl
import os
import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct("<4sQII")
_MAGIC = b"plc1"
_SUFFIX = ".spool"


class SpoolFullError(OSError):
    """The spool has reached its size."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One batch in a segment.

    Attributes
    ----------
    sequence : int
        From 1, growing.
    payload : bytes
        As appended.
    end : int
        Offset of the next frame, in bytes.
    """

    sequence: int
    payload: bytes
    end: int


class Segment:
    """An append-only file of frames, owned by this process.

    Parameters
    ----------
    path : Path
        A new file, or one that a dead process left.
    most_bytes : int
        Beyond this size appends are refused.

    Raises
    ------
    BlockingIOError
        If another process owns the file.
    OSError
        If it cannot be written.
    """

    def __init__(self, path: Path, *, most_bytes: int) -> None:
        self.path = path
        self.identity = path.stem
        self.most_bytes = most_bytes
        self._handle = os.open(
            path, os.O_RDWR | (0 if path.suffix == _SUFFIX else os.O_CREAT) | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise
        self.torn_bytes = 0
        self.sequence = 0
        self.size = 0
        self._recover()

    def append(self, payload: bytes) -> int:
        """Append a batch and return its sequence once it is on disk.

        Raises
        ------
        SpoolFullError
            If the segment has reached its size.
        OSError
            If the disk refuses; the segment is as before.
        """
        frame = _framed(self.sequence + 1, payload)
        if self.size + len(frame) > self.most_bytes:
            raise SpoolFullError(f"spool {self.path.name} is full")
        try:
            written = os.pwrite(self._handle, frame, self.size)
            while written < len(frame):
                written += os.pwrite(self._handle, frame[written:], self.size + written)
            os.fdatasync(self._handle)
        except OSError:
            os.ftruncate(self._handle, self.size)
            raise
        self.size += len(frame)
        self.sequence += 1
        return self.sequence

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the whole frames from an offset on; stop at the first that is not whole."""
        offset = start
        while True:
            header = os.pread(self._handle, _HEADER.size, offset)
            if len(header) < _HEADER.size:
                return
            magic, sequence, length, checksum = _HEADER.unpack(header)
            if magic != _MAGIC:
                return
            payload = os.pread(self._handle, length, offset + _HEADER.size)
            if len(payload) < length or _checksum(sequence, payload) != checksum:
                return
            offset += _HEADER.size + length
            yield Frame(sequence, payload, offset)

    def is_on_disk(self) -> bool:
        """Whether the file is still under its name, and not removed by its last owner."""
        try:
            return os.fstat(self._handle).st_ino == self.path.stat().st_ino
        except FileNotFoundError:
            return False

    def set_rest_aside(self, offset: int) -> int:
        """Keep what cannot be read from an offset on beside the segment; return its bytes."""
        rest = os.pread(self._handle, self.size - offset, offset)
        self.path.with_suffix(f".{uuid.uuid4().hex[:8]}.damaged").write_bytes(rest)
        return len(rest)

    def empty(self) -> None:
        """Forget every frame; sequences go on growing."""
        os.ftruncate(self._handle, 0)
        self.size = 0

    def close(self, *, remove: bool) -> None:
        """Give the file up; remove it where everything in it is stored."""
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._handle)

    def _recover(self) -> None:
        on_disk = os.fstat(self._handle).st_size
        for frame in self.frames():
            self.sequence, self.size = frame.sequence, frame.end
        self.torn_bytes = on_disk - self.size
        if self.torn_bytes:
            # Kept beside, not thrown away: what a crash tore was never acknowledged, but bytes
            # that flipped on the disk were, and someone may want to look.
            rest = os.pread(self._handle, self.torn_bytes, self.size)
            self.path.with_suffix(f".{uuid.uuid4().hex[:8]}.damaged").write_bytes(rest)
            os.ftruncate(self._handle, self.size)


def new_segment(folder: Path, *, most_bytes: int) -> Segment:
    """Create a segment of this process's own.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    # Locked under a name that nobody takes over, and only then given its own.
    segment = Segment(folder / f"{name}.new", most_bytes=most_bytes)
    final = folder / f"{name}{_SUFFIX}"
    segment.path.rename(final)
    segment.path = final
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return segment


def abandoned_segments(folder: Path, *, most_bytes: int) -> list[Segment]:
    """Take over the segments of processes that are gone."""
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            segment = Segment(path, most_bytes=most_bytes)
        except OSError:
            # Another process owns it, or has just removed it, or the disk refuses: not ours now.
            continue
        if segment.is_on_disk():
            found.append(segment)
        else:
            segment.close(remove=False)
    return found


def _framed(sequence: int, payload: bytes) -> bytes:
    header = _HEADER.pack(_MAGIC, sequence, len(payload), _checksum(sequence, payload))
    return header + payload


def _checksum(sequence: int, payload: bytes) -> int:
    return zlib.crc32(payload, sequence & 0xFFFFFFFF)
