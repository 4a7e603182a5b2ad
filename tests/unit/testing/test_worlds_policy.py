"""The policy's log replays: picks follow from terms, propensities from picks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pellucid.testing.worlds import EligibilityRule
from pellucid.testing.worlds.layers import BLOCK, COMMITMENTS
from pellucid.testing.worlds.population import COUNTRIES
from pellucid.testing.worlds.routes import ROUTES, STATIC_RANKS


def test_argmax_of_logged_terms_replays_every_pick(calm):
    """Probability plus the terms so far is largest for the pick, at every stage, always."""
    acted = calm.decisions("arm") != "control"
    eligible = calm.candidates("is_eligible").astype(bool)
    utility = np.where(eligible, calm.candidates("probability"), -np.inf)
    assert (calm.routes[utility.argmax(axis=1)] == calm.decisions("pick_model"))[acted].all()
    for layer in calm.world.system.layers:
        utility = np.where(eligible, utility + calm.candidates(f"layer_{layer.name}"), -np.inf)
        pick = calm.routes[utility.argmax(axis=1)]
        assert (pick == calm.decisions(f"pick_{layer.name}"))[acted].all()
    assert (pick == calm.decisions("chosen"))[acted].all()


def test_terms_are_finite_and_each_layer_overrides(calm):
    """No term is infinite, and each layer changes some picks, though not most."""
    stages = calm.world.system.stages
    acted = calm.decisions("arm") != "control"
    for before, after in itertools.pairwise(stages):
        terms = calm.candidates(f"layer_{after}")
        assert np.isfinite(terms[~np.isnan(terms)]).all()
        changed = calm.decisions(f"pick_{before}") != calm.decisions(f"pick_{after}")
        assert 0 < changed[acted].mean() < 0.35, after


def test_propensities_are_epsilon_greedy(calm):
    """Outside the control arm: 0.96 for the guardrail's pick, 0.04 spread over the eligible."""
    acted = calm.decisions("arm") != "control"
    eligible = calm.candidates("is_eligible").astype(bool)
    is_greedy = calm.routes == calm.decisions("pick_guardrail")[:, None]
    expected = 0.96 * is_greedy + 0.04 * eligible / eligible.sum(axis=1, keepdims=True)
    propensity = calm.candidates("propensity")
    np.testing.assert_allclose(propensity[acted], expected[acted], rtol=1e-12)
    np.testing.assert_allclose(propensity.sum(axis=1), 1.0, rtol=1e-12)
    assert np.isfinite(propensity).all()


def test_exploration_is_as_often_as_it_says_and_even(calm):
    """The explored share is 4%, spread evenly over the eligible; its bonus falls on the chosen."""
    arm, eligible = calm.decisions("arm"), calm.candidates("is_eligible").astype(bool)
    explored = arm == "explore"
    n = (arm != "control").sum()
    assert abs(explored.sum() - 0.04 * n) < 4 * np.sqrt(0.04 * 0.96 * n)
    chosen = calm.candidates("is_chosen").astype(bool)
    bonus = calm.candidates("layer_exploration")
    assert ((bonus > 0) == (chosen & explored[:, None])).all()
    share = eligible / eligible.sum(axis=1, keepdims=True)
    expected, spread = share[explored].sum(axis=0), (share * (1 - share))[explored].sum(axis=0)
    assert (abs(chosen[explored].sum(axis=0) - expected) < 4 * np.sqrt(spread)).all()


def test_control_arm_is_decided_by_the_static_rules(calm):
    """5% of requests, all their attempts; the first eligible of the list; shadow scores."""
    control = calm.decisions("arm") == "control"
    first = calm.decisions("attempt") == 1
    n = first.sum()
    assert abs((control & first).sum() - 0.05 * n) < 4 * np.sqrt(0.05 * 0.95 * n)
    codes = [country.code for country in COUNTRIES]
    eligible = calm.candidates("is_eligible").astype(bool)
    ranks = STATIC_RANKS[[codes.index(code) for code in calm.decisions("country")]]
    static = calm.routes[np.where(eligible, ranks, 99).argmin(axis=1)]
    assert (calm.decisions("chosen") == static)[control].all()
    assert (calm.decisions("propensity")[control] == 1.0).all()
    for stage in calm.world.system.stages:
        assert (calm.decisions(f"pick_{stage}")[control] == None).all()  # noqa: E711
    assert (calm.decisions("model_id")[control] == None).all()  # noqa: E711
    assert np.isfinite(calm.decisions("chosen_raw_score")).all()
    arms = {}
    for request, is_control in zip(calm.decisions("request_id"), control, strict=True):
        assert arms.setdefault(request, is_control) == is_control


