"""One model against another: linear models, whose every part is a product, are the oracle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from contests import mean_and_error
from sklearn.linear_model import LinearRegression

from pellucid.errors import ExplainError, UnknownNameError
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Dimension, Feature, System
from pellucid.windows import Window

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIME = pa.timestamp("us", "UTC")
NAMES = ("amount", "hour", "quality")
COUNT, ROUTES, DAYS = 300, 3, 6
OLD, NEW = np.array([0.5, 0.0, 1.0]), np.array([0.5, 0.2, 0.4])


def linear(weights: np.ndarray, intercept: float) -> LinearRegression:
    model = LinearRegression()
    model.coef_, model.intercept_, model.n_features_in_ = weights, intercept, len(weights)
    return model


def drawn() -> np.ndarray:
    """Return features, shape (decisions, routes, 3); amounts grow from one day to the next."""
    draw = np.random.default_rng(3)
    day = np.arange(COUNT) * DAYS // COUNT
    return np.stack([
        np.repeat((draw.normal(size=COUNT) + 0.3 * day)[:, None], ROUTES, axis=1),
        np.repeat(draw.normal(size=COUNT)[:, None], ROUTES, axis=1),
        draw.normal(size=(COUNT, ROUTES)) + np.arange(ROUTES) * 0.2,
    ], axis=2)  # fmt: skip


def logged(root: Path) -> Observatory:
    system = System(
        name="versions", score_unit="raw", policy_scale="raw", candidate=Candidate(name="route"),
        dimensions=(Dimension(name="country"),),
        features=tuple(Feature(name=name, label=name.capitalize()) for name in NAMES),
    )  # fmt: skip
    log = Logger(system, to=root)
    for version, weights, intercept in (("1", OLD, 0.1), ("2", NEW, 0.6)):
        log.model(linear(weights, intercept), name="m", version=version, trained_at=NOON,
                  features=list(NAMES))  # fmt: skip
    matrix = drawn()
    raw = matrix @ OLD + 0.1
    ids = pa.array([f"d{n}" for n in range(COUNT)])
    at = pa.array([NOON + timedelta(days=DAYS * n / COUNT) for n in range(COUNT)], TIME)
    log.decisions(pa.table({
        "decision_id": ids, "decided_at": at, "model_id": ["m:1"] * COUNT,
        "chosen": [f"r{n}" for n in raw.argmax(axis=1)],
        "country": ["BR" if n % 2 else "DE" for n in range(COUNT)],
    })).raise_for_refused()  # fmt: skip
    for place in range(ROUTES):
        log.candidates(pa.table({
            "decision_id": ids, "decided_at": at, "candidate_id": [f"r{place}"] * COUNT,
            "raw_score": raw[:, place],
            **{f"f_{name}": matrix[:, place, n] for n, name in enumerate(NAMES)},
        })).raise_for_refused()  # fmt: skip
    obs = open_system(root)
    obs.attribute()
    return obs


def test_every_part_is_a_difference_of_products(tmp_path: Path) -> None:
    obs = logged(tmp_path)
    change = obs.compare_models("m:1", "m:2")
    matrix = drawn()
    chosen = (matrix @ OLD).argmax(axis=1)
    picked = matrix[np.arange(COUNT), chosen]
    reference = obs.records.model("m:1").reference
    centre = np.array([
        [np.mean(reference.of(f"r{n}").rows.column(f"f_{name}").to_numpy()) for name in NAMES]
        for n in range(ROUTES)
    ])[chosen]  # fmt: skip
    parts = np.column_stack([
        (centre @ NEW + 0.6) - (centre @ OLD + 0.1), (NEW - OLD) * (picked - centre),
    ])  # fmt: skip
    seconds = np.arange(COUNT) * DAYS * 86400 / COUNT
    day = np.array([(NOON + timedelta(seconds=float(s))).date().toordinal() for s in seconds])
    means, errors = mean_and_error(parts, np.ones(COUNT), day)
    rows = {row["part"]: row for row in change.parts.to_pylist()}
    order = ["base", *NAMES]
    assert [rows[name]["difference"] for name in order] == pytest.approx(means, abs=1e-6)
    assert [rows[name]["error"] for name in order] == pytest.approx(errors, abs=1e-6)
    whole = (picked @ NEW + 0.6 - picked @ OLD - 0.1)[:, None]
    mean, error = mean_and_error(whole, np.ones(COUNT), day)
    assert (change.difference, change.error) == pytest.approx((mean[0], error[0]), abs=1e-6)
    assert sum(row["difference"] for row in rows.values()) == pytest.approx(change.difference)
    preferred = [(matrix @ weights).argmax(axis=1) for weights in (OLD, NEW)]
    assert change.moved == pytest.approx((preferred[0] != preferred[1]).mean())
    for row in change.picks.to_pylist():
        place = int(row["candidate"][1:])
        assert row["before"] == pytest.approx((preferred[0] == place).mean())
        assert row["after"] == pytest.approx((preferred[1] == place).mean())
    assert "m:2 scores what was picked" in change.told


def test_another_model_is_told_from_other_customers(tmp_path: Path) -> None:
    obs = logged(tmp_path)
    middle = NOON + timedelta(days=3)
    then, now = Window(NOON, middle), Window(middle, NOON + timedelta(days=6))
    change = obs.compare_models("m:1", "m:2", over=now, baseline=then)
    split = {row["part"]: row["change"] for row in change.split.to_pylist()}
    matrix = drawn()
    picked = matrix[np.arange(COUNT), (matrix @ OLD).argmax(axis=1)]
    halves = picked[: COUNT // 2].mean(axis=0), picked[COUNT // 2 :].mean(axis=0)
    shift = halves[1] - halves[0]
    assert split["population"] == pytest.approx(shift @ (OLD + NEW) / 2)
    middle_of = (halves[0] + halves[1]) / 2
    assert split["model"] == pytest.approx(middle_of @ (NEW - OLD) + 0.5)
    assert split["interaction"] == pytest.approx(shift @ (NEW - OLD))
    total = halves[1] @ NEW + 0.6 - halves[0] @ OLD - 0.1
    assert split["population"] + split["model"] == pytest.approx(total)
    back = obs.compare_models("m:2", "m:1", over=then, baseline=now)
    for row in back.split.to_pylist():
        sign = 1 if row["part"] == "interaction" else -1
        assert row["change"] == pytest.approx(sign * split[row["part"]])


def test_what_cannot_be_compared_says_why(tmp_path: Path) -> None:
    obs = logged(tmp_path)
    with pytest.raises(UnknownNameError, match="no model is called 'm:3'"):
        obs.compare_models("m:1", "m:3")
    with pytest.raises(ExplainError, match=r"where country = 'FR'.*has a scored pick"):
        obs.compare_models("m:1", "m:2", where="country = 'FR'")
    same = obs.compare_models("m:1", "m:1", where="country = 'BR'")
    assert (same.difference, same.moved, same.n) == (0.0, 0.0, COUNT // 2)
