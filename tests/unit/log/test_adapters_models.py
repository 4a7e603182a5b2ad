"""Wrapped models: real ones, of three libraries, over every kind of frame."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from adapter_logs import Logged

from pellucid.errors import DataError
from pellucid.log.adapters.models import LoggedModel

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")
ensemble = pytest.importorskip("sklearn.ensemble")
linear = pytest.importorskip("sklearn.linear_model")

# What it warns of is the caller's choice, made here on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NAMES = ["amount", "fee", "age"]
CARD = "4111111111111111"
_draw = np.random.default_rng(5)
TRAINED = pd.DataFrame(_draw.random((200, 3)), columns=NAMES)
LABELS = (TRAINED["amount"] + _draw.random(200) > 1).astype(int)
FRAME = pd.DataFrame(
    [[0.25, 0.5, 3.0], [0.75, np.nan, 4.0]], columns=NAMES, index=["north", "south"]
)
VALUES = {"north": (0.25, 0.5, 3.0), "south": (0.75, None, 4.0)}
WHOLE = FRAME.fillna(0.5)


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged.under(tmp_path)


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    lgb = lightgbm.LGBMClassifier(n_estimators=5, verbosity=-1, n_jobs=1).fit(TRAINED, LABELS)
    xgb = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(TRAINED, LABELS)
    return {
        "lightgbm": lgb, "xgboost": xgb, "lightgbm booster": lgb.booster_,
        "xgboost booster": xgb.get_booster(),
        "sklearn": linear.LogisticRegression().fit(TRAINED, LABELS),
        "forest": ensemble.RandomForestClassifier(n_estimators=3, n_jobs=1).fit(TRAINED, LABELS),
        "regressor": linear.LinearRegression().fit(TRAINED, LABELS),
        "lightgbm regressor": lightgbm.LGBMRegressor(n_estimators=5, verbosity=-1, n_jobs=1).fit(
            TRAINED, LABELS),
        "classes": linear.LogisticRegression().fit(TRAINED, np.arange(200) % 3),
        "unnamed": linear.LogisticRegression().fit(TRAINED.to_numpy(), LABELS),
    }  # fmt: skip


def rows(logged: Logged) -> dict[str, tuple[Any, ...]]:
    return {
        row["candidate_id"]: tuple(row.get(f"f_{name}") for name in NAMES)
        for row in logged.stored("candidates")
    }


def scores(logged: Logged, column: str) -> list[float | None]:
    return [row.get(column) for row in logged.stored("candidates")]


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
@pytest.mark.parametrize(
    "frame",
    [FRAME, pl.from_pandas(FRAME), pa.Table.from_pandas(FRAME, preserve_index=False),
     FRAME.to_numpy(), FRAME.to_numpy().tolist()],
    ids=["pandas", "polars", "arrow", "numpy", "lists"],
)  # fmt: skip
def test_every_frame_a_model_takes_is_read(logged, models, name: str, frame: Any) -> None:
    """Features as the model saw them, missing ones null; the result is the model's own."""
    model = LoggedModel(models[name], logged.log)
    given = copy.deepcopy(frame)
    with logged.log.decision("d1", at=NOW):
        ids = None if isinstance(frame, pd.DataFrame) else ["north", "south"]
        found = model.predict_proba(frame, ids=ids)
    expected = models[name].predict_proba(given)
    assert (found.dtype, type(found)) == (expected.dtype, type(expected))
    np.testing.assert_array_equal(found, expected)
    assert rows(logged) == VALUES
    assert scores(logged, "probability") == expected[:, 1].tolist()
    assert logged.log.health().is_well


Call = Callable[[Any], Any]
CALLS: dict[str, tuple[str, Call, str | None]] = {
    "sklearn probabilities": ("sklearn", lambda m: m.predict_proba(WHOLE)[:, 1], "probability"),
    "forest probabilities": ("forest", lambda m: m.predict_proba(WHOLE)[:, 1], "probability"),
    "sklearn raw": ("sklearn", lambda m: m.decision_function(WHOLE), "raw_score"),
    "lightgbm raw": ("lightgbm", lambda m: m.predict(WHOLE, raw_score=True), "raw_score"),
    "lightgbm raw by position": ("lightgbm", lambda m: m.predict(WHOLE, *[True]), "raw_score"),
    "lightgbm raw of classes": (
        "lightgbm", lambda m: m.predict_proba(WHOLE, raw_score=True), "raw_score"),
    "xgboost raw": ("xgboost", lambda m: m.predict(WHOLE, output_margin=True), "raw_score"),
    "regression": ("regressor", lambda m: m.predict(WHOLE), "raw_score"),
    "boosted regression": ("lightgbm regressor", lambda m: m.predict(WHOLE), "raw_score"),
    "lightgbm booster": ("lightgbm booster", lambda m: m.predict(WHOLE), "probability"),
    "lightgbm booster raw": (
        "lightgbm booster", lambda m: m.predict(WHOLE, raw_score=True), "raw_score"),
    "xgboost booster": ("xgboost booster", lambda m: m.inplace_predict(WHOLE), "probability"),
    "xgboost booster raw": (
        "xgboost booster", lambda m: m.inplace_predict(WHOLE, predict_type="margin"), "raw_score"),
    "labels": ("sklearn", lambda m: m.predict(WHOLE), None),
}  # fmt: skip


