"""Real card payments over four PSPs: the source's stated facts come back exactly."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

pytest.importorskip("lightgbm")
stats = pytest.importorskip("scipy.stats")

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "psp_routing"
DATA = ROOT.parent / "shared" / "data" / "psp_routing"
PAGE = ROOT / "docs" / "psp_routing.md"
PSPS = {"Goldcard": (0.4001, 1_827), "Moneycard": (0.2138, 4_725),
        "UK_Card": (0.2026, 15_543), "Simplecard": (0.1593, 7_269)}  # fmt: skip

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/psp_routing is not there")


@dataclass(frozen=True)
class Example:
    """The example's modules, and both systems where they were run."""

    purchases: ModuleType
    records: ModuleType
    observed: ModuleType
    routing: ModuleType
    page: ModuleType

    @classmethod
    def imported(cls) -> Example:
        names = ("purchases", "routing_records", "observed_answers", "routing_answers",
                 "routing_page")  # fmt: skip
        return cls(*(importlib.import_module(name) for name in names))


@pytest.fixture(scope="module")
def example() -> Iterator[Example]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE))
        yield Example.imported()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("psp_lake")


@pytest.fixture(scope="module")
def systems(example: Example, lake: Path) -> Any:
    return example.observed.open_systems(lake, example.records.log_everything(DATA, lake))


@pytest.fixture(scope="module")
def source() -> pa.Table:
    return pq.read_table(next(DATA.glob("transactions_*.parquet")))


def _whole(systems: Any, example: Example, *metrics: str) -> dict[str, dict[str, Any]]:
    answer = systems.history.query(
        *metrics, over=example.observed.ALL_WEEKS, as_of=example.observed.AS_OF
    )
    return {row["metric"]: row for row in answer.rows.to_pylist()}


def test_a_purchase_is_one_clock_minute_one_country_one_amount(example: Example) -> None:
    """Attempts are numbered by time within a purchase; a new minute starts a new one."""
    second = [(0, 50), (0, 50), (0, 59), (0, 59), (1, 0), (1, 5), (1, 5)]
    at = [datetime(2019, 1, 1, 0, *item) for item in second]  # noqa: DTZ001
    country = ["AT", "DE", "AT", "AT", "AT", "AT", "AT"]
    amount = [89, 89, 89, 90, 89, 89, 89]
    first, attempt = example.purchases.number_attempts(
        pa.chunked_array([at]), pa.chunked_array([country]), pa.chunked_array([amount])
    )
    assert first.tolist() == [0, 1, 0, 3, 4, 4, 4]
    assert attempt.tolist() == [1, 1, 2, 1, 1, 2, 3]


def test_a_gap_rule_chains_attempts_over_the_turn_of_the_minute(example: Example) -> None:
    """Sixty seconds apart is one purchase, sixty-one is two."""
    at = [datetime(2019, 1, 1, 0, *item) for item in [(0, 30), (1, 30), (2, 31)]]  # noqa: DTZ001
    rows = pa.table({
        "decided_at": pa.array(at, pa.timestamp("us")), "country": ["AT"] * 3, "amount": [89] * 3,
        "success": [0.0, 1.0, 0.0],
    })  # fmt: skip
    assert example.purchases.purchases_by_gap(rows, seconds=60) == (2, 1, 0.5)


