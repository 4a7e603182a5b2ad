"""The command as a user runs it: outputs, exit codes, errors without tracebacks."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pellucid.cli import main
from pellucid.observatory import open_system
from pellucid.testing.scenarios import small_lake, small_records


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lake")
    small_lake(root, seed=5)
    return root


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_every_format_gives_the_api_numbers(lake: Path, tmp_path: Path, capsys) -> None:
    asked = ("query", "approval_rate", "amount", "--by", "country,currency", "--lake", lake,
             "--over", "2026-03-02..2026-03-09")  # fmt: skip
    known = open_system(lake).query(
        "approval_rate", "amount", by=["country", "currency"], over="2026-03-02..2026-03-09"
    ).rows  # fmt: skip
    _, text, _ = run(capsys, *asked, "--format", "json")
    values = [json.loads(line)["value"] for line in text.splitlines()]
    assert values == known.column("value").to_pylist()
    _, text, _ = run(capsys, *asked, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["value"]) if row["value"] else None for row in rows] == values
    path = tmp_path / "rows.parquet"
    run(capsys, *asked, "--format", "parquet", "--output", path)
    assert pq.read_table(path).equals(known)
    code, text, _ = run(capsys, *asked)
    assert code == 0
    assert "(missing)" in text
    assert "mixed currencies" in text


def test_without_metrics_it_lists_them(lake: Path, capsys) -> None:
    _, text, _ = run(capsys, "query", "--lake", lake)
    for word in ("approval_rate", "country", "route", "large"):
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("query", "aproval_rate"), "did you mean 'approval_rate'"),
        (("query", "approval_rate", "--by", "contry"), "did you mean 'country'"),
        (("query", "approval_rate", "--where", "amount > 5"), "unknown column 'amount'"),
        (("query", "approval_rate", "--where", "(SELECT 1)"), "must not hold a subquery"),
        (("query", "approval_rate", "--over", "30x"), "must be a positive whole number"),
        (("query", "approval_rate", "--over", "2026-03-09..2026-03-02"), "is not before end"),
        (("query", "approval_rate", "--segments", "big"), "no segment is called 'big'"),
        (("query", "approval_rate", "--format", "parquet"), "needs a file"),
        (("query", "approval_rate", "--system", "nothing"), "no system 'nothing'"),
        (("explain", "d999"), "no decision is called 'd999'"),
        (("change", "traffic_share", "--of", "nrth", "--over", "3d"), "did you mean 'north'"),
        (
            ("change", "traffic_share", "--of", "north", "--baseline", "2026-01-01..2026-01-02"),
            "has no decision",
        ),
        (("why", "north", "--not", "north"), "name two candidates"),
        (("why", "north", "--not", "south"), "or `pellucid attribute`"),
        (("group", "--by", "contry"), "did you mean 'country'"),
        (("group",), "or `pellucid attribute`"),
        (("attribute",), "no model file was logged"),
        (("report", "--decision", "d999"), "no decision is called 'd999'"),
    ],
)
def test_mistakes_are_told_and_exit_2(lake: Path, arguments, words: str, capsys) -> None:
    code, _, error = run(capsys, *arguments, "--lake", lake)
    assert code == 2
    assert words in error
    assert "Traceback" not in error


def test_init_log_query_from_a_file(tmp_path: Path, capsys) -> None:
    rows = small_records(8, requests=60)["decisions"]
    source = tmp_path / "payments.parquet"
    names = ["decision_id", "decided_at", "country", "card", "chosen", "chosen_probability"]
    pq.write_table(rows.select([*names, "amount_minor", "currency"]), source)
    spec = tmp_path / "payments.yaml"
    code, _, notes = run(capsys, "init", "--from", source, "--name", "payments", "--output", spec)
    assert code == 0
    assert "decision_id: 'decision_id'" in notes
    lake = tmp_path / "lake"
    for expected in (f"{rows.num_rows} stored", "committed by an earlier run"):
        code, text, _ = run(capsys, "log", "decisions", source, "--system", spec, "--lake", lake)
        assert code == 0
        assert expected in text
    code, text, _ = run(capsys, "query", "decision_count", "--by", "card", "--lake", lake)
    assert code == 0
    assert f"{rows.num_rows}" in text


def test_refused_rows_exit_2_and_are_told(lake: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "more.csv"
    path.write_text("decision_id,decided_at,propensity\nz1,2026-03-03T00:00:00Z,0.5\n"
                    "z2,2026-03-03T00:00:00Z,7\n")  # fmt: skip
    code, text, _ = run(capsys, "log", "decisions", path, "--system", "small-routing",
                        "--lake", lake)  # fmt: skip
    assert code == 2
    assert "1 stored" in text
    assert "propensity is above 1" in text


def test_check_and_compact(lake: Path, capsys) -> None:
    code, text, _ = run(capsys, "check", "--lake", lake)
    assert code == 0
    assert "whole" in text
    code, text, _ = run(capsys, "compact", "--lake", lake)
    assert code == 0
    assert "decisions" in text


def test_explain_as_text_and_json(lake: Path, capsys) -> None:
    _, text, _ = run(capsys, "explain", "d0-1", "--lake", lake)
    assert "Who could be picked" in text
    _, text, _ = run(capsys, "explain", "d0-1", "--lake", lake, "--format", "json")
    assert json.loads(text)["decision"]["decision_id"] == "d0-1"


def test_change_as_text_and_json(lake: Path, capsys) -> None:
    asked = (
        "change",
        "traffic_share",
        "--of",
        "north",
        "--over",
        "2026-03-06..2026-03-10",
        "--by",
        "card",
        "--lake",
        lake,
    )
    known = open_system(lake).why_changed(
        "traffic_share", candidate="north", window="2026-03-06..2026-03-10", by=["card"]
    )
    _, text, _ = run(capsys, *asked)
    assert text.startswith(known.told)
    assert "Population mix" in text
    assert "part of change" in text
    _, text, _ = run(capsys, *asked, "--format", "json")
    parts = [json.loads(line) for line in text.splitlines()]
    assert [row["change"] for row in parts] == known.parts.column("change").to_pylist()
    assert known.baseline == known.window.previous


def test_a_reader_that_stops_early_is_no_error(lake: Path) -> None:
    command = f"{sys.executable} -m pellucid.cli query --lake {lake} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert "metric" in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
def test_demo_runs_and_runs_again_without_adding(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pellucid.cli", "demo", "--decisions", "5000"]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Report: pellucid-report.html" in first.stdout
    assert (tmp_path / "pellucid-report.html").stat().st_size < 8_000_000
    count = open_system(tmp_path / "demo-lake").query("decision_count", over="60d").rows
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "committed by an earlier run" in again.stdout
    assert open_system(tmp_path / "demo-lake").query("decision_count", over="60d").rows == count
    sizes = {path.name for path in tmp_path.iterdir()}
    assert sizes == {"demo-lake", "pellucid-report.html"}, "nothing half-written stays"
