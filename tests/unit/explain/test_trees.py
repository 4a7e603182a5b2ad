"""The tree kernels against Shapley's definition and the libraries' own contributions."""

from __future__ import annotations

from math import factorial

import lightgbm
import numpy as np
import pytest
import xgboost
from forests import interventional_game, random_ensemble, random_rows, shapley
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import ExplainError
from pellucid.explain.trees.interactions import prepare_interactions
from pellucid.explain.trees.kernel import attribute, prepare
from pellucid.explain.trees.native import versions
from pellucid.explain.trees.tables import feature_players
from pellucid.models.assemble import Tree, assemble
from pellucid.models.ensemble import CategorySplit, Ensemble
from pellucid.models.lightgbm import read_lightgbm
from pellucid.models.xgboost import read_xgboost

ALONE = feature_players(5)
JOINED = feature_players(5, [(0, 3), (1, 4)])


def path_game(ensemble: Ensemble, players: np.ndarray, rows: np.ndarray):
    """Lundberg's path-dependent expectation, node by node."""

    def expected(node: int, row: np.ndarray, given: np.ndarray) -> float:
        feature = ensemble.feature[node]
        if feature < 0:
            return ensemble.value[node]
        children = ensemble.left[node], ensemble.right[node]
        if given[feature]:
            goes_left = ensemble.goes_left(node, row[feature : feature + 1])[0]
            return expected(children[0 if goes_left else 1], row, given)
        weights = [ensemble.cover[child] / ensemble.cover[node] for child in children]
        return sum(
            weight * expected(child, row, given)
            for weight, child in zip(weights, children, strict=True)
        )

    def value(coalition: int) -> np.ndarray:
        given = (coalition >> players) & 1 == 1
        return np.array(
            [sum(expected(root, row, given) for root in ensemble.starts[:-1]) for row in rows]
        )

    return value


@pytest.mark.parametrize("players", [ALONE, JOINED], ids=["alone", "joined"])
@pytest.mark.parametrize("seed", range(4))
def test_interventional_values_are_shapleys(seed: int, players: np.ndarray) -> None:
    ensemble = random_ensemble(seed)
    rows, reference = random_rows(seed, 20), random_rows(seed + 100, 30)
    prepared = prepare(ensemble, players=players, reference=reference, compiled=False)
    game = interventional_game(ensemble, players, rows, reference)
    found = attribute(prepared, rows)
    assert np.abs(found - shapley(game, players.max() + 1)).max() < 1e-12
    assert prepared.base == pytest.approx(game(0)[0], abs=1e-12)
    assert np.abs(prepared.base + found.sum(axis=1) - ensemble.raw_score(rows)).max() < 1e-12


@pytest.mark.parametrize("players", [ALONE, JOINED], ids=["alone", "joined"])
def test_path_dependent_values_are_shapleys(players: np.ndarray) -> None:
    ensemble, rows = random_ensemble(7), random_rows(7, 20)
    prepared = prepare(ensemble, players=players, reference=None, compiled=False)
    found = attribute(prepared, rows)
    if players is ALONE:
        expected = shapley(path_game(ensemble, players, rows), 5)
        assert np.abs(found - expected).max() < 1e-12
    assert np.abs(prepared.base + found.sum(axis=1) - ensemble.raw_score(rows)).max() < 1e-12


@pytest.mark.parametrize("has_reference", [False, True], ids=["path", "interventional"])
def test_deep_leaves_agree_with_tables(monkeypatch, *, has_reference: bool) -> None:
    ensemble, rows = random_ensemble(3), random_rows(3, 40)
    reference = random_rows(4, 50) if has_reference else None
    weights = np.arange(1.0, 51) if has_reference else None
    given = {"players": ALONE, "reference": reference, "weights": weights, "compiled": False}
    shallow = prepare(ensemble, **given)
    monkeypatch.setattr("pellucid.explain.trees.tables.MOST_BITS", 2)
    deep = prepare(ensemble, **given)
    assert any(deep.deep)
    assert not any(shallow.deep)
    assert np.abs(attribute(deep, rows) - attribute(shallow, rows)).max() < 1e-12
    assert deep.base == pytest.approx(shallow.base, abs=1e-12)


