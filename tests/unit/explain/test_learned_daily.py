"""Weekly losses, the roles of features and their cause in a small log, against counts by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pellucid.errors import ExplainError
from pellucid.explain.learned.cause import CALENDAR, find_cause
from pellucid.explain.learned.daily import WEEKDAYS, recurring_losses, weekday_of
from pellucid.explain.learned.find import learned_artefacts
from pellucid.explain.learned.roles import feature_roles
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Feature, Layer, System
from pellucid.windows import Window

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
WEEKS, A_DAY = 6, 60
NAMES = ("x", "y", "z")
FEATURES = ("amount", "angle", "mood", "brand", "day")
TEXTS = ("mood", "brand", "day")
TUESDAY = 1
Build = Callable[..., Observatory]


def scored_system() -> System:
    return System(
        name="weekly", policy_scale="log_odds", score_unit="log_odds",
        features=tuple(
            Feature(name=name, kind="category" if name in TEXTS else "number") for name in FEATURES
        ),
        candidate=Candidate(name="route"), layers=(Layer(name="cap"),),
    )  # fmt: skip


def weekly_rows(seed: int, *, carrier: str, days: int = 7 * WEEKS) -> dict[str, list[Any]]:
    """Return decisions in which x loses on Tuesdays because of one feature, or of the layer."""
    draw = np.random.default_rng(seed)
    tables: dict[str, list[Any]] = {"decisions": [], "candidates": [], "attributions": []}
    for number in range(days * A_DAY):
        day = number // A_DAY
        at = MONDAY + timedelta(days=day, minutes=int(draw.integers(1440)))
        is_tuesday = day % 7 == TUESDAY
        own = []
        for place, name in enumerate(NAMES):
            told = dict.fromkeys(FEATURES, 0.0)
            told["amount"], told["brand"] = float(draw.normal()), 0.2 * place
            cap = -1.5 if carrier == "cap" and is_tuesday and name == "x" else 0.0
            if carrier in told and is_tuesday and name == "x":
                told[carrier] -= 1.5
            raw = 0.5 + sum(told.values())
            own.append({
                "decision_id": f"d{number}", "decided_at": at, "candidate_id": name,
                "is_eligible": bool(draw.random() < 0.9) or name == "z", "raw_score": raw,
                "is_chosen": False, "layer_cap": cap, "f_amount": told["amount"],
                "f_angle": round(float(np.sin(2 * np.pi * (day % 7) / 7)), 6),
                "f_mood": "low" if draw.random() < 0.5 else "high", "f_brand": name.upper(),
                "f_day": WEEKDAYS[day % 7] if draw.random() < 0.99 else None, "told": told,
            })  # fmt: skip
        allowed = [row for row in own if row["is_eligible"]]
        best = max(allowed, key=lambda row: row["raw_score"] + row["layer_cap"])
        is_control = bool(draw.random() < 0.1)
        chosen = allowed[0] if is_control else best
        chosen["is_chosen"] = True
        for row in own:
            told = row.pop("told")
            tables["attributions"].append({
                "decision_id": row["decision_id"], "decided_at": at,
                "candidate_id": row["candidate_id"], "model_id": "m:1",
                "output_scale": "log_odds", "base_value": 0.5, "raw_score": row["raw_score"],
                "residual": 0.0, "explainer": "own",
                **{f"a_{name}": np.float32(value) for name, value in told.items()},
            })  # fmt: skip
        first = max(allowed, key=lambda row: row["raw_score"])
        tables["decisions"].append({
            "decision_id": f"d{number}", "decided_at": at, "model_id": "m:1",
            "arm": "control" if is_control else "ml", "chosen": chosen["candidate_id"],
            "pick_model": None if is_control else first["candidate_id"],
            "pick_cap": None if is_control else best["candidate_id"],
        })  # fmt: skip
        tables["candidates"] += own
    return tables


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return what logs such rows, once for each carrier."""
    known: dict[tuple[str, bool], Observatory] = {}

    def make(carrier: str, *, explained: bool = True) -> Observatory:
        if (carrier, explained) not in known:
            root = tmp_path_factory.mktemp("weekly")
            known[carrier, explained] = logged(
                root, weekly_rows(1, carrier=carrier), explained=explained
            )
        return known[carrier, explained]

    return make


def logged(root: Path, rows: dict[str, list[Any]], *, explained: bool) -> Observatory:
    log = Logger(scored_system(), to=root)
    kinds = {"decided_at": pa.timestamp("us", tz="UTC")}
    for name, of_table in rows.items():
        if name != "attributions" or explained:
            table = pa.table({
                key: pa.array([row[key] for row in of_table], kinds.get(key)) for key in of_table[0]
            })  # fmt: skip
            log.table(name, table).raise_for_refused()
    return open_system(root)


def window(days: int = 7 * WEEKS) -> Window:
    return Window(MONDAY, MONDAY + timedelta(days=days))


