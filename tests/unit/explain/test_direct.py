"""One side explained against the other: the definition over all pairs of rows is the oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pytest
from contests import mean_and_error, means_without
from forests import shapley
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression

from pellucid.cli import main
from pellucid.errors import ExplainError, SpecError, UnknownNameError
from pellucid.explain.explainers.callable import CallableExplainer
from pellucid.explain.groups.direct import attributions_against
from pellucid.explain.groups.story import GroupStory
from pellucid.explain.reference import store_reference
from pellucid.log.client import Logger
from pellucid.models.file import ModelFile
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Dimension, Feature, System
from pellucid.windows import Window

START = datetime(2026, 6, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
NAMES = ("amount", "age", "speed")
DAYS = 4
FIRST = Window(START, START + timedelta(days=2))
LAST = Window(START + timedelta(days=2), START + timedelta(days=4))
WEIGHTS = np.array([0.5, -1.0, 2.0])
BR, DE = "country = 'BR'", "country = 'DE'"
Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Logged:
    """Rows of the picks: matrix (n, 3), score, weight, day and country of each."""

    matrix: np.ndarray
    score: np.ndarray
    weight: np.ndarray
    day: np.ndarray
    country: np.ndarray

    def only(self, own: np.ndarray) -> Logged:
        return Logged(*(values[own] for values in vars(self).values()))


def linear() -> tuple[LinearRegression, Score]:
    model = LinearRegression()
    model.coef_, model.intercept_, model.n_features_in_ = WEIGHTS, 0.3, 3
    return model, lambda rows: rows @ WEIGHTS + 0.3


def trees() -> tuple[GradientBoostingRegressor, Score]:
    draw = np.random.default_rng(1)
    rows = draw.normal(size=(300, 3))
    label = rows[:, 0] * rows[:, 1] + np.where(rows[:, 2] > 0, rows[:, 0], 1.0)
    model = GradientBoostingRegressor(n_estimators=5, max_depth=3, random_state=0).fit(rows, label)
    return model, model.predict


def function() -> tuple[onnx.ModelProto, Score]:
    """A function that only its calls tell of: tanh of the product with a matrix, added up."""
    weights = np.array([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], dtype=np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["linear"]),
             helper.make_node("Tanh", ["linear"], ["bent"]),
             helper.make_node("ReduceSum", ["bent", "axis"], ["y"])]  # fmt: skip
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(weights, "w"),
         numpy_helper.from_array(np.array([1], dtype=np.int64), "axis")],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return model, lambda rows: np.tanh(rows @ weights.astype(float)).sum(axis=1)


MODELS = {"linear": linear, "trees": trees, "function": function}
# Tables of trees and tensors of a network are of float32.
NEAR = {"linear": 1e-12, "trees": 1e-7, "function": 1e-6}


def twos(
    root: Path, kind: str, seed: int, *, count: int = 80, weights: tuple[float, ...] = (1.0, 2.5),
    models: int = 1,
) -> tuple[Observatory, Logged]:  # fmt: skip
    """Log decisions between two candidates, and return what was picked."""
    model, score = MODELS[kind]()
    system = System(
        name="twos", score_unit="raw", policy_scale="raw", candidate=Candidate(name="route"),
        dimensions=(Dimension(name="country"),),
        features=tuple(Feature(name=name, label=name.capitalize()) for name in NAMES),
    )  # fmt: skip
    log = Logger(system, to=root)
    for version in range(models):
        log.model(model, name="m", version=str(version), trained_at=START, features=list(NAMES))
    draw = np.random.default_rng(seed)
    day = draw.integers(DAYS, size=count)
    matrix = draw.normal(size=(count, 2, 3)) + 0.4 * day[:, None, None]
    country = draw.choice(["BR", "DE"], size=count)
    weight = draw.choice(weights, size=count)
    picked = draw.integers(2, size=count)
    raw = score(matrix.reshape(-1, 3)).reshape(count, 2) + draw.normal(scale=0.01, size=(count, 2))
    ids = [f"d{n}" for n in range(count)]
    at = pa.array([START + timedelta(days=int(n), hours=3) for n in day], TIME)
    log.table("decisions", pa.table({
        "decision_id": ids, "decided_at": at, "model_id": [f"m:{n % models}" for n in range(count)],
        "chosen": [f"r{n}" for n in picked], "country": country, "sample_weight": weight,
    })).raise_for_refused()  # fmt: skip
    for place in range(2):
        log.table("candidates", pa.table({
            "decision_id": ids, "decided_at": at, "candidate_id": [f"r{place}"] * count,
            "raw_score": raw[:, place],
            **{f"f_{name}": matrix[:, place, n] for n, name in enumerate(NAMES)},
        })).raise_for_refused()  # fmt: skip
    every = np.arange(count)
    return open_system(root), Logged(
        matrix[every, picked], raw[every, picked], weight, day, country
    )


def ask(obs: Observatory, **options) -> GroupStory:
    return obs.explain_group(**{"over": Window(FIRST.start, LAST.end), "contrast": "direct",
                                **options})  # fmt: skip


def column(story: GroupStory, name: str) -> list[float]:
    rows = {row["part"]: row[name] for row in story.parts.to_pylist()}
    return [rows[part] for part in ("base", *NAMES, "residual")]


def against(score: Score, one: Logged, other: Logged) -> np.ndarray:
    """Return Shapley values of each row against a weighted reference, shape (n, 3)."""

    def value(coalition: int) -> np.ndarray:
        given = (coalition >> np.arange(3)) & 1 == 1
        return np.array([
            np.average(score(np.where(given, row, other.matrix)), weights=other.weight)
            for row in one.matrix
        ])  # fmt: skip

    return shapley(value, 3)


def projections(score: Score, one: Logged, other: Logged) -> list[np.ndarray]:
    """Return what each row of the two sides adds: base, features and what is left."""
    sides = []
    for sign, own, rest in ((1, one, other), (-1, other, one)):
        values = sign * against(score, own, rest)
        left = sign * (own.score - score(own.matrix))
        sides.append(np.column_stack([np.zeros(len(left)), values, left]))
    return sides


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("seed", range(2))
def test_it_is_the_mean_over_all_pairs(tmp_path: Path, seed: int, kind: str) -> None:
    obs, logged = twos(tmp_path, kind, seed)
    score = MODELS[kind]()[1]
    one, other = (logged.only(logged.country == name) for name in ("BR", "DE"))
    story = ask(obs, where=BR, versus=DE)
    sides = projections(score, one, other)
    means = [np.average(values, axis=0, weights=own.weight)
             for values, own in zip(sides, (one, other), strict=True)]  # fmt: skip
    # Of the features either side's rows give the same; what is left is of each its own.
    expected = [*means[0][:4], means[0][4] + means[1][4]]
    assert means[1][1:4] == pytest.approx(means[0][1:4], abs=1e-12)
    near = NEAR[kind]
    assert column(story, "difference") == pytest.approx(expected, abs=near)
    scores = [np.average(own.score, weights=own.weight) for own in (one, other)]
    assert story.groups.column("score").to_pylist() == pytest.approx(scores)
    assert sum(column(story, "mean")) == pytest.approx(scores[0], abs=1e-12)
    assert sum(column(story, "versus_mean")) == pytest.approx(scores[1], abs=1e-12)
    assert sum(column(story, "difference")) == pytest.approx(scores[0] - scores[1], abs=1e-12)
    assert column(story, "versus_mean")[1:4] == [0.0] * 3
    absolute = np.average(np.abs(sides[0][:, 1:4]), axis=0, weights=one.weight)
    assert column(story, "mean_absolute")[1:4] == pytest.approx(absolute.tolist(), abs=near)
    # Both sides share their days, so a day's luck is added up before it is squared.
    moved = sum(
        means_without(values, own.weight, own.day, np.arange(DAYS)) - mean
        for values, own, mean in zip(sides, (one, other), means, strict=True)
    )
    errors = np.sqrt((DAYS - 1) / DAYS * (moved**2).sum(axis=0))
    assert column(story, "difference_error") == pytest.approx(errors.tolist(), abs=near)


@pytest.mark.parametrize("kind", MODELS)
def test_a_period_against_another_and_back(tmp_path: Path, kind: str) -> None:
    obs, logged = twos(tmp_path, kind, 3)
    score = MODELS[kind]()[1]
    one, other = logged.only(logged.day >= 2), logged.only(logged.day < 2)
    story = ask(obs, over=LAST, baseline=FIRST)
    found = [mean_and_error(values, own.weight, own.day)
             for values, own in zip(projections(score, one, other), (one, other),
                                    strict=True)]  # fmt: skip
    assert column(story, "difference")[1:4] == pytest.approx(
        found[0][0][1:4].tolist(), abs=NEAR[kind]
    )
    assert column(story, "difference_error") == pytest.approx(
        np.hypot(found[0][1], found[1][1]).tolist(), abs=NEAR[kind]
    )
    back = ask(obs, over=FIRST, baseline=LAST)
    assert column(back, "difference") == pytest.approx(
        [-value for value in column(story, "difference")], abs=1e-12
    )
    assert column(back, "difference_error") == pytest.approx(column(story, "difference_error"))


def test_a_linear_model_moves_by_its_weights(tmp_path: Path) -> None:
    obs, logged = twos(tmp_path, "linear", 4)
    story = ask(obs, over=LAST, baseline=FIRST)
    means = [np.average(own.matrix, axis=0, weights=own.weight)
             for own in (logged.only(logged.day >= 2), logged.only(logged.day < 2))]  # fmt: skip
    assert column(story, "difference")[1:4] == pytest.approx(
        (WEIGHTS * (means[0] - means[1])).tolist(), abs=1e-12
    )


@pytest.mark.parametrize("kind", MODELS)
def test_a_group_against_itself_differs_by_nothing(tmp_path: Path, kind: str) -> None:
    obs, _ = twos(tmp_path, kind, 5)
    story = ask(obs, where=BR, versus=BR, candidate="r1")
    assert column(story, "difference") == pytest.approx([0.0] * 5, abs=1e-12)
    assert column(story, "difference_error") == pytest.approx([0.0] * 5, abs=NEAR[kind])


def test_a_candidates_own_scores(tmp_path: Path) -> None:
    """Of a candidate every decision counts in which it was eligible, picked or not."""
    obs, logged = twos(tmp_path, "linear", 6)
    story = ask(obs, where=BR, versus=DE, candidate="r1")
    assert sum(story.groups.column("n").to_pylist()) == len(logged.day)
    assert (
        ask(obs, where=BR, versus=DE).groups.column("n")[0].as_py()
        == (logged.country == "BR").sum()
    )
    assert sum(column(story, "difference")) == pytest.approx(
        story.groups.column("score")[0].as_py() - story.groups.column("score")[1].as_py()
    )


def test_what_is_drawn_adds_up_and_stands_for_all(tmp_path: Path) -> None:
    obs, logged = twos(tmp_path, "trees", 7, count=400)
    story = ask(obs, where=BR, versus=DE, most_decisions=60)
    groups = story.groups.to_pylist()
    assert [row["n"] for row in groups] == [60, 60]
    totals = [logged.weight[logged.country == name].sum() for name in ("BR", "DE")]
    assert [row["decisions"] for row in groups] == pytest.approx(totals)
    assert sum(column(story, "difference")) == pytest.approx(
        groups[0]["score"] - groups[1]["score"], abs=1e-12
    )
    assert "estimated from 60 that were explained" in story.told
    # A function is called for every pair of rows: it takes 100 of them.
    obs, _ = twos(tmp_path / "function", "function", 7, count=400)
    story = ask(obs, where=BR, versus=DE)
    groups = story.groups.to_pylist()
    assert [row["n"] for row in groups] == [100, 100]
    assert [row["decisions"] for row in groups] == pytest.approx(totals)
    back = ask(obs, where=DE, versus=BR)
    assert column(back, "difference") == pytest.approx(
        [-value for value in column(story, "difference")], abs=1e-12
    )


def test_many_weights_are_honoured_by_drawing(tmp_path: Path) -> None:
    weights = tuple(np.linspace(1, 9, 40))
    obs, logged = twos(tmp_path, "linear", 8, count=2000, weights=weights)
    story = ask(obs, where=BR, versus=DE)
    for row, name in zip(story.groups.to_pylist(), ("BR", "DE"), strict=True):
        own = logged.only(logged.country == name)
        assert row["decisions"] == pytest.approx(own.weight.sum())
        weighted, plain = np.average(own.score, weights=own.weight), own.score.mean()
        assert row["score"] == pytest.approx(weighted, abs=0.2 * row["error"])
        assert abs(plain - weighted) > 0
    assert sum(column(story, "difference")) == pytest.approx(
        story.groups.column("score")[0].as_py() - story.groups.column("score")[1].as_py(),
        abs=1e-12,
    )


def test_any_explainer_averages_over_a_weighted_reference() -> None:
    draw = np.random.default_rng(2)

    def score(rows: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(rows.sum(axis=1)) + rows[:, 0] * rows[:, 1])

    def side(count: int) -> Logged:
        blank = np.zeros(count)
        return Logged(draw.normal(size=(count, 3)), blank, draw.choice([1.0, 3.0], count), blank,
                      blank)  # fmt: skip

    one, other = side(6), side(9)
    base, values = attributions_against(
        CallableExplainer(score), one.matrix, other.matrix, other.weight
    )
    assert values == pytest.approx(against(score, one, other), abs=1e-12)
    assert base == pytest.approx(np.average(score(other.matrix), weights=other.weight))


def test_the_paragraph_says_which_contrast_it_is(tmp_path: Path) -> None:
    obs, _ = twos(tmp_path, "trees", 9)
    obs.attribute()
    stored = ask(obs, where=BR, versus=DE, contrast="stored")
    direct = ask(obs, where=BR, versus=DE)
    assert (stored.contrast, direct.contrast) == ("stored", "direct")
    assert "This is the stored contrast, a difference of attributions" in stored.told
    assert "This is the direct contrast, of scores explained against" in direct.told
    assert "contrast" not in ask(obs, where=BR, contrast="stored").told
    # They share the whole and differ in the credit for what features do together.
    both = np.array([column(story, "difference") for story in (stored, direct)])
    assert both[0].sum() == pytest.approx(both[1].sum(), abs=1e-5)
    assert np.abs(both[0] - both[1]).max() > 1e-3
    # What was stored is as it was: the explainer that others use keeps its reference.
    assert ask(obs, where=BR, versus=DE, contrast="stored").parts.equals(stored.parts)


def test_features_that_say_the_same_are_summed_with_sign(tmp_path: Path) -> None:
    obs, _ = twos(tmp_path, "trees", 10)
    amount = np.random.default_rng(1).normal(size=300)
    usual = {"f_amount": amount, "f_age": 2 * amount, "f_speed": np.flip(amount)}
    store_reference(obs.lake, "m:0", pa.table(usual), "2026-06-01..2026-06-08")
    story = ask(obs, where=BR, versus=DE)
    row = story.clusters.to_pylist()[0]
    assert (row["part"], row["label"]) == ("amount age", "Amount and Age")
    assert row["difference"] == pytest.approx(sum(column(story, "difference")[1:3]), abs=1e-12)
    assert row["difference_error"] > 0


def test_the_command_asks_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    obs, _ = twos(tmp_path, "linear", 11)
    asked = ["group", "--where", BR, "--versus", DE, "--over", "2026-06-01..2026-06-05",
             "--lake", str(tmp_path)]  # fmt: skip
    assert main([*asked, "--contrast", "direct"]) == 0
    assert capsys.readouterr().out.startswith(ask(obs, where=BR, versus=DE).told)


PLUGIN = """
import numpy as np

