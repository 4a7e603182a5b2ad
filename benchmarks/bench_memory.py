"""How much memory it takes to log a file that is larger than memory may be.

Runs `pellucid log decisions FILE` on a Parquet file of 5 GB whose columns do not compress, in the
row groups of a million rows, as `write_table` makes by default. The other side copies the file
batch by batch with pyarrow, unchecked, with the same frugal settings for reading.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import payments
import pyarrow as pa
import pyarrow.parquet as pq
from harness import (
    Meter,
    Report,
    cpu,
    data_folder,
    fresh,
    interleave,
    need_disk,
    parse_options,
    peak,
    progress,
)

from pellucid import cli

FULL_BYTES = 5_000_000_000
RAW_COLUMNS = 90
ROW_GROUP_ROWS = 1_000_000
MOST_MIB = 1024
_STEP_US = 100_000


def main() -> None:
    options = parse_options(__doc__, rounds=1)
    wanted = int(FULL_BYTES * options.scale)
    report = Report("memory", "how much memory does logging a 5 GB file take?", options.scale == 1)
    with data_folder("memory") as folder:
        need_disk(folder, gigabytes=2.6 * wanted / 1e9)
        source = _write_source(folder / f"decisions-{wanted}.parquet", wanted)
        size = source.stat().st_size
        progress(f"{size / 1e9:.2f} GB, {pq.read_metadata(source).num_rows:,} rows")
        path = str(source)
        sides = {"ours": partial(fresh, log, path), "other": partial(fresh, copy, path)}
        runs = interleave(sides, rounds=options.rounds)
        case = f"pellucid log decisions, {size / 1e9:.1f} GB of Parquet"
        report.add(case, "MiB peak", peak(runs["ours"]), peak(runs["other"]), most=MOST_MIB)
        report.add(case, "CPU s", cpu(runs["ours"]), cpu(runs["other"]))
    report.finish()


def log(meter: Meter, source: str) -> None:
    """Run the command."""
    with tempfile.TemporaryDirectory(dir=Path(source).parent) as folder:
        spec = Path(folder) / "system.yaml"
        spec.write_text("name: bench\noutcomes:\n  - {name: approved, matures_after: 2h}\n")
        arguments = ["log", "decisions", source, "--system", str(spec), "--lake", f"{folder}/lake"]
        with contextlib.redirect_stdout(io.StringIO()), meter:
            code = cli.main(arguments)
        if code:
            raise SystemExit(code)


def copy(meter: Meter, source: str) -> None:
    """Copy the file in batches."""
    with tempfile.TemporaryDirectory(dir=Path(source).parent) as folder, meter:
        file = pq.ParquetFile(source, pre_buffer=False, buffer_size=256 * 1024)
        with pq.ParquetWriter(Path(folder) / "copy.parquet", file.schema_arrow) as writer:
            for batch in file.iter_batches(batch_size=64 * 1024):
                writer.write_table(pa.Table.from_batches([batch]))


def _write_source(path: Path, size: int) -> Path:
    if path.exists():
        return path
    draft, block = path.with_suffix(".draft"), 0
    random = np.random.default_rng(5)
    writer = None
    while writer is None or draft.stat().st_size < size:
        parts = []
        for _ in range(ROW_GROUP_ROWS // payments.BLOCK_ROWS):
            part = payments.decisions(block, payments.BLOCK_ROWS, step_us=_STEP_US)
            part = part.select(["decision_id", "decided_at", "chosen", "chosen_raw_score"])
            for number in range(RAW_COLUMNS):
                values = pa.array(random.random(part.num_rows))
                part = part.append_column(f"raw_x{number:02}", values)
            parts.append(part)
            block += 1
        rows = pa.concat_tables(parts)
        writer = writer or pq.ParquetWriter(draft, rows.schema)
        writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
    writer.close()
    shutil.move(draft, path)
    return path


if __name__ == "__main__":
    main()
