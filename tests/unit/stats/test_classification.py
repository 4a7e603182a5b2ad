"""Measures of two classes against scikit-learn, brute force, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from pellucid.stats.classification import (
    average_precision,
    brier_score,
    confusion,
    log_loss,
    roc_auc,
)


@st.composite
def rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    count = draw(st.integers(2, 40))
    scores = draw(st.lists(st.sampled_from([0.05, 0.2, 0.5, 0.5001, 0.9]), min_size=count,
                           max_size=count))  # fmt: skip
    labels = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    labels[:2] = [0, 1]
    return np.array(scores), np.array(labels, dtype=float)


@given(rows())
def test_known_labels_agree_with_scikit_learn(given: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = given
    assert roc_auc(scores, labels).value == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert average_precision(scores, labels).value == pytest.approx(
        metrics.average_precision_score(labels, scores)
    )
    assert log_loss(scores, labels).value == pytest.approx(metrics.log_loss(labels, scores))
    assert brier_score(scores, labels).value == pytest.approx(
        metrics.brier_score_loss(labels, scores)
    )
    called = scores >= 0.5
    counts = confusion(labels, called)
    for name, expected in (
        ("accuracy", metrics.accuracy_score(labels, called)),
        ("precision", metrics.precision_score(labels, called, zero_division=np.nan)),
        ("recall", metrics.recall_score(labels, called)),
        ("specificity", metrics.recall_score(labels, called, pos_label=0)),
        ("f1", metrics.f1_score(labels, called)),
    ):
        assert getattr(counts, name).value == pytest.approx(expected, nan_ok=True)


@given(rows(), st.integers(0, 1000))
def test_labels_that_are_probabilities_count_in_part(
    given: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    scores, _ = given
    soft = np.random.default_rng(seed).uniform(0.01, 0.99, len(scores))
    above = (scores[:, None] > scores[None]) + 0.5 * (scores[:, None] == scores[None])
    pairs = soft[:, None] * (1 - soft)[None]
    assert roc_auc(scores, soft).value == pytest.approx((pairs * above).sum() / pairs.sum())
    counts = confusion(soft, scores >= 0.5)
    assert counts.rows == pytest.approx(len(scores))
    assert counts.true_positives == pytest.approx(soft[scores >= 0.5].sum())


def test_intervals_cover_as_they_say() -> None:
    """400 samples of 600 rows: the truth is what 400,000 rows give."""
    draw = np.random.default_rng(0)

    def sample(count: int) -> tuple[np.ndarray, np.ndarray]:
        chance = draw.beta(4, 2, count)
        return chance, (draw.random(count) < chance).astype(float)

    scores, labels = sample(400_000)
    truth = {
        "roc_auc": roc_auc(scores, labels), "log_loss": log_loss(scores, labels),
        "brier": brier_score(scores, labels), "f1": confusion(labels, scores >= 0.6).f1,
        "precision": confusion(labels, scores >= 0.6).precision,
    }  # fmt: skip
    hits = dict.fromkeys(truth, 0)
    for _ in range(400):
        scores, labels = sample(600)
        counts = confusion(labels, scores >= 0.6)
        for name, found in (("roc_auc", roc_auc(scores, labels)), ("f1", counts.f1),
                            ("log_loss", log_loss(scores, labels)),
                            ("brier", brier_score(scores, labels)),
                            ("precision", counts.precision)):  # fmt: skip
            hits[name] += abs(found.value - truth[name].value) < 1.96 * found.error
    assert all(0.92 <= count / 400 <= 0.98 for count in hits.values()), hits


def test_what_an_estimate_expects_covers_what_comes() -> None:
    """Estimated before labels: the interval holds the value that labels then give."""
    draw = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        scores = draw.beta(4, 2, 500)
        labels = (draw.random(500) < scores).astype(float)
        expected = roc_auc(scores, scores)
        hits += abs(expected.value - roc_auc(scores, labels).value) < 1.96 * expected.error
    assert 0.92 <= hits / 300 <= 0.98


def test_one_class_has_no_area() -> None:
    assert np.isnan(roc_auc(np.array([0.1, 0.2]), np.ones(2)).value)
    assert np.isnan(average_precision(np.array([0.1, 0.2]), np.zeros(2)).value)
    assert np.isnan(confusion(np.zeros(2), np.zeros(2)).precision.value)
    assert np.isnan(log_loss(np.zeros(0), np.zeros(0)).value)
