"""Shapley values of any function, exact and sampled; ONNX models as such functions."""

from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
from forests import shapley
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from test_explainers import game

from pellucid.errors import ExplainError, MissingExtraError
from pellucid.explain.explainers import coalitions
from pellucid.explain.explainers.base import thinned
from pellucid.explain.explainers.callable import CallableExplainer, declared_groups
from pellucid.explain.explainers.coalitions import exact_values, sampled_values
from pellucid.explain.explainers.onnx import onnx_explainer
from pellucid.explain.trees.tables import feature_players
from pellucid.spec.system import Feature, System


def crooked(rows: np.ndarray) -> np.ndarray:
    """A function with interactions of every order, that takes missing values."""
    filled = np.nan_to_num(rows, nan=0.7)
    return np.sin(filled @ np.arange(1, rows.shape[1] + 1)) + np.prod(filled[:, :4], axis=1)


def drawn(seed: int, count: int, features: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(count, features))
    rows[draw.random(rows.shape) < 0.1] = np.nan
    return rows


@given(st.integers(0, 10_000), st.sampled_from([(), ((0, 2),), ((1, 4), (0, 3))]))
def test_exact_values_are_shapleys(seed: int, groups: tuple) -> None:
    rows, reference = drawn(seed, 3, 5), drawn(seed + 1, 4, 5)
    players = feature_players(5, groups)
    found = exact_values(crooked, rows, reference, players)
    worth = game(crooked, rows, reference, players)
    assert np.abs(found.values - shapley(worth, players.max() + 1)).max() < 1e-12
    assert found.base == pytest.approx(worth(0)[0], abs=1e-12)
    assert (found.errors == 0).all()


@given(st.integers(0, 10_000))
def test_swapping_populations_negates_exact_values(seed: int) -> None:
    one, other = drawn(seed, 3, 4), drawn(seed + 1, 5, 4)
    found = exact_values(crooked, one, other, np.arange(4)).values.mean(axis=0)
    swapped = exact_values(crooked, other, one, np.arange(4)).values.mean(axis=0)
    assert np.abs(found + swapped).max() < 1e-12


@given(st.integers(0, 10_000), st.integers(2, 4))
def test_sampled_values_add_up_with_any_budget(seed: int, orders: int) -> None:
    rows, reference = drawn(seed, 3, 12), drawn(seed + 1, 5, 12)
    players = feature_players(12, [(0, 5)])
    found = sampled_values(crooked, rows, reference, players, orders=orders, seed=seed)
    assert found.values.shape == found.errors.shape == (3, 11)
    assert np.abs(found.base + found.values.sum(axis=1) - crooked(rows)).max() < 1e-12
    assert found.base == pytest.approx(crooked(reference).mean(), abs=1e-12)


def test_sampled_values_err_as_they_say() -> None:
    rows, reference = drawn(5, 4, 6), drawn(6, 8, 6)
    players = np.arange(6)
    true = exact_values(crooked, rows, reference, players).values
    runs = [
        sampled_values(crooked, rows, reference, players, orders=3, seed=seed)
        for seed in range(400)
    ]
    values, errors = (np.array([getattr(run, name) for run in runs]) for name in
                      ("values", "errors"))  # fmt: skip
    spread = values.std(axis=0)
    assert np.abs(values.mean(axis=0) - true).max() < 5 * (spread / 20).max()
    assert np.sqrt((errors**2).mean(axis=0)) == pytest.approx(spread, rel=0.15)


def test_a_reverse_order_cancels_pairs() -> None:
    """Where features interact in pairs only, an order and its reverse are exact together."""
    rows, reference = np.random.default_rng(1).normal(size=(2, 7, 12))
    pairs = np.random.default_rng(2).normal(size=(12, 12))

    def score(matrix: np.ndarray) -> np.ndarray:
        return np.einsum("nj,jk,nk->n", matrix, pairs, matrix)

    found = sampled_values(score, rows, reference, np.arange(12), orders=2)
    other = sampled_values(score, rows, reference, np.arange(12), orders=2, seed=1)
    assert np.abs(found.values - other.values).max() < 1e-10
    assert found.errors.max() < 1e-10