@pytest.mark.parametrize(("name", "call", "column"), CALLS.values(), ids=CALLS)
def test_a_score_is_logged_as_what_it_is(logged, models, name, call, column) -> None:
    """Probabilities as such, raw scores as such, and labels not as scores."""
    with logged.log.decision("d1", at=NOW):
        found = call(LoggedModel(models[name], logged.log))
    np.testing.assert_array_equal(found, call(models[name]))
    for each in ("probability", "raw_score"):
        assert scores(logged, each) == (found.tolist() if each == column else [None, None])
    assert set(rows(logged)) == {"north", "south"}


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "sklearn", "lightgbm booster"])
def test_raw_scores_beside_probabilities(logged, models, name: str) -> None:
    """A second pass gives both; the logistic function links them."""
    model = LoggedModel(models[name], logged.log, raw_scores=True)
    with logged.log.decision("d1", at=NOW):
        call = model.predict if "booster" in name else model.predict_proba
        call(WHOLE)
    found = np.array([scores(logged, "raw_score"), scores(logged, "probability")])
    np.testing.assert_allclose(1 / (1 + np.exp(-found[0])), found[1], rtol=1e-6)


def test_options_that_limit_trees_hold_in_the_second_pass(logged, models) -> None:
    model = LoggedModel(models["lightgbm"], logged.log, raw_scores=True)
    with logged.log.decision("d1", at=NOW):
        model.predict_proba(WHOLE, num_iteration=2)
    expected = models["lightgbm"].predict(WHOLE, raw_score=True, num_iteration=2)
    assert scores(logged, "raw_score") == expected.tolist()


def test_raw_scores_of_a_model_that_gives_none(logged, models) -> None:
    with pytest.raises(DataError, match="RandomForestClassifier"):
        LoggedModel(models["forest"], logged.log, raw_scores=True)


def test_outside_a_decision_each_row_is_one(logged, models) -> None:
    model = LoggedModel(models["lightgbm"], logged.log, model_id="fraud:3")
    before = datetime.now(UTC)
    found = model.predict_proba(FRAME, ids=["p1", "p2"])[:, 1].tolist()
    decisions = {row["decision_id"]: row for row in logged.stored("decisions")}
    assert [(decisions[name]["model_id"], decisions[name]["chosen"],
             decisions[name]["chosen_probability"]) for name in ("p1", "p2")] == [
        ("fraud:3", "fraud", score) for score in found]  # fmt: skip
    assert all(before <= row["decided_at"] <= datetime.now(UTC) for row in decisions.values())


@pytest.mark.parametrize("frame", [FRAME.reset_index(drop=True), FRAME.to_numpy()],
                         ids=["pandas", "numpy"])  # fmt: skip
def test_rows_that_are_only_counted_get_ids_of_their_own(logged, models, frame) -> None:
    """Under 0 and 1 the second call's decisions would pass for those of the first."""
    model = LoggedModel(models["lightgbm"], logged.log)
    model.predict_proba(frame)
    model.predict_proba(frame)
    assert len({row["decision_id"] for row in logged.stored("decisions")}) == 4


def test_the_id_may_be_a_feature(logged) -> None:
    frame = TRAINED.assign(card=pd.Categorical(["debit", "credit"] * 100))
    trained = lightgbm.LGBMClassifier(n_estimators=2, verbosity=-1, n_jobs=1).fit(frame, LABELS)
    model = LoggedModel(trained, logged.log, candidate="card")
    with logged.log.decision("d1", at=NOW):
        model.predict_proba(frame.head(2))
    found = {row["candidate_id"]: row["f_card"] for row in logged.stored("candidates")}
    assert found == {"debit": "debit", "credit": "credit"}


def test_pandas_marks_of_missing_values_are_null(logged) -> None:
    class Model:
        def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
            return np.full((len(frame), 2), 0.5)

    frame = pd.DataFrame({
        "amount": pd.array([1, None], "Int64"), "card": ["debit", None],
        "is_new": pd.array([True, None], "boolean"), "age": [1, 2],
    }, index=["north", "south"])  # fmt: skip
    with logged.log.decision("d1", at=NOW):
        LoggedModel(Model(), logged.log).predict_proba(frame)
    names = ("f_amount", "f_card", "f_is_new", "f_age")
    found = {row["candidate_id"]: tuple(row[name] for name in names)
             for row in logged.stored("candidates")}  # fmt: skip
    assert found == {"north": (1.0, "debit", True, 1.0), "south": (None, None, None, 2.0)}


