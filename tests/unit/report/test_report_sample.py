"""A report on a sample says so once, and shows how sure its counts are."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pellucid.log.client import Logger
from pellucid.observatory import open_system
from pellucid.report.build import report_content
from pellucid.report.content import ReportContent
from pellucid.testing.scenarios import small_records, small_system


def content(root: Path, weight: float) -> ReportContent:
    records = small_records(5)
    count = records["decisions"].num_rows
    records["decisions"] = records["decisions"].append_column(
        "sample_weight", pa.array([weight] * count)
    )
    log = Logger(small_system(), to=root)
    for name, rows in records.items():
        log.table(name, rows).raise_for_refused()
    return report_content(open_system(root), over="9d")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReportContent, ReportContent]:
    root = tmp_path_factory.mktemp("reports")
    return content(root / "all", 1.0), content(root / "sample", 5.0)


def test_only_a_report_on_a_sample_has_a_note(both) -> None:
    full, sample = both
    assert full.notes == ()
    assert len(sample.notes) == 1
    assert sample.notes[0].startswith("Estimated from a sample")


def test_counts_are_five_times_as_large_and_n_is_not(both) -> None:
    full, sample = (report.kpis[0] for report in both)
    assert full.label == sample.label == "Decisions"
    assert full.n == sample.n
    assert float(sample.value.replace(",", "")) == 5 * float(full.value.replace(",", ""))
    assert (full.interval, sample.interval[:13]) == ("", "95% interval ")


def test_equal_weights_move_no_rate(both) -> None:
    full, sample = (report.kpis[1] for report in both)
    assert (full.value, full.interval, full.n) == (sample.value, sample.interval, sample.n)


def test_amounts_have_an_interval_in_their_currency(both) -> None:
    full, sample = (report.kpis[-1] for report in both)
    assert full.interval == ""
    code = sample.label.rpartition(" ")[2]
    assert sample.interval.count({"EUR": "€", "BRL": "R$"}[code]) == 2
