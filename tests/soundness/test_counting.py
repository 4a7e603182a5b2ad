"""Each test pins a number that other tools get wrong, with the true value worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Dimension, Layer, Outcome, System

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIMESTAMP = pa.timestamp("us", tz="UTC")
SYSTEM = System(
    name="hand",
    dimensions=(Dimension(name="country"),),
    candidate=Candidate(name="route"),
    layers=(Layer(name="fees"),),
    outcomes=(
        Outcome(name="approved", matures_after="2h", rate="approval_rate"),
        Outcome(name="fee", kind="amount", matures_after="2h"),
    ),
)


def observe(root: Path, decisions: list[dict], outcomes: list[dict] = ()) -> Observatory:
    log = Logger(SYSTEM, to=root)
    rows = [{"decided_at": NOON, **row} for row in decisions]
    log.decisions(_table(rows, "decided_at")).raise_for_refused()
    if outcomes:
        rows = [{"outcome": "approved", "outcome_at": NOON, "recorded_at": NOON, **row}
                for row in outcomes]  # fmt: skip
        log.outcomes(_table(rows, "outcome_at", "recorded_at")).raise_for_refused()
    return open_system(root)


def _table(rows: list[dict], *times: str) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {
        name: pa.array([row.get(name) for row in rows], TIMESTAMP if name in times else None)
        for name in names
    }
    return pa.table(columns)


def value(obs: Observatory, metric: str, **options) -> dict:
    options = {"over": "2026-06-01..2026-06-02", "as_of": NOON + timedelta(days=1), **options}
    return obs.query(metric, **options).rows.to_pylist()[-1]


def retried(root: Path) -> Observatory:
    """Four payments, one of them retried: declined, then approved. Two of four are approved."""
    return observe(
        root,
        [
            {"decision_id": "a1", "request_id": "a", "attempt": 1, "chosen": "x"},
            {"decision_id": "a2", "request_id": "a", "attempt": 2, "chosen": "y",
             "decided_at": NOON + timedelta(minutes=5)},
            {"decision_id": "b1", "request_id": "b", "attempt": 1, "chosen": "x"},
            {"decision_id": "c1", "request_id": "c", "attempt": 1, "chosen": "x"},
            {"decision_id": "d1", "request_id": "d", "attempt": 1, "chosen": "y"},
        ],
        [
            {"decision_id": "a1", "value": 0.0}, {"decision_id": "a2", "value": 1.0},
            {"decision_id": "b1", "value": 1.0}, {"decision_id": "c1", "value": 0.0},
            {"decision_id": "d1", "value": 0.0},
        ],
    )  # fmt: skip


def test_a_retried_payment_counts_once(tmp_path: Path) -> None:
    obs = retried(tmp_path)
    request = value(obs, "request_approval_rate")
    assert (request["numerator"], request["denominator"]) == (2, 4)
    attempt = value(obs, "approval_rate")
    assert (attempt["numerator"], attempt["denominator"]) == (2, 5)


def test_a_filter_does_not_change_which_row_stands_for_a_payment(tmp_path: Path) -> None:
    obs = retried(tmp_path)
    by_route = obs.query("request_approval_rate", by=["route"], over="2026-06-01..2026-06-02",
                         as_of=NOON + timedelta(days=1)).finest.to_pylist()  # fmt: skip
    parts = {row["route"]: (row["numerator"], row["denominator"]) for row in by_route}
    assert parts == {"x": (2, 3), "y": (0, 1)}
    filtered = value(obs, "request_approval_rate", where="route = 'x'")
    assert (filtered["numerator"], filtered["denominator"]) == (2, 3)


def test_the_amount_of_a_retried_payment_is_counted_once(tmp_path: Path) -> None:
    rows = [
        {"decision_id": f"a{n}", "request_id": "a", "attempt": n, "amount_minor": 700,
         "currency": "EUR"} for n in (1, 2, 3)
    ]  # fmt: skip
    assert value(observe(tmp_path, rows), "amount")["value"] == 700


def test_amounts_of_two_currencies_are_never_added(tmp_path: Path) -> None:
    obs = observe(tmp_path, [
        {"decision_id": "1", "amount_minor": 700, "currency": "EUR", "country": "DE"},
        {"decision_id": "2", "amount_minor": 300, "currency": "BRL", "country": "BR"},
        {"decision_id": "3", "amount_minor": 50, "currency": "EUR", "country": "DE"},
    ])  # fmt: skip
    total = value(obs, "amount")
    assert total["value"] is None
    assert "mixed currencies" in total["note"]
    split = obs.query("amount", by=["currency"], over="2026-06-01..2026-06-02").finest
    assert dict(zip(*(split.column(c).to_pylist() for c in ("currency", "value")), strict=True)) \
        == {"EUR": 750, "BRL": 300}  # fmt: skip


def test_large_amounts_are_exact(tmp_path: Path) -> None:
    rows = [{"decision_id": str(n), "amount_minor": 2**53 + 1, "currency": "EUR"} for n in range(3)]
    cells = observe(tmp_path, rows)
    question = cells.question("amount", over="2026-06-01..2026-06-02")
    from pellucid.monitor.query import plan

    scan = plan(cells.system, question)[0]
    table = cells.engine.run(scan, cells.files(scan))
    exact = [m for m in scan.measures if m.fold == "sum"]
    name = f"m{scan.measures.index(exact[0])}"
    assert int(table.column(name)[0].as_py()) == 3 * (2**53 + 1)


def test_the_fees_of_a_retried_payment_are_added(tmp_path: Path) -> None:
    obs = observe(
        tmp_path,
        [{"decision_id": f"a{n}", "request_id": "a", "attempt": n} for n in (1, 2)],
        [{"decision_id": "a1", "outcome": "fee", "value": 2.0},
         {"decision_id": "a2", "outcome": "fee", "value": 3.0}],
    )  # fmt: skip
    assert value(obs, "request_mean_fee")["value"] == 5.0
    assert value(obs, "mean_fee")["value"] == 2.5
    assert "fee_rate" not in obs.metrics


def test_a_request_is_not_declined_while_an_attempt_is_unknown(tmp_path: Path) -> None:
    obs = observe(
        tmp_path,
        [{"decision_id": f"a{n}", "request_id": "a", "attempt": n} for n in (1, 2)],
        [{"decision_id": "a1", "value": 0.0}, {"decision_id": "a1", "outcome": "fee", "value": 2}],
    )  # fmt: skip
    assert value(obs, "request_approval_rate")["n"] == 0
    assert value(obs, "request_mean_fee")["n"] == 0


def test_pending_is_never_negative(tmp_path: Path) -> None:
    obs = observe(
        tmp_path,
        [{"decision_id": "old", "chosen": "x"},
         {"decision_id": "young", "chosen": "x", "decided_at": NOON + timedelta(hours=3)}],
        [{"decision_id": "old", "value": 1.0}],
    )  # fmt: skip
    as_of = NOON + timedelta(hours=4)
    rate = value(obs, "approval_rate", as_of=as_of)
    assert (rate["numerator"], rate["denominator"]) == (1, 1)
    assert value(obs, "pending_share_approved", as_of=as_of)["value"] == 0.5
    # Two hours on it is due, and its label never came: missing, still not negative.
    later = NOON + timedelta(hours=6)
    assert value(obs, "approval_rate", as_of=later)["denominator"] == 1
    assert value(obs, "missing_share_approved", as_of=later)["value"] == 0.5


def test_an_early_label_does_not_count_before_its_cohort_is_mature(tmp_path: Path) -> None:
    """Approvals come back faster than declines, so early labels are too rosy."""
    obs = observe(tmp_path, [{"decision_id": "1", "chosen": "x"}],
                  [{"decision_id": "1", "value": 1.0}])  # fmt: skip
    assert value(obs, "approval_rate", as_of=NOON + timedelta(hours=1))["n"] == 0
    assert value(obs, "approval_rate", as_of=NOON + timedelta(hours=2))["n"] == 1


def test_a_correction_replaces_and_as_of_goes_back_before_it(tmp_path: Path) -> None:
    obs = observe(
        tmp_path, [{"decision_id": "1", "chosen": "x"}],
        [{"decision_id": "1", "value": 1.0, "reason": "first"},
         {"decision_id": "1", "value": 0.0, "recorded_at": NOON + timedelta(hours=10)}],
    )  # fmt: skip
    assert value(obs, "approval_rate", as_of=NOON + timedelta(hours=9))["value"] == 1.0
    assert value(obs, "approval_rate", as_of=NOON + timedelta(hours=10))["value"] == 0.0


def test_the_latest_observation_without_a_reason_has_none(tmp_path: Path) -> None:
    """A maximum that skips nulls would keep the reason of the corrected observation."""
    obs = observe(
        tmp_path, [{"decision_id": "1", "chosen": "x"}],
        [{"decision_id": "1", "value": 0.0, "reason": "funds"},
         {"decision_id": "1", "value": 1.0, "recorded_at": NOON + timedelta(hours=1)}],
    )  # fmt: skip
    rows = obs.query("decision_count", by=["approved_reason"], over="2026-06-01..2026-06-02").finest
    assert rows.column("approved_reason").to_pylist() == [None]


def test_a_share_is_of_the_segment_and_not_of_everything(tmp_path: Path) -> None:
    obs = observe(tmp_path, [
        {"decision_id": "1", "chosen": "x", "country": "BR"},
        {"decision_id": "2", "chosen": "y", "country": "BR"},
        {"decision_id": "3", "chosen": "x", "country": "DE"},
        {"decision_id": "4", "chosen": "x", "country": None},
    ])  # fmt: skip
    rows = obs.query("traffic_share", by=["country", "route"], over="2026-06-01..2026-06-02")
    shares = {(r["country"], r["route"]): r["value"] for r in rows.finest.to_pylist()}
    assert shares == {("BR", "x"): 0.5, ("BR", "y"): 0.5, ("DE", "x"): 1.0, (None, "x"): 1.0}
    by_route = {r["route"]: r["value"] for r in rows.totals.to_pylist() if r["level"] == "route"}
    assert by_route == {"x": 0.75, "y": 0.25}


def test_a_null_dimension_is_a_group_and_not_a_total(tmp_path: Path) -> None:
    obs = observe(tmp_path, [{"decision_id": "1", "country": None},
                             {"decision_id": "2", "country": "DE"}])  # fmt: skip
    rows = obs.query("decision_count", by=["country"], over="2026-06-01..2026-06-02")
    assert rows.finest.num_rows == 2
    assert rows.totals.column("value").to_pylist() == [2]


@pytest.mark.parametrize("days", [1, 2, 3])
def test_a_window_is_half_open(tmp_path: Path, days: int) -> None:
    midnight = datetime(2026, 6, 1, tzinfo=UTC)
    rows = [{"decision_id": str(n), "decided_at": midnight + timedelta(days=n)} for n in range(5)]
    obs = observe(tmp_path, rows)
    over = f"2026-06-01..2026-06-0{1 + days}"
    assert value(obs, "decision_count", over=over, as_of=midnight + timedelta(days=9))["value"] \
        == days  # fmt: skip