def test_a_loss_is_that_of_plain_counting(build: Build) -> None:
    obs = build("day")
    rows = weekly_rows(1, carrier="day")
    arms = {row["decision_id"]: row["arm"] for row in rows["decisions"]}
    counts = np.zeros((2, WEEKS, 7))
    for row in rows["candidates"]:
        if row["candidate_id"] == "x" and row["is_eligible"] and arms[row["decision_id"]] == "ml":
            day = (row["decided_at"] - MONDAY).days
            counts[:, day // 7, day % 7] += (row["is_chosen"], 1)
    share = counts[0] / counts[1]
    others = np.delete(share, TUESDAY, axis=1).mean(axis=1)
    losses = recurring_losses(obs.records, window(), most_p=0.05)
    assert [(loss.candidate, loss.weekday) for loss in losses] == [("x", TUESDAY)]
    assert losses[0].effect == pytest.approx((share[:, TUESDAY] - others).mean())
    assert (losses[0].weeks, losses[0].weeks_alike) == (WEEKS, WEEKS)
    assert losses[0].window == window()


def test_weeks_end_with_the_window_and_are_whole(build: Build) -> None:
    wider = Window(MONDAY + timedelta(days=3, hours=5), window().end)
    losses = recurring_losses(build("day").records, wider, most_p=0.05)
    assert losses[0].window == Window(MONDAY + timedelta(days=7), window().end)
    assert losses[0].weekday == TUESDAY


def test_three_weeks_are_too_few(build: Build) -> None:
    assert recurring_losses(build("day").records, window(21), most_p=0.05) == ()


def test_days_have_the_calendars_weekday() -> None:
    days = np.arange(-10, 20_000, 37)
    expected = [(datetime(1970, 1, 1) + timedelta(days=int(day))).weekday() for day in days]  # noqa: DTZ001
    assert weekday_of(days).tolist() == expected


def test_roles_are_found_by_values_and_not_by_names(build: Build) -> None:
    roles = feature_roles(build("day").records, window(), "m:1", FEATURES)
    assert (set(roles.calendar), roles.identity) == ({"angle", "day"}, ("brand",))
    assert set(roles.other) == {"amount", "mood"}
    assert roles.values["day"] == dict(enumerate(WEEKDAYS))
    assert float(roles.values["angle"][TUESDAY]) == pytest.approx(np.sin(2 * np.pi / 7), abs=1e-6)


@pytest.mark.parametrize("carrier", ["day", "angle"])
def test_a_calendar_feature_is_the_cause_whatever_its_form(build: Build, carrier: str) -> None:
    obs = build(carrier)
    loss = recurring_losses(obs.records, window(), most_p=0.05)[0]
    roles = feature_roles(obs.records, window(), "m:1", FEATURES)
    cause = find_cause(obs.system, obs.records, loss, "m:1", roles)
    assert cause is not None
    assert cause.fidelity == 1.0
    terms = {row["term"]: row["change"] for row in cause.terms.to_pylist()}
    assert sum(terms.values()) == pytest.approx(cause.loss, abs=1e-9)
    assert cause.calendar_part == pytest.approx(terms[CALENDAR] / cause.loss)
    assert cause.calendar_part > 0.8
    cells = {row["candidate"]: row for row in cause.cells.to_pylist()}
    assert cells["x"]["Tuesday"] == pytest.approx(-1.5, abs=1e-5)
    assert cells["y"]["Tuesday"] == pytest.approx(0, abs=1e-5)
    assert cause.share < cause.share_elsewhere - 0.1
    assert cause.share_without == pytest.approx(cause.share_elsewhere, abs=0.07)


@pytest.mark.parametrize("carrier", ["cap", "mood", "amount"])
def test_what_the_calendar_does_not_carry_is_no_artefact(build: Build, carrier: str) -> None:
    """A layer that acts on Tuesdays, or a feature that is otherwise on them, stops the story."""
    obs = build(carrier)
    losses = recurring_losses(obs.records, window(), most_p=0.05)
    assert [(loss.candidate, loss.weekday) for loss in losses] == [("x", TUESDAY)]
    assert learned_artefacts(obs.system, obs.records, window=window()) == ()


def test_without_training_rows_the_first_stages_still_answer(build: Build) -> None:
    obs = build("day")
    (found,) = learned_artefacts(obs.system, obs.records, window=window())
    assert (found.verdict, found.trace) == ("untraced", None)
    assert "model 'm:1' was not logged" in found.missing
    assert ("day", "Tuesday") in found.calendar
    for part in ("Every Tuesday x loses traffic", "day = Tuesday", "cannot be said"):
        assert part in found.told


def test_where_nothing_recurs_there_is_nothing(build: Build) -> None:
    obs = build("nothing")
    assert learned_artefacts(obs.system, obs.records, window=window()) == ()


def test_a_loss_without_attributions_asks_for_them(build: Build) -> None:
    obs = build("day", explained=False)
    with pytest.raises(ExplainError, match="no attributions are stored"):
        learned_artefacts(obs.system, obs.records, window=window())
