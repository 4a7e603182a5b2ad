"""Models made of models, and bars in probability: exact sums, and values as near as they say."""

from __future__ import annotations

import numpy as np
import pytest
from forests import random_ensemble, random_rows, shapley
from hypothesis import given
from hypothesis import strategies as st
from test_explainers import game

from pellucid.errors import ExplainError
from pellucid.explain.explainers.base import Pairs
from pellucid.explain.explainers.callable import CallableExplainer
from pellucid.explain.explainers.compose import (
    logistic,
    mixture,
    pipeline,
    product,
    rescaled,
    spread,
    widened,
)
from pellucid.explain.explainers.composed import (
    Placed,
    SumExplainer,
    pipeline_explainer,
    product_explainer,
)
from pellucid.explain.explainers.linear import LinearExplainer
from pellucid.explain.explainers.probability import probability_bars
from pellucid.explain.explainers.trees import TreeExplainer
from pellucid.models.linear import Linear


def linear(weights: list[float], intercept: float = 0.3) -> LinearExplainer:
    count = len(weights)
    return LinearExplainer(
        Linear(
            names=tuple(f"x{n}" for n in range(count)), intercept=intercept,
            weights=np.array(weights), fill=np.full(count, np.nan), center=np.zeros(count),
        ), "test",
    )  # fmt: skip


def bent(rows: np.ndarray) -> np.ndarray:
    return np.tanh(rows[:, 0] + rows[:, 0] * rows[:, 1])


def populations(seed: int, features: int = 4) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.normal(size=(4, features)), draw.normal(0.5, 1.5, size=(6, features))


def adds_up(pairs: Pairs) -> bool:
    return bool(np.abs(pairs.values.sum(axis=-1) - pairs.differences).max() < 1e-9)


PLACED = (Placed(linear([1.0, -2.0]), (0, 2)), Placed(CallableExplainer(bent), (3, 1)))


@given(st.integers(0, 10_000))
def test_every_composition_adds_up(seed: int) -> None:
    rows, reference = populations(seed)
    first, second = (part.pairs(rows, reference) for part in PLACED)
    assert adds_up(first)
    assert adds_up(mixture([first, second], [0.3, -2.0]))
    assert adds_up(product(first, second))
    assert adds_up(rescaled(first))
    head = linear([2.0, 1.0, -0.5])
    inputs = [np.column_stack([part.raw_score(given) for part in PLACED] + [given[:, 1]])
              for given in (rows, reference)]  # fmt: skip
    found = pipeline(head.pairs(*inputs), [first, second], [1])
    assert adds_up(spread(found, [first, second]))
    difference = found.pairs.values.sum(axis=-1) + found.stages.sum(axis=-1)
    assert np.abs(difference - found.pairs.differences).max() < 1e-9


@given(st.integers(0, 10_000))
def test_swapping_populations_negates_every_composition(seed: int) -> None:
    one, other = populations(seed)
    for whole in (
        product_explainer(*PLACED),
        pipeline_explainer(CallableExplainer(bent), PLACED),
        SumExplainer([(part.explainer, part.places, 2.0) for part in PLACED]),
    ):
        found, swapped = whole.pairs(one, other).values, whole.pairs(other, one).values
        assert np.abs(found + swapped.swapaxes(0, 1)).max() < 1e-9