class Fixed:
    name = "fixed against zeros"
    def __init__(self, content): self.weights = np.array([0.5, -1.0, 2.0])
    def set_reference(self, matrix, described): pass
    def attribute(self, matrix): return np.zeros(len(matrix)), matrix * self.weights
    def raw_score(self, matrix): return matrix @ self.weights
"""


def test_an_explainer_that_takes_no_reference_is_refused(tmp_path: Path, monkeypatch) -> None:
    site = tmp_path / "site"
    told = site / "fixed_explainer-1.0.dist-info"
    told.mkdir(parents=True)
    (site / "fixed_explainer.py").write_text(PLUGIN)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: fixed_explainer\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[pellucid.explainers]\nfixed = fixed_explainer:Fixed\n")
    monkeypatch.syspath_prepend(site)
    file = ModelFile(framework="fixed", content=b"x", features=NAMES, scale="raw")
    monkeypatch.setitem(MODELS, "fixed", lambda: (file, lambda rows: rows @ WEIGHTS))
    obs, _ = twos(tmp_path / "lake", "fixed", 12)
    with pytest.raises(ExplainError, match=r"\(fixed against zeros\) does not compare with"):
        ask(obs, where=BR, versus=DE)


def test_errors_teach(tmp_path: Path) -> None:
    obs, _ = twos(tmp_path / "one", "linear", 13)
    with pytest.raises(ExplainError, match="give one of versus and baseline"):
        ask(obs, where=BR)
    with pytest.raises(ExplainError, match="give one of versus and baseline"):
        ask(obs, over=LAST, baseline=FIRST, versus=DE)
    with pytest.raises(ExplainError, match="the windows overlap"):
        ask(obs, baseline=FIRST)
    with pytest.raises(ExplainError, match="one group on each side"):
        ask(obs, versus=DE, by=["country"])
    with pytest.raises(UnknownNameError, match="did you mean 'direct'"):
        ask(obs, versus=DE, contrast="dirct")
    with pytest.raises(UnknownNameError, match="no candidate is called 'r9'"):
        ask(obs, versus=DE, candidate="r9")
    with pytest.raises(ExplainError, match=r"no decision where country = 'FR' .* has a model"):
        ask(obs, versus="country = 'FR'")
    with pytest.raises(SpecError, match="where"):
        ask(obs, where="countri = 'BR'", versus=DE)
    obs, _ = twos(tmp_path / "two", "linear", 13, models=2)
    with pytest.raises(ExplainError, match=r"scored by m:0 and m:1.*compare_models"):
        ask(obs, where=BR, versus=DE)
    own = ask(obs, where=f"{BR} AND model_id = 'm:0'", versus=f"{DE} AND model_id = 'm:0'")
    assert own.groups.num_rows == 2
