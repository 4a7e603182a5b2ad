"""The page on models of every kind runs, block by block, in order."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_block_runs_in_order(tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text("\n".join(re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], cwd=tmp_path, check=False, text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "exact over 3 groups" in done.stdout
    assert "pipeline of 2 stages" in done.stdout