def test_sums_and_mixtures_are_shapleys() -> None:
    rows, reference = populations(1)
    whole = SumExplainer([(part.explainer, part.places, factor)
                          for part, factor in zip(PLACED, (0.3, -2.0), strict=True)])  # fmt: skip
    whole.set_reference(reference, "6 rows")
    base, values = whole.attribute(rows)
    worth = game(whole.raw_score, rows, reference)
    assert np.abs(values - shapley(worth, 4)).max() < 1e-12
    assert base[0] == pytest.approx(worth(0)[0])
    both = mixture([part.pairs(rows, reference) for part in PLACED], [0.3, -2.0])
    assert np.abs(both.averaged()[1] - values).max() < 1e-12
    assert (whole.pairs(rows, reference).values == both.values).all()
    assert whole.name.startswith("sum of 0.3 × (test linear, exact against 6 rows) + -2 × (")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Placed(linear([1.0, -2.0]), (0, 2)), Placed(linear([0.5, 3.0]), (1, 3))),
        (Placed(linear([1.0, -2.0, 1.0]), (0, 2, 3)), Placed(linear([0.5, 3.0]), (2, 3))),
        (Placed(CallableExplainer(lambda rows: np.exp(rows[:, 0])), (1,)),
         Placed(CallableExplainer(lambda rows: np.sin(rows[:, 0])), (2,))),
    ],
    ids=["independent", "sharing", "of-one-feature"],
)  # fmt: skip
def test_products_of_additive_parts_are_shapleys(first: Placed, second: Placed) -> None:
    rows, reference = populations(2)
    whole = product_explainer(first, second)
    whole.set_reference(reference, "6 rows")
    base, values = whole.attribute(rows)
    worth = game(whole.raw_score, rows, reference)
    assert np.abs(values - shapley(worth, 4)).max() < 1e-12
    assert np.abs(base - worth(0)).max() < 1e-12
    assert whole.error < 1e-12


def test_a_pipeline_of_linear_stages_is_the_product_of_coefficients() -> None:
    rows, reference = populations(3)
    stages = [Placed(linear([1.0, -2.0]), (0, 2)), Placed(linear([0.5, 3.0]), (2, 1))]
    whole = pipeline_explainer(linear([2.0, -1.0, 4.0]), stages, [3])
    whole.set_reference(np.vstack([reference, np.full(4, np.nan)]), "7 rows")
    assert whole.name.endswith("against 7 rows, less 1 without a score")
    weights = np.array([2 * 1.0, -1 * 3.0, 2 * -2.0 + -1 * 0.5, 4.0])
    base, values = whole.attribute(rows)
    assert np.abs(values - (rows - reference.mean(axis=0)) * weights).max() < 1e-12
    assert np.abs(base + values.sum(axis=1) - whole.raw_score(rows)).max() < 1e-12
    assert whole.error < 1e-12


@pytest.mark.parametrize("kind", ["product", "pipeline"])
@pytest.mark.parametrize("features", [4, 12])
def test_an_approximation_says_how_far_it_is_off(kind: str, features: int) -> None:
    rows, reference = populations(4, features)
    reference = np.random.default_rng(1).normal(size=(40, features))
    stages = [Placed(CallableExplainer(bent), (0, 1)), Placed(CallableExplainer(bent), (1, 3))]
    whole = (
        product_explainer(*stages) if kind == "product"
        else pipeline_explainer(CallableExplainer(bent), stages)
    )  # fmt: skip
    with pytest.raises(ExplainError, match="need a reference population"):
        whole.attribute(rows)
    whole.set_reference(reference, "40 rows")
    base, values = whole.attribute(rows)
    assert np.abs(base + values.sum(axis=1) - whole.raw_score(rows)).max() < 1e-12
    assert f"approximate (off by {whole.error:.2g} on average of 12 rows" in whole.name
    if features == 4:
        true = shapley(game(whole.raw_score, reference[-12:], reference[:20]), 4)
        assert whole.error == pytest.approx(
            np.abs(whole.pairs(reference[-12:], reference[:20]).averaged()[1] - true).mean()
        )
    assert 0 < whole.error < 0.1


def test_what_a_stage_cannot_pass_down_stays_with_it_or_goes_to_its_features() -> None:
    stage = Pairs(values=np.array([[[3.0, -3.0 + 1e-9]]]), scores=np.array([1.0 + 1e-9]),
                  reference_scores=np.array([1.0]))  # fmt: skip
    head = Pairs(values=np.array([[[0.8]]]), scores=np.array([0.8]),
                 reference_scores=np.array([0.0]))  # fmt: skip
    found = pipeline(head, [stage], [])
    assert (found.pairs.values == 0).all()
    assert found.stages.tolist() == [[[0.8]]]
    assert spread(found, [stage]).values[0, 0] == pytest.approx([0.4, 0.4])


