"""Streams: what a usual day does is not told, what it never did is, by the past alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.monitor.anomalies.streaming import novelty, stream_alerts

DAY, DAYS = 48, 20


def stream(seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.sin(2 * np.pi * np.arange(DAY * DAYS) / DAY) + draw.normal(0, 0.1, DAY * DAYS)


def score(values: np.ndarray) -> np.ndarray:
    return novelty(values, points_a_day=DAY, warm_up=2 * DAY)


def test_a_spike_and_a_missing_day_are_told() -> None:
    values = stream()
    values[500] += 5
    values[760:800] = 0
    told = np.flatnonzero(stream_alerts(score(values)))
    assert 500 in told
    assert any(760 <= place < 800 for place in told)


def test_what_happens_every_day_is_not_told() -> None:
    values = stream()
    values[10::DAY] += 5
    assert not stream_alerts(score(values)).any()


def test_the_future_changes_nothing() -> None:
    values = stream()
    cut = values.copy()
    cut[600:] = 99
    np.testing.assert_array_equal(score(values)[:600], score(cut)[:600])


@settings(max_examples=15)
@given(st.floats(0.01, 100), st.floats(-1000, 1000), st.integers(0, 9))
def test_novelty_does_not_depend_on_the_unit(scale: float, shift: float, seed: int) -> None:
    values = stream(seed)
    np.testing.assert_allclose(score(values * scale + shift), score(values), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "values", [np.zeros(400), np.full(400, np.nan), np.ones(3), np.r_[np.nan, np.ones(400)],
               np.empty(0)], ids=["zeros", "gaps", "short", "first gap", "empty"],
)  # fmt: skip
def test_degenerate_streams_are_quiet(values: np.ndarray) -> None:
    assert not score(values).any()


def test_after_an_alert_only_what_is_twice_as_novel_is_told() -> None:
    found = np.zeros(400)
    found[[10, 20, 30, 109, 200]] = [1.5, 2.0, 3.1, 5.0, 1.3]
    assert np.flatnonzero(stream_alerts(found)).tolist() == [10, 30, 200]
