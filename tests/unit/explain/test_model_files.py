"""Models of every library, read into one form: they score as the library does."""

from __future__ import annotations

import json
import pickle

import catboost
import numpy as np
import pandas as pd
import pytest
from forests import random_ensemble, random_rows
from hypothesis import given
from hypothesis import strategies as st
from sklearn import ensemble as forests
from sklearn.tree import DecisionTreeClassifier

from pellucid.errors import DataError, ExplainError
from pellucid.explain.trees.kernel import attribute, prepare
from pellucid.explain.trees.tables import feature_players
from pellucid.log.model_files import model_file
from pellucid.models.catboost import read_catboost
from pellucid.models.codec import decode_ensemble, encode_ensemble
from pellucid.models.sklearn import is_sklearn_trees, read_sklearn


def world(count: int = 1500, *, missing: float = 0.08) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(8)
    rows = draw.normal(size=(count, 5)).astype(np.float32).astype(np.float64)
    rows[:, 1] = draw.integers(0, 8, count) * 2 + 1
    score = (
        rows[:, 0] * rows[:, 2] + np.isin(rows[:, 1], [3, 7]) + rows[:, 3] + draw.normal(size=count)
    )
    rows[draw.random(rows.shape) < missing] = np.nan
    return rows, (score > 0.3).astype(int)


def adds_up(ensemble, rows: np.ndarray) -> bool:
    prepared = prepare(ensemble, players=feature_players(5), reference=rows[:50], compiled=False)
    total = prepared.base + attribute(prepared, rows[:300]).sum(axis=1)
    return bool(np.abs(total - ensemble.raw_score(rows[:300])).max() < 1e-10)


