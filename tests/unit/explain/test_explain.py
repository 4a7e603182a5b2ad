"""Attributions that add up, stories that tell the truth, flows that lose no decision."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pellucid.errors import AdditivityError, DataError, ExplainError, UnknownNameError
from pellucid.explain.attribution import LoadedModel, attribute
from pellucid.explain.explainers.base import encode
from pellucid.explain.explainers.registry import load_explainer
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Dimension, Feature, Layer, Outcome, System
from pellucid.testing.worlds import payment_world
from pellucid.windows import Window

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CATEGORIES = {"bank": ["a", "b", "c"]}
FEATURES = ["amount", "bank", "is_new"]


def features(count: int, seed: int = 0) -> pa.Table:
    draw = np.random.default_rng(seed)
    return pa.table({
        "f_amount": pa.array(np.where(draw.random(count) < 0.1, np.nan, draw.normal(size=count)),
                             from_pandas=True),
        "f_bank": pa.array(draw.choice(["a", "b", "c", "unheard of"], count)),
        "f_is_new": pa.array(draw.random(count) < 0.5),
    })  # fmt: skip


def labels(rows: pa.Table) -> np.ndarray:
    amount = pc.fill_null(rows.column("f_amount"), 0.0).to_numpy()
    is_a = pc.equal(rows.column("f_bank"), "a").to_numpy()
    draw = np.random.default_rng(9)
    return (amount + 2 * is_a * amount + draw.normal(size=len(amount)) > 0.3).astype(int)


def lightgbm_model() -> object:
    lightgbm = pytest.importorskip("lightgbm")
    rows = features(3000)
    data = lightgbm.Dataset(
        encode(rows, FEATURES, CATEGORIES), labels(rows), categorical_feature=[1]
    )
    params = {"objective": "binary", "num_leaves": 15, "verbosity": -1, "num_threads": 1}
    return lightgbm.train(params, data, num_boost_round=30)


def xgboost_model() -> object:
    xgboost = pytest.importorskip("xgboost")
    rows = features(3000)
    data = xgboost.DMatrix(
        encode(rows, FEATURES, CATEGORIES), labels(rows), feature_names=FEATURES,
        feature_types=["q", "c", "q"], enable_categorical=True,
    )  # fmt: skip
    params = {"objective": "binary:logistic", "max_depth": 4, "nthread": 1}
    return xgboost.train(params, data, num_boost_round=30)


def catboost_model() -> object:
    catboost = pytest.importorskip("catboost")
    rows = features(3000)
    model = catboost.CatBoostClassifier(
        iterations=20, depth=4, verbose=0, allow_writing_files=False
    )
    return model.fit(encode(rows, FEATURES, CATEGORIES), labels(rows))


def sklearn_model() -> object:
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows = features(3000)
    model = HistGradientBoostingClassifier(max_iter=20, categorical_features=[1])
    return model.fit(encode(rows, FEATURES, CATEGORIES), labels(rows))


MODELS = {
    "lightgbm": lightgbm_model, "xgboost": xgboost_model, "catboost": catboost_model,
    "scikit-learn": sklearn_model,
}  # fmt: skip


def raw_scores(model: object, rows: pa.Table) -> np.ndarray:
    matrix = encode(rows, FEATURES, CATEGORIES)
    if hasattr(model, "model_to_string"):
        return model.predict(matrix, raw_score=True)
    if hasattr(model, "decision_function"):
        return model.decision_function(matrix)
    if hasattr(model, "get_feature_importance"):
        return model.predict(matrix, prediction_type="RawFormulaVal")
    import xgboost

    data = xgboost.DMatrix(matrix, feature_names=FEATURES, feature_types=["q", "c", "q"],
                           enable_categorical=True)  # fmt: skip
    return model.predict(data, output_margin=True).astype(float)


def logged(root: Path, kind: str, *, shift: float = 0.0, weight: float = 1.0) -> Observatory:
    system = System(
        name="scored", dimensions=(Dimension(name="country"),),
        features=(Feature(name="amount", label="Amount"),
                  Feature(name="bank", kind="category"), Feature(name="is_new", kind="boolean")),
        candidate=Candidate(name="route", label="Route"),
        layers=(Layer(name="fees", label="Fees"),),
        outcomes=(Outcome(name="approved", matures_after="2h", label="Approved"),),
    )  # fmt: skip
    model = MODELS[kind]()
    log = Logger(system, to=root)
    model_id = log.model(model, name=kind, version="1", trained_at=NOON, features=FEATURES,
                         categories=CATEGORIES)  # fmt: skip
    rows = features(40, seed=1)
    count = rows.num_rows // 2
    at = [NOON + timedelta(minutes=n // 2) for n in range(2 * count)]
    time = pa.timestamp("us", tz="UTC")
    scores = raw_scores(model, rows) + shift
    log.candidates(pa.table({
        "decision_id": [f"d{n // 2}" for n in range(2 * count)],
        "decided_at": pa.array(at, time), "candidate_id": ["x", "y"] * count,
        "raw_score": scores, "probability": 1 / (1 + np.exp(-scores)),
        "is_eligible": [True] * (2 * count), "is_chosen": [True, False] * count,
        "layer_fees": [-0.01, -0.2] * count, **{n: rows.column(n) for n in rows.column_names},
    })).raise_for_refused()  # fmt: skip
    log.decisions(pa.table({
        "decision_id": [f"d{n}" for n in range(count)], "decided_at": pa.array(at[::2], time),
        "model_id": [model_id] * count, "chosen": ["x"] * count, "country": ["BR"] * count,
        "pick_model": ["x", "y"] * (count // 2), "pick_fees": ["x"] * count,
        "sample_weight": [1.0, weight] * (count // 2),
    })).raise_for_refused()  # fmt: skip
    return open_system(root)


@pytest.mark.parametrize("kind", MODELS)
def test_stored_attributions_add_up_to_the_logged_score(tmp_path: Path, kind: str) -> None:
    obs = logged(tmp_path, kind)
    assert obs.attribute(over="1d").stored == 40
    assert obs.attribute(over="1d").stored == 0
    rows = obs.records.rows("attributions")
    summed = rows.column("base_value").to_numpy() + sum(
        rows.column(f"a_{name}").to_numpy().astype(float) for name in FEATURES
    )
    assert np.abs(summed + rows.column("residual").to_numpy()
                  - rows.column("raw_score").to_numpy()).max() < 1e-12  # fmt: skip
    assert np.abs(rows.column("residual").to_numpy()).max() < 1e-4


def test_what_is_explained_of_a_sample_weighs_what_both_leave_out(tmp_path: Path) -> None:
    """Decisions weigh 1 and 4 in turn; of the 20, about 5 are explained."""
    obs = logged(tmp_path, "lightgbm", weight=4.0)
    obs.attribute(over="1d", most_decisions=5)
    rows = obs.records.rows("attributions").to_pylist()
    assert rows
    for row in rows:
        logged_at = 1 if int(row["decision_id"][1:]) % 2 == 0 else 4
        assert row["sample_weight"] == pytest.approx(logged_at * 20 / 5)
    assert {row["sample_weight"] for row in rows} == {4.0, 16.0}


@pytest.mark.parametrize("kind", MODELS)
def test_a_score_that_the_model_did_not_give_is_shown(tmp_path: Path, kind: str) -> None:
    obs = logged(tmp_path, kind, shift=0.5)
    story = obs.explain("d3")
    assert story.chosen.attribution.residual == pytest.approx(0.5, abs=1e-4)
    assert not story.chosen.attribution.is_additive
    assert "Do not trust these bars" in str(story)
    obs.attribute(over="1d")
    assert any("do not add up" in finding.what for finding in obs.check())


def test_lightgbm_attributions_are_shaps(tmp_path: Path) -> None:
    """For one tree of one split, the Shapley value by hand: leaf less the mean of the leaves."""
    lightgbm = pytest.importorskip("lightgbm")
    values = np.repeat([0.0, 1.0], [300, 100])[:, None]
    params = {"objective": "regression", "num_leaves": 2, "verbosity": -1, "learning_rate": 1.0,
              "boost_from_average": False, "lambda_l2": 0.0}  # fmt: skip
    data = lightgbm.Dataset(values, values[:, 0] * 4)
    model = lightgbm.train(params, data, num_boost_round=1)
    explainer = load_explainer("lightgbm", model.model_to_string().encode())
    base, found = explainer.attribute(np.array([[0.0], [1.0]]))
    assert base == pytest.approx([1.0, 1.0])
    assert found[:, 0] == pytest.approx([-1.0, 3.0])


class Liar:
    """An explainer whose parts do not add up."""

    name = "liar"

    def attribute(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(matrix)), np.ones_like(matrix)

    def raw_score(self, matrix: np.ndarray) -> np.ndarray:
        return np.full(len(matrix), 7.0)


def test_bars_that_do_not_add_up_are_refused() -> None:
    rows = features(3).append_column("raw_score", pa.array([7.0] * 3))
    rows = rows.append_column("candidate_id", pa.array(["x"] * 3))
    model = LoadedModel("m:1", "log_odds", tuple(FEATURES), CATEGORIES, Liar())
    with pytest.raises(AdditivityError, match=r"= 3\.0+, but the model gives 7\.0"):
        attribute(model, rows)


def test_encoding_keeps_missing_and_unheard_of_apart_from_values() -> None:
    matrix = encode(features(200), [*FEATURES, "absent"], CATEGORIES)
    bank = features(200).column("f_bank").to_pylist()
    assert np.isnan(matrix[:, 3]).all()
    for value, code in zip(bank, matrix[:, 1], strict=True):
        if value == "unheard of":
            assert np.isnan(code)
        else:
            assert code == CATEGORIES["bank"].index(value)


def test_what_is_explained_is_not_filled_up_at_another_rate(tmp_path: Path) -> None:
    """Totals stay estimates of 20 decisions, however often and in whatever order it runs."""
    obs = logged(tmp_path, "lightgbm")
    middle = Window(NOON + timedelta(minutes=6), NOON + timedelta(minutes=14))
    assert obs.attribute(over=middle).stored == 16
    assert obs.attribute(over="1d", most_decisions=3).stored < 24
    before = obs.records.rows("attributions")
    assert obs.attribute(over="1d").stored < 24
    rows = obs.records.rows("attributions").to_pylist()
    own = {row["decision_id"]: row["sample_weight"] for row in before.to_pylist()}
    assert {row["sample_weight"] for row in rows if 6 <= int(row["decision_id"][1:]) < 14} == {1.0}
    for row in rows:
        assert row["sample_weight"] == own.get(row["decision_id"], row["sample_weight"])


def test_a_story_is_told_in_order(tmp_path: Path) -> None:
    story = logged(tmp_path, "lightgbm").explain("d1")
    text = str(story)
    assert text.index("What was decided about") < text.index("Who could be picked")
    assert "The model alone picks y." in text
    assert "Fees: moves the pick from y to x, by adding y −20.00 pp and x −1.00 pp." in text
    assert "Approved: pending until 2026-06-01 14:01 UTC, not negative." in text
    assert story.chosen.candidate_id == "x"
    assert [stage.is_override for stage in story.stages] == [False, True]
    assert json.loads(json.dumps(story.to_dict(), default=str))["decision"]["decision_id"] == "d1"
    bars = story.chosen.attribution.bars
    assert [abs(bar.attribution) for bar in bars] == sorted(
        (abs(bar.attribution) for bar in bars), reverse=True
    )


def test_an_unknown_decision_is_told(tmp_path: Path) -> None:
    obs = logged(tmp_path, "lightgbm")
    with pytest.raises(UnknownNameError, match="no decision is called 'd99'"):
        obs.explain("d99")
    with pytest.raises(UnknownNameError):
        obs.explain("' OR 1=1 --")


def test_a_model_id_stands_for_one_model(tmp_path: Path) -> None:
    obs = logged(tmp_path, "lightgbm")
    log = Logger("scored", to=tmp_path)
    same = {"name": "lightgbm", "version": "1", "trained_at": NOON}
    assert log.model(lightgbm_model(), features=FEATURES, **same) == "lightgbm:1"
    with pytest.raises(DataError, match="give the new model a new version"):
        log.model(xgboost_model(), features=FEATURES, **same)
    with pytest.raises(DataError, match="names for a model"):
        log.model(lightgbm_model(), features=["a"], **same)
    with pytest.raises(DataError, match="no time zone"):
        log.model(lightgbm_model(), name="n", version="1", trained_at=NOON.replace(tzinfo=None))
    with pytest.raises(DataError, match="is not a tree model"):
        log.model(object(), **same)
    assert obs.records.rows("models").num_rows == 1


def test_without_a_model_file_there_is_nothing_to_explain_with(tmp_path: Path) -> None:
    obs = logged(tmp_path, "lightgbm")
    with pytest.raises(ExplainError, match="no explainer reads 'prophet'"):
        load_explainer("prophet", b"")
    empty = Logger(System(name="empty"), to=tmp_path)
    empty.decisions(obs.records.rows("decisions", columns=["decision_id", "decided_at"]))
    with pytest.raises(ExplainError, match="no model file was logged"):
        open_system(tmp_path, system="empty").attribute()
    with pytest.raises(ExplainError, match="declares no policy layers"):
        open_system(tmp_path, system="empty").flow()


@pytest.mark.slow
def test_the_flow_of_a_world_is_what_its_records_say(tmp_path: Path) -> None:
    world = payment_world(decisions=4_000, seed=2)
    log = Logger(world.system, to=tmp_path)
    for name in ("decisions", "candidates", "outcomes"):
        log.table(name, world.tables[name]).raise_for_refused()
    flow = open_system(tmp_path).flow(over="60d")
    rows = world.tables["decisions"].to_pandas()
    inside = rows[rows.pick_model.notna() & rows.chosen.notna()]
    assert (flow.decisions, flow.outside) == (len(inside), len(rows) - len(inside))
    stages = ["pick_model", *(f"pick_{layer.name}" for layer in world.system.layers)]
    labels = dict(zip(flow.stages, stages, strict=False))
    for row in flow.nodes.to_pylist():
        assert row["decisions"] == (inside[labels[row["stage"]]] == row["candidate"]).sum()
    for row in flow.links.to_pylist():
        before, after = inside[labels[row["stage"]]], inside[labels[row["next_stage"]]]
        assert row["decisions"] == ((before == row["source"]) & (after == row["target"])).sum()
        assert row["is_moved"] == (row["source"] != row["target"])
    for stage in flow.stages:
        assert sum(r["decisions"] for r in flow.nodes.to_pylist() if r["stage"] == stage) == \
            flow.decisions  # fmt: skip


def test_a_regressions_scores_are_no_log_odds(tmp_path: Path) -> None:
    import lightgbm
    import xgboost

    draw = np.random.default_rng(1)
    rows, labels = draw.normal(size=(200, 2)), draw.normal(size=200)
    log = Logger(System(name="scales"), to=tmp_path)
    models = {
        "raw": (lightgbm.train({"verbosity": -1}, lightgbm.Dataset(rows, labels), 2),
                xgboost.train({}, xgboost.DMatrix(rows, labels), 2)),
        "log_odds": (
            lightgbm.train({"objective": "binary", "verbosity": -1},
                           lightgbm.Dataset(rows, labels > 0), 2),
            xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(rows, labels > 0), 2),
        ),
    }  # fmt: skip
    for scale, own in models.items():
        for number, model in enumerate(own):
            log.model(model, name=scale, version=str(number), trained_at=NOON)
    stored = open_system(tmp_path, system="scales").records.rows("models").to_pylist()
    assert {(row["name"], row["output_scale"]) for row in stored} == {
        ("raw", "raw"), ("log_odds", "log_odds"),
    }  # fmt: skip
