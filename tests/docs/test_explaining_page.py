"""The page on asking why runs beside a demo lake, and its commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.cli import make_parser

PAGE = Path(__file__).parents[2] / "docs" / "explaining.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_block_runs_in_order(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pellucid.cli", "demo", "--decisions", "8000"]
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    script = tmp_path / "page.py"
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    # What is planted, a rival's fee rise, must be what the page says moved the share.
    planted = (
        "rows = {row['part']: row for row in change.parts.to_pylist()}",
        "assert max(rows, key=lambda name: rows[name]['change']) == 'Fees', rows",
    )
    script.write_text("\n".join([*blocks, *planted]))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], cwd=tmp_path, check=False, text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_its_commands_parse() -> None:
    parser = make_parser()
    for line in ("change traffic_share --of elm-direct", "change approval_rate",
                 "change traffic_share --of elm-direct --replay",
                 "traffic elm-direct", "flow", "what-if --drop fees",
                 "why cedar-direct --not elm-direct", "attribute --over 30d", "flips ID", "rules",
                 "group --where country"):  # fmt: skip
        assert f"pellucid {line}" in TEXT.replace('"country', "country")
        assert parser.parse_args([*line.split(), "--lake", "x"]).run
