"""The chain ladder against published figures and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.errors import ShapeError
from pellucid.stats.maturity import develop

# Reinsurance Association of America, as in Mack (1993).
RAA = [
    [5012, 8269, 10907, 11805, 13539, 16181, 18009, 18608, 18662, 18834],
    [106, 4285, 5396, 10666, 13782, 15599, 15496, 16169, 16704],
    [3410, 8992, 13873, 16141, 18735, 22214, 22863, 23466],
    [5655, 11555, 15766, 21266, 23425, 26083, 27067],
    [1092, 9565, 15836, 22169, 25955, 26180],
    [1513, 6445, 11702, 12935, 15852],
    [557, 4020, 10946, 12314],
    [1351, 6947, 13112],
    [3133, 5395],
    [2063],
]


def triangle(rows: list[list[float]], delays: int) -> np.ndarray:
    filled = [[*row, *[np.nan] * (delays - len(row))] for row in rows]
    return np.array(filled, dtype=float)


def test_the_published_triangle() -> None:
    """Ultimate 213,122.23 and 52,135.23 outstanding; Mack's standard error 26,909."""
    found = develop(triangle(RAA, 10))
    latest = sum(row[-1] for row in RAA)
    assert found.final.sum() == pytest.approx(213_122.23, abs=0.01)
    assert found.final.sum() - latest == pytest.approx(52_135.23, abs=0.01)
    assert found.total_error == pytest.approx(26_909, abs=1)
    assert found.error[0] == 0
    assert found.share[-1] == 1


def test_counts_that_come_late_are_forecast() -> None:
    """60 cohorts, delays geometric: the final counts are within the stated errors."""
    draw = np.random.default_rng(0)
    cohorts, delays, hits, total = 60, 20, 0, 0
    for _ in range(30):
        size = draw.poisson(800, cohorts)
        when = [np.minimum(draw.geometric(0.25, count) - 1, delays - 1) for count in size]
        counts = np.stack([np.cumsum(np.bincount(item, minlength=delays)) for item in when])
        seen = counts.astype(float)
        for cohort in range(cohorts):
            seen[cohort, cohorts - cohort :] = np.nan
        found = develop(seen)
        young = slice(cohorts - delays + 1, cohorts - 1)
        hits += (np.abs(found.final - size) < 1.96 * found.error)[young].sum()
        total += delays - 2
        expected = 1 - 0.75 ** np.arange(1, delays + 1)
        np.testing.assert_allclose(found.share[:-1], expected[:-1], atol=0.02)
    assert 0.9 <= hits / total <= 0.98


def test_all_known_is_as_it_is() -> None:
    found = develop(np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(found.final, [2.0, 4.0])
    np.testing.assert_array_equal(found.error, [0.0, 0.0])


def test_what_is_no_triangle_is_refused() -> None:
    with pytest.raises(ShapeError, match="after one that is missing"):
        develop(np.array([[np.nan, 2.0], [1.0, 2.0]]))
    with pytest.raises(ShapeError, match="last delay"):
        develop(np.array([[1.0, np.nan], [1.0, np.nan]]))


def test_cohorts_without_counts_have_none_to_come() -> None:
    found = develop(np.array([[0.0, 0.0, 0.0], [5.0, 8.0, np.nan], [0.0, np.nan, np.nan]]))
    assert found.final[2] == 0
    assert found.final[1] == 8
