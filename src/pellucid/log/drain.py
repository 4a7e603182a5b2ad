"""Stores what processes that are gone left in a spool: ``python -m pellucid.log.drain``.

A forked process cannot use the tables' library if its parent did, so it drains its spool through a
process of its own. The settings come as JSON on stdin, because storage options may hold secrets.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pellucid.log.columns import decode_batch
from pellucid.log.health import Counts
from pellucid.log.records import Shape

_MOST_BYTES = 2**40
_LONGEST_SECONDS = 600


def drain_outside(
    spool: Path, *, root: str, system: str, options: Mapping[str, str] | None
) -> dict[str, int]:
    """Store a spool's abandoned segments in a new process; return the reasons of refused rows.

    Raises
    ------
    OSError
        If the process could not store them; they stay in the spool.
    """
    settings = {"spool": str(spool), "root": root, "system": system, "options": options}
    return dict(_outside(settings))


def shape_outside(system: str, *, root: str, options: Mapping[str, str] | None) -> Shape:
    """Return what the stored spec says about live records, read by a new process.

    Raises
    ------
    OSError
        If the process could not read it.
    """
    found = _outside({"system": system, "root": root, "options": options})
    return Shape(
        scale=found["scale"],
        repeats=tuple(found["repeats"]),
        candidate_dimensions=tuple(found["candidate_dimensions"]),
    )


def _outside(settings: Mapping[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "pellucid.log.drain"], input=json.dumps(settings), text=True,
        capture_output=True, check=False, timeout=_LONGEST_SECONDS,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise OSError(f"the process outside failed: {last[:200]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def drain(spool: Path, *, root: str, system: str, options: Mapping[str, str] | None) -> Counts:
    """Store a spool's abandoned segments here, and return the counts."""
    from pellucid.log.sink import Sink
    from pellucid.log.spool import abandoned_segments

    sink, counts = Sink(system, root, options), Counts()
    for segment in abandoned_segments(spool, most_bytes=_MOST_BYTES):
        for frame in segment.frames():
            batch = decode_batch(frame.payload)
            sink.store([batch], segment.identity, frame.sequence, counts)
        segment.close(remove=True)
    return counts


def _answer(given: Mapping[str, Any]) -> dict[str, Any]:
    if "spool" in given:
        return drain(Path(given["spool"]), root=given["root"], system=given["system"],
                     options=given["options"]).refused  # fmt: skip
    from pellucid.log.sink import Sink, shape_of

    sink = Sink(given["system"], given["root"], given["options"])
    return asdict(shape_of(sink.bulk.system))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(json.load(sys.stdin))))
