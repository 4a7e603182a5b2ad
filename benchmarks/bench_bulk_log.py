"""What the standard record costs over writing the same rows to Parquet.

Bulk logging validates, finds duplicates, sorts into days, compresses with zstd, flushes to disk and
commits; the other side is `pyarrow.parquet.write_table` with its default settings, which does none
of that. Rows come from an Arrow table in memory, or from a Parquet file that both sides read.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from importlib import import_module
from pathlib import Path

import payments
import pyarrow as pa
import pyarrow.parquet as pq
from harness import (
    Meter,
    Report,
    cpu,
    data_folder,
    folder_mib,
    fresh,
    interleave,
    need_disk,
    parse_options,
    peak,
    progress,
)

from pellucid import Logger

ROWS = {"decisions": 2_000_000, "candidates": 4_000_000}
DAYS = 14
MOST_RATIO = 2.0


def main() -> None:
    options = parse_options(__doc__, rounds=5)
    report = Report("bulk_log", "what does logging in bulk cost over writing the rows to Parquet?",
                    options.scale == 1)  # fmt: skip
    with data_folder("bulk-log") as folder:
        need_disk(folder, gigabytes=6 * options.scale)
        for table, full in ROWS.items():
            rows = options.rows(full)
            source = _write_source(folder / f"{table}-{rows}.parquet", table, rows)
            for origin in ("arrow table", "parquet file"):
                sides = {
                    side: partial(fresh, function, str(source), table, origin)
                    for side, function in (("ours", log), ("other", write))
                }
                runs = interleave(sides, rounds=options.rounds)
                case = f"{table}, {rows / 1e6:g}M rows from {origin}"
                ours, other = runs["ours"], runs["other"]
                report.add(case, "CPU s", cpu(ours), cpu(other), most_ratio=MOST_RATIO)
                report.add(case, "MiB peak", peak(ours), peak(other))
                report.add(case, "MiB written", ours[0].value, other[0].value)
                speed = rows / cpu(ours).median
                progress(f"{case}: {speed:,.0f} rows logged per CPU second")
    report.finish()


# The other side's first read would import this, and with it pandas where that is installed: a CPU
# second that is not the cost of writing rows. Ours has it loaded before the clock starts, too.
import_module("pyarrow.dataset")


def log(meter: Meter, source: str, table: str, origin: str) -> float:
    """Log the rows with pellucid; return the MiB stored."""
    frame = pq.read_table(source) if origin == "arrow table" else source
    with tempfile.TemporaryDirectory(dir=Path(source).parent) as lake:
        logger = Logger(payments.SYSTEM, to=lake)
        with meter:
            done = logger.table(table, frame)
        done.raise_for_refused()
        return folder_mib(Path(lake))


def write(meter: Meter, source: str, table: str, origin: str) -> float:
    """Write the rows with pyarrow; return the MiB written."""
    frame = pq.read_table(source) if origin == "arrow table" else None
    with tempfile.TemporaryDirectory(dir=Path(source).parent) as folder:
        path = Path(folder) / f"{table}.parquet"
        with meter:
            pq.write_table(pq.read_table(source) if frame is None else frame, path)
        return folder_mib(Path(folder))


def _write_source(path: Path, table: str, rows: int) -> Path:
    if path.exists():
        return path
    make = getattr(payments, table)
    decided = rows // (payments.CANDIDATES_EACH if table == "candidates" else 1)
    step_us = DAYS * 86_400_000_000 // decided
    parts = [make(block, count, step_us=step_us) for block, count in payments.blocks(rows)]
    draft = path.with_suffix(".draft")
    pq.write_table(pa.concat_tables(parts), draft)
    shutil.move(draft, path)
    return path


if __name__ == "__main__":
    main()