def test_a_tree_of_twenty_players_is_exact() -> None:
    ensemble = random_ensemble(1, features=20, trees=1, depth=14, categorical=0)
    rows = random_rows(1, 30, features=20, categorical=0)
    prepared = prepare(ensemble, players=feature_players(20), reference=rows[:10])
    assert any(prepared.deep)
    total = prepared.base + attribute(prepared, rows).sum(axis=1)
    assert np.abs(total - ensemble.raw_score(rows)).max() < 1e-5


@pytest.mark.parametrize("go_left", [False, True], ids=["named right", "named left"])
@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
def test_a_split_that_names_no_category_treats_all_alike(*, compiled: bool, go_left: bool) -> None:
    tree = Tree(
        feature=np.array([0, -1, -1]), threshold=np.full(3, np.nan), left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]), missing_left=np.array([go_left, False, False]),
        value=np.array([0.0, 1.0, -1.0]), cover=np.array([4.0, 2.0, 2.0]),
        categories={0: CategorySplit(np.empty(0, dtype=np.int64), go_left=go_left)},
    )  # fmt: skip
    ensemble = assemble([tree], base=0.0, features=1, precision="float64")
    rows, reference = np.array([[0.0], [3.0], [-2.0], [1e9]]), np.array([[np.nan], [1.0]])
    given = {"players": feature_players(1), "reference": reference, "compiled": compiled}
    prepared = prepare(ensemble, **given)
    side = -1.0 if go_left else 1.0
    expected = side - np.mean(ensemble.raw_score(reference))
    assert ensemble.raw_score(rows) == pytest.approx([side] * 4)
    assert attribute(prepared, rows)[:, 0] == pytest.approx([expected] * 4)


@given(st.integers(0, 10_000))
def test_the_own_population_as_reference_gives_a_mean_of_zero(seed: int) -> None:
    ensemble, rows = random_ensemble(seed, trees=2, depth=4), random_rows(seed, 25)
    prepared = prepare(ensemble, players=ALONE, reference=rows, compiled=False)
    assert np.abs(attribute(prepared, rows).mean(axis=0)).max() < 1e-12


@given(st.integers(0, 10_000))
def test_swapping_populations_negates(seed: int) -> None:
    ensemble = random_ensemble(seed, trees=2, depth=4)
    first, second = random_rows(seed, 20), random_rows(seed + 1, 15)
    means = [
        attribute(
            prepare(ensemble, players=JOINED, reference=reference, compiled=False), rows
        ).mean(axis=0)
        for rows, reference in ((first, second), (second, first))
    ]
    assert np.abs(means[0] + means[1]).max() < 1e-12


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_a_weighted_reference_row_is_so_many_rows(seed: int, times: int) -> None:
    ensemble, reference = random_ensemble(seed, trees=2, depth=4), random_rows(seed, 6)
    rows = random_rows(seed + 1, 8)
    weights = np.array([times, 1, 1, 1, 1, 1], dtype=float)
    repeated = np.concatenate([np.repeat(reference[:1], times, axis=0), reference[1:]])
    once = prepare(ensemble, players=ALONE, reference=reference, weights=weights, compiled=False)
    often = prepare(ensemble, players=ALONE, reference=repeated, compiled=False)
    assert np.abs(attribute(once, rows) - attribute(often, rows)).max() < 1e-12


@pytest.mark.skipif(not versions(), reason="no compiler was there when this was installed")
@pytest.mark.parametrize("depth", [4, 7, 10])
def test_compiled_kernels_agree_with_numpy_and_with_each_other(depth: int) -> None:
    ensemble = random_ensemble(depth, features=9, trees=6, depth=depth)
    rows, reference = random_rows(1, 700, features=9), random_rows(2, 60, features=9)
    players = feature_players(9)
    exact = attribute(prepare(ensemble, players=players, reference=reference, compiled=False), rows)
    prepared = prepare(ensemble, players=players, reference=reference)
    found = [attribute(prepared, rows, version=version) for version in versions()]
    assert np.abs(found[0] - exact).max() < 1e-5
    for other in found[1:]:
        assert (other == found[0]).all()


def test_no_rows_and_one_row() -> None:
    ensemble = random_ensemble(2)
    prepared = prepare(ensemble, players=ALONE, reference=random_rows(1, 5))
    assert attribute(prepared, np.empty((0, 5))).shape == (0, 5)
    assert attribute(prepared, random_rows(3, 1)).shape == (1, 5)