def test_scores_join_the_candidates_that_the_caller_declares(logged, models) -> None:
    model = LoggedModel(models["lightgbm"], logged.log, model_id="approval:14")
    with logged.log.decision("d1", at=NOW) as d:
        d.candidate("north", dims={"processor": "p"})
        d.candidate("west", eligible=False, reason="cap")
        best = model.predict_proba(FRAME)[:, 1].argmax()
        d.chose(FRAME.index[best], propensity=0.5)
    decision = logged.stored("decisions")[0]
    assert (decision["model_id"], decision["candidate_count"], decision["eligible_count"]) == (
        "approval:14", 3, 2)  # fmt: skip
    found = {row["candidate_id"]: row for row in logged.stored("candidates")}
    assert found["north"]["processor"] == "p"
    assert found["north"]["f_amount"] == 0.25


def test_a_decision_of_another_logger_is_not_added_to(tmp_path: Path, models) -> None:
    """A fraud model asked while a route is decided is no route."""
    routing, fraud = Logged.under(tmp_path, "routing"), Logged.under(tmp_path, "fraud")
    with routing.log.decision("r1", at=NOW):
        LoggedModel(models["lightgbm"], fraud.log).predict_proba(FRAME.head(1))
    assert routing.stored("candidates") == []
    assert [row["decision_id"] for row in fraud.stored("decisions")] == ["north"]


UNREADABLE: dict[str, tuple[str, dict[str, Any], Call, str]] = {
    "too many ids": (
        "lightgbm", {}, lambda m: m.predict_proba(FRAME, ids=["a"] * 3), "fewer ids than rows"),
    "no names": ("unnamed", {}, lambda m: m.predict_proba(WHOLE.to_numpy(), ids="ab"), "no names"),
    "too many names": (
        "unnamed", {"features": [*NAMES, "x"]},
        lambda m: m.predict_proba(WHOLE.to_numpy(), ids="ab"), "names than columns"),
    "a class of several": ("classes", {}, lambda m: m.predict_proba(WHOLE), "two classes"),
    "no such class": (
        "classes", {"positive": 7}, lambda m: m.predict_proba(WHOLE), "IndexError"),
    "a matrix of xgboost": (
        "xgboost booster", {}, lambda m: m.predict(xgboost.DMatrix(WHOLE)), "DMatrix"),
    "ids that are none": (
        "lightgbm", {}, lambda m: m.predict_proba(FRAME, ids=5), "TypeError"),
}  # fmt: skip


@pytest.mark.parametrize("is_inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize(("name", "options", "call", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_counted_and_the_caller_served(
    logged, models, name, options, call, reason: str, *, is_inside: bool
) -> None:
    model = LoggedModel(models[name], logged.log, **options)
    decision = logged.log.decision("d1", at=NOW)
    if is_inside:
        with decision:
            found = call(model)
    else:
        found = call(model)
    assert len(found) == 2
    health = logged.closed()
    assert list(health.refused.values()) == [1]
    assert reason in next(iter(health.refused))
    assert health.stored == 0


def test_candidates_without_ids_are_not_stored_under_their_row_numbers(logged, models) -> None:
    with logged.log.decision("d1", at=NOW):
        LoggedModel(models["lightgbm"], logged.log).predict_proba(FRAME.to_numpy())
    assert ["no ids" in reason for reason in logged.closed().refused] == [True]


def test_a_named_class_of_several(logged, models) -> None:
    with logged.log.decision("d1", at=NOW):
        found = LoggedModel(models["classes"], logged.log, positive=2).predict_proba(WHOLE)
    assert scores(logged, "probability") == found[:, 2].tolist()


def test_contributions_are_not_scores(logged, models) -> None:
    model = LoggedModel(models["lightgbm"], logged.log)
    np.testing.assert_array_equal(
        model.predict(FRAME, pred_contrib=True),
        models["lightgbm"].predict(FRAME, pred_contrib=True),
    )
    assert logged.closed().logged == 0


def test_a_models_own_errors_and_names_are_its_own(logged, models) -> None:
    model = LoggedModel(models["sklearn"], logged.log)
    with pytest.raises(ValueError, match="NaN"):
        model.predict_proba(FRAME)
    assert model.classes_.tolist() == [0, 1]
    with pytest.raises(AttributeError, match="feature_importances_"):
        _ = model.feature_importances_
    assert logged.closed().logged == 0


def test_a_buffer_that_the_caller_reuses_is_logged_as_it_was(logged, models) -> None:
    """Rows are read at the call, so the next request may overwrite them."""
    model = LoggedModel(models["lightgbm"], logged.log)
    buffer = np.empty((1, 3))
    for number in range(20):
        buffer[:] = number
        model.predict_proba(buffer, ids=[f"d{number}"])
    found = {row["decision_id"]: row["f_amount"] for row in logged.stored("candidates")}
    assert found == {f"d{number}": number for number in range(20)}
