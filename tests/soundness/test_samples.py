"""What a sample stands for, worked by hand: each kept request weighs 1 / its keep rate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sqrt
from pathlib import Path

import pyarrow as pa
import pytest

from pellucid.log.client import Logger
from pellucid.monitor.finalize import ESTIMATED, MIXED
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Dimension, Layer, Metric, Outcome, System
from pellucid.terminal import answer_text

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = "2026-06-01..2026-06-02"
TIMESTAMP = pa.timestamp("us", tz="UTC")
Z = 1.959963984540054
SYSTEM = System(
    name="sampled",
    dimensions=(Dimension(name="country"),),
    candidate=Candidate(name="route"),
    layers=(Layer(name="fees", label="Fees"),),
    outcomes=(Outcome(name="approved", matures_after="2h", rate="approval_rate"),),
)


def table(rows: list[dict], **times: datetime) -> pa.Table:
    rows = [{**times, **row} for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({
        name: pa.array([row.get(name) for row in rows], TIMESTAMP if name in times else None)
        for name in names
    })  # fmt: skip


@pytest.fixture
def obs(tmp_path: Path) -> Observatory:
    """Five decisions on four requests: `a` kept 1 in 2, `b` 1 in 10, `c` always; `d` 1 in 4.

    Request `a` was declined on x and retried on y. Of the decision on `z` no record was kept.
    """
    log = Logger(SYSTEM, to=tmp_path)
    log.decisions(table([
        {"decision_id": "a1", "request_id": "a", "attempt": 1, "sample_weight": 2.0, "chosen": "x",
         "country": "BR", "amount_minor": 100, "currency": "EUR", "pick_model": "x",
         "pick_fees": "x"},
        {"decision_id": "a2", "request_id": "a", "attempt": 2, "sample_weight": 2.0, "chosen": "y",
         "country": "BR", "amount_minor": 100, "currency": "EUR", "pick_model": "x",
         "pick_fees": "y"},
        {"decision_id": "b1", "request_id": "b", "attempt": 1, "sample_weight": 10.0, "chosen": "x",
         "country": "BR", "amount_minor": 300, "currency": "EUR", "pick_model": "y",
         "pick_fees": "x"},
        {"decision_id": "c1", "request_id": "c", "attempt": 1, "sample_weight": None, "chosen": "y",
         "country": "DE", "amount_minor": 50, "currency": "EUR", "pick_model": "y",
         "pick_fees": "y"},
        {"decision_id": "d1", "request_id": "d", "attempt": 1, "sample_weight": 4.0, "chosen": "y",
         "country": "DE", "amount_minor": 70, "currency": "BRL"},
    ], decided_at=NOON)).raise_for_refused()  # fmt: skip
    log.candidates(table([
        {"decision_id": one, "candidate_id": route, "is_eligible": route == "x" or one != "b1"}
        for one in ("a1", "a2", "b1", "c1") for route in ("x", "y")
    ], decided_at=NOON)).raise_for_refused()  # fmt: skip
    log.outcomes(table([
        {"decision_id": one, "outcome": "approved", "value": value}
        for one, value in {"a1": 0.0, "a2": 1.0, "b1": 1.0, "c1": 0.0, "d1": 1.0, "z": 1.0}.items()
    ], outcome_at=NOON, recorded_at=NOON)).raise_for_refused()  # fmt: skip
    return open_system(tmp_path)


def rows_of(obs: Observatory, metric: str | Metric, **options: object) -> list[dict]:
    options = {"over": DAY, "as_of": NOON + timedelta(days=1), **options}
    return obs.query(metric, **options).rows.to_pylist()


def total(obs: Observatory, metric: str | Metric, **options: object) -> dict:
    return rows_of(obs, metric, **options)[-1]


def test_a_count_is_what_all_kept_rows_stand_for(obs: Observatory) -> None:
    row = total(obs, "decision_count")
    assert (row["value"], row["n"], row["note"]) == (2 + 2 + 10 + 1 + 4, 5, ESTIMATED)
    # Both decisions on `a` were kept by one throw: together w(w - 1) 2².
    half = Z * sqrt(2 * 1 * 4 + 10 * 9 + 4 * 3)
    # Never below what was seen.
    assert (row["low"], row["high"]) == (5, pytest.approx(19 + half))


def test_a_request_weighs_what_its_first_attempt_does(obs: Observatory) -> None:
    row = total(obs, "request_count")
    assert (row["value"], row["n"]) == (2 + 10 + 1 + 4, 4)
    assert row["high"] == pytest.approx(17 + Z * sqrt(2 * 1 + 10 * 9 + 4 * 3))
    rate = total(obs, "request_approval_rate")
    assert (rate["numerator"], rate["denominator"], rate["n"]) == (2 + 10 + 4, 17, 4)


def test_a_candidate_weighs_what_its_decision_does(obs: Observatory) -> None:
    by_route = {row["route"]: row for row in rows_of(obs, "eligibility_rate", by=["route"])}
    assert by_route["x"]["value"] == 1
    assert (by_route["y"]["numerator"], by_route["y"]["denominator"]) == (5, 15)
    row = total(obs, "candidate_count")
    # Candidates of a decision are kept together, and a row does not know of how many: no interval.
    assert (row["value"], row["n"], row["low"]) == (30, 8, None)


def test_a_total_is_weighted_and_currencies_are_still_not_added(obs: Observatory) -> None:
    rows = {row["currency"]: row for row in rows_of(obs, "amount", by=["currency"])}
    assert (rows["EUR"]["value"], rows["EUR"]["n"]) == (2 * 100 + 10 * 300 + 50, 3)
    half = Z * sqrt(2 * 1 * 100**2 + 10 * 9 * 300**2)
    assert rows["EUR"]["low"] == pytest.approx(3250 - half)
    assert rows["EUR"]["high"] == pytest.approx(3250 + half)
    assert (rows[None]["value"], rows[None]["low"], rows[None]["note"]) == (None, None, MIXED)


def test_a_mean_and_its_interval(obs: Observatory) -> None:
    row = total(obs, "mean_amount", where="currency = 'EUR'")
    mean = 3250 / 13
    residuals = (2 * (100 - mean)) ** 2 + (10 * (300 - mean)) ** 2 + (50 - mean) ** 2
    half = Z * sqrt(3 / 2 * residuals) / 13
    assert [row[name] for name in ("value", "low", "high")] == pytest.approx(
        [mean, mean - half, mean + half]
    )
    assert (row["numerator"], row["denominator"], row["n"]) == (3250, 13, 3)


def test_a_rate_counts_as_many_trials_as_its_variance_is_worth(obs: Observatory) -> None:
    """3 of 5 stored decisions are approved, and stand for 16 of 19."""
    row = total(obs, "approval_rate")
    rate = 16 / 19
    assert (row["value"], row["numerator"], row["denominator"]) == (pytest.approx(rate), 16, 19)
    assert row["n"] == 5
    hits, misses = 2**2 + 10**2 + 4**2, 2**2 + 1
    size = rate * (1 - rate) * 19**2 / (hits * (1 - rate) ** 2 + misses * rate**2)
    centre = (rate + Z**2 / (2 * size)) / (1 + Z**2 / size)
    half = Z * sqrt(rate * (1 - rate) / size + Z**2 / (4 * size**2)) / (1 + Z**2 / size)
    assert (row["low"], row["high"]) == pytest.approx((centre - half, centre + half))


def test_a_ratio_and_its_interval(obs: Observatory) -> None:
    metric = Metric(name="approved_amount", unit="request", finalizer="ratio", per="amount_minor",
                    value="amount_minor * approved", where="currency = 'EUR'")  # fmt: skip
    row = total(obs, metric)
    # Requests a and b are approved, of the amounts 100 and 300; c, of 50, is not.
    ratio = (2 * 100 + 10 * 300) / 3250
    residuals = (2 * 100 * (1 - ratio)) ** 2 + (10 * 300 * (1 - ratio)) ** 2 + (50 * ratio) ** 2
    half = Z * sqrt(3 / 2 * residuals) / 3250
    assert [row[name] for name in ("value", "low", "high")] == pytest.approx(
        [ratio, ratio - half, ratio + half]
    )
    assert (row["numerator"], row["denominator"], row["n"]) == (3200, 3250, 3)


def test_a_rate_is_of_its_own_population(obs: Observatory) -> None:
    metric = Metric(name="x_in_br", finalizer="rate", value="chosen = 'x'", where="country = 'BR'")
    row = total(obs, metric)
    assert (row["numerator"], row["denominator"], row["n"]) == (12, 14, 3)
    elsewhere = Metric(name="y", finalizer="rate", value="chosen = 'y'", where="country = 'BR'")
    assert total(obs, elsewhere)["numerator"] == 2


def test_of_hits_alone_the_weights_say_how_many_they_are_worth(obs: Observatory) -> None:
    row = total(obs, "approval_rate", where="decision_id <> 'a1' AND decision_id <> 'c1'")
    size = (2 + 10 + 4) ** 2 / (4 + 100 + 16)
    assert (row["value"], row["high"]) == (1, 1)
    assert row["low"] == pytest.approx(size / (size + Z**2))


def test_a_share_is_of_what_the_segment_stands_for(obs: Observatory) -> None:
    rows = rows_of(obs, "traffic_share", by=["country", "route"])
    shares = {(row["country"], row["route"]): row["value"] for row in rows}
    assert shares["BR", "x"] == pytest.approx(12 / 14)
    assert shares["DE", "y"] == 1
    assert {row["n"] for row in rows if row["country"] == "BR"} == {3}


def test_what_was_logged_in_full_is_counted_and_not_estimated(obs: Observatory) -> None:
    row = total(obs, "decision_count", where="decision_id = 'c1'")
    assert (row["value"], row["low"], row["high"], row["note"]) == (1, None, None, None)
    assert obs.query("amount", over=DAY, where="decision_id = 'c1'").note == ""


def test_whole_numbers_beyond_a_float_are_weighted_too(tmp_path: Path) -> None:
    rows = [{"decision_id": str(n), "amount_minor": 2**53 + 1, "currency": "EUR",
             "sample_weight": 4.0} for n in range(3)]  # fmt: skip
    Logger(SYSTEM, to=tmp_path).decisions(table(rows, decided_at=NOON)).raise_for_refused()
    row = total(open_system(tmp_path), "amount")
    assert row["value"] == pytest.approx(12 * 2**53, rel=1e-15)
    assert row["high"] - row["value"] == pytest.approx(Z * sqrt(3 * 4 * 3) * 2**53, rel=1e-12)


def test_what_has_no_value_is_not_called_an_estimate(obs: Observatory) -> None:
    nothing = Metric(name="nothing", finalizer="ratio", value="attempt", per="attempt - attempt")
    row = total(obs, nothing)
    assert (row["value"], row["n"], row["note"]) == (None, 5, None)


def test_an_answer_says_that_it_is_estimated(obs: Observatory) -> None:
    answer = obs.query("decision_count", "approval_rate", over=DAY)
    assert answer.note.startswith("Estimated from a sample: n counts what is stored")
    text = answer_text(answer)
    assert text.endswith(f"\n\n{answer.note}")
    count = next(line for line in text.splitlines() if line.startswith("decision_count"))
    assert count.split() == ["decision_count", "19", "5", "to", "40", "5"]


def test_the_flow_is_of_what_decisions_stand_for(obs: Observatory) -> None:
    flow = obs.flow(over=DAY)
    assert (flow.decisions, flow.outside, flow.n) == (15, 4, 4)
    nodes = {(row["stage"], row["candidate"]): row["decisions"] for row in flow.nodes.to_pylist()}
    assert nodes == {("Model", "x"): 4, ("Model", "y"): 11, ("Fees", "x"): 12, ("Fees", "y"): 3}
    moved = {(row["source"], row["target"]): row["share"] for row in flow.links.to_pylist()
             if row["is_moved"]}  # fmt: skip
    assert moved == {("x", "y"): pytest.approx(2 / 15), ("y", "x"): pytest.approx(10 / 15)}


def test_an_outcome_without_a_decision_is_no_surprise_in_a_sample(obs: Observatory) -> None:
    found = [finding for finding in obs.check() if "outcomes" in finding.what]
    assert [(finding.severity, finding.table) for finding in found] == [("ok", "outcomes")]
    assert found[0].what.startswith("1 decisions have outcomes and are not stored")


def test_an_outcome_without_a_decision_is_one_where_all_are_logged(tmp_path: Path) -> None:
    log = Logger(SYSTEM, to=tmp_path)
    log.decisions(table([{"decision_id": "a"}], decided_at=NOON))
    log.outcomes(table([{"decision_id": "z", "outcome": "approved", "value": 1.0}],
                       outcome_at=NOON, recorded_at=NOON))  # fmt: skip
    found = [finding for finding in open_system(tmp_path).check() if "wait" in finding.what]
    assert [finding.severity for finding in found] == ["warn"]
