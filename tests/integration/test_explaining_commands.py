"""The demo tells its planted outage, and every command that explains answers beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.cli import main
from pellucid.observatory import open_system

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the demo; return its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "pellucid.cli", "demo", "--decisions", "30000"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return folder, done.stdout


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = main(arguments)
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return out


def test_the_demo_tells_what_its_model_learned(demo: tuple[Path, str]) -> None:
    folder, printed = demo
    assert "What the model learned (incident): Every Tuesday cedar-direct loses traffic" in printed
    assert "It learned this from an incident: 2026-09-22 05:00 to 2026-09-22 23:00 UTC" in printed
    page = (folder / "pellucid-report.html").read_text()
    for title in ("What the model learned", "What the layers do", "Why cedar-direct has its share",
                  "Approval rate, the same week"):  # fmt: skip
        assert title in page


def test_commands_say_what_the_notebook_says(demo: tuple[Path, str], capsys) -> None:
    lake = ["--lake", str(demo[0] / "demo-lake")]
    obs = open_system(demo[0] / "demo-lake")
    traffic = obs.why_traffic("elm-direct", where="country = 'US'")
    text = ask(capsys, "traffic", "elm-direct", "--where", "country = 'US'", *lake)
    assert text.startswith(traffic.told)
    rows = ask(capsys, "traffic", "elm-direct", "--where", "country = 'US'", "--format", "json",
               *lake)  # fmt: skip
    values = [json.loads(line)["value"] for line in rows.splitlines()]
    assert sum(values) == pytest.approx(traffic.sides.column("share")[0].as_py())
    assert ask(capsys, "flow", *lake).startswith(obs.layer_effects().told)
    rate = obs.why_changed("approval_rate", window="14d")
    assert ask(capsys, "change", "approval_rate", "--over", "14d", *lake).startswith(rate.told)
    assert ask(capsys, "rules", "--most", "6", *lake).startswith(obs.rules(most=6).told)
    decision = obs.latest_decision()
    assert ask(capsys, "flips", decision, *lake).startswith(obs.flips(decision).told)
    same = ask(capsys, "models", "approval:1", "approval:1", *lake)
    assert "alone would prefer another candidate in 0.0%" in same


def test_what_if_takes_every_kind_of_change(demo: tuple[Path, str], capsys) -> None:
    lake = ["--lake", str(demo[0] / "demo-lake")]
    for change, named in (
        (("--drop", "fees"), "no Fees"),
        (("--drop", "Fees"), "no Fees"),
        (("--scale", "fees@elm-direct=0.5"), "Fees of elm-direct × 0.5"),
        (("--add", "Volume commitments=0.01"), "Volume commitments +0.01"),
        (("--cap", "cedar-direct=0.2", "--cutoff", "0.5"), "no score below 0.5"),
    ):
        text = ask(capsys, "what-if", *change, "--over", "7d", *lake)
        assert f"With {named}" in text or f" and {named}" in text
        rows = ask(capsys, "what-if", *change, "--over", "7d", "--format", "json", *lake)
        found = [json.loads(line) for line in rows.splitlines()]
        for name in ("share_before", "share_after"):
            assert sum(row[name] for row in found) == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("what-if",), "nothing is changed"),
        (("what-if", "--scale", "fees=x"), "'x' is no number"),
        (("what-if", "--drop", "fee"), "did you mean 'fees'"),
        (("traffic", "cedar"), "no candidate is called 'cedar'"),
        (("rules", "--by", "contry"), "did you mean 'country'"),
        (("models", "approval:1", "approval:9"), "no model is called 'approval:9'"),
        (("flips", "nope"), "no decision is called 'nope'"),
        (("change", "aproval_rate"), "did you mean 'approval_rate'"),
    ],
)
def test_what_is_wrong_is_said(demo: tuple[Path, str], capsys, arguments, words: str) -> None:
    assert main([*arguments, "--lake", str(demo[0] / "demo-lake")]) == 2
    assert words in capsys.readouterr().err
