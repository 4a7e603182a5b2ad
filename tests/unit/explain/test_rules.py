"""Readable rules: a policy that is a rule list is found whole, and fidelity is counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pellucid.errors import ExplainError, UnknownNameError
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Dimension, Layer, System
from pellucid.windows import Window

START = datetime(2026, 6, 1, tzinfo=UTC)
TIME = pa.timestamp("us", "UTC")
NAMES = ("x", "y", "z")
Policy = Callable[[dict, int], list[str]]


def world(seed: int, policy: Policy, *, count: int = 800, days: int = 12) -> list[dict]:
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        row = {
            "decision_id": f"d{number}",
            "decided_at": START + timedelta(days=days * number / count),
            "country": draw.choice(["BR", "DE", "FR", None], p=[0.4, 0.3, 0.2, 0.1]),
            "card": str(draw.choice(["credit", "debit"])),
        }  # fmt: skip
        eligible = [name for name in NAMES if draw.random() < 0.8] or ["z"]
        order = policy(row, number)
        pick = next(name for name in order if name in eligible)
        is_explored = draw.random() < 0.1
        chosen = str(draw.choice(eligible)) if is_explored else pick
        rows.append(row | {"eligible": eligible, "pick": pick, "chosen": chosen})
    return rows


def logged(root: Path, rows: list[dict]) -> Observatory:
    system = System(
        name="rules", dimensions=(Dimension(name="country"), Dimension(name="card", label="Card")),
        candidate=Candidate(name="route"),
        layers=(Layer(name="fees"), Layer(name="exploration", kind="exploration")),
    )  # fmt: skip
    log = Logger(system, to=root)
    at = pa.array([row["decided_at"] for row in rows], TIME)
    ids = [row["decision_id"] for row in rows]
    log.decisions(pa.table({
        "decision_id": ids, "decided_at": at, "arm": ["ml"] * len(rows),
        **{name: pa.array([row[name] for row in rows], pa.string())
           for name in ("country", "card", "chosen")},
        "pick_model": [row["pick"] for row in rows], "pick_fees": [row["pick"] for row in rows],
        "pick_exploration": [row["chosen"] for row in rows],
    })).raise_for_refused()  # fmt: skip
    for name in NAMES:
        log.candidates(pa.table({
            "decision_id": ids, "decided_at": at, "candidate_id": [name] * len(rows),
            "is_eligible": [name in row["eligible"] for row in rows],
        })).raise_for_refused()  # fmt: skip
    return open_system(root)


def as_rules(row: dict, number: int) -> list[str]:
    if row["country"] == "BR":
        return ["x", "y", "z"] if row["card"] == "credit" else ["y", "z", "x"]
    return ["z", "x", "y"]


def with_noise(row: dict, number: int) -> list[str]:
    return ["y", "x", "z"] if number % 7 == 0 else as_rules(row, number)


@pytest.mark.parametrize("seed", range(3))
def test_a_policy_that_is_a_rule_list_is_found_whole(tmp_path: Path, seed: int) -> None:
    obs = logged(tmp_path, world(seed, as_rules))
    found = obs.rules()
    assert found.fidelity == 1.0
    assert set(found.rules.column("fidelity").to_pylist()) == {1.0}
    assert set(found.candidates.column("recall").to_pylist()) == {1.0}
    three = {row["rule"]: row["pick"] for row in obs.rules(most=3).rules.to_pylist()}
    assert three == {
        "\"country\" = 'BR' AND \"card\" = 'credit'": "x",
        "\"country\" = 'BR' AND \"card\" = 'debit'": "y",
        '("country" <> \'BR\' OR "country" IS NULL)': "z",
    }
    assert "Where country BR, card credit: x" in obs.rules(most=3).told


def test_fidelity_is_that_of_the_last_quarter_of_the_days(tmp_path: Path) -> None:
    rows = world(4, with_noise)
    obs = logged(tmp_path, rows)
    found = obs.rules(most=3)
    late = [row for row in rows if row["decided_at"] >= START + timedelta(days=9)]
    orders = {
        row["rule"]: row["pick"] for row in found.rules.to_pylist()
    }  # fmt: skip
    assert len(orders) == 3
    right = []
    for row in late:
        order = as_rules(row, 1)
        pick = next(name for name in order if name in row["eligible"])
        right.append(pick == row["pick"])
    assert found.tested == len(late)
    assert found.fidelity == pytest.approx(np.mean(right))
    assert found.decisions == len(rows) - len(late)
    for row in found.candidates.to_pylist():
        own = [is_right for is_right, item in zip(right, late, strict=True)
               if item["pick"] == row["candidate"]]  # fmt: skip
        assert row["decisions"] == len(own)
        assert row["recall"] == pytest.approx(np.mean(own))
    for row in found.groups.to_pylist():
        own = [is_right for is_right, item in zip(right, late, strict=True)
               if item[row["dimension"]] == row["value"]]  # fmt: skip
        assert (row["decisions"], row["fidelity"]) == (len(own), pytest.approx(np.mean(own)))


def test_each_condition_finds_its_own_decisions_in_sql(tmp_path: Path) -> None:
    obs = logged(tmp_path, world(5, with_noise))
    found = obs.rules(most=6)
    early = Window(START, START + timedelta(days=9))
    total = 0
    for row in found.rules.to_pylist():
        asked = obs.query("decision_count", where=row["rule"], over=early).rows.to_pylist()
        assert asked[0]["value"] == row["decisions"]
        total += asked[0]["value"]
    assert total == found.decisions


def test_periods_differ_where_the_policy_changed(tmp_path: Path) -> None:
    def changed(row: dict, number: int) -> list[str]:
        is_moved = number >= 400 and row["country"] == "DE"
        return ["y", "z", "x"] if is_moved else as_rules(row, number)

    rows = world(6, changed)
    obs = logged(tmp_path, rows)
    middle = START + timedelta(days=6)
    windows = Window(middle, START + timedelta(days=12)), Window(START, middle)
    change = obs.rules_changed(window=windows[0], baseline=windows[1])
    late = [row for row in rows if row["decided_at"] >= middle]
    moved = [row for row in late if row["country"] == "DE"
             and next(n for n in "zxy" if n in row["eligible"]) != row["pick"]]  # fmt: skip
    assert change.differ == pytest.approx(len(moved) / len(late))
    assert all("'DE'" in row["rule_after"] for row in change.moves.to_pylist())
    assert change.moves.column("pick_after")[0].as_py() == "y"
    same = obs.rules_changed(
        window=Window(START + timedelta(days=3), middle),
        baseline=Window(START, START + timedelta(days=3)),
    )
    assert (same.differ, same.moves.num_rows) == (0.0, 0)


def test_what_cannot_be_found_says_why(tmp_path: Path) -> None:
    obs = logged(tmp_path, world(7, as_rules, count=60, days=1))
    with pytest.raises(UnknownNameError, match="no dimension is called 'contry'"):
        obs.rules(by=["contry"])
    with pytest.raises(ExplainError, match="no decision of the policy where country = 'XX'"):
        obs.rules(where="country = 'XX'")
    with pytest.raises(ExplainError, match="overlap"):
        obs.rules_changed(window="1d", baseline="1d")
    alone = obs.rules(most=1)
    assert (alone.rules.num_rows, alone.decisions) == (1, alone.tested)
    assert "everything" in alone.told
