"""Outcomes follow the truth, with the delays, gaps and corrections that they claim."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from pellucid.testing.worlds import END_AT
from pellucid.testing.worlds.noise import Stream, lognormal, uniform
from pellucid.testing.worlds.outcomes import DECLINES


@pytest.fixture(scope="module")
def large(planted):
    """Return a world with enough decisions to count rare outcomes."""
    return planted(decisions=20_000)


def rows_of(view, outcome):
    return [row for row in view.world.tables["outcomes"].to_pylist() if row["outcome"] == outcome]


def test_recorded_value_ends_at_the_truth(large):
    """The last recorded value is what truly happened, but for the few not yet corrected."""
    truth = dict(zip(large.decisions("decision_id"), large.world.truth.is_approved, strict=True))
    wrong = [key for key, value in large.reported.items() if value != truth[key]]
    assert len(wrong) <= 0.001 * len(truth)


def test_missing_share_is_as_stated(large):
    """About 1.5% of the decisions never get an outcome; those near the end are pending."""
    old = large.decisions("decided_at") < np.datetime64(END_AT.replace(tzinfo=None), "us") - (
        np.timedelta64(1, "D")
    )
    ids = large.decisions("decision_id")[old]
    missing = sum(one not in large.reported for one in ids)
    assert abs(missing - 0.015 * len(ids)) < 4 * np.sqrt(0.015 * len(ids))


def test_corrections_come_later_and_differ(large):
    """0.3% are corrected: same decision and instant, later record, the other value."""
    seen: dict[str, list[dict]] = {}
    for row in rows_of(large, "approved"):
        seen.setdefault(row["decision_id"], []).append(row)
    corrected = [rows for rows in seen.values() if len(rows) > 1]
    assert abs(len(corrected) - 0.003 * len(seen)) < 4 * np.sqrt(0.003 * len(seen))
    for first, second in corrected:
        assert first["recorded_at"] < second["recorded_at"]
        assert first["outcome_at"] == second["outcome_at"]
        assert first["value"] == 1 - second["value"]


def test_delays_are_minutes_and_records_later(large):
    """Outcomes follow decisions by a median of two minutes and are recorded afterwards."""
    decided = dict(
        zip(
            large.decisions("decision_id"),
            large.world.tables["decisions"]["decided_at"].to_pylist(),
            strict=True,
        )
    )
    rows = rows_of(large, "approved")
    delays = [row["outcome_at"] - decided[row["decision_id"]] for row in rows]
    assert min(delays) > timedelta(0)
    assert timedelta(minutes=1.8) < sorted(delays)[len(delays) // 2] < timedelta(minutes=2.2)
    assert all(row["recorded_at"] > row["outcome_at"] for row in rows)


def test_declines_have_reason_and_blame(large):
    """A decline has a reason and who is to blame; an approval has neither."""
    blame_of = {reason: blame for reason, blame, _ in DECLINES}
    for row in rows_of(large, "approved"):
        if row["value"] == 1:
            assert (row["reason"], row["blame"]) == (None, None)
        else:
            assert row["blame"] == blame_of[row["reason"]]


def test_chargebacks_come_weeks_after_approval(large):
    """Only approved payments are charged back, 5 to 60 days later, about 0.6% in the end."""
    approved = {
        row["decision_id"]: row["outcome_at"]
        for row in rows_of(large, "approved")
        if large.reported[row["decision_id"]] == 1
    }
    charged = rows_of(large, "chargeback")
    truth = dict(zip(large.decisions("decision_id"), large.world.truth.is_approved, strict=True))
    assert charged
    for row in charged:
        assert row["value"] == 1
        assert truth[row["decision_id"]]
        if row["decision_id"] in approved:
            age = row["recorded_at"] - approved[row["decision_id"]]
            assert timedelta(days=5) <= age <= timedelta(days=60)


def test_approvals_happen_as_often_as_the_truth_says(large):
    """On every route the number approved is within noise of the sum of true probabilities."""
    chosen = large.candidates("is_chosen").astype(bool)
    chance = large.truth("approval_probability")[chosen]
    route = chosen.argmax(axis=1)
    for code in range(chosen.shape[1]):
        mine = route == code
        spread = np.sqrt((chance * (1 - chance))[mine].sum())
        difference = large.world.truth.is_approved[mine].sum() - chance[mine].sum()
        assert abs(difference) < 4.5 * spread + 1e-9


def test_best_route_and_expected_share(large):
    """The best route is the likeliest eligible one; expected shares are near the realised."""
    eligible = large.candidates("is_eligible").astype(bool)
    chance = np.where(eligible, large.truth("approval_probability"), -1.0)
    assert (chance.argmax(axis=1) == large.world.truth.best_route).all()
    acted = large.decisions("arm") != "control"
    expected = large.world.truth.expected_share
    assert sum(expected.values()) == pytest.approx(1.0)
    for route, share in expected.items():
        assert (large.decisions("chosen") == route)[acted].mean() == pytest.approx(share, abs=0.01)


def test_model_beats_the_static_rules(large):
    """True approval is higher where the model decides than under the static rules."""
    chosen = large.candidates("is_chosen").astype(bool)
    chance = large.truth("approval_probability")[chosen]
    arm = large.decisions("arm")
    assert chance[arm == "ml"].mean() > chance[arm == "control"].mean() + 0.01


def test_noise_is_uniform_and_streams_are_independent():
    """Deciles are even, neighbours and streams uncorrelated, lognormal has its median."""
    key = np.arange(100_000, dtype=np.uint64)
    first, second = uniform(key, Stream.APPROVAL, 7), uniform(key, Stream.RETRY, 7)
    counts = np.histogram(first, bins=10, range=(0, 1))[0]
    assert abs(counts - 10_000).max() < 400
    for left, right in ((first, second), (first[1:], first[:-1])):
        assert abs(np.corrcoef(left, right)[0, 1]) < 0.015
    assert abs(np.corrcoef(first, uniform(key, Stream.APPROVAL, 8))[0, 1]) < 0.015
    drawn = lognormal(key, Stream.RETRY_DELAY, 7, median=8.0, sigma=0.9)
    assert np.median(drawn) == pytest.approx(8.0, rel=0.03)
    assert np.log(drawn).std() == pytest.approx(0.9, rel=0.02)
