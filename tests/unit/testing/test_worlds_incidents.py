"""Each incident is visible where it was planted, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.testing.worlds import (
    DEMO_INCIDENTS,
    END_AT,
    EligibilityRule,
    FeeChange,
    IssuerDecline,
    Outage,
    StaleFeature,
    UnitChange,
    WeekdayHabit,
    demo_incidents,
)

FEATURES = ("amount", "route_health", "issuer_health", "fee_share", "hour", "country", "route")


def assert_same_before(view, calm, start_at):
    """Until the incident begins, its world and the calm one are identical."""
    count = int((~view.between(start_at, days=99)).sum())
    assert 0 < count < len(calm.decisions("arm"))
    for name, width in (("decisions", 1), ("candidates", 8)):
        ours = view.world.tables[name].slice(0, count * width)
        theirs = calm.world.tables[name].slice(0, count * width)
        assert ours.equals(theirs)


def test_outage_collapses_one_routes_approvals(calm, planted, days_before_end):
    """In its hours the route approves hardly anything; all else is true to the calm world."""
    start_at = days_before_end(5)
    view = planted(Outage(route="cedar-direct", start_at=start_at, hours=24))
    assert_same_before(view, calm, start_at)
    inside = view.between(start_at, hours=24)
    is_route = view.routes == "cedar-direct"
    hit = inside[:, None] & is_route
    chance, without = view.truth("approval_probability"), view.truth("approval_without_incidents")
    assert (chance[hit] < 0.2).all()
    assert (chance == without)[~hit].all()
    chosen = view.candidates("is_chosen").astype(bool)
    approved = view.world.truth.is_approved
    assert approved[(chosen & hit).any(axis=1)].mean() < 0.3
    assert approved[~(chosen & hit).any(axis=1)].mean() > 0.75


def test_outage_trips_the_breaker_with_a_lag_and_is_blamed(calm, planted, days_before_end):
    """The guardrail blocks the route some hours in, not at once; declines blame the route."""
    start_at = days_before_end(5)
    view = planted(Outage(route="cedar-direct", start_at=start_at, hours=24))
    column = list(view.routes).index("cedar-direct")
    blocked = view.candidates("layer_guardrail")[:, column] < 0
    assert not blocked[view.between(start_at, hours=3)].any()
    assert blocked[view.between(start_at, hours=30)].any()
    assert not blocked[~view.between(start_at, hours=36)].any()
    assert not (calm.candidates("layer_guardrail")[:, column] < 0).any()
    ids = set(view.decisions("decision_id")[view.between(start_at, hours=24)])
    rows = [
        row["blame"]
        for row in view.world.tables["outcomes"].to_pylist()
        if row["decision_id"] in ids and row["candidate_id"] == "cedar-direct" and row["value"] == 0
    ]
    assert rows.count("route") > 0.6 * len(rows) > 0


def test_outage_in_training_is_in_the_training_records(planted):
    """The demo's outage lies on a training Tuesday and is in the labels of that day alone."""
    view = planted(*DEMO_INCIDENTS, history_days=28, live_days=28, decisions=12_000)
    outage = DEMO_INCIDENTS[0]
    rows = [
        row
        for row in view.world.tables["training"].to_pylist()
        if row["candidate_id"] == outage.route
    ]
    rates = {}
    for row in rows:
        rates.setdefault(row["observed_at"].date(), []).append(row["label"])
    daily = {day: np.mean(labels) for day, labels in rates.items()}
    worst = min(daily, key=daily.get)
    assert worst == outage.start_at.date()
    assert worst.strftime("%A") == "Tuesday"
    assert daily.pop(worst) < 0.45 < min(daily.values())


def test_demo_model_learns_to_avoid_tuesdays(planted):
    """The healthy route scores lower and gets less traffic on live Tuesdays; calm worlds do not."""
    settings = {"history_days": 28, "live_days": 28, "decisions": 12_000}
    gaps, shares = [], []
    for incidents in (DEMO_INCIDENTS, ()):
        view = planted(*incidents, **settings)
        column = list(view.routes).index("cedar-direct")
        score = view.candidates("raw_score")[:, column]
        tuesday = view.candidates("f_weekday")[:, 0] == "tuesday"
        gaps.append(np.nanmean(score[tuesday]) - np.nanmean(score[~tuesday]))
        picked = view.decisions("pick_model") == "cedar-direct"
        shares.append(picked[tuesday].mean() - picked[~tuesday].mean())
    assert gaps[0] < -0.3 < -0.15 < gaps[1]
    assert shares[0] < -0.04 < -0.02 < shares[1]


