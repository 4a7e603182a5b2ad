"""What would have sent a decision elsewhere: every value tried by brute force is the oracle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.tree import DecisionTreeRegressor

from pellucid.errors import ExplainError, UnknownNameError
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Feature, Layer, System

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NAMES = ("x", "y", "z")
# The first two are of the decision, the others of a candidate.
FEATURES = ("amount", "hour", "quality", "is_fast")
COUNT = 150


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, DecisionTreeRegressor]:
    """Return features, shape (decisions, candidates, features), fees, and a model of them."""
    draw = np.random.default_rng(seed)
    shape = (COUNT, len(NAMES))
    matrix = np.stack([
        np.repeat(draw.exponential(50, COUNT)[:, None], 3, axis=1),
        np.repeat(draw.integers(0, 24, COUNT)[:, None].astype(float), 3, axis=1),
        draw.normal(size=shape), draw.integers(0, 2, shape).astype(float),
    ], axis=2)  # fmt: skip
    flat = matrix.reshape(-1, 4)
    truth = 0.01 * flat[:, 0] * flat[:, 2] + 0.05 * flat[:, 1] * flat[:, 3] + flat[:, 2]
    model = DecisionTreeRegressor(max_depth=7, random_state=seed).fit(flat, truth)
    return matrix, draw.normal(scale=0.3, size=shape), model


def scores(model: DecisionTreeRegressor, matrix: np.ndarray) -> np.ndarray:
    return model.predict(matrix.reshape(-1, 4)).reshape(matrix.shape[:-1])


def logged(root: Path, seed: int) -> Observatory:
    matrix, fees, model = drawn(seed)
    system = System(
        name="flips", score_unit="raw", policy_scale="raw",
        features=tuple(Feature(name=name, label=name.capitalize()) for name in FEATURES),
        candidate=Candidate(name="route"), layers=(Layer(name="fees", label="Fees"),),
    )  # fmt: skip
    log = Logger(system, to=root)
    model_id = log.model(model, name="m", version="1", trained_at=NOON, features=list(FEATURES))
    raw = scores(model, matrix)
    picked, best = raw.argmax(axis=1), (raw + fees).argmax(axis=1)
    time = pa.array([NOON + timedelta(minutes=n) for n in range(COUNT)], pa.timestamp("us", "UTC"))
    ids = pa.array([f"d{n}" for n in range(COUNT)])
    log.decisions(pa.table({
        "decision_id": ids, "decided_at": time, "model_id": [model_id] * COUNT,
        "chosen": [NAMES[n] for n in best], "pick_model": [NAMES[n] for n in picked],
        "pick_fees": [NAMES[n] for n in best],
    })).raise_for_refused()  # fmt: skip
    for place, name in enumerate(NAMES):
        log.candidates(pa.table({
            "decision_id": ids, "decided_at": time, "candidate_id": [name] * COUNT,
            "raw_score": raw[:, place], "layer_fees": fees[:, place], "is_chosen": best == place,
            **{f"f_{key}": matrix[:, place, n] for n, key in enumerate(FEATURES)},
        })).raise_for_refused()  # fmt: skip
    obs = open_system(root)
    obs.attribute()
    return obs


def flipping(seed: int, number: int, feature: int, whose: list[int], values: np.ndarray):
    """Return the picks of a decision for other values of a feature of some candidates."""
    matrix, fees, model = drawn(seed)
    rows = np.repeat(matrix[number][None], len(values), axis=0)
    for candidate in whose:
        rows[:, candidate, feature] = values
    return (scores(model, rows) + fees[number]).argmax(axis=1)


@pytest.mark.parametrize("to", ["", "z"])
def test_no_value_nearer_flips_and_these_do(tmp_path: Path, to: str) -> None:
    obs, seed = logged(tmp_path, 1), 1
    matrix, fees, model = drawn(seed)
    usual = obs.records.reference_rows("m:1")
    found_any = 0
    for number in range(0, 40, 3):
        total = scores(model, matrix)[number] + fees[number]
        best = int(total.argmax())
        if NAMES[best] == to:
            continue
        answer = obs.flips(f"d{number}", to=to)
        rival = NAMES.index(answer.rival)
        assert answer.margin == pytest.approx(total[best] - total[rival])
        rows = {row["feature"]: row for row in answer.features.to_pylist()}
        for place, feature in enumerate(FEATURES):
            known = usual.column(f"f_{feature}").to_numpy()
            sides = [[0, 1, 2]] if place < 2 else [[0], [1], [2]]
            does = False
            for whose in sides:
                picks = flipping(seed, number, place, whose, np.unique(known))
                does |= bool(((picks == NAMES.index(to)) if to else (picks != best)).any())
            assert (feature in rows) == does
            if not does:
                continue
            found_any += 1
            row = rows[feature]
            whose = [0, 1, 2] if row["candidate"] is None else [NAMES.index(row["candidate"])]
            needed, own = float(row["needed"]), matrix[number, whose[0], place]
            # Values are shown with six digits: a hair further off flips for certain.
            beyond = needed + np.sign(needed - own) * max(1e-5 * abs(needed), 1e-6)
            pick = flipping(seed, number, place, whose, np.array([beyond]))[0]
            assert NAMES[pick] == row["pick"]
            assert row["pick"] == to if to else row["pick"] != NAMES[best]
            if place == 0:
                nearer = own + (needed - own) * np.linspace(0.01, 0.99, 300)
                picks = flipping(seed, number, place, whose, nearer)
                assert not (picks == pick).any()
    assert found_any > 5


def test_a_layer_that_moves_by_the_margin_is_level(tmp_path: Path) -> None:
    obs = logged(tmp_path, 2)
    answer = obs.flips("d5")
    row = answer.layers.to_pylist()[0]
    matrix, fees, model = drawn(2)
    total = scores(model, matrix)[5] + fees[5]
    best, rival = NAMES.index(answer.chosen), NAMES.index(answer.rival)
    assert (row["chosen_term"], row["rival_term"]) == pytest.approx((fees[5][best], fees[5][rival]))
    assert total[best] - row["needed"] == pytest.approx(total[rival])
    assert f"{answer.chosen} was ahead of {answer.rival}" in answer.told


def test_what_cannot_be_flipped_says_why(tmp_path: Path) -> None:
    obs = logged(tmp_path, 3)
    with pytest.raises(UnknownNameError, match="no decision is called 'nope'"):
        obs.flips("nope")
    with pytest.raises(UnknownNameError, match="no eligible candidate is called 'w'"):
        obs.flips("d1", to="w")
    chosen = obs.flips("d1").chosen
    with pytest.raises(ExplainError, match="already"):
        obs.flips("d1", to=chosen)
    log = Logger("flips", to=tmp_path)
    time = pa.array([NOON], pa.timestamp("us", "UTC"))
    for name, score in (("x", 1.0), ("y", 0.0)):
        log.candidates(pa.table({"decision_id": ["odd"], "decided_at": time, "raw_score": [score],
                                 "candidate_id": [name]}))  # fmt: skip
    log.decisions(pa.table({"decision_id": ["odd", "alone"], "chosen": ["y", "x"],
                            "decided_at": pa.concat_arrays([time, time]),
                            "pick_model": ["x", "x"]}))  # fmt: skip
    log.candidates(pa.table({"decision_id": ["alone"], "decided_at": time, "raw_score": [0.1],
                             "candidate_id": ["x"]}))  # fmt: skip
    with pytest.raises(ExplainError, match="something that is not logged as a term moved it"):
        obs.flips("odd")
    with pytest.raises(ExplainError, match="the only one that was eligible"):
        obs.flips("alone")
