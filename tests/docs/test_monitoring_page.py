"""The page on monitoring runs beside a demo lake, and its commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.cli import make_parser

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_block_runs_in_order(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pellucid.cli", "demo", "--decisions", "8000"]
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    script = tmp_path / "page.py"
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    checks = (
        "assert {row['country'] for row in week.rows.to_pylist()} >= {'other (5 values)'}",
        "assert value.rows.to_pylist()[1]['difference'] > 0, 'exploration costs'",
        "assert '-- from the hourly roll-up' in obs.show(obs.question('approval_rate'))",
    )
    script.write_text("\n".join([*blocks, *checks]))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], cwd=tmp_path, check=False, text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_its_commands_parse() -> None:
    parser = make_parser()
    found = re.findall(r"`pellucid ([^`]+)`", TEXT)
    asked = [line.split() for line in found if line.split()[0] not in ("demo", "rollup")]
    assert len(asked) >= 7
    for words in asked:
        kept = [word for word in words if word != "..."]
        if "--show-sql" in kept:
            kept.insert(1, "approval_rate")
        assert parser.parse_args([*kept, "--lake", "x"]).run
