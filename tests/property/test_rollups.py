"""Roll-ups change no answer, whatever came when, and whether they are up to date or behind."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pellucid.log.client import Logger
from pellucid.monitor.query import answer
from pellucid.observatory import Observatory, open_system
from pellucid.testing.scenarios import START, small_records, small_system
from pellucid.windows import Window

NUMBERS = ("value", "low", "high", "numerator", "denominator")
DAY_2_TO_5 = Window(START + timedelta(days=1, hours=3, minutes=20), START + timedelta(days=5))
WHOLE = Window(START, START + timedelta(days=9))
QUESTIONS = (
    {"by": ["country"], "over": WHOLE},
    {"by": ["route", "card"], "over": [DAY_2_TO_5, WHOLE]},
    {"by": ["processor"], "over": "5d", "grain": "1d", "where": "country = 'BR'"},
    {"over": "31h", "grain": "1h"},
    {"over": WHOLE, "grain": "1w", "where": "country IS NULL OR card = 'debit'"},
    {"by": ["arm"], "over": WHOLE, "where": "coalesce(country, '') <> 'DE'"},
)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kept", ["all", "a sample"])
def test_roll_ups_change_no_answer(seed: int, kept: str, tmp_path: Path) -> None:
    """Records come in any order and number of batches; roll-ups are refreshed now and then."""
    draw = np.random.default_rng(seed)
    log = Logger(small_system(), to=tmp_path)
    records = small_records(seed, requests=60)
    if kept == "a sample":
        weights = draw.choice([1.0, 2.0, 3.5], records["decisions"].num_rows)
        records["decisions"] = records["decisions"].append_column("sample_weight",
                                                                  pa.array(weights))  # fmt: skip
    batches = [
        (name, part)
        for name, rows in records.items()
        for part in _slices(rows, int(draw.integers(1, 4)), draw)
    ]
    for place, index in enumerate(draw.permutation(len(batches))):
        name, rows = batches[index]
        log.table(name, rows).raise_for_refused()
        obs = open_system(tmp_path)
        if place and draw.random() < 0.5 and obs.lake.has("decisions"):
            obs.roll_up()
            if draw.random() < 0.5:
                _assert_equal(obs, QUESTIONS[int(draw.integers(len(QUESTIONS)))])
    obs = open_system(tmp_path)
    for question in QUESTIONS:
        _assert_equal(obs, question)
    obs.roll_up()
    assert all(done.hours == 0 for done in obs.roll_up()), "nothing came since"
    for question in QUESTIONS:
        _assert_equal(obs, question)
        assert "-- from the hourly roll-up" in obs.show(obs.question("decision_count", **question))


def test_what_roll_ups_cannot_know_is_read_from_the_rows(tmp_path: Path) -> None:
    log = Logger(small_system(), to=tmp_path)
    for name, rows in small_records(1, requests=60).items():
        log.table(name, rows).raise_for_refused()
    obs = open_system(tmp_path)
    assert "roll-up" not in obs.show(obs.question("decision_count"))
    obs.roll_up()
    cases = {
        "asks what was known earlier": {"as_of": START + timedelta(days=3), "over": WHOLE},
        "no cells by amount_minor": {"where": "amount_minor > 500", "over": WHOLE},
        "no cells by attempt": {"by": ["attempt"], "over": WHOLE},
    }
    for words, question in cases.items():
        assert words in obs.show(obs.question("approval_rate", **question))
        _assert_equal(obs, question)


def test_late_outcomes_touch_only_their_hours(tmp_path: Path) -> None:
    records = small_records(2, requests=100)
    log = Logger(small_system(), to=tmp_path)
    for name, rows in records.items():
        log.table(name, rows).raise_for_refused()
    obs = open_system(tmp_path)
    first = {done.unit: done.hours for done in obs.roll_up()}
    decision = records["decisions"].slice(0, 1).to_pylist()[0]
    correction = {
        "decision_id": decision["decision_id"], "outcome": "approved", "value": 0.0,
        "outcome_at": START + timedelta(days=20), "recorded_at": START + timedelta(days=20),
    }  # fmt: skip
    log.table("outcomes", pa.Table.from_pylist([correction])).raise_for_refused()
    again = {done.unit: done.hours for done in obs.roll_up()}
    assert again == {"decision": 1, "request": 1, "candidate": 0, "profiles": 0}
    assert min(first.values()) > 50
    for question in QUESTIONS:
        _assert_equal(open_system(tmp_path), question)


def _slices(rows: pa.Table, count: int, draw: np.random.Generator) -> list[pa.Table]:
    part = draw.integers(0, count, rows.num_rows)
    return [rows.filter(pa.array(part == index)) for index in range(count)]


def _assert_equal(obs: Observatory, question: dict[str, object]) -> None:
    metrics = [name for name, item in obs.metrics.items() if item.unit != "candidate"]
    metrics += ["candidate_count", "eligibility_rate", "mean_score"]
    asked = obs.question(*metrics, **question)  # type: ignore[arg-type]
    expected = answer(obs.system, asked, obs.engine, obs.files)
    found = obs.ask(asked).rows
    assert found.schema == expected.schema
    rest = [name for name in expected.column_names if name not in NUMBERS]
    assert found.select(rest).to_pylist() == expected.select(rest).to_pylist()
    for name in NUMBERS:
        np.testing.assert_allclose(
            found.column(name).to_numpy(), expected.column(name).to_numpy(), rtol=1e-9, atol=1e-12,
            err_msg=name,
        )  # fmt: skip