def test_an_ensemble_of_lone_leaves_is_its_base() -> None:
    ensemble = assemble([], base=0.5, features=3, precision="float64")
    prepared = prepare(ensemble, players=feature_players(3), reference=np.zeros((2, 3)))
    assert prepared.base == 0.5
    assert (attribute(prepared, np.ones((4, 3))) == 0).all()


def world(count: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(5)
    rows = draw.normal(size=(count, 6))
    rows[:, 4], rows[:, 5] = draw.integers(0, 12, count), draw.integers(0, 40, count)
    rows[draw.random(rows.shape) < 0.08] = np.nan
    filled = np.nan_to_num(rows)
    score = filled[:, 0] * filled[:, 1] + np.sin(3 * filled[:, 2]) + (filled[:, 5] % 3 == 0)
    score += 2 * np.isin(filled[:, 4], [1, 4, 7]) * (filled[:, 3] > 0)
    return rows, (score + draw.normal(size=count) > 0.5).astype(int)


@pytest.mark.parametrize("boosting", ["gbdt", "dart", "rf"])
def test_lightgbm_models_read_as_they_are(boosting: str) -> None:
    rows, labels = world()
    settings = {
        "objective": "binary", "num_leaves": 31, "verbose": -1, "boosting": boosting,
        "min_data_per_group": 5, "cat_smooth": 1, "bagging_freq": 1, "bagging_fraction": 0.7,
    }  # fmt: skip
    data = lightgbm.Dataset(rows, labels, categorical_feature=[4, 5])
    booster = lightgbm.train(settings, data, 12)
    ensemble = read_lightgbm(booster.model_to_string().encode())
    assert ensemble.categories
    # What a forest averages for its probabilities, its raw scores and contributions add up.
    trees = 12 if boosting == "rf" else 1
    expected = booster.predict(rows, raw_score=True) / trees
    assert np.abs(ensemble.raw_score(rows) - expected).max() < 1e-12
    prepared = prepare(ensemble, players=feature_players(6), reference=None, compiled=False)
    own = booster.predict(rows, pred_contrib=True) / trees
    assert np.abs(attribute(prepared, rows) - own[:, :-1]).max() < 1e-10


def test_missing_values_of_a_lightgbm_model_that_saw_none_count_as_zero() -> None:
    rows, labels = world()
    rows = np.nan_to_num(rows)
    settings = {"objective": "binary", "num_leaves": 15, "verbose": -1}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, labels), 10)
    ensemble = read_lightgbm(booster.model_to_string().encode())
    rows[::3, :3] = np.nan
    expected = booster.predict(rows, raw_score=True)
    assert np.abs(ensemble.raw_score(rows) - expected).max() < 1e-12


def test_lightgbm_models_beyond_reach_say_why() -> None:
    rows, labels = world(500)
    rows = np.nan_to_num(rows)
    settings = {"objective": "multiclass", "num_class": 3, "verbose": -1}
    three = lightgbm.train(settings, lightgbm.Dataset(rows, labels + (rows[:, 0] > 1)), 2)
    with pytest.raises(ExplainError, match="several outputs"):
        read_lightgbm(three.model_to_string().encode())
    linear = lightgbm.train(
        {"objective": "binary", "verbose": -1, "linear_tree": True},
        lightgbm.Dataset(rows, labels, params={"linear_tree": True}), 2,
    )  # fmt: skip
    with pytest.raises(ExplainError, match="linear leaves"):
        read_lightgbm(linear.model_to_string().encode())


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
def test_xgboost_models_read_as_they_are(booster: str) -> None:
    rows, labels = world()
    kinds = ["q"] * 4 + ["c"] * 2
    data = xgboost.DMatrix(rows, labels, feature_types=kinds, enable_categorical=True)
    settings = {"objective": "binary:logistic", "max_depth": 5, "max_cat_to_onehot": 3,
                "booster": booster, "rate_drop": 0.3}  # fmt: skip
    if booster == "gbtree":
        del settings["rate_drop"]
    model = xgboost.train(settings, data, 12)
    ensemble = read_xgboost(bytes(model.save_raw("json")))
    assert ensemble.categories
    expected = model.predict(data, output_margin=True)
    assert np.abs(ensemble.raw_score(rows) - expected).max() < 1e-5
    prepared = prepare(ensemble, players=feature_players(6), reference=None, compiled=False)
    own = model.predict(data, pred_contribs=True)
    assert np.abs(attribute(prepared, rows) - own[:, :-1]).max() < 2e-5


