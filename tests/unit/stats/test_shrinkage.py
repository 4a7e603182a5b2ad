"""Shrinkage against hand computation and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.stats.shrinkage import shrink


def test_by_hand() -> None:
    """Three estimates: Q, the variance between, and the weights, step by step."""
    estimates, errors = np.array([1.0, 4.0, 10.0]), np.array([1.0, 2.0, 1.0])
    weight = 1 / errors**2
    fixed = (weight @ estimates) / weight.sum()
    excess = weight @ (estimates - fixed) ** 2 - 2
    between = excess / (weight.sum() - (weight @ weight) / weight.sum())
    together = 1 / (errors**2 + between)
    mean = (together @ estimates) / together.sum()
    found = shrink(estimates, errors)
    assert found.between**2 == pytest.approx(between)
    assert found.mean == pytest.approx(mean)
    np.testing.assert_allclose(
        found.values, mean + between / (between + errors**2) * (estimates - mean)
    )
    more = shrink(np.append(estimates, [2.0, 5.0]), np.append(errors, [1.0, 1.0]))
    pulled = (more.values[0] - 1.0) / (more.mean - 1.0)
    assert pulled == pytest.approx(2 / 4 / (1 + more.between**2)), "Morris: (k - 3) / (k - 1)"


def test_shrunk_values_are_nearer_and_their_intervals_hold() -> None:
    draw = np.random.default_rng(0)
    raw = better = hits = total = 0.0
    for _ in range(200):
        truth = draw.normal(2, 1, 40)
        errors = draw.uniform(0.5, 3, 40)
        estimates = draw.normal(truth, errors)
        found = shrink(estimates, errors)
        raw += np.square(estimates - truth).mean()
        better += np.square(found.values - truth).mean()
        hits += (np.abs(found.values - truth) < 1.96 * found.errors).sum()
        total += 40
    assert better < 0.4 * raw
    assert 0.92 < hits / total < 0.97


def test_what_differs_by_chance_only_is_one_value() -> None:
    found = shrink(np.array([1.0, 1.2, 0.9]), np.ones(3))
    assert found.between == 0
    np.testing.assert_allclose(found.values, found.mean)
    assert (found.errors < 1).all()


def test_what_is_not_known_stays_so() -> None:
    found = shrink(np.array([1.0, np.nan, 3.0]), np.array([1.0, 1.0, np.nan]))
    assert np.isnan(found.values[1:]).all()
    assert found.values[0] == 1.0
    assert np.isnan(shrink(np.array([np.nan]), np.array([1.0])).mean)