def test_a_row_has_its_values_in_any_batch_and_block(monkeypatch) -> None:
    rows, reference = drawn(7, 9, 11), drawn(8, 6, 11)
    explainer = CallableExplainer(crooked)
    explainer.set_reference(reference, "6 rows")
    whole = explainer.estimate(rows)
    exact = exact_values(crooked, rows, reference, np.arange(11) % 7).values
    monkeypatch.setattr(coalitions, "_CALL_ROWS", 13)
    monkeypatch.setattr(coalitions, "_KEPT_VALUES", 1000)
    alone = explainer.estimate(rows[4:5])
    assert np.abs(alone.values - whole.values[4:5]).max() < 1e-12
    assert np.abs(alone.errors - whole.errors[4:5]).max() < 1e-12
    assert np.abs(exact_values(crooked, rows, reference, np.arange(11) % 7).values - exact
                  ).max() < 1e-12  # fmt: skip
    assert np.abs(explainer.estimate(rows).values - whole.values).max() < 1e-12


def test_like_rows_are_drawn_independently() -> None:
    """Else the errors of rows would not average out in the mean of a group."""
    row, reference = drawn(3, 1, 12), np.random.default_rng(4).normal(size=(8, 12))
    rows = np.nan_to_num(row) + np.arange(80)[:, None] * 1e-9
    found = sampled_values(crooked, rows, reference, np.arange(12), orders=4)
    told = np.sqrt((found.errors**2).mean(axis=0))
    assert found.values.std(axis=0) == pytest.approx(told, rel=0.35)


def test_a_large_reference_is_drawn_from_once_and_for_all() -> None:
    reference = np.arange(60.0).reshape(30, 2)
    kept, named = thinned(reference, 20, "30 rows")
    assert len(np.unique(kept[:, 0])) == 20
    assert set(kept[:, 0]) <= set(reference[:, 0])
    assert (thinned(reference, 20, "30 rows")[0] == kept).all()
    assert named == "20 drawn from 30 rows"
    assert thinned(reference, 30, "30 rows")[0] is reference


def test_calls_are_bounded() -> None:
    sizes = []

    def score(rows: np.ndarray) -> np.ndarray:
        sizes.append(len(rows))
        return rows.sum(axis=1)

    exact_values(score, np.ones((50, 8)), np.zeros((100, 8)), np.arange(8))
    sampled_values(score, np.ones((50, 12)), np.zeros((100, 12)), np.arange(12), orders=2)
    assert max(sizes) <= coalitions._CALL_ROWS
    assert len(sizes) < 60


@pytest.mark.parametrize("features", [4, 11, 13], ids=["exact", "exact-of-groups", "sampled"])
def test_groups_come_from_the_spec_and_the_name_says_all(features: int) -> None:
    names = [f"x{place}" for place in range(features)]
    system = System(
        name="s",
        features=(Feature(name="x3", group="kind"), Feature(name="x1", group="kind"),
                  Feature(name="x0"), Feature(name="unknown", group="kind")),
    )  # fmt: skip
    groups = declared_groups(system, names)
    assert groups == [[1, 3]]
    explainer = CallableExplainer(crooked, groups=groups, most_reference=20)
    reference, rows = drawn(1, 30, features), drawn(2, 3, features)
    with pytest.raises(ExplainError, match="need a reference population"):
        explainer.attribute(rows)
    explainer.set_reference(reference, "30 rows")
    base, values = explainer.attribute(rows)
    assert np.abs(base + values.sum(axis=1) - crooked(rows)).max() < 1e-12
    assert (values[:, 1] == values[:, 3]).all()
    how = "exact" if features < 12 else "sampled (2 orders and reverses a reference row)"
    assert explainer.name == (
        f"function, {how} over {features - 1} groups against 20 drawn from 30 rows"
    )


def test_pairs_average_to_the_attributions() -> None:
    rows, reference = drawn(1, 3, 4), drawn(2, 6, 4)
    explainer = CallableExplainer(crooked)
    explainer.set_reference(reference, "6 rows")
    base, values = explainer.pairs(rows, reference).averaged()
    assert np.abs(values - explainer.attribute(rows)[1]).max() < 1e-12
    assert base[0] == pytest.approx(explainer.attribute(rows)[0][0])


def test_reference_rows_without_a_score_are_left_out() -> None:
    reference = np.array([[1.0, 2.0], [np.nan, 1.0], [3.0, 4.0]])
    explainer = CallableExplainer(lambda rows: rows.sum(axis=1))
    explainer.set_reference(reference, "3 rows")
    base, values = explainer.attribute(np.array([[5.0, 5.0]]))
    assert base[0] == pytest.approx(5.0)
    assert values[0] == pytest.approx([3.0, 2.0])
    assert explainer.name.endswith("against 3 rows, less 1 without a score")
    with pytest.raises(ExplainError, match="can score none"):
        explainer.set_reference(reference[1:2], "1 row")


