"""Explainers of linear and additive models against Shapley's definition."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from forests import shapley
from hypothesis import given
from hypothesis import strategies as st
from sklearn import linear_model as linears
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

from pellucid.errors import DataError, ExplainError
from pellucid.explain.explainers.additive import AdditiveExplainer
from pellucid.explain.explainers.linear import LinearExplainer
from pellucid.models.additive import Additive, Axis, Term, decode_additive, encode_additive
from pellucid.models.interpret import is_interpret, read_interpret
from pellucid.models.linear import Linear, decode_linear, encode_linear
from pellucid.models.sklearn_linear import is_sklearn_linear, read_sklearn_linear

NAMES = ("a", "b", "c", "d")


def game(score, rows: np.ndarray, reference: np.ndarray, players: np.ndarray | None = None):
    """Mean score with a coalition's features from the row, the others from a reference row."""
    players = np.arange(rows.shape[1]) if players is None else players

    def value(coalition: int) -> np.ndarray:
        given = (coalition >> players) & 1 == 1
        return np.array([score(np.where(given, row, reference)).mean() for row in rows])

    return value


def world(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    rows = draw.normal([0, 5, -2, 1], [1, 3, 0.5, 10], (400, 4))
    score = rows @ [1, 0.2, -2, 0.05] - 5 + draw.normal(size=400)
    return rows, (score > np.median(score)).astype(int)


LINEAR = {
    "least-squares": (linears.LinearRegression(), "raw"),
    "ridge": (linears.Ridge(), "raw"),
    "lasso": (linears.Lasso(alpha=0.01), "raw"),
    "elastic-net": (linears.ElasticNet(alpha=0.01), "raw"),
    "no-intercept": (linears.LinearRegression(fit_intercept=False), "raw"),
    "logistic": (linears.LogisticRegression(), "log_odds"),
    "sgd": (linears.SGDRegressor(eta0=1e-4), "raw"),
    "sgd-log": (linears.SGDClassifier(loss="log_loss"), "log_odds"),
    "sgd-hinge": (linears.SGDClassifier(loss="hinge"), "raw"),
    "standard": (make_pipeline(StandardScaler(), linears.LogisticRegression()), "log_odds"),
    "unit-variance": (
        make_pipeline(StandardScaler(with_mean=False), linears.Ridge()), "raw"),
    "centred": (make_pipeline(StandardScaler(with_std=False), linears.Ridge()), "raw"),
    "twice": (make_pipeline(RobustScaler(), MinMaxScaler((1, 3)), linears.Ridge()), "raw"),
    "max-abs": (Pipeline([("skip", "passthrough"), ("scale", MaxAbsScaler()),
                          ("last", linears.Ridge())]), "raw"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LINEAR)
def test_linear_models_score_as_they_do_there_and_have_their_shapley_values(kind: str) -> None:
    model, scale = LINEAR[kind]
    rows, labels = world()
    model.fit(rows, labels)
    assert is_sklearn_linear(model)
    read, found_scale = read_sklearn_linear(model, NAMES)
    assert found_scale == scale
    score = getattr(model, "decision_function", model.predict)
    explainer = LinearExplainer(decode_linear(encode_linear(read)), "scikit-learn")
    assert np.abs(explainer.raw_score(rows) - score(rows)).max() < 1e-9
    some, reference = rows[:10], rows[200:230]
    base, values = explainer.attribute(some)
    assert np.abs(base + values.sum(axis=1) - score(some)).max() < 1e-9
    explainer.set_reference(reference, "30 rows")
    base, values = explainer.attribute(some)
    worth = game(score, some, reference)
    assert np.abs(values - shapley(worth, 4)).max() < 1e-9
    assert np.abs(base - worth(0)).max() < 1e-9
    assert explainer.name == "scikit-learn linear, exact against 30 rows"


def test_without_a_reference_it_is_the_zero_of_the_scaling() -> None:
    rows, labels = world()
    model = make_pipeline(StandardScaler(), linears.Ridge()).fit(rows, labels)
    explainer = LinearExplainer(read_sklearn_linear(model, NAMES)[0], "scikit-learn")
    base, values = explainer.attribute(rows)
    assert base[0] == pytest.approx(labels.mean())
    assert np.abs(values.mean(axis=0)).max() < 1e-12
    assert explainer.name.endswith("against the zeros of its scaling")


def test_a_missing_value_is_filled_as_the_pipeline_does_or_named() -> None:
    rows, labels = world()
    rows[::7, 1] = np.nan
    model = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), linears.LogisticRegression()
    ).fit(rows, labels)
    read, _ = read_sklearn_linear(model, NAMES)
    explainer = LinearExplainer(decode_linear(encode_linear(read)), "scikit-learn")
    expected = model.decision_function(rows)
    assert np.abs(explainer.raw_score(rows) - expected).max() < 1e-9
    explainer.set_reference(rows[:50], "50 rows")
    base, values = explainer.attribute(rows)
    assert np.abs(base + values.sum(axis=1) - expected).max() < 1e-9
    plain = linears.LogisticRegression().fit(rows[1:7], labels[1:7])
    explainer = LinearExplainer(read_sklearn_linear(plain, NAMES)[0], "scikit-learn")
    with pytest.raises(ExplainError, match=r"'b' is missing in row 2 of the rows \(1 such"):
        explainer.attribute(rows[5:9])
    explainer.set_reference(rows[:20], "20 rows")
    base, _ = explainer.attribute(rows[1:2])
    assert base[0] == pytest.approx(
        plain.decision_function(np.delete(rows[:20], [0, 7, 14], axis=0)).mean()
    )
    assert explainer.name.endswith("against 20 rows, less 3 without a score")
    with pytest.raises(ExplainError, match="can score none of the reference population, 1 row"):
        explainer.set_reference(rows[:1], "1 row")


