"""Scores of training dates and hours, and training again, against brute force."""

from __future__ import annotations

import math

import lightgbm
import numpy as np
import pytest
from scipy import stats

from pellucid.explain.learned.learner import Learner, lightgbm_learner
from pellucid.explain.learned.proof import Placebo, Proof, Sample, prove
from pellucid.explain.learned.training import (
    TrainingRows,
    day_scores,
    expected_outcomes,
    lower_tail,
    score_days,
    worst_hours,
)

DAYS, ROUTES = 28, ("x", "y", "z")
OUTAGE_DAY, OUTAGE_HOURS = 15, (6, 15)
FEATURES = ("weekday", "route", "amount")


def world(seed: int, *, outage: bool = True, count: int = 12_000) -> TrainingRows:
    """Return rows of three candidates; one has an outage on part of one day."""
    draw = np.random.default_rng(seed)
    hour = draw.integers(0, DAYS * 24, count)
    route = draw.integers(0, len(ROUTES), count)
    amount = draw.normal(size=count)
    chance = 1 / (1 + np.exp(-1.5 - 0.3 * amount - 0.2 * route))
    if outage:
        is_out = (route == 1) & (hour // 24 == OUTAGE_DAY)
        is_out &= (hour % 24 >= OUTAGE_HOURS[0]) & (hour % 24 < OUTAGE_HOURS[1])
        chance = np.where(is_out, 0.02, chance)
    label = (draw.random(count) < chance).astype(float)
    weekday = (hour // 24 + 3) % 7
    matrix = np.column_stack([weekday, route, amount]).astype(np.float64)
    candidate = np.where(draw.random(count) < 0.02, -1, route)
    return TrainingRows(matrix, label, np.ones(count), hour, ROUTES, candidate)


def trained(rows: TrainingRows, **extra: object) -> lightgbm.Booster:
    params = {"objective": "binary", "num_leaves": 15, "verbosity": -1, "num_threads": 1, "seed": 5,
              "deterministic": True, "max_cat_to_onehot": 8, **extra}  # fmt: skip
    data = lightgbm.Dataset(rows.matrix, rows.label, categorical_feature=[0, 1], params=params)
    return lightgbm.train(params, data, num_boost_round=25)


@pytest.fixture(scope="module")
def rows() -> TrainingRows:
    return world(1)


@pytest.fixture(scope="module")
def learner(rows: TrainingRows) -> Learner:
    found = lightgbm_learner(trained(rows).model_to_string().encode())
    assert found is not None
    return found


def test_a_model_trained_again_on_its_rows_is_the_same(
    rows: TrainingRows, learner: Learner
) -> None:
    again = learner.fit(rows.matrix, rows.label, rows.weight)
    assert np.array_equal(again(rows.matrix), trained(rows).predict(rows.matrix, raw_score=True))


def test_a_hidden_feature_does_not_count(rows: TrainingRows, learner: Learner) -> None:
    blind = learner.fit(rows.matrix, rows.label, rows.weight, without=[0])
    other = rows.matrix.copy()
    other[:, 0] = (other[:, 0] + 3) % 7
    assert np.array_equal(blind(rows.matrix), blind(other))
    seeing = learner.fit(rows.matrix, rows.label, rows.weight)
    assert not np.array_equal(seeing(rows.matrix), seeing(other))


def test_a_model_of_numbers_has_no_learner(rows: TrainingRows) -> None:
    content = trained(rows, objective="regression").model_to_string().encode()
    assert lightgbm_learner(content) is None


def test_expected_outcomes_come_from_other_dates(rows: TrainingRows, learner: Learner) -> None:
    """The labels of a date must not move what is expected on it."""
    flipped = TrainingRows(
        rows.matrix, np.where(rows.day == 4, 1 - rows.label, rows.label), rows.weight, rows.hour,
        rows.candidates, rows.candidate,
    )  # fmt: skip
    one, other = (expected_outcomes(given, learner, [0]) for given in (rows, flipped))
    own = rows.day == 4
    assert np.array_equal(one[own], other[own])
    assert not np.array_equal(one[~own], other[~own])
    assert one.mean() == pytest.approx(rows.label.mean(), abs=0.01)


def test_day_scores_are_those_of_plain_loops(rows: TrainingRows) -> None:
    draw = np.random.default_rng(3)
    given = TrainingRows(rows.matrix, rows.label, draw.choice([0.5, 1.0, 2.0], len(rows.label)),
                         rows.hour, rows.candidates, rows.candidate)  # fmt: skip
    expected = draw.uniform(0.6, 0.95, len(rows.label))
    found = day_scores(given, expected)
    cells = {}
    for route in range(len(ROUTES)):
        for day in range(DAYS):
            own = np.flatnonzero((rows.candidate == route) & (rows.day == day))
            surplus = sum(given.weight[n] * (rows.label[n] - expected[n]) for n in own)
            variance = sum(given.weight[n] ** 2 * expected[n] * (1 - expected[n]) for n in own)
            cells[route, day] = (len(own), surplus, variance)
    assert list(zip(found.candidate, found.day, strict=True)) == list(cells)
    scale = max(1.0, 1.4826 * np.median([abs(s) / math.sqrt(v) for _, s, v in cells.values()]))
    assert found.scale == pytest.approx(scale)
    z = np.array([s / math.sqrt(v) / scale for _, s, v in cells.values()])
    assert found.z == pytest.approx(z)
    assert found.rows.tolist() == [n for n, _, _ in cells.values()]
    assert found.q == pytest.approx(stats.false_discovery_control(stats.norm.cdf(z)))


def test_days_of_a_handful_of_rows_are_not_judged() -> None:
    few = world(2, count=600)
    found = day_scores(few, np.full(600, 0.85))
    assert (found.variance < 3).all()
    assert (found.q == 1).all()


def test_the_outage_is_the_one_date_that_stands_out(rows: TrainingRows, learner: Learner) -> None:
    found, expected = score_days(rows, learner, [0], most_q=0.01)
    low = [(int(c), int(d)) for c, d, q in zip(found.candidate, found.day, found.q, strict=True)
           if q < 0.01]  # fmt: skip
    assert low == [(1, OUTAGE_DAY)]
    assert worst_hours(rows, expected, candidate=1, day=OUTAGE_DAY) == OUTAGE_HOURS


def test_the_outage_does_not_lower_what_is_expected_elsewhere(
    rows: TrainingRows, learner: Learner
) -> None:
    calm = world(1, outage=False)
    _, expected = score_days(rows, learner, [0], most_q=0.01)
    own = (rows.candidate == 1) & (rows.day != OUTAGE_DAY)
    true, at_first = (expected_outcomes(given, learner, [0])[own].mean() for given in (calm, rows))
    assert at_first < true - 0.005
    assert expected[own].mean() == pytest.approx(true, abs=0.002)


def test_worst_hours_are_the_best_of_every_run(rows: TrainingRows) -> None:
    expected = np.random.default_rng(4).uniform(0.6, 0.95, len(rows.label))
    own = (rows.candidate == 0) & (rows.day == 3)

    def score(first: int, end: int) -> float:
        mine = own & (rows.hour % 24 >= first) & (rows.hour % 24 < end)
        spread = (expected[mine] * (1 - expected[mine])).sum()
        return float((rows.label[mine] - expected[mine]).sum() / np.sqrt(spread)) if spread else 0.0

    every = {(a, b): score(a, b) for a in range(24) for b in range(a + 1, 25)}
    found = worst_hours(rows, expected, candidate=0, day=3)
    assert every[found] == pytest.approx(min(every.values()))


@pytest.mark.parametrize("z", [-38.0, -9.0, -3.0, 0.0, 2.5])
def test_the_lower_tail_is_scipys(z: float) -> None:
    assert lower_tail(z) == pytest.approx(stats.norm.cdf(z), rel=1e-9)


def test_without_the_outage_the_effect_vanishes(rows: TrainingRows, learner: Learner) -> None:
    weekday = int(OUTAGE_DAY + 3) % 7
    own = (rows.candidate == 1) & (rows.matrix[:, 0] == weekday)
    outage = own & (rows.day == OUTAGE_DAY)
    others = [(day, own & (rows.day == day)) for day in np.unique(rows.day[own]).tolist()
              if day != OUTAGE_DAY]  # fmt: skip
    live = rows.matrix[rows.candidate == 1][:300]
    sample = Sample(live, (0,), np.arange(7.0)[:, None], weekday)
    proof, counterfactual = prove(learner, rows, outage, others, sample)
    assert proof.vanishes
    assert not proof.is_spread
    assert proof.rows == outage.sum()
    assert [placebo.day for placebo in proof.placebos] == [day for day, _ in others]
    assert proof.effect_without == pytest.approx(sample.effect(counterfactual))


def test_the_effect_is_the_weekday_less_the_other_days() -> None:
    sample = Sample(np.zeros((5, 2)), (1,), np.arange(7.0)[:, None] ** 2, 3)
    others = (0 + 1 + 4 + 16 + 25 + 36) / 6
    assert sample.effect(lambda matrix: matrix[:, 1]) == pytest.approx(9 - others)


@pytest.mark.parametrize(
    ("without", "placebos", "expected"),
    [
        (-0.02, (-0.5, -0.45), (True, True, False)),
        (-0.30, (-0.5, -0.45), (False, True, True)),
        (-0.10, (-0.5, -0.20), (False, True, False)),
        (-0.45, (-0.5, -0.40), (False, False, True)),
        (-0.60, (-0.5, -0.45), (False, False, True)),
    ],
    ids=["vanishes", "half", "so does another's", "another takes more", "grows"],
)  # fmt: skip
def test_a_proof_holds_where_only_the_window_takes_the_effect(
    without: float, placebos: tuple[float, ...], expected: tuple[bool, ...]
) -> None:
    proof = Proof(100, -0.5, without, tuple(Placebo(n, left) for n, left in enumerate(placebos)))
    assert (proof.vanishes, proof.takes_most, proof.is_spread) == expected


def test_where_there_is_no_effect_nothing_is_proven() -> None:
    proof = Proof(100, 0.1, 0.0, ())
    assert (proof.vanishes, proof.takes_most, proof.is_spread) == (False, False, False)