def test_a_part_without_pairs_is_named() -> None:
    class Alone:
        name = "an explainer of another package"

    whole = SumExplainer([(Alone(), (0,), 1.0)])
    with pytest.raises(ExplainError, match="another package, has no attributions against single"):
        whole.pairs(np.ones((1, 1)), np.ones((1, 1)))


def test_parts_are_placed_among_the_features_of_the_whole() -> None:
    pairs = Pairs(values=np.array([[[1.0, 2.0]]]), scores=np.ones(1), reference_scores=np.ones(1))
    assert widened(pairs, (3, 0), 5).values.tolist() == [[[2.0, 0.0, 0.0, 1.0, 0.0]]]


def by_definition(values: np.ndarray, scores: np.ndarray, reference: np.ndarray) -> np.ndarray:
    def p(z: float) -> float:
        return 1 / (1 + np.exp(-z))

    return np.array([
        [[value * (p(z) - p(b)) / (z - b) for value in of_pair]
         for of_pair, b in zip(of_row, reference, strict=True)]
        for of_row, z in zip(values, scores, strict=True)
    ])  # fmt: skip


@given(st.integers(0, 10_000))
def test_probabilities_are_rescaled_by_definition(seed: int) -> None:
    rows, reference = populations(seed)
    pairs = linear([1.0, -2.0, 0.5, 0.1]).pairs(rows, reference)
    found = rescaled(pairs)
    expected = by_definition(pairs.values, pairs.scores, pairs.reference_scores)
    assert np.abs(found.values - expected).max() < 1e-9
    swapped = rescaled(linear([1.0, -2.0, 0.5, 0.1]).pairs(reference, rows))
    assert np.abs(found.values + swapped.values.swapaxes(0, 1)).max() < 1e-12


@pytest.mark.parametrize("gap", [0.0, 1e-13, 9e-7, 2e-6, 40.0, 2000.0])
@pytest.mark.parametrize("at", [0.0, 5.0, -800.0])
def test_probabilities_add_up_at_any_score(gap: float, at: float) -> None:
    pairs = Pairs(values=np.array([[[gap + 3.0, -3.0]]]), scores=np.array([at + gap]),
                  reference_scores=np.array([at]))  # fmt: skip
    found = rescaled(pairs)
    total = logistic(np.array([at + gap]))[0] - logistic(np.array([at]))[0]
    assert found.values.sum() == pytest.approx(total, abs=1e-12)


def test_bars_of_trees_in_probability_add_up() -> None:
    ensemble = random_ensemble(5)
    rows, reference = random_rows(5, 30), random_rows(6, 80)
    bars = probability_bars(TreeExplainer(ensemble, "test"), rows, reference, "80 rows",
                            most_reference=25)  # fmt: skip
    expected = 1 / (1 + np.exp(-ensemble.raw_score(rows)))
    assert np.abs(bars.probabilities - expected).max() < 1e-12
    assert np.abs(bars.base + bars.values.sum(axis=1) - expected).max() < 1e-12
    assert bars.name.endswith("by reference row, against 25 drawn from 80 rows")
    whole = probability_bars(TreeExplainer(ensemble, "test"), rows, reference, "80 rows")
    assert whole.base == pytest.approx((1 / (1 + np.exp(-ensemble.raw_score(reference)))).mean())


def test_trees_attribute_against_single_rows_as_against_all() -> None:
    ensemble = random_ensemble(2)
    rows, reference = random_rows(2, 10), random_rows(3, 12)
    explainer = TreeExplainer(ensemble, "test")
    explainer.set_reference(reference, "12 rows")
    base, values = explainer.attribute(rows)
    pairs = explainer.pairs(rows, reference)
    assert np.abs(pairs.averaged()[1] - values).max() < 1e-5
    assert np.abs(pairs.averaged()[0] - base).max() < 1e-5
    assert adds_up(pairs)
    for place in (0, 7):
        single = reference[place : place + 1]
        worth = game(ensemble.raw_score, rows, single)
        assert np.abs(pairs.values[:, place] - shapley(worth, 5)).max() < 1e-12
