"""From a model file to answers: attribute, why, group and the report, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pellucid.cli import main
from pellucid.log.client import Logger
from pellucid.observatory import open_system
from pellucid.report.build import report_content
from pellucid.testing.worlds import payment_world

pytestmark = pytest.mark.slow
pytest.importorskip("lightgbm")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lake")
    world = payment_world(decisions=5_000, seed=4)
    log = Logger(world.system, to=root)
    world.log_models(log)
    for name in ("decisions", "candidates", "outcomes"):
        log.table(name, world.tables[name]).raise_for_refused()
    assert main(["attribute", "--lake", str(root), "--most", "1500"]) == 0
    return root


def test_why_gives_the_api_numbers(lake: Path, capsys) -> None:
    asked = ["why", "cedar-direct", "--not", "elm-direct", "--lake", str(lake)]
    known = open_system(lake).why("cedar-direct", not_="elm-direct")
    assert main(asked) == 0
    text = capsys.readouterr().out
    assert text.startswith(known.told)
    assert "Parts of the model are rescaled" in text
    assert main([*asked, "--format", "json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(row["mean"] for row in rows) == pytest.approx(known.margin, abs=1e-12)


def test_group_gives_the_api_numbers(lake: Path, capsys) -> None:
    asked = ["group", "--where", "country = 'BR'", "--versus", "country <> 'BR'", "--lake",
             str(lake)]  # fmt: skip
    known = open_system(lake).explain_group("country = 'BR'", versus="country <> 'BR'")
    assert main(asked) == 0
    assert capsys.readouterr().out.startswith(known.told)
    assert main([*asked, "--format", "json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    scores = known.groups.column("score").to_pylist()
    assert sum(row["difference"] for row in rows) == pytest.approx(scores[0] - scores[1])
    assert main(["group", "--by", "country", "--of", "cedar-direct", "--lake", str(lake)]) == 0
    assert "mean size" in capsys.readouterr().out


def test_the_report_says_why(lake: Path) -> None:
    report = report_content(open_system(lake), over="14d")
    titles = [section.title for section in report.sections]
    change = report.sections[titles.index("Why traffic changed")]
    assert change.cards[0].figure is not None
    assert "give or take" in change.cards[0].findings[0]
    why = next(section for section in report.sections if " and not " in section.title)
    assert why.cards[0].figure.data[0]["x"]


def test_without_attributions_and_a_second_week_there_is_no_such_section(tmp_path: Path) -> None:
    world = payment_world(decisions=1_000, seed=4, live_days=7)
    log = Logger(world.system, to=tmp_path)
    for name in ("decisions", "candidates", "outcomes"):
        log.table(name, world.tables[name]).raise_for_refused()
    report = report_content(open_system(tmp_path), over="14d")
    assert not [section for section in report.sections if section.title.startswith("Why ")]
