"""Anomalies asked of a lake: the series are those of a query, and what is planted is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pellucid.errors import SpecError
from pellucid.log.client import Logger
from pellucid.observatory.spotting import Spotting
from pellucid.spec.system import Dimension, System
from pellucid.store.lake import Lake
from pellucid.terminal.spotting import anomalies_text

START, DAYS, HOURS = datetime(2026, 3, 2, tzinfo=UTC), 35, 24
SYSTEM = System(name="shop", dimensions=(Dimension(name="country"),))
QUIET = START + timedelta(days=30, hours=10)


@pytest.fixture(scope="module")
def obs(tmp_path_factory: pytest.TempPathFactory) -> Spotting:
    """30 decisions an hour in two countries; one has all but none for four hours."""
    root: Path = tmp_path_factory.mktemp("lake")
    draw = np.random.default_rng(3)
    at, country = [], []
    for hour in range(DAYS * HOURS):
        begin = START + timedelta(hours=hour)
        for name in ("FR", "SE"):
            is_out = name == "SE" and QUIET <= begin < QUIET + timedelta(hours=4)
            count = int(draw.poisson(1 if is_out else 30))
            at += [begin + timedelta(seconds=s) for s in draw.uniform(0, 3600, count).tolist()]
            country += [name] * count
    at[-1] = START + timedelta(days=DAYS) - timedelta(seconds=1)
    rows = pa.table({
        "decision_id": [f"d{place}" for place in range(len(at))], "country": country,
        "decided_at": pa.array(at, pa.timestamp("us", tz="UTC")), "chosen": ["a"] * len(at),
    })  # fmt: skip
    Logger(SYSTEM, to=root).table("decisions", rows).raise_for_refused()
    return Spotting(Lake(str(root), SYSTEM.name))


def test_what_is_planted_is_told_with_its_hours(obs: Spotting) -> None:
    found = obs.anomalies("decision_count", by=["country"], over="7d")
    row = found.rows.to_pylist()[0]
    assert (row["country"], row["kind"]) == ("SE", "spike")
    assert (row["since"], row["until"]) == (QUIET, QUIET + timedelta(hours=4))
    assert found.looked_at == 2
    assert found.too_little == 0
    assert "Decisions of country SE fell to" in found.told
    assert "SE" in anomalies_text(found).splitlines()[-1]


def test_points_are_those_of_a_query(obs: Spotting) -> None:
    found = obs.anomalies("decision_count", by=["country"], over="7d")
    own = {row["start_at"]: row["value"] for row in found.series.to_pylist()
           if row["country"] == "SE"}  # fmt: skip
    asked = obs.query("decision_count", by=["country"], over="7d", grain="1h").finest.to_pylist()
    expected = {row["start_at"]: row["value"] for row in asked if row["country"] == "SE"}
    assert {at: value for at, value in own.items() if value} == expected


def test_what_is_not_told_is_said(obs: Spotting) -> None:
    day = QUIET.date()
    found = obs.anomalies("decision_count", by=["country"], over="7d", holidays=[day])
    assert found.rows.num_rows == 0
    assert anomalies_text(found) == found.told
    assert found.told.startswith("Nothing stands out in 2 series")
    short = obs.anomalies("decision_count", by=["country"], history="3d", grain="1d",
                          holidays=[date(2030, 1, 1)])  # fmt: skip
    assert short.too_little == short.looked_at == 2
    assert "2 of the series had less than 7 days before" in short.told


def test_wrong_questions_are_refused(obs: Spotting) -> None:
    with pytest.raises(SpecError, match="needs a metric"):
        obs.anomalies()
    with pytest.raises(SpecError, match="1h or 1d"):
        obs.anomalies("decision_count", grain="1w")
