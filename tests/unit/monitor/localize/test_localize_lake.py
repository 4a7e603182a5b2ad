"""Localizing over a lake: the numbers of `compare`, split; and clear words where it cannot be."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pellucid.errors import DataError, SpecError, UnknownNameError
from pellucid.log.client import Logger
from pellucid.observatory.locating import Locating
from pellucid.spec.system import Metric
from pellucid.store.lake import Lake
from pellucid.terminal.locating import localized_text
from pellucid.testing.scenarios import START, TIMESTAMP, small_system
from pellucid.windows import Window

WEEK = timedelta(days=7)
BEFORE, AFTER = Window(START, START + WEEK), Window(START + WEEK, START + 2 * WEEK)
EVENTS = 9_000


def lake_in(root: Path, *, is_sample: bool = False) -> Locating:
    """Log two weeks; in the second, north approves far less in BR, and debit doubles in DE.

    Of a sample, credit cards stand for three rows each.
    """
    random = np.random.default_rng(1)
    rows = {"decisions": [], "outcomes": []}
    for number in range(EVENTS):
        is_after = number % 2 == 1
        window = AFTER if is_after else BEFORE
        at = window.start + timedelta(seconds=int(random.integers(0, 7 * 86_400 - 7_200)))
        country = ("BR", "DE", "MX", None)[int(random.integers(4))]
        card = "debit" if random.random() < 0.5 else "credit"
        route = ("north", "south", "west")[int(random.integers(3))]
        copies = 2 if is_after and country == "DE" and card == "debit" else 1
        for copy in range(copies):
            name = f"d{number}-{copy}"
            rate = 0.45 if is_after and country == "BR" and route == "north" else 0.85
            rows["decisions"].append({
                "decision_id": name, "request_id": name, "attempt": 1, "decided_at": at,
                "country": country, "card": card, "chosen": route, "arm": "ml",
                "amount_minor": int(random.lognormal(7, 0.6)), "currency": "EUR",
                **({"sample_weight": 3.0 if card == "credit" else 1.0} if is_sample else {}),
            })  # fmt: skip
            rows["outcomes"].append({
                "decision_id": name, "candidate_id": route, "outcome": "approved",
                "value": float(random.random() < rate), "outcome_at": at, "recorded_at": at,
            })  # fmt: skip
    times = {"decided_at", "outcome_at", "recorded_at"}
    log = Logger(small_system(), to=root)
    for table, some in rows.items():
        columns = {
            name: pa.array([row[name] for row in some], TIMESTAMP if name in times else None)
            for name in some[0]
        }
        log.table(table, pa.table(columns)).raise_for_refused()
    return Locating(Lake.at(root, "small-routing"))


@pytest.fixture(scope="module")
def obs(tmp_path_factory: pytest.TempPathFactory) -> Locating:
    return lake_in(tmp_path_factory.mktemp("lake"))


def test_a_rate_that_fell_in_one_route_of_one_country(obs: Locating) -> None:
    found = obs.localize("approval_rate", over=AFTER)
    assert [item.conditions for item in found.slices] == [(("country", "BR"), ("route", "north"))]
    assert found.dimensions == ("country", "card", "route")
    rows = found.rows.to_pylist()
    (total,) = obs.compare("approval_rate", over=AFTER).rows.to_pylist()
    assert sum(row["contribution"] for row in rows) == pytest.approx(total["change"], abs=1e-12)
    assert sum(row["n"] for row in rows) == total["n"]
    assert sum(row["baseline_n"] for row in rows) == total["baseline_n"]
    (own,) = obs.compare("approval_rate", over=AFTER,
                         where="country = 'BR' AND route = 'north'").rows.to_pylist()  # fmt: skip
    for mine, theirs in (("value", "value"), ("baseline", "baseline"), ("effect", "change"),
                         ("n", "n"), ("baseline_n", "baseline_n")):  # fmt: skip
        assert rows[0][mine] == pytest.approx(own[theirs])
    assert rows[0]["low"] < -0.4 < rows[0]["high"]
    assert (rows[0]["country"], rows[0]["card"], rows[0]["route"]) == ("BR", None, "north")
    assert "pp of it is country=BR and route=north" in found.told
    assert found.told.startswith("Approval rate fell ")
    text = localized_text(found)
    assert "everything else" in text
    assert "Searched: country, card, route." in text


@pytest.mark.slow
def test_a_sample_is_localized_by_its_weights(tmp_path: Path) -> None:
    obs = lake_in(tmp_path, is_sample=True)
    for name in ("approval_rate", "decision_count", "mean_amount", "amount",
                 "approved_amount_rate"):  # fmt: skip
        found = obs.localize(name, over=AFTER)
        total = obs.compare(name, over=AFTER).rows.to_pylist()[0]
        parts = found.whole.parts
        assert sum(part.contribution for part in parts) == pytest.approx(total["change"], rel=1e-9)
        assert sum(part.n for part in parts) == total["n"]
        if name == "approval_rate":
            conditions = [item.conditions for item in found.slices]
            assert conditions == [(("country", "BR"), ("route", "north"))]
            assert parts[0].low < -0.4 < parts[0].high


@pytest.mark.slow
def test_roll_ups_answer_alike(tmp_path: Path) -> None:
    raw = lake_in(tmp_path)
    before = raw.localize("approval_rate", over=AFTER).rows
    raw.roll_up()
    rolled = Locating(Lake.at(tmp_path, "small-routing")).localize("approval_rate", over=AFTER)
    assert rolled.rows.equals(before)


def test_a_count_that_doubled(obs: Locating) -> None:
    found = obs.localize("decision_count", over=AFTER)
    assert [item.conditions for item in found.slices] == [(("country", "DE"), ("card", "debit"))]
    part = found.slices[0].part
    assert part.low < 1.0 < part.high
    assert part.contribution == part.value - part.baseline
    assert "Decisions rose" in found.told


def test_counts_of_windows_of_other_lengths_are_held_to_one_length(obs: Locating) -> None:
    """Three days against seven: what did not change is expected at three sevenths."""
    days = Window(AFTER.start, AFTER.start + timedelta(days=3))
    found = obs.localize("decision_count", over=days, versus=BEFORE)
    whole = obs.compare("decision_count", over=BEFORE, versus=AFTER).rows.to_pylist()[0]
    assert found.whole.baseline == pytest.approx(whole["value"] * 3 / 7)
    assert [item.conditions for item in found.slices] == [(("country", "DE"), ("card", "debit"))]


@pytest.mark.parametrize("name", ["mean_amount", "amount", "approved_amount_rate"])
def test_means_totals_and_ratios_have_parts_that_add_up(obs: Locating, name: str) -> None:
    found = obs.localize(name, over=AFTER)
    total = obs.compare(name, over=AFTER).rows.to_pylist()[0]
    parts = sum(part.contribution for part in found.whole.parts)
    assert parts == pytest.approx(total["change"], rel=1e-9)


def test_the_share_of_one_candidate_is_a_rate(obs: Locating) -> None:
    share = Metric(name="north_share", finalizer="rate", value="route = 'north'",
                   where="route IS NOT NULL", value_unit="share")  # fmt: skip
    found = obs.localize(share, over=AFTER)
    assert found.dimensions == ("country", "card")
    assert not found.slices
    assert "No slice stands out" in found.told


def test_a_missing_value_is_a_slice_as_any_other(obs: Locating) -> None:
    found = obs.localize("decision_count", over=AFTER, by=["country"])
    assert found.rows.num_rows == 1 + len(found.slices)
    none = obs.localize("approval_rate", over=AFTER, by=["country", "route"],
                        where="country IS NULL OR country <> 'BR'")  # fmt: skip
    assert not none.slices


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"metric": "traffic_share"}, SpecError, "add up to 100%"),
        ({"metric": "approvl_rate"}, UnknownNameError, "did you mean"),
        ({"by": ["countri"]}, UnknownNameError, "did you mean"),
        ({"over": "2030-01-01..2030-01-08"}, DataError, "has no rows"),
        ({"where": "country = 'DE' AND route = 'north' AND card = 'debit'"}, SpecError,
         "no dimension"),
        ({"versus": AFTER}, SpecError, "overlap"),
        ({"most": 0}, SpecError, "at least 1"),
    ],
    ids=["share", "metric", "dimension", "empty", "one value", "overlap", "most"],
)  # fmt: skip
def test_what_cannot_be_localized_is_said(
    obs: Locating, asked: dict[str, object], error: type[Exception], words: str
) -> None:
    given = {"metric": "approval_rate", "over": AFTER, **asked}
    with pytest.raises(error, match=words):
        obs.localize(**given)