def test_a_missing_data_folder_is_the_users_mistake(tmp_path: Path) -> None:
    """Exit 2 and a message that names the option, no traceback."""
    command = [sys.executable, str(EXAMPLE / "run.py"), "--data", str(tmp_path / "absent")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--data" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_page_holds_no_record() -> None:
    """The licence allows aggregates only: no id of a decision or request, no instant."""
    text = PAGE.read_text(encoding="utf-8")
    assert not re.search(r"\b[tp]\d{5}\b", text)
    assert not re.search(r"\d\d:\d\d", text)


@needs_data
@pytest.mark.slow
class TestRealRecords:
    """Over the logged records; run once for the module."""

    def test_counts_are_the_stated_ones(self, example: Example, systems: Any) -> None:
        """Attempts, purchases and purchases tried again, exactly."""
        found = _whole(systems, example, "decision_count", "request_count", "retried_purchases")
        assert {name: row["value"] for name, row in found.items()} == {
            "decision_count": 29_364, "request_count": 21_898, "retried_purchases": 6_018,
        }  # fmt: skip

    def test_rates_are_the_stated_ones(self, example: Example, systems: Any) -> None:
        """To the last digit stated, over every attempt and every purchase; none pending."""
        found = _whole(systems, example, "success_rate", "request_success_rate", "mean_fee")
        assert round(found["success_rate"]["value"], 4) == 0.2060
        assert found["success_rate"]["n"] == 29_364
        assert round(found["request_success_rate"]["value"], 4) == 0.2761
        assert found["request_success_rate"]["n"] == 21_898
        assert round(found["mean_fee"]["value"], 3) == 1.748
        assert found["mean_fee"]["n"] == 29_364

    def test_each_psp_has_its_stated_rate_and_count(self, example: Example, systems: Any) -> None:
        """Four rates, four counts, and nothing else in the breakdown."""
        answer = systems.history.query(
            "success_rate", by=["psp"], over=example.observed.ALL_WEEKS,
            as_of=example.observed.AS_OF,
        )  # fmt: skip
        found = {
            row["psp"]: (round(row["value"], 4), row["n"]) for row in answer.finest.to_pylist()
        }
        assert found == PSPS

    @pytest.mark.parametrize(
        ("by", "column"), [("psp", "PSP"), ("country", "country"), ("card", "card"),
                           ("is_3d_secured", "is_3d_secured")],
    )  # fmt: skip
    def test_breakdowns_equal_the_source(
        self, example: Example, systems: Any, source: pa.Table, by: str, column: str
    ) -> None:
        """Hits, trials and Wilson interval, counted from the file and by scipy."""
        answer = systems.history.query(
            "success_rate", by=[by], over=example.observed.ALL_WEEKS, as_of=example.observed.AS_OF
        )
        counted = source.group_by(column).aggregate([("success", "sum"), ("success", "count")])
        names = {0: "no", 1: "yes"}
        expected = {
            names.get(row[column], row[column]): (row["success_sum"], row["success_count"])
            for row in counted.to_pylist()
        }
        rows = answer.finest.to_pylist()
        assert {row[by]: (row["numerator"], row["n"]) for row in rows} == expected
        for row in rows:
            exact = stats.binomtest(int(row["numerator"]), row["n"]).proportion_ci(method="wilson")
            assert (row["low"], row["high"]) == pytest.approx((exact.low, exact.high), abs=1e-9)

    def test_fees_add_up(self, example: Example, systems: Any) -> None:
        """Fees per attempt, per purchase and per approval are one total, divided three ways."""
        names = ("mean_fee", "fee_per_purchase", "fee_per_success")
        totals = {name: row["numerator"] for name, row in _whole(systems, example, *names).items()}
        paid = pc.sum(systems.logged.attempts.column("fee")).as_py()
        assert totals == pytest.approx(dict.fromkeys(names, paid))

    def test_attributions_add_up_for_every_candidate(self, systems: Any) -> None:
        """Base value + attributions = logged raw score, and every candidate is explained."""
        rows = systems.routing.records.rows("attributions")
        assert rows.num_rows == 4 * systems.logged.decided.num_rows
        assert np.abs(rows.column("residual").to_numpy()).max() < 1e-5
        parts = sum(rows.column(name).to_numpy().astype(np.float64)
                    for name in rows.column_names if name.startswith("a_"))  # fmt: skip
        summed = rows.column("base_value").to_numpy() + parts
        # Attributions are stored as float32, the residual was taken before.
        np.testing.assert_allclose(summed, rows.column("raw_score").to_numpy(), atol=1e-5)

    def test_flow_holds_every_decision_at_every_stage(self, example: Example, systems: Any) -> None:
        """Each stage, and each step between two, adds up to the decisions; none is outside."""
        flow = systems.routing.flow(over=example.observed.LAST_WEEKS, as_of=example.observed.AS_OF)
        total = systems.logged.decided.num_rows
        assert flow.stages == ("Model", "Fees", "Recorded policy")
        assert (flow.decisions, flow.outside) == (total, 0)
        for rows, steps in ((flow.nodes, 3), (flow.links, 2)):
            sums = rows.group_by("stage").aggregate([("decisions", "sum")])
            assert sums.column("decisions_sum").to_pylist() == [total] * steps

    def test_reroutes_equal_the_flow(self, example: Example, systems: Any) -> None:
        """The moves of the table are those between the last two stages of the flow."""
        flow = systems.routing.flow(over=example.observed.LAST_WEEKS, as_of=example.observed.AS_OF)
        moved = {
            (row["target"], row["source"]): f"{row['decisions']:,}"
            for row in flow.links.to_pylist()
            if row["stage"] == "Fees" and row["is_moved"]
        }
        *rows, whole = example.routing.reroutes(systems).rows
        assert {row[:2]: row[2] for row in rows} == moved
        assert whole[2] == f"{sum(int(row[2].replace(',', '')) for row in rows):,}"

    def test_expected_fee_of_the_spec_is_that_of_the_fee_table(
        self, example: Example, systems: Any
    ) -> None:
        """The constant in system.yaml is the one that the records were made with."""
        row = systems.routing.query(
            "expected_fee", over=example.observed.LAST_WEEKS, as_of=example.observed.AS_OF
        ).rows.to_pylist()[0]
        decisions = systems.routing.records.rows("decisions")
        fees = systems.logged.fees
        psp = pc.index_in(decisions.column("chosen"), pa.array(fees.psps)).to_numpy()
        probability = decisions.column("chosen_probability").to_numpy()
        expected = (
            probability * fees.on_success[psp] + (1 - probability) * fees.on_failure[psp]
        ).mean()
        assert row["value"] == pytest.approx(expected)

    def test_no_propensity_is_made_up(self, systems: Any) -> None:
        """The recorded rule is unknown, so propensity is null or absent everywhere."""
        for table in ("decisions", "candidates"):
            rows = systems.routing.records.rows(table)
            assert rows.column("propensity").null_count == rows.num_rows

    def test_records_agree_with_each_other(self, systems: Any) -> None:
        """The store's own check finds nothing to warn of."""
        for opened in (systems.history, systems.routing):
            assert {finding.severity for finding in opened.check()} == {"ok"}

    def test_logging_again_stores_nothing(self, example: Example, systems: Any, lake: Path) -> None:
        """Training, scores and ids are the same on each run."""
        again = example.records.log_everything(DATA, lake)
        assert len(again.reports) == len(systems.logged.reports)
        assert all("left out (the same key is stored" in line for line in again.reports)
        assert not any(re.search(r"\d stored", line) for line in again.reports)

    def test_one_decision_is_told(self, example: Example, systems: Any) -> None:
        """All five parts, in order."""
        told = [line.split(":")[0] for line in example.routing.one_decision(systems)]
        assert told == ["What was decided about", "Who could be picked", "What the model said",
                        "What the policy layers did", "What happened"]  # fmt: skip

    def test_the_page_is_that_of_a_fresh_run(self, example: Example, systems: Any) -> None:
        """Every number of docs/psp_routing.md; if it moved, run the command that it names."""
        fresh = example.page.page(example.routing.findings(systems))
        assert PAGE.read_text(encoding="utf-8") == fresh
