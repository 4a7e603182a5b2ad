"""Which notices are due: each channel is told what it has to know, once."""

from __future__ import annotations

import dataclasses
import random
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noted import DAY, HOUR, MINUTE, NOW, channel, incident, tried

from pellucid.monitor.incidents.incident import STATES, Incident
from pellucid.monitor.notices.due import due, failing
from pellucid.monitor.notices.notice import Try
from pellucid.spec.check import SEVERITIES, Channel

OPS = channel()


def kinds(incidents: Any, tries: Any = (), channels: Any = (OPS,), now: datetime = NOW) -> list:
    found = [incidents] if isinstance(incidents, Incident) else incidents
    return [item.kind for item in due(found, tries, channels, now=now)]


def told(one: Incident, *, at: datetime = NOW - HOUR, tries: Any = ()) -> tuple[Try, ...]:
    """Return the tries with those that are due added, as sent."""
    return (*tries, *tried(due([one], tries, [OPS], now=at), at=at))


def changed(one: Incident, **changes: Any) -> Incident:
    return dataclasses.replace(one, **changes)


def test_an_incident_is_told_of_once() -> None:
    one = incident()
    assert kinds(one) == ["opened"]
    assert kinds(one, told(one)) == []
    assert kinds(one, told(one), now=NOW + 30 * DAY) == []


def test_each_channel_is_told() -> None:
    one, other = incident(), channel("other")
    tries = told(one)
    (notice,) = due([one], tries, [OPS, other], now=NOW)
    assert (notice.channel, notice.kind) == ("other", "opened")


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("least", SEVERITIES)
def test_a_channel_is_told_of_its_severity_and_above(severity: Any, least: Any) -> None:
    is_enough = SEVERITIES.index(severity) >= SEVERITIES.index(least)
    found = kinds(incident(severity=severity), channels=[channel(severity=least)])
    assert found == ["opened"] * is_enough


def test_a_channel_of_owners_is_told_of_theirs() -> None:
    own = channel(owners=("fees", "risk"))
    incidents = [incident("1", owner="risk"), incident("2", owner="routing"),
                 incident("3", owner="")]  # fmt: skip
    assert [item.incident_id for item in due(incidents, (), [own], now=NOW)] == ["1"]


def test_worse_is_told_where_severity_rises_above_what_was_told() -> None:
    one = incident(severity="warn")
    tries = told(one)
    worse = changed(one, severity="critical")
    assert kinds(worse, tries) == ["worse"]
    tries = told(worse, tries=tries)
    assert kinds(worse, tries) == []
    assert kinds(changed(one, severity="info"), tries) == []
    assert kinds(one, tries) == []


def test_what_was_found_worse_before_it_was_told_is_one_notice() -> None:
    one = incident(severity="warn")
    failed = tried(due([one], (), [OPS], now=NOW), problem="down")
    (notice,) = due([changed(one, severity="critical")], failed, [OPS], now=NOW + HOUR)
    assert (notice.kind, notice.severity) == ("opened", "critical")


def test_the_end_is_told_to_those_who_know_the_beginning() -> None:
    one = incident(severity="critical")
    tries = told(one)
    over = changed(one, state="resolved", severity="info")
    assert kinds(over, tries, [OPS, channel("strict", severity="critical")]) == ["resolved"]
    assert kinds(over, told(over, tries=tries)) == []


def test_what_was_over_before_anyone_was_told_gives_one_notice_of_both() -> None:
    over = incident(state="resolved")
    (notice,) = due([over], (), [OPS], now=NOW)
    assert notice.kind == "resolved"
    assert notice.title.startswith("Over already")
    assert "before anyone here could be told" in notice.text
    assert kinds(over, tried([notice])) == []
    assert kinds(over, now=NOW + 7 * DAY) == []
    assert kinds(over, now=NOW + 7 * DAY - MINUTE) == ["resolved"]
    assert kinds(over, channels=[channel(severity="critical")]) == []


@pytest.mark.parametrize(("until", "expected"), [
    (NOW, []), (NOW + HOUR, []), (NOW - HOUR, ["resolved"]),
])  # fmt: skip
def test_what_ended_while_muted_stays_untold(until: datetime, expected: list) -> None:
    assert kinds(incident(state="resolved", muted_until=until)) == expected


def test_nothing_is_told_while_muted() -> None:
    one = incident()
    tries = told(one)
    muted = changed(one, state="muted", severity="critical", muted_until=NOW + HOUR)
    assert kinds(muted) == []
    assert kinds(muted, tries) == []
    assert kinds(muted, tries, now=NOW + HOUR) == ["worse"]
    assert kinds(muted, now=NOW + HOUR) == ["opened"]
    assert kinds(changed(muted, muted_until=None), tries, now=NOW + 365 * DAY) == []


def test_of_an_acknowledged_one_only_what_is_new_is_told() -> None:
    one = incident()
    tries = told(one)
    known = changed(one, state="acknowledged")
    assert kinds(known) == []
    assert kinds(known, tries) == []
    assert kinds(changed(known, severity="critical"), tries) == ["worse"]
    assert kinds(changed(known, state="resolved"), tries) == ["resolved"]


