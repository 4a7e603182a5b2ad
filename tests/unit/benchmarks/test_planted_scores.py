"""How a monitor is scored that told what was planted, or something else."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pellucid.testing.worlds import END_AT
from pellucid.windows import Window

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JUDGED = Window(END_AT - 7 * DAY, END_AT)
START = JUDGED.start + 30 * HOUR
ROUTE = (("route", "elm-direct"),)


@pytest.fixture
def outage(scores: ModuleType) -> Any:
    alias = (("processor", "elm"),)
    return scores.Truth(
        kind="outage", judged=JUDGED, slices=(ROUTE, alias), start_at=START, end_at=END_AT,
        detectable_at=START + 3 * HOUR,
    )  # fmt: skip


@pytest.fixture
def stale(scores: ModuleType) -> Any:
    return scores.Truth(
        kind="stale", judged=JUDGED, column="amount", grain=DAY, start_at=START, end_at=END_AT,
        detectable_at=JUDGED.start + 2 * DAY,
    )  # fmt: skip


def told(scores: ModuleType, hours: float, *signs: tuple[str, Any, float], last: Any = None) -> Any:
    """An incident opened so many hours after the start; signs are subject, slice, hours."""
    made = [
        scores.Sign(
            kind="column" if where is None else "metric", subject=subject, slice=where or (),
            at=START + after * HOUR,
        )
        for subject, where, after in signs
    ]  # fmt: skip
    first = scores.Sign(
        kind=made[0].kind, subject=made[0].subject, slice=made[0].slice, at=START + hours * HOUR
    )
    return scores.Told(cause=first, last_cause=last or first, alerts=tuple(made))


def test_the_planted_slice_is_exact_under_any_of_its_names(scores: ModuleType, outage: Any) -> None:
    for where in (ROUTE, (("processor", "elm"),)):
        found = scores.score(outage, [told(scores, 4, ("approval_rate", where, 4))])
        assert (found.delay, found.is_exact, found.extra) == (1.0, True, 0)
        assert found.is_in_time


def test_a_part_or_a_whole_touches_but_is_not_exact(scores: ModuleType, outage: Any) -> None:
    part = (*ROUTE, ("country", "DE"))
    found = scores.score(outage, [told(scores, 5, ("approval_rate", part, 5))])
    assert (found.delay, found.is_exact, found.is_in_time) == (2.0, False, False)
    rule = (("country", "DE"), ("route", "elm-direct"))
    planted = scores.Truth(
        kind="eligibility", judged=JUDGED, slices=(rule,), start_at=START, end_at=END_AT,
        detectable_at=START + HOUR,
    )  # fmt: skip
    whole = scores.score(planted, [told(scores, 1, ("eligibility_rate", ROUTE, 1))])
    assert (whole.delay, whole.is_exact) == (0.0, False)


@pytest.mark.parametrize("where", [(), (("route", "dune-local"),), (("country", "DE"),)])
def test_elsewhere_is_not_found(scores: ModuleType, outage: Any, where: Any) -> None:
    found = scores.score(outage, [told(scores, 4, ("approval_rate", where, 4))])
    assert (found.is_found, found.is_in_time, found.extra) == (False, False, 1)


def test_what_was_open_before_the_start_does_not_find_it(scores: ModuleType, outage: Any) -> None:
    early = told(scores, -2, ("approval_rate", (), -2), ("approval_rate", ROUTE, 4))
    found = scores.score(outage, [early])
    assert (found.is_found, found.extra, found.false) == (False, 0, 1)
    assert found.quiet == 30 * HOUR


def test_found_once_an_alert_names_it(scores: ModuleType, stale: Any) -> None:
    last = scores.Sign(kind="column", subject="f_amount", slice=(), at=START)
    joined = told(
        scores, 2, ("mean_score", (), 2), ("f_amount", None, 18), ("amount", None, 42), last=last
    )
    found = scores.score(stale, [joined, told(scores, 50, ("hour", None, 50))])
    assert found.delay == 0.0
    assert (found.is_exact, found.is_exact_at_end, found.extra) == (False, True, 1)


def test_a_metric_of_the_column_s_name_is_not_the_column(scores: ModuleType, stale: Any) -> None:
    assert not scores.score(stale, [told(scores, 2, ("amount", (), 2))]).is_found


def test_the_end_of_the_world_is_the_end(scores: ModuleType, outage: Any) -> None:
    after = (END_AT - START) / HOUR
    at_the_end = told(scores, after, ("approval_rate", ROUTE, after))
    too_late = told(scores, after + 1, ("approval_rate", ROUTE, after + 1))
    assert scores.score(outage, [at_the_end]).is_found
    assert not scores.score(outage, [too_late]).is_found


def test_false_incidents_a_week(scores: ModuleType, outage: Any) -> None:
    quiet = scores.Truth(kind="quiet", judged=JUDGED)
    some = [told(scores, hours, ("approval_rate", (), hours)) for hours in (-20, 0, 100)]
    one = scores.score(quiet, some)
    assert (one.false, one.extra, one.is_found) == (3, 0, False)
    assert scores.false_a_week([one]) == 3.0
    assert scores.false_a_week([one, scores.score(quiet, [])]) == 1.5
    # 30 of 168 hours are quiet before the outage.
    assert scores.false_a_week([scores.score(outage, some[:1])]) == pytest.approx(168 / 30)
    assert math.isnan(scores.false_a_week([]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(5)))
def test_order_of_incidents_does_not_matter(
    scores: ModuleType, outage: Any, order: list[int]
) -> None:
    some = [
        told(scores, hours, ("approval_rate", where, hours))
        for hours, where in ((-5, ()), (3, ROUTE), (4, ROUTE), (9, ()), (12, (("route", "x"),)))
    ]
    assert scores.score(outage, [some[place] for place in order]) == scores.score(outage, some)


def test_truth_is_as_stored(scores: ModuleType, outage: Any, stale: Any) -> None:
    for truth in (outage, stale, scores.Truth(kind="quiet", judged=JUDGED)):
        assert scores.Truth.from_json(truth.to_json()) == truth


def test_instants_are_whole(scores: ModuleType, outage: Any) -> None:
    stored = outage.to_json()
    assert datetime.fromisoformat(stored["detectable_at"]) == START + 3 * HOUR
    assert stored["grain_h"] == 1.0