def test_bad_functions_and_budgets_say_why() -> None:
    rows = np.ones((2, 12))
    with pytest.raises(ExplainError, match=r"4,096 coalitions"):
        exact_values(crooked, rows, rows, np.arange(12))
    with pytest.raises(ExplainError, match="at least 2"):
        sampled_values(crooked, rows, rows, np.arange(12), orders=1)
    with pytest.raises(ExplainError, match=r"shape \(2, 12\) for 2 rows"):
        CallableExplainer(lambda matrix: matrix).raw_score(rows)
    explainer = CallableExplainer(lambda matrix: matrix.sum(axis=1))
    explainer.set_reference(np.ones((2, 2)), "2 rows")
    with pytest.raises(ExplainError, match=r"returned nan for \[1.0, nan\]"):
        explainer.attribute(np.array([[1.0, np.nan]]))


WEIGHTS = np.array([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], dtype=np.float32)


def network(width: int = 2, kind: int = TensorProto.FLOAT, extra: tuple = ()) -> onnx.ModelProto:
    """Scores tanh(x @ WEIGHTS), added up where the width is 1."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["linear"]),
             helper.make_node("Tanh", ["linear"], ["y" if width == 2 else "bent"])]  # fmt: skip
    if width == 1:
        nodes.append(helper.make_node("ReduceSum", ["bent", "axis"], ["y"]))
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("x", kind, [None, 3]),
         *(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 3]) for name in extra)],
        [helper.make_tensor_value_info("y", kind, [None, width])],
        [numpy_helper.from_array(WEIGHTS, "w"),
         numpy_helper.from_array(np.array([1], dtype=np.int64), "axis")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("width", [1, 2])
def test_onnx_models_are_explained_by_their_definition(width: int) -> None:
    explainer = onnx_explainer(network(width).SerializeToString())
    draw = np.random.default_rng(1)
    rows, reference = draw.normal(size=(5, 3)), draw.normal(size=(7, 3))

    def score(matrix: np.ndarray) -> np.ndarray:
        bent = np.tanh(matrix @ WEIGHTS.astype(float))
        return bent[:, 1] if width == 2 else bent.sum(axis=1)

    assert np.abs(explainer.raw_score(rows) - score(rows)).max() < 1e-6
    explainer.set_reference(reference, "7 rows")
    base, values = explainer.attribute(rows)
    assert np.abs(values - shapley(game(score, rows, reference), 3)).max() < 1e-6
    assert np.abs(base + values.sum(axis=1) - explainer.raw_score(rows)).max() < 1e-12
    assert explainer.name == "onnx, exact over 3 groups against 7 rows"


def test_onnx_files_beyond_reach_say_why(tmp_path, monkeypatch) -> None:
    with pytest.raises(ExplainError, match="cannot read this ONNX model"):
        onnx_explainer(b"\x80\x04K\x01.")
    with pytest.raises(ExplainError, match="'x' tensor"):
        onnx_explainer(network(extra=("z",)).SerializeToString())
    with pytest.raises(ExplainError, match="takes 3 features, and 4"):
        onnx_explainer(network().SerializeToString()).raw_score(np.ones((1, 4)))
    words = helper.make_node("Cast", ["y"], ["label"], to=TensorProto.INT64)
    labels = network()
    labels.graph.node.append(words)
    del labels.graph.output[:]
    labels.graph.output.append(helper.make_tensor_value_info("label", TensorProto.INT64, [None, 2]))
    with pytest.raises(ExplainError, match="zipmap"):
        onnx_explainer(labels.SerializeToString())
    # What another file holds is not read, whatever the model says.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(WEIGHTS.tobytes())
    outside = network()
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "secret.bin"
    with pytest.raises(ExplainError, match="cannot read"):
        onnx_explainer(outside.SerializeToString())
    custom = network()
    custom.opset_import.append(helper.make_opsetid("acme", 1))
    custom.graph.node[1].domain = "acme"
    with pytest.raises(ExplainError, match="cannot read"):
        onnx_explainer(custom.SerializeToString())


def test_without_onnxruntime_it_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pellucid\[onnx\]"):
        onnx_explainer(b"")
