"""Sampling of live decisions: by request, coordinated, weighted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.log.kinds import DECISION, OUTCOME
from pellucid.log.records import Shape, make_batch
from pellucid.log.sampling import KeepRate, Sampling, position

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SYSTEM = pellucid.System(
    name="sampled", dimensions=(pellucid.Dimension(name="country"),),
    outcomes=(pellucid.Outcome(name="approved", matures_after="1h"),),
)  # fmt: skip


def decision(number: int, **fields: object) -> dict[str, object]:
    return {"id": f"d{number}", "at": NOW, "dims": {"country": "BR"}, **fields}


def kept(sampling: Sampling, records: list[dict[str, object]]) -> dict[str, float]:
    batch = make_batch([(DECISION, record) for record in records], Shape(sampling=sampling))
    assert batch.records + batch.sampled_out == len(records)
    columns = batch.parts[0]["decisions"]
    return dict(zip(columns["decision_id"], columns["sample_weight"], strict=True))


def test_the_keep_rate_is_kept_and_its_inverse_is_the_weight() -> None:
    found = kept(Sampling(rate=0.2), [decision(number) for number in range(20_000)])
    # Five standard errors of a binomial share.
    assert abs(len(found) / 20_000 - 0.2) < 5 * (0.2 * 0.8 / 20_000) ** 0.5
    assert set(found.values()) == {5.0}


def test_positions_are_uniform() -> None:
    shares = np.sort([position(f"request-{number}") for number in range(20_000)])
    # Kolmogorov-Smirnov distance to the uniform law; 2.2 / sqrt(n) is passed once in 10,000.
    assert np.abs(shares - np.arange(20_000) / 20_000).max() < 2.2 / 20_000**0.5


def test_attempts_of_a_request_stay_together_and_rates_are_nested() -> None:
    records = [
        decision(number, request_id=f"r{number // 3}", attempt=number % 3 + 1)
        for number in range(3_000)
    ]
    low, high = kept(Sampling(rate=0.1), records), kept(Sampling(rate=0.5), records)
    requests = [int(name[1:]) // 3 for name in low]
    assert {requests.count(request) for request in set(requests)} == {3}
    assert low.keys() < high.keys()


def test_the_first_rule_that_fits_decides() -> None:
    sampling = Sampling(rate=0.1, rules=(
        KeepRate(1.0, {"arm": "control"}), KeepRate(0.5, {"country": "BR"}),
    ))  # fmt: skip
    assert sampling.rate_of(decision(1, arm="control")) == 1.0
    assert sampling.rate_of(decision(1)) == 0.5
    assert sampling.rate_of(decision(1, dims={"country": "DE"})) == 0.1
    assert sampling.rate_of({"id": "x", "dims": None}) == 0.1


def test_a_callers_own_weight_is_multiplied() -> None:
    found = kept(Sampling(rate=0.5), [decision(n, sample_weight=3) for n in range(100)])
    assert set(found.values()) == {6.0}
    alone = make_batch([(DECISION, decision(1, sample_weight=4)), (DECISION, decision(2))], Shape())
    assert alone.parts[0]["decisions"]["sample_weight"] == [4.0, 1.0]
    assert (
        "sample_weight" not in make_batch([(DECISION, decision(1))], Shape()).parts[0]["decisions"]
    )


def test_bad_records_are_refused_and_not_sampled_away() -> None:
    records = [(DECISION, {"at": NOW}), (DECISION, 7), (OUTCOME, {"decision_id": "a"})]
    batch = make_batch(records, Shape(sampling=Sampling(rate=0.001)))
    assert batch.sampled_out == 0
    assert sum(batch.refused.values()) == 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Sampling(rate=0), "rate is 0; it must lie in"),
        (lambda: Sampling(rate=1.5), "rate is 1.5"),
        (lambda: Sampling(rules=(KeepRate(float("nan"), {"a": 1}),)), r"rules\[0\] is nan"),
        (lambda: Sampling(rules=(KeepRate(0.5, {}),)), r"rules\[0\] names no dimension"),
    ],
)
def test_what_cannot_be_weighed_up_is_refused(make, words: str) -> None:
    with pytest.raises(pellucid.SpecError, match=words):
        make()


def test_a_rule_of_an_unknown_dimension_is_refused_with_the_nearest(tmp_path: Path) -> None:
    sampling = Sampling(rules=(KeepRate(0.5, {"contry": "BR"}),))
    with pytest.raises(pellucid.SpecError, match="did you mean 'country'"):
        pellucid.Logger(SYSTEM, to=tmp_path / "lake", sampling=sampling)


def test_what_is_kept_is_stored_with_its_weight_and_all_outcomes(tmp_path: Path) -> None:
    live = pellucid.LiveSettings(spool=tmp_path / "spool", flush_seconds=0.05)
    log = pellucid.Logger(SYSTEM, to=tmp_path / "lake", live=live, sampling=Sampling(rate=0.25))
    for number in range(400):
        assert log.record(decision(number), durable=number % 100 == 0, timeout=30)
        log.outcome(f"d{number}", "approved", 1, at=NOW)
    assert log.close()
    health = log.health()
    rows = pellucid.open(tmp_path / "lake").records.rows("decisions")
    expected = {f"d{number}" for number in range(400) if position(f"d{number}") < 0.25}
    assert set(rows.column("decision_id").to_pylist()) == expected
    assert set(rows.column("sample_weight").to_pylist()) == {4.0}
    assert health.sampled_out == 400 - len(expected)
    assert health.is_well
    assert pellucid.open(tmp_path / "lake").records.rows("outcomes").num_rows == 400