@pytest.mark.parametrize("history_days", [3, 7, 14, 28])
def test_demo_fits_its_timeline(history_days):
    """The outage is on a Tuesday inside the training window; the fee rise is in live traffic."""
    incidents = demo_incidents(live_start_at=END_AT, history_days=history_days, live_days=10)
    outages = [item for item in incidents if isinstance(item, Outage)]
    assert len(outages) == (history_days >= 5)
    for outage in outages:
        assert outage.start_at.strftime("%A") == "Tuesday"
        assert 0 < (END_AT - outage.start_at).days < history_days
    assert incidents[-1].start_at > END_AT


def test_issuer_decline_lowers_one_issuer_on_every_route(calm, planted, days_before_end):
    """The issuer's true chances fall in its days; no other issuer's do."""
    start_at = days_before_end(6)
    view = planted(IssuerDecline(issuer="us-juniper", start_at=start_at, days=3, effect=-1.5))
    assert_same_before(view, calm, start_at)
    hit = view.between(start_at, days=3) & (view.decisions("issuer") == "us-juniper")
    chance, without = view.truth("approval_probability"), view.truth("approval_without_incidents")
    shift = np.log(chance / (1 - chance)) - np.log(without / (1 - without))
    np.testing.assert_allclose(shift[hit], -1.5, atol=1e-9)
    assert (chance == without)[~hit].all()
    assert view.world.truth.is_approved[hit].mean() < calm.world.truth.is_approved.mean() - 0.1


def test_weekday_habit_lowers_one_route_on_its_weekday_in_history_and_live(
    calm, planted, days_before_end
):
    """Its true chances fall on each such day, and on no other; the training labels show it too."""
    habit = WeekdayHabit(
        route="cedar-direct", weekday="friday", start_at=days_before_end(28), effect=-2.0
    )
    view = planted(habit)
    is_friday = view.candidates("f_weekday")[:, 0] == "friday"
    hit = is_friday[:, None] & (view.routes == "cedar-direct")
    chance, without = view.truth("approval_probability"), view.truth("approval_without_incidents")
    shift = np.log(chance / (1 - chance)) - np.log(without / (1 - without))
    np.testing.assert_allclose(shift[hit], -2.0, atol=1e-9)
    assert (chance == without)[~hit].all()
    rates = []
    for world in (view.world, calm.world):
        rows = [row for row in world.tables["training"].to_pylist()
                if row["candidate_id"] == "cedar-direct"]  # fmt: skip
        labels = {on: [row["label"] for row in rows if (row["f_weekday"] == "friday") == on]
                  for on in (True, False)}  # fmt: skip
        rates.append(np.mean(labels[True]) - np.mean(labels[False]))
    assert rates[0] < -0.2 < -0.1 < rates[1]


def test_fee_change_multiplies_one_routes_fee(calm, planted, days_before_end):
    """Fee share and fee term grow by the factor from the start on, for that route alone."""
    start_at = days_before_end(7)
    view = planted(FeeChange(route="elm-direct", start_at=start_at, factor=3.0))
    assert_same_before(view, calm, start_at)
    hit = view.between(start_at, days=7)[:, None] & (view.routes == "elm-direct")
    before = calm.world.tables["decisions"]["decision_id"].to_pylist()
    place = {one: row for row, one in enumerate(before)}
    known = [row for row, one in enumerate(view.decisions("decision_id")) if one in place]
    theirs = [place[view.decisions("decision_id")[row]] for row in known]
    ratio = view.truth("fee_share")[known] / calm.truth("fee_share")[theirs]
    np.testing.assert_allclose(ratio, np.where(hit[known], 3.0, 1.0), rtol=1e-12)
    shares = [
        (one.decisions("pick_fees") == "elm-direct")[one.between(start_at, days=7)].mean()
        for one in (view, calm)
    ]
    assert shares[0] < shares[1] - 0.02


