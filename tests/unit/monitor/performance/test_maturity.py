"""Late outcomes: counted by when they came, forecast by kind, and said in words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pellucid.errors import SpecError, UnknownNameError
from pellucid.monitor.performance.maturity import cohorts_of, maturity_of
from pellucid.observatory import open_system
from pellucid.testing.scenarios import START, small_lake, small_records
from pellucid.windows import Window

DAY = 86_400_000_000


def world(seed: int, *, is_rare: bool = False) -> tuple[pa.Table, np.ndarray]:
    """Forty days of 500 decisions, of which a yes comes late; and the rate of each day."""
    draw = np.random.default_rng(seed)
    count = 40 * 500
    decided = np.arange(count) // 500 * DAY + draw.integers(0, DAY, count)
    is_yes = draw.random(count) < (0.02 if is_rare else 0.7)
    delay = np.where(is_yes, draw.exponential(4 * DAY, count), draw.exponential(0.3 * DAY, count))
    first = decided + delay.astype(np.int64)
    is_known = (first < 40 * DAY) & (is_yes | (not is_rare))
    rows = pa.table({
        "decided": decided, "value": pa.array(is_yes.astype(float), mask=~is_known),
        "first": pa.array(first, mask=~is_known),
    })  # fmt: skip
    return rows, is_yes.reshape(40, 500).mean(axis=1)


def forecast(seed: int, *, is_rare: bool = False) -> tuple[pa.Table, np.ndarray]:
    """Return what is expected of four young days, and what came."""
    rows, truth = world(seed, is_rare=is_rare)
    cohorts = cohorts_of(rows, DAY, seen=40 * DAY - 1, matures=30 * DAY)
    assert cohorts is not None
    return maturity_of(*cohorts, label="approval", unit="day").rows.slice(35, 4), truth[35:39]


def test_rates_of_young_decisions_are_forecast_by_kind() -> None:
    """What is known of them says far fewer approvals than there will be."""
    naive, found = [], []
    for seed in range(20):
        rows, truth = forecast(seed)
        naive.append(np.mean(rows.column("rate").to_pylist() - truth))
        found.append(np.mean(rows.column("final_rate").to_pylist() - truth))
    assert np.mean(naive) < -0.15
    assert abs(np.mean(found)) < 0.01


def test_intervals_hold_the_rate_that_comes() -> None:
    hits = [
        row["low"] <= truth <= row["high"]
        for seed in range(60)
        for rows, truths in [forecast(seed)]
        for row, truth in zip(rows.to_pylist(), truths, strict=True)
    ]
    assert 0.88 <= np.mean(hits) <= 0.99


def test_where_only_a_yes_is_recorded_the_rate_is_of_all_decisions() -> None:
    rows, truth = forecast(3, is_rare=True)
    assert np.mean(rows.column("final_rate").to_pylist()) == pytest.approx(truth.mean(), abs=0.008)
    assert np.mean(rows.column("rate").to_pylist()) < 0.7 * truth.mean()


def test_counts_are_those_of_the_records(tmp_path: Path) -> None:
    small_lake(tmp_path, seed=4, requests=200)
    obs = open_system(tmp_path)
    found = obs.maturity("approved", over=Window(START, START + timedelta(days=9)))
    records = small_records(4, requests=200)
    known = {row["decision_id"] for row in records["outcomes"].to_pylist()
             if row["outcome"] == "approved"}  # fmt: skip
    assert sum(found.rows.column("known").to_pylist()) == len(known)
    assert sum(found.rows.column("decisions").to_pylist()) == records["decisions"].num_rows
    then = START + timedelta(days=3)
    early = obs.maturity("approved", over=Window(START, START + timedelta(days=9)), as_of=then)
    assert sum(early.rows.column("known").to_pylist()) < len(known)
    assert "Half of approved is known" in found.told
    with pytest.raises(SpecError, match="is an amount"):
        obs.maturity("fee")
    with pytest.raises(UnknownNameError):
        obs.maturity("approvd")
    with pytest.raises(SpecError, match="no 'chargeback' is known"):
        obs.maturity("chargeback", over=Window(START, START + timedelta(minutes=2)))
    with pytest.raises(SpecError, match="no grain"):
        obs.maturity("approved", grain="1w")
