"""Models of every kind through the lake: logged, found by framework, explained; plug-ins."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_explainers import boosted
from test_explainers_functions import network

from pellucid.errors import DataError, ExplainError, UnknownNameError
from pellucid.explain.attribution import LoadedModel, attribute
from pellucid.explain.explainers.callable import CallableExplainer
from pellucid.explain.explainers.registry import load_explainer
from pellucid.explain.reference import Reference
from pellucid.log.client import Logger
from pellucid.models.composition import Composition, decode_parts
from pellucid.models.file import ModelFile
from pellucid.observatory import open_system
from pellucid.spec.system import Candidate, Feature, Outcome, System

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NAMES = ("a", "b", "c", "d")


def rows(count: int = 60) -> np.ndarray:
    return np.random.default_rng(4).normal([0, 2, -1, 5], [1, 2, 0.5, 3], (count, 4))


def labels(matrix: np.ndarray) -> np.ndarray:
    return (matrix[:, 0] * matrix[:, 2] + matrix[:, 3] > 5).astype(int)


def logger(root: Path) -> Logger:
    system = System(
        name="scored", features=tuple(Feature(name=name) for name in NAMES),
        candidate=Candidate(name="route"),
        outcomes=(Outcome(name="approved", matures_after="2h"),),
    )  # fmt: skip
    return Logger(system, to=root)


def log_scores(log: Logger, model_id: str, scores: np.ndarray, names: tuple = NAMES) -> None:
    count = len(scores)
    at = pa.array([NOON + timedelta(minutes=n) for n in range(count)], pa.timestamp("us", tz="UTC"))
    matrix = rows(count)
    log.candidates(pa.table({
        "decision_id": [f"d{n}" for n in range(count)], "decided_at": at,
        "candidate_id": ["x"] * count, "raw_score": scores, "is_eligible": [True] * count,
        "is_chosen": [True] * count,
        **{f"f_{name}": matrix[:, place] for place, name in enumerate(names)},
    })).raise_for_refused()  # fmt: skip
    log.decisions(pa.table({
        "decision_id": [f"d{n}" for n in range(count)], "decided_at": at,
        "model_id": [model_id] * count, "chosen": ["x"] * count,
    })).raise_for_refused()  # fmt: skip


def explained(root: Path) -> pa.Table:
    obs = open_system(root)
    obs.attribute(over="2026-06-01..2026-06-02", most_decisions=1000)
    return obs.records.rows("attributions")


def models() -> dict[str, tuple[object, object]]:
    """By kind: the model as it is logged, and its scores."""
    matrix = rows(400)
    logistic = make_pipeline(StandardScaler(), LogisticRegression()).fit(matrix, labels(matrix))
    boosting = boosted(matrix, labels(matrix), interactions=[(0, 2)])
    three = network(1)

    def net(given: np.ndarray) -> np.ndarray:
        return load_explainer("onnx", three.SerializeToString()).raw_score(given[:, :3])

    return {
        "logistic": (logistic, logistic.decision_function),
        "boosting": (boosting, boosting.decision_function),
        "onnx": (three, net),
    }


@pytest.mark.parametrize("kind", ["logistic", "boosting", "onnx"])
def test_a_logged_model_is_explained_from_the_lake(tmp_path: Path, kind: str) -> None:
    model, score = models()[kind]
    names = NAMES[:3] if kind == "onnx" else NAMES
    log = logger(tmp_path)
    model_id = log.model(model, name=kind, version="1", trained_at=NOON, features=names)
    log_scores(log, model_id, score(rows()))
    stored = explained(tmp_path)
    assert stored.num_rows == 60
    assert np.abs(stored.column("residual").to_numpy()).max() < 1e-5
    base = stored.column("base_value").to_numpy()
    # The reference population is these very rows, so that attributions have mean 0.
    for name in names:
        assert abs(stored.column(f"a_{name}").to_numpy().mean()) < 1e-6
    assert base[0] == pytest.approx(score(rows()).mean())
    assert "against 60 candidates of" in stored.column("explainer")[0].as_py()
    assert open_system(tmp_path).explain("d3").told


def test_a_linear_decision_is_explained_before_any_reference_is_stored(tmp_path: Path) -> None:
    model, score = models()["logistic"]
    log = logger(tmp_path)
    log_scores(log, log.model(model, name="m", version="1", trained_at=NOON, features=NAMES),
               score(rows()))  # fmt: skip
    story = open_system(tmp_path).explain("d3")
    assert story.told


def test_features_that_were_never_logged_are_named(tmp_path: Path) -> None:
    model, score = models()["logistic"]
    log = logger(tmp_path)
    model_id = log.model(model, name="m", version="1", trained_at=NOON, features=NAMES)
    log_scores(log, model_id, score(rows()), names=("a", "b", "cc", "d"))
    with pytest.raises(
        ExplainError, match=r"never logged: c; logged and .*: cc; did you mean 'cc'"
    ):
        explained(tmp_path)


def test_pickles_are_refused_wherever_they_come(tmp_path: Path) -> None:
    log = logger(tmp_path)
    content = pickle.dumps(Ridge())
    file = ModelFile(framework="onnx", content=content, features=("a",), scale="raw")
    for given in (content, "model.pkl", tmp_path / "model.joblib", file):
        with pytest.raises(DataError, match="a pickle runs code when it is loaded"):
            log.model(given, name="m", version="1", trained_at=NOON)
    with pytest.raises(ExplainError, match="it is a pickle"):
        load_explainer("scikit-learn", content)


def test_a_function_is_explained_where_it_is_and_its_attributions_are_logged(
    tmp_path: Path,
) -> None:
    def score(matrix: np.ndarray) -> np.ndarray:
        return np.tanh(matrix[:, 0] * matrix[:, 1]) + matrix[:, 2]

    log = logger(tmp_path)
    log_scores(log, "mine:1", score(rows()))
    candidates = open_system(tmp_path).records.rows("candidates")
    model = LoadedModel("mine:1", "raw", NAMES, {}, CallableExplainer(score, library="mine"))
    model.reference = Reference(candidates, "60 candidates")
    log.table("attributions", attribute(model, candidates)).raise_for_refused()
    stored = open_system(tmp_path).records.rows("attributions")
    assert stored.num_rows == 60
    assert np.abs(stored.column("residual").to_numpy()).max() < 1e-6
    assert np.abs(stored.column("a_d").to_numpy()).max() < 1e-12
    assert "mine, exact over 4 groups" in stored.column("explainer")[0].as_py()


def test_onnx_needs_its_features_named_and_counted(tmp_path: Path) -> None:
    log = logger(tmp_path)
    same = {"name": "m", "version": "1", "trained_at": NOON}
    with pytest.raises(DataError, match="names no features"):
        log.model(network(), **same)
    with pytest.raises(DataError, match="2 names for a model of 3"):
        log.model(network(), features=["a", "b"], **same)
    file = ModelFile(framework="onnx", content=network(1).SerializeToString(),
                     features=NAMES[:3], scale="log_odds", suffix=".onnx")  # fmt: skip
    log.model(file, **same)
    with pytest.raises(DataError, match="are named already: a, b, c"):
        log.model(file, features=["x", "y", "z"], **(same | {"version": "3"}))
    log.model(network(), **(same | {"version": "2"}), features=NAMES[:3])
    scales = open_system(tmp_path).records.rows("models").column("output_scale").to_pylist()
    assert sorted(scales) == ["log_odds", "probability"]


def test_a_mixture_of_logged_models_is_explained(tmp_path: Path) -> None:
    matrix = rows(400)
    first = LogisticRegression().fit(matrix[:, :3], labels(matrix))
    second = boosted(matrix[:, [3, 0]], labels(matrix), interactions=[(0, 1)])
    log = logger(tmp_path)
    same = {"version": "1", "trained_at": NOON}
    log.model(first, name="first", features=["a", "b", "c"], **same)
    log.model(second, name="second", features=["d", "a"], **same)
    mixed = Composition(kind="mixture", models=("first:1", "second:1"), weights=(0.25, 0.75))
    model_id = log.model(mixed, name="both", **same)
    scores = 0.25 * first.decision_function(rows()[:, :3])
    scores += 0.75 * second.decision_function(rows()[:, [3, 0]])
    log_scores(log, model_id, scores)
    stored = explained(tmp_path)
    assert np.abs(stored.column("residual").to_numpy()).max() < 1e-6
    linear = 0.25 * first.coef_[0, 1] * (rows()[:, 1] - rows()[:, 1].mean())
    order = np.argsort([int(name[1:]) for name in stored.column("decision_id").to_pylist()])
    assert stored.column("a_b").to_numpy()[order] == pytest.approx(linear, abs=1e-6)
    assert stored.column("explainer")[0].as_py().startswith("sum of 0.25 × (scikit-learn linear")
    found = open_system(tmp_path).records.rows("models", where="name = 'both'").to_pylist()[0]
    assert json.loads(found["parts"]) == {
        "compose": "mixture", "models": ["first:1", "second:1"], "weights": [0.25, 0.75],
    }  # fmt: skip
    assert found["features"] == ["a", "b", "c", "d"]


def test_compositions_that_cannot_be_say_why(tmp_path: Path) -> None:
    matrix = rows(200)
    log = logger(tmp_path)
    same = {"version": "1", "trained_at": NOON}
    forest = RandomForestClassifier(n_estimators=2, max_depth=2).fit(matrix, labels(matrix))
    log.model(forest, name="forest", features=NAMES, **same)
    log.model(Ridge().fit(matrix, labels(matrix)), name="ridge", features=NAMES, **same)
    with pytest.raises(UnknownNameError, match="no logged model is called 'rigde:1'"):
        log.model(Composition(kind="sum", models=("rigde:1",)), name="sum", **same)
    with pytest.raises(DataError, match="'forest:1' probability, 'ridge:1' raw"):
        log.model(Composition(kind="sum", models=("forest:1", "ridge:1")), name="sum", **same)
    for name, codes in (("one", ("x", "y")), ("other", ("y", "x"))):
        file = ModelFile(framework="onnx", content=name.encode(), features=("a",), scale="raw",
                         categories={"a": codes})  # fmt: skip
        log.model(file, name=name, **same)
    with pytest.raises(DataError, match="categories of 'a' different codes"):
        log.model(Composition(kind="sum", models=("one:1", "other:1")), name="sum", **same)
    with pytest.raises(ExplainError, match="takes 1 weights, got 0"):
        Composition(kind="mixture", models=("forest:1",))
    with pytest.raises(ExplainError, match="known: sum, mixture"):
        Composition(kind="product", models=("forest:1",))
    with pytest.raises(ExplainError, match="no number"):
        Composition(kind="mixture", models=("forest:1",), weights=(np.nan,))
    with pytest.raises(ExplainError, match="no file of a composed model"):
        decode_parts(b"nonsense")


PLUGIN = """
import numpy as np