def test_linear_models_beyond_reach_say_why() -> None:
    rows, labels = world()
    three = linears.LogisticRegression(max_iter=5000).fit(rows, labels + (rows[:, 0] > 1))
    with pytest.raises(DataError, match="several outputs"):
        read_sklearn_linear(three, NAMES)
    for steps, why in (
        ([PolynomialFeatures()], "PolynomialFeatures"),
        ([StandardScaler(), SimpleImputer()], "SimpleImputer"),
        ([SimpleImputer(missing_values=-1)], "another value than NaN"),
        ([MinMaxScaler(clip=True)], "MinMaxScaler"),
    ):
        model = make_pipeline(*steps, linears.Ridge()).fit(rows, labels)
        with pytest.raises(DataError, match=why):
            read_sklearn_linear(model, NAMES)
    assert not is_sklearn_linear(object())
    assert not is_sklearn_linear(linears.PoissonRegressor())


@given(st.integers(0, 10_000))
def test_swapping_populations_negates_linear_attributions(seed: int) -> None:
    draw = np.random.default_rng(seed)
    model = Linear(
        names=NAMES, intercept=0.3, weights=draw.normal(size=4), fill=np.full(4, np.nan),
        center=np.zeros(4),
    )  # fmt: skip
    one, other = draw.normal(size=(8, 4)), draw.normal(1, 2, size=(5, 4))
    means = []
    for rows, reference in ((one, other), (other, one)):
        explainer = LinearExplainer(model, "test")
        explainer.set_reference(reference, "the other")
        means.append(explainer.attribute(rows)[1].mean(axis=0))
    assert np.abs(means[0] + means[1]).max() < 1e-12


def random_additive(seed: int) -> Additive:
    draw = np.random.default_rng(seed)
    number = Axis(feature=0, edges=np.array([-1.0, 0.0, 0.5]))
    coarse = Axis(feature=0, edges=np.array([0.0]))
    kinds = Axis(feature=1, edges=np.array([1.0, 4.0, 7.0]), bins=np.array([2, 1, 3]))
    other = Axis(feature=2, edges=np.array([0.2, 0.8]))

    def term(*axes: Axis) -> Term:
        shape = tuple(2 + (len(a.edges) + 1 if a.bins is None else 3) for a in axes)
        return Term(axes=axes, scores=draw.normal(size=shape), weights=draw.random(shape))

    terms = (term(number), term(kinds), term(coarse, kinds), term(other, coarse), term(other))
    return Additive(intercept=0.4, terms=terms, features=4)


