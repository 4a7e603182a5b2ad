"""The generated pages say what the code does, and the README runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.schema.reference import tables_markdown
from pellucid.schema.tables import TABLES

ROOT = Path(__file__).parents[2]


def test_generated_pages_are_up_to_date() -> None:
    # The width of argparse's help follows the terminal.
    subprocess.run(
        [sys.executable, "scripts/write_reference.py", "--check"], cwd=ROOT, check=True,
        env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip


def test_every_field_is_documented() -> None:
    page = tables_markdown()
    for table in TABLES.values():
        assert f"## {table.name}\n" in page
        for field in table.fields:
            assert field.meaning.endswith((".", ")")), (table.name, field.name)
            assert f"| `{field.name}` |" in page


@pytest.mark.slow
def test_the_readme_runs(tmp_path: Path) -> None:
    """Every Python block of the README runs, in order, beside a demo lake."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert blocks
    command = [sys.executable, "-m", "pellucid.cli", "demo", "--decisions", "8000"]
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    script = tmp_path / "readme.py"
    script.write_text("\n".join(blocks))
    subprocess.run([sys.executable, "-W", "error", str(script)], cwd=tmp_path, check=True)


def test_links_of_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
