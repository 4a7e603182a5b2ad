"""False discovery against its authors' example and scipy; the scale against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pellucid.stats.discovery import false_discovery, null_scale

# Benjamini and Hochberg (1995), section 2.4: 4 of 15 are rejected at 5 %.
PUBLISHED = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262,
             0.5719, 0.6528, 0.759, 1.0]  # fmt: skip


def test_the_authors_example() -> None:
    assert (false_discovery(np.array(PUBLISHED)) <= 0.05).tolist() == [True] * 4 + [False] * 11


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_it_is_scipys(p_values: list[float]) -> None:
    given_p = np.array(p_values)
    assert false_discovery(given_p) == pytest.approx(stats.false_discovery_control(given_p))


def test_no_tests_have_no_discoveries() -> None:
    assert false_discovery(np.empty(0)).shape == (0,)


def test_the_scale_is_that_of_most_scores() -> None:
    scores = np.random.default_rng(1).normal(scale=2.0, size=5000)
    assert null_scale(scores) == pytest.approx(2.0, rel=0.05)
    scores[:500] = -40.0
    assert null_scale(scores) == pytest.approx(2.0, rel=0.2)
    assert null_scale(scores / 10) == 1.0
    assert null_scale(np.empty(0)) == 1.0
