"""Spans to decisions, with a real tracer provider."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from adapter_logs import Logged

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanContext

from pellucid.log.adapters.opentelemetry import DecisionSpanProcessor

NOW = datetime(2026, 6, 1, 12, 0, 0, 123_457, tzinfo=UTC)
NANOSECONDS = int(NOW.timestamp()) * 1_000_000_000 + 123_457_999
CARD = "4111111111111111"


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged.under(tmp_path)


def tracer(logged: Logged, *, system: str | None = None, **options):
    provider = TracerProvider(shutdown_on_exit=False, **options)
    provider.add_span_processor(DecisionSpanProcessor(logged.log, system=system))
    return provider.get_tracer("test")


def test_a_span_is_stored_whole(logged: Logged) -> None:
    span = tracer(logged).start_span("route", start_time=NANOSECONDS, attributes={
        "http.route": "/payments", "pellucid.decision.id": "d1",
        "pellucid.decision.request_id": "r1", "pellucid.decision.attempt": 2,
        "pellucid.decision.model_id": "approval:14", "pellucid.decision.policy_version": "p3",
        "pellucid.decision.arm": "explore", "pellucid.decision.amount_minor": 1299,
        "pellucid.decision.currency": "BRL", "pellucid.decision.dim.country": "BR",
        "pellucid.decision.raw.bin.length": 6, "pellucid.decision.cutoff.review": 0.4,
        "pellucid.decision.propensity": 0.95,
    })  # fmt: skip
    span.add_event("retry", {"probability": 0.1})
    span.add_event("pellucid.candidate", {
        "id": "north", "probability": 0.9, "raw_score": 2.2, "feature.amount": 12.99,
        "feature.card": "debit", "feature.is_new": True, "dim.processor": "p", "propensity": 0.95,
    })  # fmt: skip
    span.add_event("pellucid.candidate", {"id": "south", "probability": 0.88})
    span.add_event("pellucid.candidate", {"id": "west", "eligible": False, "reason": "daily cap"})
    span.add_event("pellucid.layer", {"name": "fees", "term.north": -0.05, "term.south": -0.01})
    span.add_event("pellucid.layer", {"name": "contract", "picks": "north"})
    span.set_attribute("pellucid.decision.chosen", "north")
    span.end()
    decision = logged.stored("decisions")[0]
    expected = {
        "decision_id": "d1", "decided_at": NOW, "request_id": "r1", "attempt": 2,
        "model_id": "approval:14", "policy_version": "p3", "arm": "explore", "amount_minor": 1299,
        "currency": "BRL", "country": "BR", "raw_bin.length": 6, "cutoff_review": 0.4,
        "propensity": 0.95, "chosen": "north", "chosen_probability": 0.9, "candidate_count": 3,
        "eligible_count": 2, "pick_model": "north", "pick_fees": "south", "pick_contract": "north",
    }  # fmt: skip
    assert {name: decision.get(name) for name in expected} == expected
    rows = {row["candidate_id"]: row for row in logged.stored("candidates")}
    assert {name: rows["north"][name] for name in (
        "probability", "raw_score", "f_amount", "f_card", "f_is_new", "processor", "propensity",
        "is_chosen", "layer_fees")} == {
        "probability": 0.9, "raw_score": 2.2, "f_amount": 12.99, "f_card": "debit",
        "f_is_new": True, "processor": "p", "propensity": 0.95, "is_chosen": True,
        "layer_fees": -0.05}  # fmt: skip
    assert (rows["west"]["is_eligible"], rows["west"]["ineligible_reason"]) == (False, "daily cap")
    assert logged.log.health().is_well


def test_by_default_a_span_names_its_decision(logged: Logged) -> None:
    """Trace id and span id, as trace viewers show them; the outcome event finds it."""
    with tracer(logged).start_as_current_span("route") as span:
        span.set_attribute("pellucid.decision.chosen", "north")
        span.add_event("pellucid.outcome", {"name": "approved", "value": True}, NANOSECONDS)
    context = span.get_span_context()
    identity = f"{context.trace_id:032x}-{context.span_id:016x}"
    assert [row["decision_id"] for row in logged.stored("decisions")] == [identity]
    assert [
        (row["decision_id"], row["outcome"], row["value"], row["outcome_at"], row["recorded_at"])
        for row in logged.stored("outcomes")
    ] == [(identity, "approved", 1.0, NOW, NOW)]


def test_an_outcome_comes_in_a_span_of_its_own_or_as_an_event_of_any(logged: Logged) -> None:
    trace = tracer(logged)
    trace.start_span("webhook", start_time=NANOSECONDS, attributes={
        "pellucid.outcome.decision_id": "d1", "pellucid.outcome.name": "approved",
        "pellucid.outcome.value": 0, "pellucid.outcome.reason": "no funds",
        "pellucid.outcome.blame": "customer",
    }).end()  # fmt: skip
    with trace.start_as_current_span("settlement file") as span:
        span.add_event("pellucid.outcome", {
            "decision_id": "d2", "name": "approved", "value": 1.0,
            "at": "2026-06-01T14:00:00.123457+02:00", "recorded_at": "2026-06-02T00:00:00Z",
        })  # fmt: skip
    found = {row["decision_id"]: row for row in logged.stored("outcomes")}
    assert (found["d1"]["reason"], found["d1"]["blame"]) == ("no funds", "customer")
    assert (found["d1"]["outcome_at"], found["d2"]["outcome_at"]) == (NOW, NOW)
    assert found["d2"]["recorded_at"] == datetime(2026, 6, 2, tzinfo=UTC)
    assert logged.log.health().logged == 2


def test_other_spans_are_left_alone(logged: Logged) -> None:
    trace = tracer(logged, span_limits=SpanLimits(max_attributes=1, max_events=1))
    with trace.start_as_current_span("GET /", attributes={"http.method": "GET"}) as span:
        for _ in range(3):
            span.set_attributes({"http.host": "a", "http.port": 1})
            span.add_event("cache miss")
    assert logged.closed().logged == 0


def test_what_the_sampler_leaves_out_is_not_seen(logged: Logged) -> None:
    with tracer(logged, sampler=ALWAYS_OFF).start_as_current_span("route") as span:
        span.set_attribute("pellucid.decision.chosen", "north")
    assert logged.closed().logged == 0


def test_an_error_before_a_choice_is_no_decision_and_one_after_it_is(logged: Logged) -> None:
    trace = tracer(logged)

    def fail(chosen: str | None) -> None:
        with trace.start_as_current_span("route") as span:
            span.set_attribute("pellucid.decision.dim.country", "BR")
            if chosen:
                span.set_attribute("pellucid.decision.chosen", chosen)
            raise RuntimeError("mine")

    for chosen in (None, "north"):
        with pytest.raises(RuntimeError, match="mine"):
            fail(chosen)
    assert [row["chosen"] for row in logged.stored("decisions")] == ["north"]


def test_each_of_two_systems_takes_its_own_spans(tmp_path: Path) -> None:
    routing, fraud = Logged.under(tmp_path, "routing"), Logged.under(tmp_path, "fraud")
    provider = TracerProvider(shutdown_on_exit=False)
    for one in (routing, fraud):
        provider.add_span_processor(DecisionSpanProcessor(one.log, system=one.name))
    for name, system in (("d1", "routing"), ("d2", "fraud"), ("d3", "other")):
        with provider.get_tracer("test").start_as_current_span("decide") as span:
            span.set_attributes({"pellucid.system": system, "pellucid.decision.id": name})
            span.add_event("pellucid.outcome", {"name": "approved", "value": 1})
    for one, name in ((routing, "d1"), (fraud, "d2")):
        for table in ("decisions", "outcomes"):
            assert [row["decision_id"] for row in one.stored(table)] == [name]


BAD = {
    "an unknown attribute": ({"pellucid.decison.id": "x"}, (), "not known"),
    "an unknown key": ({"pellucid.decision.colour": "red"}, (), "unknown keys"),
    "a time that is none": ({"pellucid.decision.at": "noon"}, (), "ISO 8601"),
    "a time of a number": ({"pellucid.decision.at": 5}, (), "ISO 8601"),
    "a local time": ({"pellucid.decision.at": "2026-06-01T12:00:00"}, (), "time zone"),
    "an unknown event": ({"pellucid.decision.id": "x"}, [("pellucid.candidat", {})], "not known"),
    "a candidate without id": (
        {"pellucid.decision.id": "x"}, [("pellucid.candidate", {"probability": 0.5})], "id is"),
    "a candidate's unknown key": (
        {"pellucid.decision.id": "x"}, [("pellucid.candidate", {"id": "a", "pan": CARD})],
        "unknown keys"),
    "a layer without name": (
        {"pellucid.decision.id": "x"}, [("pellucid.layer", {"term.a": 0.1})], "malformed"),
    "candidates of nothing": ({}, [("pellucid.candidate", {"id": "a"})], "without"),
    "an outcome of nothing": ({}, [("pellucid.outcome", {"name": "approved", "value": 1})],
                              "decision_id is missing"),
    "an outcome without value": (
        {}, [("pellucid.outcome", {"decision_id": "x", "name": "approved"})], "malformed"),
    "an outcome's unknown key": (
        {}, [("pellucid.outcome", {"decision_id": "x", "name": "approved", "worth": 1})],
        "attributes other than"),
}  # fmt: skip


@pytest.mark.parametrize(("attributes", "events", "reason"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_refused_and_counted_once(
    logged: Logged, attributes, events, reason: str
) -> None:
    trace = tracer(logged)
    with trace.start_as_current_span("bad", attributes=attributes) as span:
        for name, given in events:
            span.add_event(name, given)
    with trace.start_as_current_span("good", attributes={"pellucid.decision.id": "good"}):
        pass
    health = logged.closed()
    assert list(health.refused.values()) == [1]
    assert reason in next(iter(health.refused))
    assert CARD not in str(health)
    assert "good" in [row["decision_id"] for row in logged.stored("decisions")]


@pytest.mark.parametrize("limit", ["max_events", "max_attributes", "max_event_attributes"])
def test_what_the_sdk_dropped_is_not_stored_in_part(logged: Logged, limit: str) -> None:
    """The oldest of 129 events would be a candidate missing without a trace."""
    trace = tracer(logged, span_limits=SpanLimits(**{limit: 4}))
    with trace.start_as_current_span("route") as span:
        for number in range(5):
            given = {"id": f"route-{number}"}
            if limit == "max_event_attributes":
                given |= {f"feature.x{n}": 1.0 for n in range(5)}
            span.add_event("pellucid.candidate", given)
            span.set_attribute(f"pellucid.decision.dim.d{number}", "x")
    health = logged.closed()
    assert [("dropped" in reason, count) for reason, count in health.refused.items()] == [(True, 1)]
    assert health.stored == 0


def test_nothing_is_raised_into_a_span_that_cannot_be_read(logged: Logged) -> None:
    class Odd:
        attributes = {"pellucid.decision.id": "x"}  # noqa: RUF012
        events = ()
        dropped_attributes = dropped_events = 0
        start_time = "noon"
        context = SpanContext(1, 2, is_remote=False)

    DecisionSpanProcessor(logged.log).on_end(Odd())  # type: ignore[arg-type]
    assert "decision: a span could not be read (TypeError)" in logged.closed().refused


def test_a_closed_logger_hurts_no_span(logged: Logged) -> None:
    trace = tracer(logged)
    logged.log.close()
    with trace.start_as_current_span("route", attributes={"pellucid.decision.id": "x"}):
        pass
    assert logged.log.health().dropped == {"logger closed": 1}


def test_times_keep_their_microsecond(logged: Logged) -> None:
    """As floats of seconds, about every other one would be off."""
    trace = tracer(logged)
    for number in range(100):
        start = NANOSECONDS + number * 1001
        trace.start_span("d", start_time=start, attributes={
            "pellucid.decision.id": f"{number}"}).end()  # fmt: skip
    found = {row["decision_id"]: row["decided_at"] for row in logged.stored("decisions")}
    assert found == {
        f"{n}": NOW + timedelta(microseconds=(999 + n * 1001) // 1000) for n in range(100)
    }
