"""The wheel installs into an empty environment, and its core works without any extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import pyarrow as pa
from datetime import UTC, datetime
import pellucid
system = pellucid.System(name="wheel")
log = pellucid.Logger(system, to="lake")
at = pa.array([datetime(2026, 1, 1, tzinfo=UTC)], pa.timestamp("us", tz="UTC"))
assert log.decisions(pa.table({"decision_id": ["a"], "decided_at": at})).stored == 1
assert pellucid.open("lake").query("decision_count").rows.column("value").to_pylist() == [1]
try:
    from pellucid.demo import run_demo
    next(iter([*run_demo(lake="x", report=None, decisions=10, seed=1)]))
except pellucid.MissingExtraError as error:
    assert "pip install 'pellucid[" in str(error)
else:
    raise SystemExit("the demo needs an extra, and it should have said so")
"""


@pytest.mark.slow
def test_the_wheel_works_in_an_empty_environment(tmp_path: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        pytest.skip("uv is installed by `make test`")
    venv = tmp_path / "venv"
    python = venv / "bin" / "python"
    run = {"check": True, "capture_output": True, "cwd": tmp_path}
    subprocess.run([uv, "build", "--wheel", "--out-dir", tmp_path, ROOT], **run)
    subprocess.run([uv, "venv", "--python", sys.executable, venv], **run)
    wheel = next(tmp_path.glob("*.whl"))
    subprocess.run([uv, "pip", "install", "--python", python, wheel], **run)
    listed = subprocess.run([uv, "pip", "list", "--python", python, "--format", "freeze"], **run)
    distributions = listed.stdout.decode().split()
    # One more than planned: msgspec, which the live client encodes with.
    assert len(distributions) <= 13, distributions
    subprocess.run([python, "-W", "error", "-c", SCRIPT], **run)
    subprocess.run([venv / "bin" / "pellucid", "--help"], **run)
