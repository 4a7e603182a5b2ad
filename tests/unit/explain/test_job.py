"""The attribution job: what it samples, that a killed run goes on, and that weights stay right."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeRegressor

from pellucid.explain.job import plans as planning
from pellucid.explain.job.rates import congressional_rates
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Dimension, Feature, System
from pellucid.windows import Window

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIME = pa.timestamp("us", "UTC")


@given(st.integers(0, 10_000), st.floats(0.01, 1.2))
def test_rates_spend_the_budget_and_favour_rare_groups(seed: int, part: float) -> None:
    draw = np.random.default_rng(seed)
    counts = np.ceil(draw.pareto(0.7, 40) * 5)
    keys = [draw.integers(0, 4, 40), draw.integers(0, 6, 40)]
    budget = part * counts.sum()
    rates = congressional_rates(counts, keys, budget)
    assert ((rates > 0) & (rates <= 1)).all()
    assert counts @ rates == pytest.approx(min(budget, counts.sum()), rel=1e-6)
    if part >= 1:
        assert (rates == 1).all()
        return
    # By definition: a cell's wish is the most that any grouping gives it, all in one proportion.
    wishes = []
    for cell in range(40):
        groupings = [np.zeros(40), keys[0], keys[1], keys[0] * 10 + keys[1]]
        wishes.append(max(
            counts[cell] / counts[of == of[cell]].sum() / len(np.unique(of)) for of in groupings
        ))  # fmt: skip
    partly = rates < 1 - 1e-9
    ratios = (counts * rates / np.array(wishes))[partly]
    assert ratios == pytest.approx(np.full(len(ratios), ratios[0] if len(ratios) else 0))
    if len(ratios):
        assert (counts / np.array(wishes))[~partly].max(initial=0) <= ratios[0] * (1 + 1e-6)


def logged(
    root: Path, *, count: int = 600, days: int = 6, among: Callable[[int], bool] = lambda _: True
) -> Observatory:
    """Log what `among` lets through of the same decisions whenever it is called."""
    draw = np.random.default_rng(1)
    system = System(
        name="job", score_unit="raw", policy_scale="raw", features=(Feature(name="amount"),),
        dimensions=(Dimension(name="country"),), candidate=Candidate(name="route"),
    )  # fmt: skip
    log = Logger(system, to=root)
    amount = draw.normal(size=(count, 2))
    model = DecisionTreeRegressor(max_depth=3).fit(amount.reshape(-1, 1), amount.reshape(-1) ** 2)
    model_id = log.model(model, name="m", version="1", trained_at=NOON, features=["amount"])
    raw = model.predict(amount.reshape(-1, 1)).reshape(count, 2)
    ids = pa.array([f"d{n}" for n in range(count)])
    at = pa.array([NOON + timedelta(days=days * n / count) for n in range(count)], TIME)
    country = np.where(np.arange(count) % 20 == 3, "MT", "US")
    kept = pa.array([among(n) for n in range(count)])
    log.decisions(pa.table({
        "decision_id": ids, "decided_at": at, "model_id": [model_id] * count,
        "chosen": np.where(raw[:, 0] >= raw[:, 1], "x", "y"), "country": country,
    }).filter(kept)).raise_for_refused()  # fmt: skip
    for place, name in enumerate("xy"):
        log.candidates(pa.table({
            "decision_id": ids, "decided_at": at, "candidate_id": [name] * count,
            "raw_score": raw[:, place], "f_amount": amount[:, place],
        }).filter(kept)).raise_for_refused()  # fmt: skip
    return open_system(root)


def weights(obs: Observatory) -> dict[str, float]:
    """Return the weight of each explained decision, both of whose candidates must have it."""
    rows = obs.records.rows("attributions").to_pylist()
    found: dict[str, float] = {}
    for row in rows:
        assert found.setdefault(row["decision_id"], row["sample_weight"]) == row["sample_weight"]
    assert len(rows) == 2 * len(found)
    return found


def test_a_rare_kind_is_not_left_with_a_few(tmp_path: Path) -> None:
    obs = logged(tmp_path)
    obs.attribute(most_decisions=120)
    found = weights(obs)
    rare = [weight for name, weight in found.items() if int(name[1:]) % 20 == 3]
    # A tenth of the decisions is drawn; of the 30 rare ones far more than a tenth.
    assert 80 < len(found) < 170
    assert len(rare) >= 15
    assert sum(found.values()) == pytest.approx(600, rel=0.25)
    assert sum(rare) == pytest.approx(30, rel=0.5)


def test_the_same_again_explains_nothing_and_a_longer_window_only_the_rest(tmp_path: Path) -> None:
    obs = logged(tmp_path)
    middle = NOON + timedelta(days=2)
    first = obs.attribute(over=Window(NOON, middle), most_decisions=50)
    before = weights(obs)
    assert first.stored == 2 * len(before)
    assert obs.attribute(over=Window(NOON, middle), most_decisions=600).stored == 0
    obs.attribute(over=Window(NOON - timedelta(days=1), NOON + timedelta(days=9)),
                  most_decisions=10_000)  # fmt: skip
    after = weights(obs)
    assert {name: after[name] for name in before} == before
    # Every decision before the middle that was not drawn stays so, and all after it are there.
    late = [name for name in after if int(name[1:]) >= 200]
    assert len(late) == 400
    assert {after[name] for name in late} == {1.0}
    assert len(after) == len(before) + 400


KILLED = """
import os, sys
from pellucid.explain import job
from pellucid.observatory import open_system
from pellucid.store.writer import Writer
job._CHUNK_ROWS = 60
real, after, calls = Writer.append, sys.argv[2] == "after", []