def test_eligibility_rule_suspends_a_route_in_a_country(calm, planted, days_before_end):
    """From the start on the route is ineligible there, with the rule's own reason."""
    start_at = days_before_end(7)
    view = planted(EligibilityRule(route="cedar-direct", country="US", start_at=start_at))
    assert_same_before(view, calm, start_at)
    is_there = view.between(start_at, days=7) & (view.decisions("country") == "US")
    suspended = view.candidates("ineligible_reason") == "suspended_in_country"
    assert (suspended == (is_there[:, None] & (view.routes == "cedar-direct"))).all()
    assert is_there.any()


@pytest.mark.parametrize("feature", FEATURES)
def test_null_feature_is_null_in_its_days_only(calm, planted, days_before_end, feature):
    """What the model sees is null in the days, unchanged elsewhere; the truth does not move."""
    start_at = days_before_end(6)
    view = planted(StaleFeature(feature=feature, start_at=start_at, days=2, kind="null"))
    assert_same_before(view, calm, start_at)
    inside = view.between(start_at, days=2)
    column = view.world.tables["candidates"][f"f_{feature}"]
    is_null = column.is_null().to_numpy().reshape(-1, 8)
    assert (is_null == inside[:, None]).all()
    assert np.isfinite(view.decisions("chosen_raw_score")).all()
    for other in set(FEATURES) - {feature}:
        assert view.world.tables["candidates"][f"f_{other}"].null_count == 0
    truth = view.world.truth
    assert np.array_equal(truth.approval_probability, truth.approval_without_incidents)


@pytest.mark.parametrize("feature", ["route_health", "issuer_health", "amount", "hour"])
def test_frozen_feature_stands_still(calm, planted, days_before_end, feature):
    """In its days one value for each route (issuer) is seen; after them it moves again."""
    start_at = days_before_end(8)
    view = planted(StaleFeature(feature=feature, start_at=start_at, days=6, kind="frozen"))
    assert_same_before(view, calm, start_at)
    inside, after = view.between(start_at, days=6), view.between(days_before_end(2), days=2)
    values, issuer = view.candidates(f"f_{feature}"), view.decisions("issuer")
    groups = issuer if feature == "issuer_health" else np.full(len(issuer), "all")
    moved = False
    for group in set(groups):
        mine = inside & (groups == group)
        assert (values[mine] == values[mine][:1]).all()
        moved |= len(np.unique(values[after & (groups == group)][:, 4])) > 1
    assert moved


@pytest.mark.parametrize("feature", ["amount", "customer_age_days"])
def test_unit_change_is_seen_by_the_model_only(calm, planted, days_before_end, feature):
    """From the start on the seen value is a hundredth; payments and truth are unchanged."""
    start_at = days_before_end(7)
    view = planted(UnitChange(feature=feature, start_at=start_at, factor=0.01))
    assert_same_before(view, calm, start_at)
    ids = {one: row for row, one in enumerate(calm.decisions("decision_id"))}
    pairs = [(row, ids[one]) for row, one in enumerate(view.decisions("decision_id")) if one in ids]
    ours, theirs = np.array(pairs).T
    factor = np.where(view.between(start_at, days=7)[ours], 0.01, 1.0)[:, None]
    seen = view.candidates(f"f_{feature}")[ours]
    np.testing.assert_allclose(seen, calm.candidates(f"f_{feature}")[theirs] * factor, rtol=1e-6)
    same_amount = view.decisions("amount_minor")[ours] == calm.decisions("amount_minor")[theirs]
    assert same_amount.all()
    truth = view.world.truth
    assert np.array_equal(truth.approval_probability, truth.approval_without_incidents)


def test_calm_world_has_no_incident(calm):
    """Without incidents the truth is its own counterfactual and nothing is null."""
    truth = calm.world.truth
    assert np.array_equal(truth.approval_probability, truth.approval_without_incidents)
    assert calm.world.incidents == ()
    for feature in calm.world.system.features:
        assert calm.world.tables["candidates"][f"f_{feature.name}"].null_count == 0