def test_retries_share_the_request_and_avoid_tried_routes(calm):
    """Attempts count 1, 2, 3; each comes after a decline and excludes what was tried."""
    names = ["request_id", "attempt", "decided_at", "chosen", "decision_id", "amount_minor"]
    rows = calm.world.tables["decisions"].select(names).to_pylist()
    reasons = calm.candidates("ineligible_reason")
    approved = calm.world.truth.is_approved
    requests: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        requests.setdefault(row["request_id"], []).append(place)
    assert max(len(places) for places in requests.values()) == 3
    for places in requests.values():
        assert [rows[place]["attempt"] for place in places] == list(range(1, len(places) + 1))
        assert len({rows[place]["amount_minor"] for place in places}) == 1
        assert len({rows[place]["chosen"] for place in places}) == len(places)
        assert not any(approved[place] for place in places[:-1])
        tried: set[str] = set()
        for place in places:
            marked = {calm.routes[i] for i in np.flatnonzero(reasons[place] == "already_tried")}
            assert marked == tried
            tried.add(rows[place]["chosen"])


def test_half_of_the_declines_are_retried(calm):
    """About half of declined first attempts have a second one."""
    attempt = calm.decisions("attempt")
    declined = ((attempt == 1) & ~calm.world.truth.is_approved).sum()
    retried = (attempt == 2).sum()
    assert abs(retried - declined / 2) < 4 * np.sqrt(declined / 4)


def test_fee_terms_are_the_true_fees(calm):
    """The fees layer takes off the route's cost as a share of the amount."""
    acted = calm.candidates("layer_fees")
    known = ~np.isnan(acted)
    assert (acted == -calm.truth("fee_share"))[known].all()
    amount = calm.candidates("f_amount").astype(float)
    share = (
        np.array([r.fee_share for r in ROUTES]) + np.array([r.fee_fixed for r in ROUTES]) / amount
    )
    np.testing.assert_allclose(calm.truth("fee_share"), share, rtol=1e-6)
    np.testing.assert_allclose(calm.candidates("f_fee_share"), share, rtol=1e-5)


def test_contract_bonus_follows_the_day_before(calm):
    """One bonus a day, only for committed processors, up only after a day below commitment."""
    committed = np.array([route.processor in COMMITMENTS for route in ROUTES])
    bonus, day = calm.candidates("layer_contract"), calm.decisions("decided_at").astype("M8[D]")
    assert (bonus[:, ~committed][~np.isnan(bonus[:, ~committed])] == 0).all()
    days = np.unique(day)
    daily = np.array([np.nanmax(bonus[day == one], axis=0) for one in days])
    assert (daily == [np.nanmin(bonus[day == one], axis=0) for one in days]).all()
    assert (daily[0] == 0).all()
    for column in np.flatnonzero(committed):
        processor = ROUTES[column].processor
        for yesterday, (before, after) in zip(
            days[:-1], zip(daily[:-1, column], daily[1:, column], strict=True), strict=True
        ):
            share = (calm.decisions("chosen_processor")[day == yesterday] == processor).mean()
            assert (after > before) <= (share < COMMITMENTS[processor])


def test_guardrail_keeps_high_amounts_off_weak_routes(calm):
    """In calm times the guardrail blocks exactly that."""
    term = calm.candidates("layer_guardrail")
    weak = np.array([route.is_weak for route in ROUTES])
    high = calm.decisions("amount_band") == "500_and_over"
    expected = np.where(high[:, None] & weak, BLOCK, 0.0)
    assert (term == expected)[~np.isnan(term)].all()
    assert (term == BLOCK).any()


def test_health_is_the_recorded_approval_of_the_days_before(calm):
    """One value a route and day, rounded to 0.01, near what was recorded in the three days."""
    day = calm.decisions("decided_at").astype("M8[D]")
    health = calm.candidates("f_route_health")
    last = day == np.unique(day)[-1]
    assert (health[last] == health[last][0]).all()
    outcomes = calm.world.tables["outcomes"].to_pylist()
    end = np.unique(day)[-1]
    for column, route in enumerate(calm.routes):
        firsts: dict[str, float] = {}
        for row in outcomes:
            known = np.datetime64(row["recorded_at"].replace(tzinfo=None), "D")
            is_recent = end - np.timedelta64(3, "D") <= known < end
            if is_recent and (row["outcome"], row["candidate_id"]) == ("approved", route):
                firsts.setdefault(row["decision_id"], row["value"])
        expected = (sum(firsts.values()) + 40 * 0.86) / (len(firsts) + 40)
        assert health[last][0, column] == pytest.approx(expected, abs=0.0101)


def test_no_eligible_candidate_leaves_the_choice_null(planted, days_before_end):
    """Where every route is suspended nothing is chosen, scored, paid or retried."""
    start_at = days_before_end(7)
    view = planted(
        *(EligibilityRule(route=r.name, country="JP", start_at=start_at) for r in ROUTES)
    )
    none = view.between(start_at, days=7) & (view.decisions("country") == "JP")
    assert none.any()
    assert ((view.decisions("chosen") == None) == none).all()  # noqa: E711
    assert (np.isnan(view.decisions("propensity")) == none).all()
    assert (view.candidates("propensity")[none] == 0).all()
    assert (view.world.truth.best_route == -1).tolist() == none.tolist()
    missing = set(view.decisions("decision_id")[none])
    assert missing.isdisjoint(view.world.tables["outcomes"]["decision_id"].to_pylist())
