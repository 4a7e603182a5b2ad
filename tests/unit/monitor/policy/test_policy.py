"""The policy against control and against others, on small lakes whose truth is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pellucid.errors import DataError, SpecError
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Dimension, Layer, Outcome, System

START = datetime(2026, 3, 2, tzinfo=UTC)
SYSTEM = System(
    name="two-routes", dimensions=(Dimension(name="country"),), candidate=Candidate(name="route"),
    layers=(Layer(name="fees"),),
    outcomes=(Outcome(name="approved", matures_after="1h", is_predicted=True),),
)  # fmt: skip
COUNTRIES = [f"c{place:02d}" for place in range(20)]


def lake(
    root: Path, *, seed: int = 0, decisions: int = 12_000, exploration: float = 0.3,
    with_propensity: bool = True, with_chances: bool = True,
) -> Observatory:  # fmt: skip
    """Routes a and b: a is right in c00 to c16, b elsewhere; fees move a quarter from a to b."""
    draw = np.random.default_rng(seed)
    country = draw.integers(0, len(COUNTRIES), decisions)
    model = np.where(country < 17, 0, 1)
    fees = np.where(draw.random(decisions) < 0.25, 1, model)
    is_control = draw.random(decisions) < 0.3
    chance = np.full((decisions, 2), exploration / 2)
    chance[np.arange(decisions), fees] += 1 - exploration
    chance[is_control] = 0.5
    chosen = (draw.random(decisions) < chance[:, 1]).astype(int)
    # In c19 the model is wrong: there its pick is the worse one.
    pays = np.where((chosen == 0) == (country < 17), 0.9, 0.6)
    pays = np.where(country == 19, np.where(chosen == 1, 0.5, 0.9), pays)
    ids = [f"d{place}" for place in range(decisions)]
    at = [START + timedelta(seconds=120 * place) for place in range(decisions)]
    names = np.array(["a", "b"])
    rows = {
        "decision_id": ids, "decided_at": at, "request_id": ids, "attempt": [1] * decisions,
        "country": np.array(COUNTRIES)[country], "arm": np.where(is_control, "control", "ml"),
        "chosen": names[chosen], "pick_model": names[model], "pick_fees": names[fees],
        "chosen_probability": np.where(chosen == 0, 0.8, 0.7),
    }  # fmt: skip
    if with_propensity:
        rows["propensity"] = chance[np.arange(decisions), chosen]
    log = Logger(SYSTEM, to=root)
    log.decisions(pa.table(rows)).raise_for_refused()
    candidates = {
        "decision_id": np.repeat(ids, 2), "decided_at": [moment for moment in at for _ in (0, 1)],
        "candidate_id": np.tile(names, decisions), "is_eligible": [True] * (2 * decisions),
        "is_chosen": (np.arange(2)[None] == chosen[:, None]).ravel(),
        "probability": np.tile([0.8, 0.7], decisions),
    }  # fmt: skip
    if with_propensity and with_chances:
        candidates["propensity"] = chance.ravel()
    log.candidates(pa.table(candidates)).raise_for_refused()
    approved = (draw.random(decisions) < pays).astype(float)
    log.outcomes(pa.table({
        "decision_id": ids, "outcome": ["approved"] * decisions, "value": approved,
        "outcome_at": at, "recorded_at": at,
    })).raise_for_refused()  # fmt: skip
    return open_system(root)


@pytest.fixture(scope="module")
def obs(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    return lake(tmp_path_factory.mktemp("lake"))


def test_the_segment_where_ml_is_worse_is_named(obs: Observatory) -> None:
    found = obs.versus_control()
    rows = found.rows.to_pylist()
    assert [row["segment"] for row in rows if row["verdict"] == "worse"] == ["country c19"]
    assert rows[0]["segment"] == "" and rows[1]["segment"] == "country c19"  # noqa: PT018
    assert rows[1]["shrunk"] > rows[1]["change"], "drawn towards the others"
    assert rows[1]["chance_worse"] > 0.95
    assert "1 clearly does worse: country c19 (−" in found.told
    arms = obs.compare("approved_rate", over="30d", side="arm = 'ml'", other="arm = 'control'")
    assert rows[0]["change"] == arms.rows.to_pylist()[0]["change"]


def test_where_nothing_differs_nothing_is_named(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    obs = lake(tmp_path, seed=2, decisions=6_000, exploration=1.0)
    wrong = 0
    for _ in range(3):
        parity = int(draw.integers(2))
        rows = obs.versus_control(
            side=f"isodow(decided_at) % 2 = {parity}",
            other=f"isodow(decided_at) % 2 = {1 - parity}",
        ).rows.to_pylist()
        wrong += sum(row["verdict"] in ("worse", "better") for row in rows)
    assert wrong <= 1


def test_few_decisions_are_not_judged(obs: Observatory) -> None:
    rows = obs.versus_control(where="hour(decided_at) = 3 AND country IN ('c01', 'c02')").rows
    assert set(rows.column("verdict").to_pylist()[1:]) == {"too few"}
    with pytest.raises(SpecError):
        obs.versus_control(side="nothing = 1")


@pytest.mark.parametrize("policy", ["model", "CASE WHEN country < 'c17' THEN 'a' ELSE 'b' END"])
def test_a_policy_is_valued_by_what_was_logged(obs: Observatory, policy: str) -> None:
    """Its truth: 0.9 in 19 countries, 0.5 where the model is wrong."""
    found = obs.policy_value(policy)
    truth = (19 * 0.9 + 0.5) / 20
    for row in found.rows.to_pylist()[1:]:
        assert row["low"] <= truth <= row["high"], row
        assert row["difference"] > 0
    logged = found.rows.to_pylist()[0]
    assert logged["value"] == pytest.approx(obs.query("approved_rate").rows.to_pylist()[0]["value"])
    assert found.unsupported == 0
    assert not found.support.is_off
    assert "pp more" in found.told


def test_the_last_stage_is_what_was_run_but_for_exploration(obs: Observatory) -> None:
    fees, model = obs.policy_value("fees"), obs.policy_value("model")
    assert fees.rows.to_pylist()[1]["value"] < model.rows.to_pylist()[1]["value"]
    assert fees.agreement > model.agreement


def test_what_the_log_cannot_tell_is_refused(tmp_path: Path) -> None:
    bare = lake(tmp_path / "bare", decisions=600, with_propensity=False)
    with pytest.raises(DataError, match="log `propensity`"):
        bare.policy_value("model")
    greedy = lake(tmp_path / "greedy", decisions=2_000, exploration=0.0)
    with pytest.raises(DataError, match=r"picks what had less than 0.1% chance"):
        greedy.policy_value("model", where="arm = 'ml'")
    unlogged = lake(tmp_path / "unlogged", decisions=2_000, with_chances=False)
    with pytest.raises(DataError, match="picks what had less than"):
        unlogged.policy_value("model")
    with pytest.raises(SpecError, match="unknown column"):
        greedy.policy_value("nothing")
    with pytest.raises(SpecError, match="expected a string"):
        greedy.policy_value("attempt + 1")