def test_xgboost_thresholds_are_strict() -> None:
    rows = np.array([[0.0], [1.0], [2.0], [3.0]] * 50)
    labels = (rows[:, 0] >= 2).astype(int)
    model = xgboost.train({"max_depth": 1, "objective": "binary:logistic"},
                          xgboost.DMatrix(rows, labels), 1)  # fmt: skip
    ensemble = read_xgboost(bytes(model.save_raw("json")))
    edge = np.nextafter(np.float32(ensemble.threshold[0]), np.float32(np.inf)).astype(float)
    at = np.array([[edge], [np.nextafter(edge, 0)], [edge + 1e-12], [edge - 1e-12]])
    expected = model.predict(xgboost.DMatrix(at), output_margin=True)
    assert np.abs(ensemble.raw_score(at) - expected).max() < 1e-6


def test_other_xgboost_models_say_why() -> None:
    rows, labels = world(300)
    linear = xgboost.train({"booster": "gblinear", "objective": "binary:logistic"},
                           xgboost.DMatrix(np.nan_to_num(rows), labels), 2)  # fmt: skip
    with pytest.raises(ExplainError, match="not of trees"):
        read_xgboost(bytes(linear.save_raw("json")))
    three = xgboost.train({"objective": "multi:softprob", "num_class": 3},
                          xgboost.DMatrix(rows, labels), 2)  # fmt: skip
    with pytest.raises(ExplainError, match="several outputs"):
        read_xgboost(bytes(three.save_raw("json")))


@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
@pytest.mark.parametrize("players", [ALONE, JOINED], ids=["alone", "joined"])
def test_interactions_of_pairs_are_by_definition(players: np.ndarray, *, compiled: bool) -> None:
    ensemble, rows, reference = random_ensemble(4), random_rows(4, 15), random_rows(5, 20)
    count = int(players.max()) + 1
    game = interventional_game(ensemble, players, rows, reference)
    worth = [game(coalition) for coalition in range(2**count)]
    pairs = [(0, 1), (2, 0), (1, 2)]
    prepared = prepare_interactions(
        ensemble, pairs, players=players, reference=reference, compiled=compiled
    )
    found = attribute(prepared, rows)
    for column, (first, second) in enumerate(pairs):
        one, two = 1 << first, 1 << second
        expected = np.zeros(len(rows))
        for coalition in range(2**count):
            if coalition & (one | two):
                continue
            size = coalition.bit_count()
            weight = factorial(size) * factorial(count - size - 2) / factorial(count - 1)
            expected += weight * (
                worth[coalition | one | two] - worth[coalition | one]
                - worth[coalition | two] + worth[coalition]
            )  # fmt: skip
        assert np.abs(found[:, column] - expected).max() < (1e-5 if compiled else 1e-12)


def test_interactions_of_very_deep_trees_say_why() -> None:
    ensemble = random_ensemble(1, features=20, trees=1, depth=14, categorical=0)
    with pytest.raises(ExplainError, match="more than 12 conditions"):
        prepare_interactions(ensemble, [(0, 1)], players=feature_players(20), reference=None)


def test_interactions_are_grabischs() -> None:
    from pellucid.explain.trees.shapley import by_size, interactions_of_leaves

    draw = np.random.default_rng(2)
    players = 4
    shares = draw.dirichlet(np.ones(2**players), 1)
    full = 2**players - 1
    for row in range(2**players):

        def worth(coalition: int, row: int = row) -> float:
            met = [(row & coalition) | (ref & ~coalition & full) for ref in range(2**players)]
            return float(sum(shares[0, ref] for ref, found in enumerate(met) if found == full))

        for first, second in ((0, 1), (1, 3), (2, 0)):
            expected = 0.0
            for coalition in range(2**players):
                if coalition >> first & 1 or coalition >> second & 1:
                    continue
                size = coalition.bit_count()
                one, two = 1 << first, 1 << second
                weight = factorial(size) * factorial(players - size - 2) / factorial(players - 1)
                expected += weight * (
                    worth(coalition | one | two) - worth(coalition | one)
                    - worth(coalition | two) + worth(coalition)
                )  # fmt: skip
            found = interactions_of_leaves(by_size(shares), first, second)[0, row]
            assert found == pytest.approx(expected, abs=1e-12)