def additive_rows(seed: int, count: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    rows = np.column_stack([
        draw.choice([-2, -1, -0.5, 0, 0.5, 3], count), draw.choice([1, 4, 7, 9], count),
        draw.choice([0, 0.2, 0.5, 0.9], count), draw.normal(size=count),
    ])  # fmt: skip
    rows[draw.random(rows.shape) < 0.15] = np.nan
    return rows


@given(st.integers(0, 10_000))
def test_additive_models_have_their_shapley_values(seed: int) -> None:
    model = decode_additive(encode_additive(random_additive(seed)))
    rows, reference = additive_rows(seed, 6), additive_rows(seed + 1, 9)
    explainer = AdditiveExplainer(model, "interpret")
    explainer.set_reference(reference, "9 rows")
    base, values = explainer.attribute(rows)
    worth = game(model.raw_score, rows, reference)
    assert np.abs(values - shapley(worth, 4)).max() < 1e-12
    assert np.abs(base - worth(0)).max() < 1e-12
    averaged_base, averaged = explainer.pairs(rows, reference).averaged()
    assert np.abs(averaged - values).max() < 1e-12
    assert np.abs(averaged_base - base).max() < 1e-12


@given(st.integers(0, 10_000))
def test_swapping_populations_negates_additive_attributions(seed: int) -> None:
    one, other = additive_rows(seed, 7), additive_rows(seed + 1, 4)
    means = []
    for rows, reference in ((one, other), (other, one)):
        explainer = AdditiveExplainer(random_additive(seed), "interpret")
        explainer.set_reference(reference, "the other")
        means.append(explainer.attribute(rows)[1].mean(axis=0))
    assert np.abs(means[0] + means[1]).max() < 1e-12


def boosting_world() -> tuple[pd.DataFrame, np.ndarray]:
    draw = np.random.default_rng(1)
    frame = pd.DataFrame(draw.normal(size=(500, 4)), columns=list(NAMES))
    label = frame["a"] * frame["c"] + draw.normal(size=500) > 0
    frame["b"] = draw.choice(["x", "y", "z"], 500)
    frame.loc[draw.random(500) < 0.1, "a"] = np.nan
    frame["d"] = draw.choice([2.0, 10.0, 33.0], 500)
    return frame, label.to_numpy().astype(int)


def boosted(frame: object, labels: np.ndarray, **settings: object) -> object:
    from interpret.glassbox import ExplainableBoostingClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ExplainableBoostingClassifier(
            outer_bags=1, max_rounds=40, n_jobs=1, random_state=0,
            **settings,
        ).fit(frame, labels)  # fmt: skip


KINDS = ["continuous", "nominal", "continuous", "nominal"]


def test_boosting_machines_score_as_they_do_there() -> None:
    frame, labels = boosting_world()
    model = boosted(frame, labels, interactions=[(0, 2), (1, 0), (3, 2)],
                    feature_types=KINDS)  # fmt: skip
    assert is_interpret(model)
    read, texts = read_interpret(model)
    assert texts == {1: ("x", "y", "z")}
    assert [len(term.axes) for term in read.terms] == [1, 1, 1, 1, 2, 2, 2]
    codes = frame["b"].map({"x": 0.0, "y": 1.0, "z": 2.0})
    coded = frame.assign(b=codes).to_numpy()
    unseen = frame.copy()
    unseen.loc[:99, "b"], unseen.loc[100:, "d"] = "unheard of", 7.0
    coded_unseen = coded.copy()
    coded_unseen[:100, 1], coded_unseen[100:, 3] = 11.0, 7.0
    explainer = AdditiveExplainer(decode_additive(encode_additive(read)), "interpret")
    on_edges, coded_on_edges = frame.copy(), coded.copy()
    coded_on_edges[:, 0] = np.resize(model.bins_[0][0], len(frame))
    on_edges["a"] = coded_on_edges[:, 0]
    for given_frame, matrix in (
        (frame, coded), (unseen, coded_unseen), (on_edges, coded_on_edges),
    ):  # fmt: skip
        expected = model.decision_function(given_frame)
        assert np.abs(explainer.raw_score(matrix) - expected).max() < 1e-12
    base, values = explainer.attribute(coded)
    assert base[0] + values.sum(axis=1) == pytest.approx(model.decision_function(frame))
    # Its own tables of one feature are centred on its training data, so they are attributions.
    alone = boosted(frame, labels, interactions=0, feature_types=KINDS)
    explainer = AdditiveExplainer(read_interpret(alone)[0], "interpret")
    assert np.abs(explainer.attribute(coded)[1] - alone.eval_terms(frame)).max() < 1e-6


def test_boosting_machines_beyond_reach_say_why() -> None:
    frame, labels = boosting_world()
    three = boosted(frame, labels + (frame["c"] > 1), interactions=0)
    with pytest.raises(DataError, match="several outputs"):
        read_interpret(three)
    triple = boosted(frame, labels, interactions=[(0, 1, 2)])
    with pytest.raises(DataError, match="three features"):
        read_interpret(triple)


def test_files_of_other_things_are_refused() -> None:
    linear = Linear(
        names=("a",), intercept=0.0, weights=np.ones(1), fill=np.ones(1), center=np.ones(1)
    )
    with pytest.raises(ExplainError, match="no file of a linear model"):
        decode_linear(encode_additive(random_additive(0)))
    with pytest.raises(ExplainError, match="no file of an additive model"):
        decode_additive(encode_linear(linear))
    with pytest.raises(ExplainError, match="unequal length"):
        decode_linear(encode_linear(replace(linear, fill=np.ones(2))))
    for decode in (decode_linear, decode_additive):
        with pytest.raises(ExplainError, match="it is a pickle"):
            decode(pickle.dumps({"weights": [1.0]}))
