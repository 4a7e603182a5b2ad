"""The page on live logging runs, and names every setting, metric and attribute there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import pellucid
from pellucid.log.health import Health

PAGE = Path(__file__).parents[2] / "docs" / "logging.md"
TEXT = PAGE.read_text(encoding="utf-8")

for needed in ("opentelemetry.sdk", "prometheus_client", "lightgbm", "sklearn", "pandas"):
    pytest.importorskip(needed)


def test_every_block_runs_in_order_and_is_stored(tmp_path: Path) -> None:
    """As one service: five decisions, one of them durable, one by its span, and an outcome."""
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    script = tmp_path / "page.py"
    script.write_text("\n".join([*blocks, "assert is_safe", "assert log.close()", "print(page)",
                                 "assert log.health().is_well, log.health()"]))  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], cwd=tmp_path, check=False, text=True,
        capture_output=True, env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    obs = pellucid.open(tmp_path / "lake")
    chosen = {
        row["decision_id"]: row["chosen"] for row in obs.records.rows("decisions").to_pylist()
    }
    by_span = [name for name in chosen if re.fullmatch(r"[0-9a-f]{32}-[0-9a-f]{16}", name)]
    assert len(by_span) == 1
    assert chosen.keys() == {"p1", "p2", "p3", "p4", *by_span}
    assert chosen["p1"] == chosen["p3"] == "south"
    assert obs.records.rows("outcomes").num_rows == 1
    rows = obs.records.rows("candidates").to_pylist()
    assert {name: sum(row["decision_id"] == name for row in rows) for name in chosen} == {
        "p1": 3, "p2": 1, "p3": 2, "p4": 2, by_span[0]: 2}  # fmt: skip


# Of health, what is read and not charted.
TEXTS = ("errors", "notes")


@pytest.mark.parametrize("item", fields(pellucid.LiveSettings), ids=lambda item: item.name)
def test_every_setting_is_there(item) -> None:
    assert f"`{item.name}`" in TEXT


@pytest.mark.parametrize("name", [item.name for item in fields(Health) if item.name not in TEXTS])
def test_every_number_of_health_is_there(name: str) -> None:
    """By its metric's name, or what the first metric of its line leaves out."""
    assert re.search(rf"`(pellucid_log)?_{name}(_total)?`", TEXT)