def append(self, *arguments, **options):
    calls.append(1)
    if len(calls) == 3 and not after:
        os._exit(9)
    receipt = real(self, *arguments, **options)
    if len(calls) == 3:
        os._exit(9)
    return receipt

Writer.append = append
open_system(sys.argv[1]).attribute(most_decisions=int(sys.argv[3]))
"""


@pytest.mark.parametrize("most", [100_000, 150])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, moment: str, most: int) -> None:
    obs = logged(tmp_path / "killed")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed"), moment, str(most)]
    assert subprocess.run(command, check=False, timeout=120).returncode == 9
    half = weights(obs)
    assert 0 < len(half) < 600
    # Another budget changes nothing of what was planned.
    obs.attribute(most_decisions=most * 3)
    whole = logged(tmp_path / "whole")
    whole.attribute(most_decisions=most)
    assert weights(obs) == pytest.approx(weights(whole))
    assert obs.attribute(most_decisions=most).stored == 0


@pytest.mark.parametrize("most", [100_000, 150])
def test_what_is_logged_late_is_explained_at_the_rate_of_its_kind(
    tmp_path: Path, most: int
) -> None:
    obs = logged(tmp_path / "late", among=lambda n: n % 3 > 0)
    whole = Window(NOON - timedelta(hours=12), NOON + timedelta(days=7))
    obs.attribute(over=whole, most_decisions=most)
    before = weights(obs)
    (plan,) = planning.stored_plans(obs.lake, "m:1")
    late = logged(tmp_path / "late", among=lambda n: n % 3 == 0)
    stored = late.attribute(over=whole, most_decisions=most).stored
    after = weights(late)
    assert stored == 2 * (len(after) - len(before)) > 0
    assert {name: after[name] for name in before} == before
    rates = dict(zip(plan.cells, plan.rates, strict=True))
    for row in late.records.rows(
        "decisions", columns=["decision_id", "chosen", "country"]
    ).to_pylist():
        if row["decision_id"] in after:
            rate = rates[row["chosen"], row["country"]]
            assert after[row["decision_id"]] == pytest.approx(1 / rate)
    # The draw is by the id alone, so it is the one that a run over all of them makes at such rates.
    assert len(after) == 600 if most > 600 else sum(after.values()) == pytest.approx(600, rel=0.25)
    assert late.attribute(over=whole, most_decisions=most).stored == 0


def test_a_candidate_logged_after_its_decision_was_explained(tmp_path: Path) -> None:
    obs = logged(tmp_path)
    obs.attribute()
    row = {"decision_id": "d7", "decided_at": NOON + timedelta(days=6 * 7 / 600),
           "candidate_id": "z", "raw_score": 0.5, "f_amount": 0.5}  # fmt: skip
    Logger(obs.system, to=tmp_path).candidates(
        pa.table({name: [value] for name, value in row.items()})
    )
    assert obs.attribute().stored == 1


AT_ONCE = """
import sys, time
from pellucid.observatory import open_system
obs = open_system(sys.argv[1])
while time.time() < float(sys.argv[3]):
    pass
obs.attribute(most_decisions=int(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_two_runs_at_once_explain_each_decision_once_by_one_plan(tmp_path: Path, seed: int) -> None:
    obs = logged(tmp_path / "both")
    start = str(time.time() + 4)
    runs = [
        subprocess.Popen([sys.executable, "-c", AT_ONCE, str(tmp_path / "both"), most, start])
        for most in ("100", "200")
    ]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    found = weights(obs)
    assert len(planning.stored_plans(obs.lake, "m:1")) == 1
    alone = []
    for most in (100, 200):
        one = logged(tmp_path / str(most))
        one.attribute(most_decisions=most)
        alone.append(weights(one))
    assert found in alone


def test_a_claim_of_a_run_that_died_holds_nobody_up_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_LOOK_SECONDS", 0.0)
    obs = logged(tmp_path)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(planning, "store_plans", die)
        with pytest.raises(KeyboardInterrupt):
            obs.attribute()
    assert obs.attribute().stored == 1200


def test_plans_are_read_as_they_were_made(tmp_path: Path) -> None:
    obs = logged(tmp_path)
    plan = planning.make_plan(
        obs.records, "m:1", obs.window("30d"), obs.system.dimension_names, most_decisions=100,
        most_rows=100,
    )  # fmt: skip
    assert plan is not None
    planning.store_plans(obs.lake, "m:1", [plan])
    assert planning.stored_plans(obs.lake, "m:1") == [plan]
    assert planning.stored_plans(obs.lake, "m:2") == []
    assert plan.windows[0].start == plan.start
    assert plan.windows[-1].end == plan.end
    assert all(a.end == b.start for a, b in zip(plan.windows, plan.windows[1:], strict=False))
    hours = [timedelta(hours=n) for n in range(5)]
    parts = [planning.Plan(NOON + a, NOON + b, (NOON + a,), (), ((),), (1.0,))
             for a, b in ((hours[1], hours[2]), (hours[3], hours[4]))]  # fmt: skip
    asked = Window(NOON, NOON + timedelta(hours=9))
    assert planning.unplanned(parts, asked) == [
        Window(NOON, NOON + hours[1]), Window(NOON + hours[2], NOON + hours[3]),
        Window(NOON + hours[4], asked.end),
    ]  # fmt: skip
    assert planning.unplanned(parts, Window(NOON + hours[1], NOON + hours[2])) == []
