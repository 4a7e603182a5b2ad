"""Incidents followed from look to look: opened once, joined, resolved, open again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.metrics.catalogue import catalogue
from pellucid.monitor.checks.panel import Looked, Seen, key_of, make_alert
from pellucid.monitor.incidents.book import Book
from pellucid.monitor.incidents.incident import Alert, Cause, Incident
from pellucid.monitor.incidents.records import alert_row, incident_of, incident_row
from pellucid.monitor.incidents.relation import Stages
from pellucid.spec.check import Check, Marker
from pellucid.testing.worlds.system import payment_system

SYSTEM = payment_system()
STAGES = Stages(SYSTEM, catalogue(SYSTEM))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 10, 26, 12, tzinfo=UTC)
METRICS = ("approval_rate", "eligibility_rate", "mean_score", "traffic_share", "mean_layer_fees")
CHECKS = {
    name: Check(name=name, metric=name, owner="payments", severity="warn") for name in METRICS
} | {"features": Check(name="features", rule="drift")}


def alert(
    metric: str, since: datetime, raised: datetime, *, p_value: float = 1e-9,
    severity: str = "warn", **where: str,
) -> Alert:  # fmt: skip
    check = replace(CHECKS[metric], severity=severity)  # type: ignore[arg-type]
    return make_alert(
        check, kind="metric", subject=metric, label=metric, where=tuple(where.items()),
        since_at=since, raised_at=raised, why=f"{metric} fell",
        seen=Seen(value=0.5, expected=0.9, n=100, p_value=p_value),
    )  # fmt: skip


def column(part: float, since: datetime, name: str = "amount") -> Alert:
    return make_alert(
        CHECKS["features"], kind="column", subject=name, label=name, where=(), since_at=since,
        raised_at=since + DAY, seen=Seen(value=part), why=f"{name} moved",
    )  # fmt: skip


def told(found: Alert, instant: datetime) -> Cause:
    return Cause(kind=found.kind, subject=found.subject, label=found.label, slice=found.slice,
                 told=found.why)  # fmt: skip


def looked(*alerts: Alert, clear: Iterable[Alert] | None = None) -> Looked:
    ids = frozenset(item.alert_id for item in (alerts if clear is None else clear))
    return Looked(alerts, ids, frozenset(key_of(item) for item in alerts))


QUIET = looked()


def book(*markers: Marker, known: Iterable[Incident] = ()) -> Book:
    return Book(STAGES, CHECKS, markers, known)


def only(found: Book) -> Incident:
    (incident,) = found.incidents.values()
    return incident


def test_alerts_of_one_place_are_one_incident_put_down_to_the_earliest_stage() -> None:
    own = book()
    at = NOON + HOUR
    shown = [
        alert("traffic_share", NOON, at, route="cedar-direct", country="BR"),
        alert("approval_rate", NOON, at, country="BR"),
        alert("eligibility_rate", NOON, at, route="cedar-direct", country="BR"),
        alert("traffic_share", NOON, at, route="elm-direct", country="BR"),
    ]
    changed = own.follow(NOON + HOUR, looked(*shown), told)
    assert changed == [only(own)]
    assert only(own).cause.subject == "eligibility_rate"
    assert only(own).owner == "payments"
    assert {key_of(item) for item in only(own).alerts} == {key_of(item) for item in shown}


def test_two_places_of_one_stage_are_two_incidents() -> None:
    own = book()
    two = [alert("approval_rate", NOON - HOUR, NOON, issuer=name)
           for name in ("us-mesa", "gb-kestrel")]  # fmt: skip
    own.follow(NOON, looked(*two), told)
    assert len(own.incidents) == 2


def test_what_only_stands_beside_an_incident_opens_none() -> None:
    own = book()
    clear = alert("approval_rate", NOON - HOUR, NOON, issuer="us-mesa")
    weak = alert("approval_rate", NOON - HOUR, NOON, issuer="gb-kestrel", p_value=1e-3)
    own.follow(NOON, looked(clear, weak, clear=[clear]), told)
    assert only(own).alerts == (clear,)


def test_the_same_failure_hour_after_hour_changes_nothing() -> None:
    own = book()
    own.follow(NOON, looked(alert("approval_rate", NOON, NOON, route="cedar-direct")), told)
    for hour in range(1, 5):
        at = NOON + hour * HOUR
        again = alert("approval_rate", NOON + HOUR, at, route="cedar-direct")
        changed = own.follow(at, looked(again), told)
        assert [replace(item, last_at=NOON) for item in changed] == [
            replace(only(own), last_at=NOON)
        ]
    assert len(only(own).alerts) == 1
    assert only(own).last_at == NOON + 4 * HOUR
    assert only(own).changed_at == NOON


def test_six_quiet_hours_resolve_it_and_two_days_later_it_is_another() -> None:
    own = book()
    own.follow(NOON, looked(alert("approval_rate", NOON, NOON, route="cedar-direct")), told)
    for hour in range(1, 6):
        own.follow(NOON + hour * HOUR, QUIET, told)
        assert only(own).state == "open"
    own.follow(NOON + 6 * HOUR, QUIET, told)
    assert only(own).state == "resolved"
    soon = NOON + 20 * HOUR
    own.follow(soon, looked(alert("approval_rate", soon, soon, route="cedar-direct")), told)
    assert only(own).state == "open"
    for hour in range(1, 60):
        own.follow(soon + hour * HOUR, QUIET, told)
    later = soon + 60 * HOUR
    own.follow(later, looked(alert("approval_rate", later, later, route="cedar-direct")), told)
    assert [item.state for item in own.incidents.values()] == ["resolved", "open"]


def test_columns_are_looked_at_by_the_day_and_stay_for_two() -> None:
    own = book()
    own.follow(NOON, looked(column(0.9, NOON - DAY)), told)
    own.follow(NOON + DAY, QUIET, told)
    assert only(own).state == "open"
    own.follow(NOON + 2 * DAY, QUIET, told)
    assert only(own).state == "resolved"


def test_a_broken_column_takes_over_from_the_scores_it_moved() -> None:
    own = book()
    own.follow(NOON, looked(alert("mean_score", NOON - HOUR, NOON)), told)
    midnight = NOON + 12 * HOUR
    own.follow(midnight, looked(column(0.6, midnight - DAY)), told)
    assert only(own).cause.subject == "amount"
    assert only(own).state == "open"


def test_what_fails_and_is_not_tried_again_is_put_down_to_failing() -> None:
    own = book()
    first = alert("eligibility_rate", NOON - HOUR, NOON, route="cedar-direct", country="BR")
    own.follow(NOON, looked(first), told)
    later = NOON + 2 * HOUR
    own.follow(later, looked(first, alert("approval_rate", NOON - HOUR, later,
                                          route="cedar-direct")), told)  # fmt: skip
    assert only(own).cause.subject == "approval_rate"
    elsewhere = book()
    elsewhere.follow(NOON, looked(first), told)
    elsewhere.follow(later, looked(first, alert("approval_rate", NOON - HOUR, later)), told)
    assert only(elsewhere).cause.subject == "eligibility_rate"


def test_a_column_that_moved_everywhere_is_not_of_one_banks_incident() -> None:
    own = book()
    own.follow(NOON, looked(alert("approval_rate", NOON - HOUR, NOON, issuer="us-mesa")), told)
    midnight = NOON + 12 * HOUR
    own.follow(midnight, looked(column(0.9, midnight - DAY)), told)
    assert sorted(item.cause.kind for item in own.incidents.values()) == ["column", "metric"]


def test_a_look_at_part_of_the_checks_resolves_nothing() -> None:
    own = book()
    own.follow(NOON, looked(alert("approval_rate", NOON, NOON)), told)
    own.follow(NOON + 3 * DAY, QUIET, told, is_whole=False)
    assert only(own).state == "open"


def test_severity_rises_with_its_alerts_and_never_falls() -> None:
    own = book()
    own.follow(NOON, looked(alert("traffic_share", NOON, NOON, severity="info")), told)
    own.follow(NOON + HOUR, looked(alert("approval_rate", NOON, NOON + HOUR,
                                         severity="critical")), told)  # fmt: skip
    assert only(own).severity == "critical"
    own.follow(NOON + 2 * HOUR, looked(alert("traffic_share", NOON, NOON, severity="info")), told)
    assert only(own).severity == "critical"


def test_a_mute_ends_and_an_acknowledged_one_stays() -> None:
    own = book()
    failing = alert("approval_rate", NOON, NOON)
    own.follow(NOON, looked(failing), told)
    until = NOON + 2 * HOUR
    muted = book(known=[replace(only(own), state="muted", muted_until=until)])
    muted.follow(NOON + HOUR, looked(failing), told)
    assert only(muted).state == "muted"
    muted.follow(until, looked(failing), told)
    assert only(muted).state == "open"
    held = book(known=[replace(only(own), state="acknowledged", owner="ana")])
    held.follow(until, looked(failing), told)
    assert (only(held).state, only(held).owner) == ("acknowledged", "ana")


@pytest.mark.parametrize(("where", "state"), [({"route": "elm-direct"}, "muted"),
                                              ({"route": "cedar-direct"}, "open")])  # fmt: skip
def test_what_is_known_is_muted_where_it_is_known(where: dict[str, str], state: str) -> None:
    known = Marker(name="elm migrates", at=(NOON - HOUR).isoformat(), kind="known",
                   until=(NOON + DAY).isoformat(), slice=("route=elm-direct",))  # fmt: skip
    own = book(known)
    own.follow(NOON + HOUR, looked(alert("approval_rate", NOON, NOON, **where)), told)
    assert only(own).state == state
    assert only(own).markers == ("elm migrates",)


def test_an_incident_is_the_same_after_the_store() -> None:
    own = book(Marker(name="release 14", at=NOON.isoformat()))
    failing = alert("approval_rate", NOON, NOON, country="BR")
    own.follow(NOON, looked(failing, column(0.9, NOON - DAY)), told)
    for incident in own.incidents.values():
        rows = [alert_row(item, incident.incident_id) for item in incident.alerts]
        again = incident_of(incident.system, incident_row(incident, 0), rows)
        assert replace(again, alerts=()) == replace(incident, alerts=())
        assert [repr(item) for item in again.alerts] == [repr(item) for item in incident.alerts]


PLACES = st.fixed_dictionaries({}, optional={
    "route": st.sampled_from(["cedar-direct", "elm-direct"]),
    "country": st.sampled_from(["BR", "DE"]), "issuer": st.sampled_from(["us-mesa", "br-guara"]),
})  # fmt: skip
FAILURES = st.lists(st.tuples(st.sampled_from(METRICS), PLACES, st.integers(0, 30), st.booleans()),
                    max_size=6)  # fmt: skip


@settings(deadline=None)
@given(st.lists(FAILURES, min_size=1, max_size=12))
def test_every_clear_alert_is_in_one_incident_and_none_is_lost(
    hours: list[list[tuple[str, dict[str, str], int, bool]]],
) -> None:
    own, seen = book(), set()
    for hour, failures in enumerate(hours):
        at = NOON + hour * HOUR
        alerts = {key_of(item): item for item in (
            alert(metric, at - back * HOUR, at, **where) for metric, where, back, _ in failures
        )}  # fmt: skip
        clear = [item for item, (*_, is_clear) in zip(alerts.values(), failures, strict=False)
                 if is_clear]  # fmt: skip
        own.follow(at, looked(*alerts.values(), clear=clear), told)
        seen |= {key_of(item) for item in clear}
        active = [item for item in own.incidents.values() if item.state != "resolved"]
        held = [key_of(item) for incident in active for item in incident.alerts]
        assert {key_of(item) for item in clear} <= set(held)
        for incident in own.incidents.values():
            keys = [key_of(item) for item in incident.alerts]
            assert len(keys) == len(set(keys))
            assert incident.opened_at <= incident.last_at <= at
    assert seen <= {key_of(item) for incident in own.incidents.values() for item in incident.alerts}
