"""What was picked for its size is corrected by just what picking adds, on average."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.stats.selection import selected_mean


@given(st.floats(0.1, 6), st.floats(0, 12))
def test_it_is_between_nothing_and_the_score(threshold: float, more: float) -> None:
    score = threshold + more
    found = selected_mean(score, threshold)
    assert 0 <= found <= score
    assert selected_mean(-score, threshold) == -found


@pytest.mark.parametrize("mean", [2.0, 3.0, 5.0])
def test_scores_that_passed_average_to_what_it_says_they_do(mean: float) -> None:
    """The likelihood equation: the mean of passed scores around the estimate is the score."""
    scores = np.random.default_rng(1).normal(mean, 1, 400_000)
    passed = scores[np.abs(scores) > 3.0]
    assert selected_mean(float(passed.mean()), 3.0) == pytest.approx(mean, abs=0.03)


def test_without_a_threshold_nothing_is_corrected() -> None:
    assert selected_mean(2.5, 0.0) == pytest.approx(2.5)
