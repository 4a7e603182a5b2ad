"""Comparisons are two answers side by side; the rest of a dimension is added up, never dropped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from pellucid.errors import SpecError
from pellucid.monitor.top import is_rest
from pellucid.observatory import Observatory, open_system
from pellucid.stats.intervals import difference_interval, wilson_interval
from pellucid.testing.scenarios import START, small_lake
from pellucid.windows import Window

FIRST = Window(START, START + timedelta(days=4))
SECOND = Window(START + timedelta(days=4), START + timedelta(days=8))


@pytest.fixture(scope="module")
def obs(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    root: Path = tmp_path_factory.mktemp("lake")
    small_lake(root, seed=3, requests=200)
    return open_system(root)


def test_windows_are_compared_as_two_answers_would_be(obs: Observatory) -> None:
    found = obs.compare("approval_rate", "decision_count", by=["country"], over=SECOND,
                        versus=FIRST)  # fmt: skip
    sides = [
        {(row["metric"], row["level"], row["country"]): row
         for row in obs.query("approval_rate", "decision_count", by=["country"],
                              over=window).rows.to_pylist()}
        for window in (SECOND, FIRST)
    ]  # fmt: skip
    assert found.rows.num_rows == len(sides[0].keys() | sides[1].keys())
    for row in found.rows.to_pylist():
        one, two = (side[row["metric"], row["level"], row["country"]] for side in sides)
        assert (row["value"], row["baseline"]) == (one["value"], two["value"])
        assert row["change"] == one["value"] - two["value"]
        assert (row["n"], row["baseline_n"]) == (one["n"], two["n"])
        if row["metric"] == "decision_count":
            assert row["low"] is None
            continue
        ends = [np.array([item[name]]) for item in (one, two) for name in ("value", "low", "high")]
        low, high = difference_interval(*ends)
        assert (row["low"], row["high"]) == (low[0], high[0])


def test_swapping_the_sides_negates(obs: Observatory) -> None:
    one = obs.compare("approval_rate", by=["card"], over=SECOND, versus=FIRST).rows.to_pylist()
    two = obs.compare("approval_rate", by=["card"], over=FIRST, versus=SECOND).rows.to_pylist()
    for row, swapped in zip(one, two, strict=True):
        assert row["change"] == -swapped["change"]
        assert row["low"] == pytest.approx(-swapped["high"], abs=1e-15)


def test_arms_and_segments_are_compared_within_one_window(obs: Observatory) -> None:
    found = obs.compare("approval_rate", over=SECOND, side="arm = 'ml'", other="arm = 'control'")
    row = found.rows.to_pylist()[0]
    for where, name in (("arm = 'ml'", "value"), ("arm = 'control'", "baseline")):
        own = obs.query("approval_rate", over=SECOND, where=where).rows.to_pylist()[0]
        assert row[name] == own["value"]
    large = obs.compare("decision_count", over=SECOND, side="large").rows.to_pylist()[0]
    whole = obs.query("decision_count", over=SECOND).rows.to_pylist()[0]["value"]
    assert large["value"] + large["baseline"] == whole, "what has no amount is not large"


def test_by_default_the_window_before_is_the_baseline(obs: Observatory) -> None:
    assert obs.compare("decision_count", over=SECOND).names[1] == str(FIRST)


def test_totals_of_unequal_windows_are_said_to_be(obs: Observatory) -> None:
    longer = Window(START + timedelta(days=4), START + timedelta(days=10))
    rows = obs.compare("decision_count", "approval_rate", over=longer, versus=FIRST).rows
    notes = dict(zip(rows.column("metric").to_pylist(), rows.column("note").to_pylist(),
                     strict=True))  # fmt: skip
    assert "differ in length" in notes["decision_count"]
    assert notes["approval_rate"] is None


def test_what_cannot_be_compared_is_said(obs: Observatory) -> None:
    with pytest.raises(SpecError, match="no `side`"):
        obs.compare("approval_rate", other="arm = 'control'")
    with pytest.raises(SpecError, match="top 0 is not at least 1"):
        obs.compare("approval_rate", by=["card"], top=0)
    with pytest.raises(SpecError, match="which overlap"):
        obs.compare("approval_rate", over=FIRST, versus=Window(START, START + timedelta(days=2)))


@pytest.mark.parametrize("metric", ["approval_rate", "traffic_share", "decision_count"])
def test_the_rest_keeps_totals_exact(obs: Observatory, metric: str) -> None:
    window = Window(START, START + timedelta(days=9))
    whole = obs.query(metric, by=["route", "country"], over=window)
    folded = obs.query(metric, by=["route", "country"], over=window, top=1)
    assert folded.rows.num_rows < whole.rows.num_rows
    assert {row["country"] for row in folded.finest.to_pylist() if row["country"]} >= {
        "other (3 values)"
    }
    own, other = (
        [row for row in answer.rows.to_pylist() if row["level"] == ""] for answer in (whole, folded)
    )
    assert own == other
    hits = [sum(row["n"] for row in answer.rows.to_pylist() if row["level"] == "country")
            for answer in (whole, folded)]  # fmt: skip
    assert hits[0] == hits[1]


def test_enough_values_leave_no_rest(obs: Observatory) -> None:
    assert obs.query("decision_count", by=["card"], top=2).rows.equals(
        obs.query("decision_count", by=["card"]).rows
    )


def test_newcombe_against_the_published_table() -> None:
    """Newcombe (1998), table II, method 10: cases a to f."""
    cases = [((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090)),
             ((6, 7), (2, 7), (0.0582, 0.8062)), ((5, 56), (0, 29), (-0.0381, 0.1926)),
             ((0, 10), (0, 20), (-0.1611, 0.2775)), ((10, 10), (0, 10), (0.6075, 1.0))]  # fmt: skip
    for (x1, n1), (x2, n2), expected in cases:
        one = wilson_interval(np.array([float(x1)]), np.array([float(n1)]))
        two = wilson_interval(np.array([float(x2)]), np.array([float(n2)]))
        low, high = difference_interval(np.array([x1 / n1]), *one, np.array([x2 / n2]), *two)
        assert (low[0], high[0]) == pytest.approx(expected, abs=6e-5)


def test_the_rest_is_known_by_its_name() -> None:
    assert [is_rest(name) for name in ("other (1 value)", "other (9,960 values)")] == [True, True]
    assert not any(is_rest(name) for name in (None, "other", "other (few values)", "BR"))