class Constant:
    name = "a constant"
    def __init__(self, content): self.value = float(content)
    def set_reference(self, matrix, described): pass
    def attribute(self, matrix): return np.full(len(matrix), self.value), np.zeros(matrix.shape)
    def raw_score(self, matrix): return np.full(len(matrix), self.value)
"""


def install(root: Path, package: str, framework: str, made: str = "Constant") -> None:
    """Put a package with an entry point on a folder, as an installer does."""
    (root / f"{package}.py").write_text(PLUGIN)
    told = root / f"{package}-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(
        f"[pellucid.explainers]\n{framework} = {package}:{made}\n"
    )


def test_an_installed_package_adds_a_framework(tmp_path: Path, monkeypatch) -> None:
    site = tmp_path / "site"
    site.mkdir()
    install(site, "acme_constant", "acme")
    monkeypatch.syspath_prepend(site)
    assert load_explainer("acme", b"2.5").raw_score(rows(2)).tolist() == [2.5, 2.5]
    log = logger(tmp_path / "lake")
    file = ModelFile(framework="acme", content=b"2.5", features=NAMES, scale="raw")
    model_id = log.model(file, name="m", version="1", trained_at=NOON)
    log_scores(log, model_id, np.full(60, 2.5))
    stored = explained(tmp_path / "lake")
    assert stored.column("base_value").to_pylist() == [2.5] * 60
    assert stored.column("explainer")[0].as_py() == "a constant"
    with pytest.raises(ExplainError, match=r"no explainer reads 'acmee' models.*acme, catboost"):
        load_explainer("acmee", b"")


def test_what_an_entry_point_makes_must_be_an_explainer(tmp_path: Path, monkeypatch) -> None:
    install(tmp_path, "acme_wrong", "acme", made="np.array")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ExplainError, match="'acme' made a ndarray, which lacks attribute, name,"):
        load_explainer("acme", b"1")


@pytest.mark.parametrize("framework", ["onnx", "acme"])
def test_two_explainers_of_a_framework_are_an_error_that_names_both(
    tmp_path: Path, monkeypatch, framework: str
) -> None:
    install(tmp_path, "acme_one", framework)
    if framework == "acme":
        install(tmp_path, "acme_two", framework)
    monkeypatch.syspath_prepend(tmp_path)
    other = "pellucid's own" if framework == "onnx" else "'acme_two:Constant'"
    with pytest.raises(ExplainError) as caught:
        load_explainer(framework, b"1")
    assert "'acme_one:Constant'" in str(caught.value)
    assert other in str(caught.value)
