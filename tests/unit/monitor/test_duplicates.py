"""Decisions made twice: counted as by brute force, told by a check, and retries left alone."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import pellucid
from pellucid.errors import SpecError
from pellucid.observatory import Observatory
from pellucid.stats.intervals import wilson_interval
from pellucid.windows import HOUR, Window

START = datetime(2026, 6, 1, tzinfo=UTC)
END = START + timedelta(days=2)
CHECK = pellucid.Check(name="once", rule="duplicates")
Row = tuple[str, str, int, datetime]


def lake(root: Path, rows: list[Row]) -> Observatory:
    system = pellucid.System(
        name="twice", candidate=pellucid.Candidate(name="route"),
        outcomes=(pellucid.Outcome(name="approved", matures_after="1h"),),
    )  # fmt: skip
    ids, requests, attempts, times = zip(*rows, strict=True)
    pellucid.Logger(system, to=root).table("decisions", pa.table({
        "decision_id": ids, "request_id": requests, "attempt": attempts,
        "decided_at": pa.array(times, pa.timestamp("us", tz="UTC")),
    })).raise_for_refused()  # fmt: skip
    return pellucid.open(root)


def usual(count: int = 400) -> list[Row]:
    return [(f"d{place}", f"r{place}", 1, START + place * timedelta(minutes=7))
            for place in range(count)]  # fmt: skip


def alerts(obs: Observatory, check: pellucid.Check = CHECK, at: datetime = END) -> list[str]:
    checks = pellucid.Checks(checks=(check,))
    found = obs.look(obs.watch(checks, Window(at - HOUR, at)), at)
    assert {item.alert_id for item in found.failing} == found.clear
    return [item.why for item in found.failing]


@pytest.mark.parametrize("seed", range(3))
def test_repeats_are_those_of_brute_force(tmp_path: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows = [
        (f"d{place}", f"r{draw.integers(200)}", int(draw.integers(1, 3)),
         START + timedelta(minutes=int(draw.integers(2 * 1440))))
        for place in range(300)
    ]  # fmt: skip
    # The same record on another day is a contradiction of its own, and no second decision.
    rows.append((rows[0][0], rows[0][1], rows[0][2], rows[0][3] + timedelta(days=2)))
    first = {}
    for decision, request, attempt, _ in sorted(rows, key=lambda row: (row[3], row[0])):
        first.setdefault((request, attempt), decision)
    expected = Counter(
        at.replace(minute=0) for decision, request, attempt, at in rows
        if first[request, attempt] != decision
    )  # fmt: skip
    obs = lake(tmp_path, rows)
    hours = obs.decided_hours((CHECK,), Window(START + timedelta(days=1), START + 4 * HOUR * 24))
    assert {hour.start: hour.repeated for hour in hours if hour.repeated} == dict(expected)
    assert {hour.start: hour.n for hour in hours} == Counter(
        at.replace(minute=0) for *_, at in rows
    )


def test_retries_and_records_logged_again_are_no_repeats(tmp_path: Path) -> None:
    rows = usual()
    retries = [(f"{decision}-2", request, 2, at + timedelta(seconds=30))
               for decision, request, _, at in rows[::3]]  # fmt: skip
    obs = lake(tmp_path, [*rows, *retries])
    lake(tmp_path, rows[::2])
    assert alerts(obs) == []


def test_one_repeat_is_told(tmp_path: Path) -> None:
    again = ("x", "r390", 1, START + 390 * timedelta(minutes=7) + timedelta(minutes=20))
    obs = lake(tmp_path, [*usual(), again])
    (why,) = alerts(obs)
    held = sum(at >= END - timedelta(days=1) and at < END for *_, at in [*usual(), again])
    assert why == (
        "1 decision was made again for a request and attempt that another decision id had, "
        f"{1 / held:.2%} of {held}, such as request r390"
    )
    assert alerts(obs, at=START + timedelta(days=1)) == [], "not yet"
    assert alerts(obs, at=again[3].replace(minute=0) + timedelta(days=2)) == [], "long ago"


def test_a_repeat_of_a_request_before_the_span_counts(tmp_path: Path) -> None:
    obs = lake(tmp_path, [*usual(), ("x", "r1", 1, END - 2 * HOUR)])
    assert len(alerts(obs)) == 1
    assert alerts(obs, pellucid.Check(name="once", rule="duplicates", over="1h")) == []


def test_a_limit_is_passed_for_certain(tmp_path: Path) -> None:
    rows = usual()
    again = [(f"x{place}", f"r{place}", 1, START + place * timedelta(minutes=7, seconds=1))
             for place in range(210, 240)]  # fmt: skip
    obs = lake(tmp_path, [*rows, *again])
    held = [at for *_, at in [*rows, *again] if END - timedelta(days=1) <= at < END]
    low = float(wilson_interval(np.array([30.0]), np.array([float(len(held))]))[0][0])
    assert 0.08 < low < 30 / len(held)
    for above, count in ((low - 0.001, 1), (low + 0.001, 0)):
        check = pellucid.Check(name="once", rule="duplicates", above=above)
        assert len(alerts(obs, check)) == count


def test_an_incident_opens_and_is_over(tmp_path: Path) -> None:
    again = ("x", "r150", 1, START + 150 * timedelta(minutes=7) + timedelta(minutes=5))
    obs = lake(tmp_path, [*usual(), again])
    checks = pellucid.Checks(checks=(pellucid.Check(name="once", rule="duplicates", over="6h"),))
    (incident,) = obs.backtest(checks, over=f"{START:%Y-%m-%d}..{END:%Y-%m-%d}").incidents
    assert incident.cause.subject == "request_id"
    assert incident.cause.told.startswith("1 decision was made again for a request")
    assert incident.opened_at == again[3].replace(minute=0) + HOUR
    assert incident.state == "resolved"


def test_a_check_that_cannot_hold_is_refused(tmp_path: Path) -> None:
    obs = lake(tmp_path, usual(10))
    wrong = pellucid.Checks(checks=(
        pellucid.Check(name="once", rule="duplicates", above=1.0, over="soon", by=("route",)),
    ))  # fmt: skip
    with pytest.raises(SpecError) as error:
        obs.backtest(wrong, over="1d")
    problems = "\n".join(error.value.problems)
    assert "checks.once.above: 1 is not a share, at least 0 and below 1" in problems
    assert "checks.once.by: has no meaning where the rule is duplicates" in problems
    assert "checks.once.over" in problems