def test_one_that_opens_again_is_told_again() -> None:
    """A channel that was told of the end would think that all is well."""
    one = incident()
    over = changed(one, state="resolved")
    tries = told(over, tries=told(one))
    assert kinds(one, tries) == ["worse"]
    assert due([one], tries, [OPS], now=NOW)[0].title.startswith("Open again, warn: ")
    tries = told(one, tries=tries)
    assert kinds(one, tries) == []
    assert kinds(changed(one, severity="critical"), tries) == ["worse"]
    assert kinds(over, tries) == ["resolved"]
    tries = told(over, tries=tries)
    assert kinds(over, tries) == []
    assert kinds(one, tries) == ["worse"]
    assert len({item.notice_id for item in tries}) == len(tries) == 4


def test_pauses_between_tries_grow_to_an_hour_and_end_after_a_week() -> None:
    """Followed minute by minute for eight days."""
    one, tries, at = incident(), (), NOW
    times = []
    while at < NOW + 8 * DAY:
        found = due([one], tries, [OPS], now=at)
        if found:
            times.append(at)
        tries += tried(found, at=at, problem="connection refused")
        at += MINUTE
    pauses = [(after - before) // MINUTE for before, after in pairwise(times)]
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert set(pauses[6:]) == {60}
    assert NOW + 7 * DAY - HOUR <= times[-1] < NOW + 7 * DAY
    (given_up,) = failing([one], tries, [OPS], now=at)
    assert (given_up.next_at, given_up.tries) == (None, len(times))
    assert given_up.problem == "connection refused"


def test_what_fails_is_visible_until_it_is_sent_or_not_wanted_any_more() -> None:
    one = incident()
    tries = tried(due([one], (), [OPS], now=NOW), problem="down")
    (found,) = failing([one], tries, [OPS], now=NOW)
    assert (found.tries, found.next_at) == (1, NOW + MINUTE)
    assert failing([changed(one, state="acknowledged")], tries, [OPS], now=NOW) == ()
    again = due([one], tries, [OPS], now=NOW + MINUTE)
    assert failing([one], (*tries, *tried(again, at=NOW + MINUTE)), [OPS], now=NOW + HOUR) == ()


def test_the_worst_comes_first() -> None:
    incidents = [incident("new", opened_at=NOW), incident("old", opened_at=NOW - DAY),
                 incident("bad", severity="critical", opened_at=NOW)]  # fmt: skip
    found = due(incidents, (), [channel("b"), channel("a")], now=NOW)
    assert [(item.channel, item.incident_id) for item in found] == [
        (name, own) for name in "ba" for own in ("bad", "old", "new")
    ]


_TIMES = st.integers(0, 14 * 24 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes))
_CHANNELS = st.lists(
    st.builds(
        channel, st.sampled_from("abc"), severity=st.sampled_from(SEVERITIES),
        owners=st.sampled_from([(), ("routing",), ("fees", "routing")]),
    ),
    max_size=3, unique_by=lambda item: item.name,
)  # fmt: skip
_INCIDENTS = st.lists(
    st.builds(
        incident, st.sampled_from("xyz"), state=st.sampled_from(STATES),
        severity=st.sampled_from(SEVERITIES), owner=st.sampled_from(["", "routing", "fees"]),
        changed_at=_TIMES, opened_at=_TIMES,
        muted_until=st.none() | _TIMES | st.just(NOW + HOUR),
    ),
    max_size=3, unique_by=lambda item: item.incident_id,
)  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Incident], tuple[Try, ...], list[Channel]]:
    """What was told of earlier states of some incidents, some of it in vain."""
    channels = draw(_CHANNELS)
    tries: tuple[Try, ...] = ()
    for _ in range(draw(st.integers(0, 4))):
        found = due(draw(_INCIDENTS), tries, channels, now=NOW)
        problems = [draw(st.sampled_from(["", "down"])) for _ in found]
        for notice, problem in zip(found, problems, strict=True):
            tries += tried([notice], at=draw(_TIMES), problem=problem)
    return draw(_INCIDENTS), tries, channels


@given(histories())
def test_once_sent_nothing_is_due(history: Any) -> None:
    incidents, tries, channels = history
    found = due(incidents, tries, channels, now=NOW)
    assert due(incidents, (*tries, *tried(found)), channels, now=NOW) == ()
    later = due(incidents, (*tries, *tried(found)), channels, now=NOW + 365 * DAY)
    assert not {item.notice_id for item in later} & {item.notice_id for item in found}


@given(histories())
def test_no_notice_is_sent_twice(history: Any) -> None:
    incidents, tries, channels = history
    found = [item.notice_id for item in due(incidents, tries, channels, now=NOW)]
    sent = {item.notice_id for item in tries if item.state == "sent"}
    assert len(set(found)) == len(found)
    assert not sent & set(found)


@given(histories(), st.randoms())
def test_the_order_of_tries_means_nothing(history: Any, luck: random.Random) -> None:
    incidents, tries, channels = history
    shuffled = luck.sample([*tries, *tries[:2]], len(tries) + len(tries[:2]))
    for ask in (due, failing):
        assert ask(incidents, shuffled, channels, now=NOW) == ask(
            incidents, tries, channels, now=NOW
        )


@given(histories())
def test_what_is_wanted_is_due_or_failing(history: Any) -> None:
    """A failure is due again, or says when it will be, or that it was given up."""
    incidents, tries, channels = history
    found = {item.notice_id for item in due(incidents, tries, channels, now=NOW)}
    for item in failing(incidents, tries, channels, now=NOW):
        assert (item.notice_id in found) == (item.next_at is not None and item.next_at <= NOW)
        assert item.tries >= 1
