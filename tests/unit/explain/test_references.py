"""A reference population for each candidate: the same decisions, with that candidate in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestRegressor

from pellucid.explain.reference import MOST_CANDIDATES, Reference, with_candidate
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Feature, System
from pellucid.windows import Window

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIME = pa.timestamp("us", "UTC")
FEATURES = ["amount", "night", "route", "health"]
COUNT = 240


def test_where_it_was_considered_a_candidate_is_as_it_was() -> None:
    decisions = pa.table({
        "decision_id": ["b", "a", "b", "c"], "candidate_id": ["x", "y", "y", "x"],
        "f_amount": [2.0, 1.0, 2.0, 3.0], "f_route": ["x", "y", "y", "x"],
        "f_health": [0.2, 0.1, 0.9, None],
    })  # fmt: skip
    own = pa.table({"candidate_id": ["x", "x"], "f_amount": [8.0, 9.0], "f_route": ["x", "x"],
                    "f_health": [0.7, 0.8]})  # fmt: skip
    found = with_candidate(decisions, own, {"amount"}, "x")
    assert found.to_pydict() == {
        "candidate_id": ["x"] * 3, "f_amount": [1.0, 2.0, 3.0], "f_route": ["x"] * 3,
        # Not in a: as it was elsewhere. In c it was, and its health was not known.
        "f_health": [0.7, 0.2, None],
    }  # fmt: skip


def logged(root: Path, *, candidates: int = 3) -> Observatory:
    draw = np.random.default_rng(1)
    system = System(
        name="refs", score_unit="raw", policy_scale="raw",
        features=tuple(Feature(name=name) for name in FEATURES), candidate=Candidate(name="route"),
    )  # fmt: skip
    amount, night = draw.exponential(size=COUNT), draw.integers(0, 2, COUNT).astype(float)
    health = draw.normal(size=(COUNT, candidates))
    matrix = np.stack([
        np.repeat(amount[:, None], candidates, axis=1),
        np.repeat(night[:, None], candidates, axis=1),
        np.repeat(np.arange(candidates, dtype=float)[None], COUNT, axis=0), health,
    ], axis=2)  # fmt: skip
    flat = matrix.reshape(-1, 4)
    truth = flat[:, 0] * (flat[:, 2] == 1) + flat[:, 1] * flat[:, 2] + 0.5 * flat[:, 3]
    model = RandomForestRegressor(10, max_depth=6, random_state=1).fit(flat, truth)
    log = Logger(system, to=root)
    model_id = log.model(model, name="m", version="1", trained_at=NOON, features=FEATURES)
    raw = model.predict(flat).reshape(COUNT, candidates)
    # The last candidate comes only on the last of 12 days.
    late = np.arange(COUNT) >= COUNT * 11 // 12
    at = pa.array([NOON + timedelta(days=12 * n / COUNT) for n in range(COUNT)], TIME)
    ids = pa.array([f"d{n}" for n in range(COUNT)])
    best = np.where(late, raw.argmax(axis=1), raw[:, :-1].argmax(axis=1))
    log.decisions(pa.table({"decision_id": ids, "decided_at": at, "model_id": [model_id] * COUNT,
                            "chosen": [f"c{n}" for n in best]})).raise_for_refused()  # fmt: skip
    for place in range(candidates):
        rows = pa.table({
            "decision_id": ids, "decided_at": at, "candidate_id": [f"c{place}"] * COUNT,
            "raw_score": raw[:, place],
            **{f"f_{name}": matrix[:, place, n] for n, name in enumerate(FEATURES)},
        })  # fmt: skip
        is_last = place == candidates - 1
        log.candidates(rows.filter(pa.array(late)) if is_last else rows).raise_for_refused()
    return open_system(root)


def test_a_candidates_own_features_add_nothing_and_its_base_is_its_general_score(
    tmp_path: Path,
) -> None:
    obs = logged(tmp_path)
    obs.attribute()
    rows = obs.records.rows("attributions").to_pylist()
    assert {abs(row["a_route"]) < 1e-6 for row in rows} == {True}
    bases = {name: {row["base_value"] for row in rows if row["candidate_id"] == name}
             for name in ("c0", "c1", "c2")}  # fmt: skip
    assert all(len(own) == 1 for own in bases.values())
    model = obs.records.model("m:1")
    reference = model.reference
    assert isinstance(reference, Reference)
    assert reference.candidates == ("c0", "c1", "c2")
    for name, (base,) in bases.items():
        population = model.matrix(reference.of(name).rows)
        assert base == pytest.approx(model.explainer.raw_score(population).mean())
    # One population for all: the decisions are the same, only the candidate differs.
    for shared in ("f_amount", "f_night"):
        columns = [reference.of(name).rows.column(shared) for name in ("c0", "c1", "c2")]
        assert columns[0] == columns[1] == columns[2]
    for row in rows:
        explained = row["base_value"] + sum(float(row[f"a_{name}"]) for name in FEATURES)
        assert explained == pytest.approx(row["raw_score"], abs=1e-5)
        assert row["candidate_id"] in row["explainer"]


def test_the_mean_attribution_of_the_population_itself_is_nothing(tmp_path: Path) -> None:
    obs = logged(tmp_path)
    obs.attribute()
    model = obs.records.model("m:1")
    own = model.matrix(model.reference.of("c1").rows)
    model.explainer.set_reference(own, "itself")
    _, values = model.explainer.attribute(own)
    assert values.mean(axis=0) == pytest.approx([0] * 4, abs=1e-6)


def test_a_candidate_that_comes_later_joins_and_the_others_stay(tmp_path: Path) -> None:
    obs = logged(tmp_path)
    obs.attribute(over=Window(NOON, NOON + timedelta(days=8)))
    before = obs.records.model("m:1").reference
    assert before.candidates == ("c0", "c1")
    again = open_system(tmp_path)
    again.attribute(over=Window(NOON, NOON + timedelta(days=13)))
    after = again.records.model("m:1").reference
    assert after.candidates == ("c0", "c1", "c2")
    for name in before.candidates:
        assert after.of(name).rows.equals(before.of(name).rows)
    rows = again.records.rows("attributions").to_pylist()
    for name in ("c0", "c1"):
        assert len({row["base_value"] for row in rows if row["candidate_id"] == name}) == 1


@pytest.mark.parametrize("candidates", [1, MOST_CANDIDATES + 1])
def test_one_or_very_many_candidates_share_a_population(tmp_path: Path, candidates: int) -> None:
    obs = logged(tmp_path, candidates=max(2, candidates))
    window = Window(NOON, NOON + timedelta(days=8 if candidates == 1 else 13))
    obs.attribute(over=window)
    reference = obs.records.model("m:1").reference
    assert reference.candidates == ()
    assert len(set(obs.records.rows("attributions").column("base_value").to_pylist())) == 1
    again = open_system(tmp_path)
    again.attribute(over=Window(NOON, NOON + timedelta(days=14)))
    assert again.records.model("m:1").reference.rows.equals(reference.rows)
