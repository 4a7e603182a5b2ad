"""The finder in payment worlds of known truth: an outage, a habit, both, and neither."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pellucid.explain.learned.find import learned_artefacts
from pellucid.explain.learned.story import LearnedArtefact
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.testing.worlds import END_AT, Incident, Outage, WeekdayHabit, payment_world
from pellucid.windows import Window

pytestmark = pytest.mark.slow

HISTORY, LIVE = 28, 56
ROUTE, TUESDAY = "cedar-direct", 1
OUTAGE_AT = datetime(2026, 8, 25, 5, tzinfo=UTC)
OUTAGE = Outage(route=ROUTE, start_at=OUTAGE_AT, hours=18)
WINDOW = Window(END_AT - timedelta(days=LIVE), END_AT)


def habit(effect: float) -> WeekdayHabit:
    since = END_AT - timedelta(days=HISTORY + LIVE)
    return WeekdayHabit(route=ROUTE, weekday="tuesday", start_at=since, effect=effect)


def logged(root: Path, *incidents: Incident) -> Observatory:
    world = payment_world(
        decisions=60_000, seed=100, history_days=HISTORY, live_days=LIVE, incidents=incidents
    )
    log = Logger(world.system, to=root)
    world.log_models(log)
    for name in ("decisions", "candidates", "training"):
        log.table(name, world.tables[name])
    obs = open_system(root)
    obs.attribute(most_decisions=6_000)
    return obs


def find(obs: Observatory) -> tuple[LearnedArtefact, ...]:
    return learned_artefacts(obs.system, obs.records, window=WINDOW)


def of_route(found: tuple[LearnedArtefact, ...]) -> LearnedArtefact:
    (own,) = [item for item in found if item.loss.candidate == ROUTE]
    assert own.loss.weekday == TUESDAY
    assert own.calendar == (("weekday", "tuesday"),)
    return own


def test_an_outage_is_named_proven_and_priced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    obs = logged(tmp_path, OUTAGE)
    artefact = of_route(find(obs))
    trace = artefact.trace
    assert artefact.verdict == "incident"
    assert trace is not None
    assert trace.candidate == ROUTE
    assert trace.window == Window(OUTAGE_AT, OUTAGE_AT + timedelta(hours=18))
    assert trace.verdict.removed > 0.7
    assert trace.scan.slice(0, 1).to_pylist()[0]["candidate"] == ROUTE
    assert trace.scan.slice(0, 1).to_pylist()[0]["date"] == OUTAGE_AT.date()
    assert trace.dates.num_rows == 4
    assert trace.proof is not None
    assert trace.proof.vanishes
    assert len(trace.proof.placebos) == 3
    assert trace.consequence is not None
    assert trace.consequence.share_without > trace.consequence.share + 0.03
    assert trace.consequence.approvals_lost > 0
    for part in ("Every Tuesday cedar-direct loses", "Day of week (UTC) = tuesday",
                 "an incident: 2026-08-25 05:00 to 2026-08-25 23:00 UTC"):  # fmt: skip
        assert part in artefact.told
    # The same records where LightGBM is not installed: the first stages answer.
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    untraced = of_route(find(open_system(tmp_path)))
    assert untraced.verdict == "untraced"
    assert "pellucid[lightgbm]" in untraced.missing
    assert untraced.cause.loss == pytest.approx(artefact.cause.loss)


def test_a_weekday_that_is_truly_worse_is_a_habit(tmp_path: Path) -> None:
    artefact = of_route(find(logged(tmp_path, habit(-0.8))))
    assert artefact.verdict == "habit"
    assert artefact.trace is not None
    assert artefact.trace.window is None
    assert artefact.trace.consequence is None
    assert "It is a habit and no incident" in artefact.told


def test_an_outage_on_top_of_a_habit_is_both(tmp_path: Path) -> None:
    artefact = of_route(find(logged(tmp_path, OUTAGE, habit(-0.4))))
    assert artefact.verdict == "mixed"
    assert artefact.trace is not None
    assert artefact.trace.window == Window(OUTAGE_AT, OUTAGE_AT + timedelta(hours=18))
    assert artefact.trace.verdict.z_without < -3
    assert "an incident and a habit: 2026-08-25 05:00" in artefact.told


def test_where_nothing_was_planted_nothing_is_told(tmp_path: Path) -> None:
    assert find(logged(tmp_path)) == ()
