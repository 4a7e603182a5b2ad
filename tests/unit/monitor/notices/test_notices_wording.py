"""What a notice says, and that nothing that was logged can be markup in it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noted import DAY, HOUR, NOW, STAKE, alert, channel, incident

from pellucid.monitor.incidents.incident import Cause, Stake
from pellucid.monitor.notices.due import due
from pellucid.monitor.notices.messages import messages
from pellucid.monitor.notices.wording import body_of, cost_text, plain, tamed, title_of


def body(one: Any, kind: Any = "opened", *, notes: Any = None, is_first: bool = True) -> str:
    return body_of(one, kind, notes or {}, is_first=is_first)


def test_a_notice_says_all_that_is_known() -> None:
    others = [alert(number, slice=(("country", f"C{number}"),)) for number in range(1, 16)]
    one = incident(
        severity="critical", stake=STAKE, alerts=(alert(), *others), actor="ann", note="asked them",
        markers=("release 14", "bank X migrates"),
    )  # fmt: skip
    assert title_of(one, "opened", is_first=True) == (
        "Critical: Approval rate fell in route=cedar, since 2026-06-01 09:30 UTC (card-routing)"
    )
    notes = {"approvals": "Call the acquirer: https://wiki.example/a_b"}
    assert body(one, notes=notes) == "\n".join([
        "Approval rate of route=cedar fell to 81.2%, 90.5% expected, since 2026-06-01 09:30 UTC.",
        "",
        "- Probable cause: Approval rate fell in route=cedar. Everyone else is as before.",
        "- The same shows in: Approval rate of country=C1; Approval rate of country=C2; "
        "Approval rate of country=C3, and 12 more",
        "- Cost so far: about 312 approvals (95%: 250 to 371), 12,400.00 EUR",
        "- Shortly before: release 14; bank X migrates",
        "- Owner: routing",
        "- What to do: Call the acquirer: https://wiki.example/a_b",
        "- Note by ann: asked them",
        "",
        "Someone is on it: `pellucid monitor acknowledge 1f3a`. "
        "Not worth a notice: `pellucid monitor mute 1f3a`.",
    ])  # fmt: skip


def test_what_is_not_known_is_left_out() -> None:
    one = incident(owner="")
    assert body(one).splitlines()[2:4] == [
        "- Probable cause: Approval rate fell in route=cedar. Everyone else is as before.", ""
    ]  # fmt: skip


def test_the_end_says_how_long_it_was_and_asks_for_nothing() -> None:
    one = incident(state="resolved", started_at=NOW - DAY - 2 * HOUR, last_at=NOW, stake=STAKE)
    said = body(one, "resolved", notes={"approvals": "Call them."}, is_first=False)
    assert said.startswith(
        "Approval rate of route=cedar fell to 81.2%, 90.5% expected, since 2026-05-31 10:30 UTC. "
        "It last failed at 2026-06-01 12:30 UTC, after 1 d 2 h, and is resolved.\n"
    )
    assert "- Cost: about 312" in said
    assert "pellucid monitor" not in said
    assert "Call them" not in said
    assert title_of(one, "resolved", is_first=False).startswith("Resolved: ")


@pytest.mark.parametrize(("stake", "expected"), [
    (Stake(lost=12, low=-5, high=30, label="approvals"), "about 12 approvals (95%: −5 to 30)"),
    (Stake(lost=-40, low=-60, high=-20, label="approvals", money_minor=-5e5, currency="JPY"),
     "none: about 40 more approvals (95%: 20 to 60), 500,000 JPY"),
    (Stake(lost=3, low=1, high=5, label="approvals", money_minor=1234, currency="KWD"),
     "about 3 approvals (95%: 1 to 5), 1.234 KWD"),
], ids=["unsure", "more", "thousandths"])  # fmt: skip
def test_costs_carry_their_interval_and_currency(stake: Stake, expected: str) -> None:
    assert cost_text(stake) == expected


_HOSTILE = "\n\n# <!channel> @everyone **x** `y` [win](http://evil) <script>\u202e"


@given(st.text() | st.just(_HOSTILE))
def test_no_logged_value_is_markup(value: str) -> None:
    shown = tamed(value)
    assert not set(shown) & set("`*<>[]@\n\r\t\u202e\u200b")
    assert len(shown) <= 500
    cause = Cause(kind="metric", subject="s", label="l", slice=(), told=value)
    hostile = incident(value, title=value, cause=cause, owner=value, markers=(value,),
                       alerts=(alert(why=value), alert(1, label=value)))  # fmt: skip
    calm = incident("x", title="x", cause=dataclasses.replace(cause, told="x"), owner="x",
                    markers=("x",), alerts=(alert(why="x"), alert(1, label="x")))  # fmt: skip
    assert "\n" not in title_of(hostile, "opened", is_first=True)
    if tamed(value):
        assert body(hostile).count("\n") == body(calm).count("\n")
        assert body(hostile).count("`") == body(calm).count("`") == 4
    assert not set(plain(body(hostile))) & set("`*<>[]@")


def test_a_notice_leads_to_its_incident_where_there_are_pages():
    one = incident()
    told = body_of(one, "opened", {}, is_first=True, pages="http://127.0.0.1:8000/")
    assert told.endswith(f"\n\nhttp://127.0.0.1:8000/{one.system}/incident?id={one.incident_id}")
    assert "http" not in body_of(one, "opened", {}, is_first=True)


def incidents(count: int) -> list:
    return [
        incident(
            f"i{number}",
            severity="critical" if number == 3 else "warn",
            state="resolved" if number == 1 else "open",
        )
        for number in range(count)
    ]


def test_a_bad_night_is_one_message_a_channel() -> None:
    channels = [channel("a"), channel("b", severity="critical")]
    for count, expected in ((5, 5), (6, 1), (40, 1)):
        found = due(incidents(count), (), channels, now=NOW)
        made = messages(found)
        assert [item.channel for item in made] == ["a"] * expected + ["b"]
        assert [item for message in made for item in message.notices] == list(found)
    digest = made[0]
    assert digest.title == "40 incidents in card-routing: 39 opened, 1 resolved"
    assert digest.severity == "critical"
    assert not digest.is_over
    lines = digest.body.splitlines()
    assert lines[2].startswith("- Critical: ")
    assert lines[2].endswith(": `i3`")
    assert lines[32] == "- and 10 more"


def test_a_digest_of_ends_is_good_news() -> None:
    over = [incident(f"i{number}", state="resolved") for number in range(6)]
    (digest,) = messages(due(over, (), [channel()], now=NOW))
    assert digest.is_over