SKLEARN = {
    "forest": (forests.RandomForestClassifier(n_estimators=12, max_depth=5), "probability"),
    "extra": (forests.ExtraTreesClassifier(n_estimators=12, max_depth=5), "probability"),
    "tree": (DecisionTreeClassifier(max_depth=4), "probability"),
    "forest-regressor": (forests.RandomForestRegressor(n_estimators=5, max_depth=5), "raw"),
    "boosting": (forests.GradientBoostingClassifier(n_estimators=12), "log_odds"),
    "boosting-zero": (forests.GradientBoostingClassifier(n_estimators=5, init="zero"), "log_odds"),
    "boosting-regressor": (forests.GradientBoostingRegressor(n_estimators=5), "raw"),
    "histogram": (forests.HistGradientBoostingClassifier(max_iter=12), "log_odds"),
    "histogram-categories": (
        forests.HistGradientBoostingClassifier(max_iter=12, categorical_features=[1]), "log_odds",
    ),
    "histogram-regressor": (forests.HistGradientBoostingRegressor(max_iter=5), "raw"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SKLEARN)
def test_scikit_learns_models_score_as_they_do_there(kind: str) -> None:
    model, scale = SKLEARN[kind]
    rows, labels = world(missing=0.0 if "boosting" in kind else 0.08)
    model.fit(rows, labels)
    assert is_sklearn_trees(model)
    read = read_sklearn(model)
    assert read.scale == scale
    if scale == "probability":
        expected = model.predict_proba(rows)[:, 1]
    elif scale == "raw":
        expected = model.predict(rows)
    else:
        expected = model.decision_function(rows)
    assert np.abs(read.ensemble.raw_score(rows) - expected).max() < 1e-10
    unseen = rows.copy()
    unseen[:200, 1] = 100
    if kind == "histogram-categories":
        expected = model.decision_function(unseen)
        assert read.ensemble.categories
        assert np.abs(read.ensemble.raw_score(unseen) - expected).max() < 1e-10
    assert adds_up(read.ensemble, rows)


def test_categories_that_are_texts_come_with_their_codes() -> None:
    rows, labels = world(missing=0.0)
    names = np.array(["a", "b", "c", "d", "e", "f", "g", "h"])
    frame = pd.DataFrame(rows, columns=list("vwxyz"))
    frame["w"] = pd.Categorical(names[(rows[:, 1].astype(int) - 1) // 2])
    model = forests.HistGradientBoostingClassifier(
        max_iter=8, categorical_features="from_dtype"
    ).fit(frame, labels)
    read = read_sklearn(model)
    assert read.categories == {1: tuple(names)}
    coded = rows.copy()
    coded[:, 1] = (rows[:, 1] - 1) // 2
    expected = model.decision_function(frame)
    assert np.abs(read.ensemble.raw_score(coded) - expected).max() < 1e-10


def test_models_beyond_reach_say_why() -> None:
    rows, labels = world(300, missing=0.0)
    three = forests.RandomForestClassifier(n_estimators=2).fit(rows, labels + (rows[:, 0] > 1))
    with pytest.raises(DataError, match="several outputs"):
        read_sklearn(three)
    nested = forests.GradientBoostingClassifier(
        n_estimators=2, init=forests.RandomForestClassifier(n_estimators=2)
    ).fit(rows, labels)
    with pytest.raises(DataError, match="begins from another model"):
        read_sklearn(nested)
    assert not is_sklearn_trees(object())


def catboost_json(tmp_path, model) -> str:
    path = tmp_path / "model.json"
    model.save_model(str(path), format="json")
    return path.read_text()


@pytest.mark.parametrize("treatment", ["Min", "Max"])
def test_catboosts_models_score_as_they_do_there(tmp_path, treatment: str) -> None:
    rows, labels = world()
    model = catboost.CatBoostClassifier(
        iterations=15, depth=4, verbose=0, nan_mode=treatment, allow_writing_files=False
    ).fit(rows, labels)
    ensemble = read_catboost(catboost_json(tmp_path, model))
    expected = model.predict(rows, prediction_type="RawFormulaVal")
    assert np.abs(ensemble.raw_score(rows) - expected).max() < 1e-10
    assert adds_up(ensemble, rows)


def test_other_catboost_models_say_why(tmp_path) -> None:
    rows, labels = world(300, missing=0.0)
    given = {"iterations": 3, "verbose": 0, "allow_writing_files": False}
    lossguide = catboost.CatBoostClassifier(grow_policy="Lossguide", **given).fit(rows, labels)
    with pytest.raises(ExplainError, match="not symmetric"):
        read_catboost(catboost_json(tmp_path, lossguide))
    three = catboost.CatBoostClassifier(**given).fit(rows, labels + (rows[:, 0] > 1))
    with pytest.raises(ExplainError, match=r"several outputs \(3, of its loss 'MultiClass'\)"):
        read_catboost(catboost_json(tmp_path, three))
    frame = pd.DataFrame(rows).astype({1: int})
    hashed = catboost.CatBoostClassifier(cat_features=[1], **given).fit(frame, labels)
    with pytest.raises(ExplainError, match="categorical features"):
        read_catboost(catboost_json(tmp_path, hashed))


@pytest.mark.parametrize(
    ("kind", "loss", "scale"),
    [
        (catboost.CatBoostRegressor, "RMSE", "raw"),
        (catboost.CatBoostRegressor, "Quantile:alpha=0.3", "raw"),
        (catboost.CatBoostRegressor, "Poisson", "raw"),
        (catboost.CatBoostClassifier, "Logloss", "log_odds"),
        (catboost.CatBoostClassifier, "CrossEntropy", "log_odds"),
    ],
)
def test_the_scale_of_a_catboost_model_is_that_of_its_loss(kind, loss: str, scale: str) -> None:
    rows, labels = world(300)
    model = kind(loss_function=loss, iterations=3, verbose=0, allow_writing_files=False)
    file = model_file(model.fit(rows, labels), [f"f{place}" for place in range(5)])
    assert file.scale == scale
    raw = read_catboost(file.content).raw_score(rows)
    if scale == "log_odds":
        expected = model.predict(rows, prediction_type="Probability")[:, 1]
        assert 1 / (1 + np.exp(-raw)) == pytest.approx(expected, abs=1e-9)
    else:
        expected = model.predict(rows, prediction_type="RawFormulaVal")
        assert raw == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 10_000))
def test_the_codec_keeps_everything(seed: int) -> None:
    ensemble, rows = random_ensemble(seed, trees=2, depth=3), random_rows(seed, 20)
    back = decode_ensemble(encode_ensemble(ensemble))
    assert (back.raw_score(rows) == ensemble.raw_score(rows)).all()
    assert back.categories.keys() == ensemble.categories.keys()
    assert (back.base, back.features, back.precision) == (-0.5, 5, "float64")


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", pickle.dumps({"a": 1}), json.dumps({}).encode()]
)
def test_the_codec_reads_nothing_else_and_runs_no_code(content: bytes) -> None:
    with pytest.raises(ExplainError, match="no file of an ensemble"):
        decode_ensemble(content)
