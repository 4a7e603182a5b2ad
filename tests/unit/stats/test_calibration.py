"""Calibration against scikit-learn and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from pellucid.stats.calibration import fit_calibrator, reliability


@given(st.integers(0, 10_000), st.sampled_from(["alike", "weighted"]))
def test_the_calibrator_is_isotonic_regression(seed: int, rows: str) -> None:
    draw = np.random.default_rng(seed)
    scores = draw.choice(np.linspace(0, 1, 21), 80)
    labels = (draw.random(80) < scores).astype(float)
    weights = draw.uniform(0.1, 3, 80) if rows == "weighted" else None
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, labels, sample_weight=weights)
    asked = draw.uniform(-0.2, 1.2, 30)
    np.testing.assert_allclose(fit_calibrator(scores, labels, weights)(asked),
                               theirs.predict(asked), atol=1e-12)  # fmt: skip


def simulated(count: int, *, slope: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    logits = draw.normal(0.5, 1.2, count)
    labels = (draw.random(count) < 1 / (1 + np.exp(-logits))).astype(float)
    return 1 / (1 + np.exp(-logits * slope)), labels


def test_right_probabilities_are_called_right() -> None:
    """200 models that are calibrated: 5% are called wrong, and the debiased error is near 0."""
    found = [reliability(*simulated(2_000, slope=1.0, seed=seed)) for seed in range(200)]
    wrong = np.mean([item.p_value < 0.05 for item in found])
    assert 0.02 <= wrong <= 0.09
    covered = np.mean([abs(item.slope - 1) < 1.96 * item.slope_error for item in found])
    assert 0.91 <= covered <= 0.985
    gaps = np.mean([abs(item.gap) < 1.96 * item.gap_error for item in found])
    assert 0.91 <= gaps <= 0.985
    assert np.median([item.error for item in found]) < 0.01


def test_probabilities_that_are_too_extreme_are_found() -> None:
    found = reliability(*simulated(5_000, slope=2.0, seed=1))
    assert found.p_value < 1e-6
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert found.error > 0.05
    assert found.n.sum() == 5_000


def test_slope_and_intercept_are_a_logistic_regression() -> None:
    probabilities, labels = simulated(3_000, slope=1.4, seed=2)
    logits = np.log(probabilities / (1 - probabilities))[:, None]
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(logits, labels)
    found = reliability(probabilities, labels)
    assert found.slope == pytest.approx(theirs.coef_[0, 0], abs=1e-4)
    assert found.intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)


def test_what_cannot_be_told_is_not_a_number() -> None:
    one_class = reliability(np.array([0.2, 0.4, 0.9]), np.ones(3))
    assert np.isnan(one_class.slope)
    constant = reliability(np.full(20, 0.5), np.tile([0.0, 1.0], 10))
    assert np.isnan(constant.slope)
    assert np.isnan(constant.p_value), "the score of one half tells nothing either way"
    assert len(reliability(np.array([0.3]), np.array([1.0])).n) == 1
