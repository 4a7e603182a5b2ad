"""Processes killed, and processes racing: every row is stored once, and no reader sees half."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pellucid.log.client import Logger
from pellucid.log.sources import open_source
from pellucid.observatory import Observatory
from pellucid.schema.tables import DECISIONS
from pellucid.spec.codec import to_yaml
from pellucid.spec.system import Dimension, System
from pellucid.store.lake import Lake
from pellucid.store.reader import snapshot

ROWS = 60_000
DAYS = 3
SYSTEM = System(name="crash", dimensions=(Dimension(name="country"),))
START = datetime(2026, 5, 1, tzinfo=UTC)


def decisions(first: int, last: int) -> pa.Table:
    step = timedelta(days=DAYS) / ROWS
    return pa.table({
        "decision_id": [f"decision-{number}" for number in range(first, last)],
        "decided_at": pa.array([START + number * step for number in range(first, last)],
                               pa.timestamp("us", tz="UTC")),
        "country": [("BR", "DE", "MX")[number % 3] for number in range(first, last)],
        "amount_minor": list(range(first, last)),
    })  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    data = tmp_path / "decisions.parquet"
    # Wide enough rows that the file is logged in several commits.
    wide = decisions(0, ROWS).append_column("raw_note", pa.array(
        [f"{number:0>4000}" for number in range(ROWS)]))  # fmt: skip
    pq.write_table(wide, data, row_group_size=5_000, use_dictionary=False)
    spec = tmp_path / "crash.yaml"
    spec.write_text(to_yaml(SYSTEM))
    return data, spec, tmp_path / "lake"


def log_command(data: Path, spec: Path, lake: Path) -> list[str]:
    return [sys.executable, "-m", "pellucid.cli", "log", "decisions", str(data),
            "--system", str(spec), "--lake", str(lake)]  # fmt: skip


def stored(lake: Path) -> pa.Table:
    obs = Observatory(Lake.at(lake, SYSTEM.name))
    return obs.records.rows("decisions", columns=["decision_id", "amount_minor"])


@pytest.mark.slow
def test_killed_at_random_moments_and_run_again_stores_every_row_once(files) -> None:
    data, spec, root = files
    sizes = [chunk.num_rows for chunk in open_source(data, batch_id=None).chunks()]
    assert len(sizes) >= 3
    whole = {sum(sizes[:count]) for count in range(len(sizes) + 1)}
    draw = random.Random(5)
    killed_in_between = 0
    for run in range(20):
        lake = root / str(run)
        process = subprocess.Popen(log_command(data, spec, lake), stdout=subprocess.DEVNULL)
        # Somewhere after the n-th data file appears: in a file, in a commit, or in between.
        files_seen = draw.randrange(0, len(sizes) + 1)
        while process.poll() is None and len(list(lake.rglob("day=*/*.parquet"))) < files_seen:
            time.sleep(0.001)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=draw.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        rows = snapshot(Lake.at(lake, SYSTEM.name), DECISIONS.name).row_count
        assert rows in whole, "a batch is whole or absent"
        killed_in_between += 0 < rows < ROWS
        subprocess.run(log_command(data, spec, lake), check=True, stdout=subprocess.DEVNULL)
        ids = stored(lake).column("decision_id").to_pylist()
        assert len(ids) == ROWS
        assert set(ids) == {f"decision-{number}" for number in range(ROWS)}
    assert killed_in_between >= 2


@pytest.mark.slow
def test_four_processes_at_once_lose_nothing_and_store_shared_rows_once(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    assert Logger(SYSTEM, to=lake).system == SYSTEM
    script = f"""
import sys
from datetime import datetime
from pellucid.log.client import Logger
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_crashes import decisions
worker = int(sys.argv[1])
log = Logger("crash", to={str(lake)!r})
for part in range(10):
    first = 1_000 * (10 * worker + part)
    # Half of each batch overlaps with the next worker's.
    report = log.decisions(decisions(first, first + 1_500))
    assert report.refused == 0, report
"""
    workers = [subprocess.Popen([sys.executable, "-c", script, str(n)]) for n in range(4)]
    assert [worker.wait(timeout=240) for worker in workers] == [0, 0, 0, 0]
    rows = stored(lake)
    assert sorted(rows.column("amount_minor").to_pylist()) == list(range(40_500))


def test_readers_see_whole_batches_while_a_writer_works(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    log = Logger(SYSTEM, to=lake)
    log.decisions(decisions(0, 1_000))
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_crashes import decisions
from pellucid.log.client import Logger
log = Logger("crash", to={str(lake)!r})
for part in range(1, 15):
    log.decisions(decisions(1_000 * part, 1_000 * (part + 1)))
"""
    writer = subprocess.Popen([sys.executable, "-c", script])
    counts = set()
    while writer.poll() is None:
        counts.add(stored(lake).num_rows)
    assert writer.returncode == 0
    counts.add(stored(lake).num_rows)
    assert max(counts) == 15_000
    assert all(count % 1_000 == 0 for count in counts)
