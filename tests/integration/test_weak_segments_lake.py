"""Weak segments over a lake: the numbers of queries, what is planted, and clear words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pellucid.cli import main
from pellucid.errors import DataError, SpecError, UnknownNameError
from pellucid.log.client import Logger
from pellucid.monitor.policy.weak import log_loss
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Dimension, Metric, Outcome, System
from pellucid.terminal.governing import weak_text
from pellucid.testing.worlds import IssuerDecline, WorldConfig, payment_world

START = datetime(2026, 3, 2, tzinfo=UTC)
SYSTEM = System(
    name="three-dimensions",
    dimensions=(Dimension(name="country"), Dimension(name="card"), Dimension(name="bank")),
    candidate=Candidate(name="route"),
    outcomes=(Outcome(name="approved", matures_after="1h", is_predicted=True),),
)
DECISIONS = 24_000


def lake_in(root: Path, *, has_control: bool = True, is_sample: bool = False) -> Observatory:
    """ML is bad at debit cards of unknown countries; the 20 rarest of 70 banks approve less."""
    draw = np.random.default_rng(1)
    country = draw.integers(0, 6, DECISIONS)
    is_debit = draw.random(DECISIONS) < 0.4
    often = np.where(np.arange(70) < 50, 4.0, 1.0)
    bank = draw.choice(70, DECISIONS, p=often / often.sum())
    is_control = (draw.random(DECISIONS) < 0.3) & has_control
    pays = np.where((country == 0) & is_debit & ~is_control, 0.5, 0.85)
    pays = np.where(bank >= 50, pays - 0.2, pays)
    ids = [f"d{place}" for place in range(DECISIONS)]
    at = [START + timedelta(seconds=90 * place) for place in range(DECISIONS)]
    rows = {
        "decision_id": ids, "decided_at": at, "request_id": ids, "attempt": [1] * DECISIONS,
        "country": [None if code == 0 else f"c{code}" for code in country],
        "card": np.where(is_debit, "debit", "credit"), "bank": [f"b{code:02d}" for code in bank],
        "arm": np.where(is_control, "control", "ml"),
        "chosen": np.array(["x", "y"])[draw.integers(0, 2, DECISIONS)],
        "chosen_probability": np.where(bank >= 50, 0.65, 0.85),
    }  # fmt: skip
    if is_sample:
        rows["sample_weight"] = np.where(is_debit, 1.0, 3.0)
    log = Logger(SYSTEM, to=root)
    log.decisions(pa.table(rows)).raise_for_refused()
    log.outcomes(pa.table({
        "decision_id": ids, "outcome": ["approved"] * DECISIONS,
        "value": (draw.random(DECISIONS) < pays).astype(float), "outcome_at": at, "recorded_at": at,
    })).raise_for_refused()  # fmt: skip
    return open_system(root)


@pytest.fixture(scope="module")
def obs(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    return lake_in(tmp_path_factory.mktemp("lake"))


PLANTED = "country=(missing) and card=debit"


def test_the_planted_combination_is_the_only_one_told(obs: Observatory) -> None:
    found = obs.weak_segments()
    (row,) = found.rows.to_pylist()
    assert (row["segment"], row["country"], row["card"], row["bank"]) == (
        PLANTED, "(missing)", "debit", None,
    )  # fmt: skip
    arms = obs.compare(
        "approved_rate", over="30d", side="arm = 'ml'", other="arm = 'control'",
        where="country IS NULL AND card = 'debit'",
    ).rows.to_pylist()[0]  # fmt: skip
    for name in ("value", "baseline", "n", "baseline_n", "change", "low", "high"):
        assert row[name] == pytest.approx(arms[name]), name
    assert row["cost"] == pytest.approx(-arms["change"] * arms["n"])
    assert row["change"] < row["shrunk"] < 0
    assert row["shrunk_low"] < row["shrunk"] < row["shrunk_high"]
    assert f"1 distinct one clearly does worse than the control arm: {PLANTED}, " in found.told
    assert f"(n {row['n']:,})" in found.told
    assert f"which is {row['cost']:,.0f} fewer in all" in found.told
    assert PLANTED in weak_text(found)


def test_roll_ups_and_depth_change_nothing(tmp_path: Path, obs: Observatory) -> None:
    known = obs.weak_segments(by=["country", "card"])
    rolled = lake_in(tmp_path)
    rolled.roll_up()
    assert rolled.weak_segments(by=["country", "card"]).rows.equals(known.rows)
    assert rolled.weak_segments(depth=3).rows.column("segment").to_pylist() == [PLANTED]
    assert rolled.weak_segments(depth=1).looked_at < rolled.weak_segments(depth=2).looked_at


def test_rare_values_are_one_value_and_not_dropped(obs: Observatory) -> None:
    found = obs.weak_segments(versus="rest", by=["bank", "card"])
    first = found.rows.to_pylist()[0]
    assert first["segment"] == "bank=other (20 values)"
    rare = obs.query("approved_rate", where="bank >= 'b50'").rows.to_pylist()[0]
    assert (first["value"], first["n"]) == (pytest.approx(rare["value"]), rare["n"])
    rest = obs.query("approved_rate", where="bank < 'b50'").rows.to_pylist()[0]
    assert (first["baseline"], first["baseline_n"]) == (pytest.approx(rest["value"]), rest["n"])
    assert "than the rest" in found.told


def test_the_models_error_is_searched_too(obs: Observatory) -> None:
    """Rare banks are predicted well; debit cards of unknown countries are not."""
    off = obs.weak_segments("predicted_minus_realised", versus="rest")
    (row,) = off.rows.to_pylist()
    assert row["segment"] == PLANTED
    assert row["change"] == pytest.approx(abs(row["value"]) - abs(row["baseline"]))
    assert "farther off 0" in off.told
    loss = obs.weak_segments("log_loss", versus="rest", by=["country", "card"])
    assert loss.rows.column("segment").to_pylist() == [PLANTED]
    assert "more in all" in loss.told
    (measured,) = [row["value"] for row in obs.performance().rows.to_pylist()
                   if row["measure"] == "log_loss"]  # fmt: skip
    queried = obs.query(log_loss(SYSTEM.outcomes[0])).rows.to_pylist()[0]["value"]
    assert queried == pytest.approx(measured)


def test_a_sample_costs_what_it_stands_for(tmp_path: Path) -> None:
    found = lake_in(tmp_path, is_sample=True).weak_segments(
        "approved_rate", by=["card", "bank"], versus="rest", depth=1
    )
    row = found.rows.to_pylist()[0]
    assert row["segment"] == "bank=other (20 values)"
    rare = open_system(tmp_path).query("approved_rate", where="bank >= 'b50'").rows.to_pylist()[0]
    assert row["value"] == pytest.approx(rare["value"])
    assert row["n"] == rare["n"]
    assert row["cost"] == pytest.approx(-row["change"] * rare["denominator"])
    assert rare["denominator"] > 1.5 * rare["n"]


def test_the_candidate_is_searched_only_where_it_tells(obs: Observatory) -> None:
    assert "route" not in obs.weak_segments().rows.schema.names
    assert "route" in obs.weak_segments(versus="rest").rows.schema.names


def test_what_cannot_be_asked_is_said(obs: Observatory, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="banana"):
        obs.weak_segments(by=["banana"])
    for depth in (0, 4):
        with pytest.raises(SpecError, match=f"depth {depth} is not 1 to 3"):
            obs.weak_segments(depth=depth)
    with pytest.raises(SpecError, match="most 0 is not at least 1"):
        obs.weak_segments(most=0)
    with pytest.raises(SpecError, match="neither 'control' nor 'rest'"):
        obs.weak_segments(versus="ml")
    with pytest.raises(SpecError, match="leave it out"):
        obs.weak_segments(by=["arm", "card"])
    with pytest.raises(SpecError, match="is a count"):
        obs.weak_segments("decision_count")
    with pytest.raises(SpecError, match="set `better`"):
        obs.weak_segments("predicted_rate")
    with pytest.raises(SpecError, match="twice"):
        obs.weak_segments(by=["card", "card"])
    with pytest.raises(DataError, match="no row is left"):
        obs.weak_segments(where="card = 'none'")
    euros = Metric(name="mean_eur", finalizer="mean", value="amount_minor", better="up",
                   value_unit="money", where="amount_minor IS NOT NULL")  # fmt: skip
    with pytest.raises(DataError, match="no row is left"):
        obs.weak_segments(euros, versus="rest")
    bare = lake_in(tmp_path, has_control=False)
    with pytest.raises(DataError, match="has the arm 'control': log `arm`"):
        bare.weak_segments()
    assert bare.weak_segments(versus="rest").rows.num_rows


def test_the_command_gives_the_api_rows(obs: Observatory, capsys) -> None:
    root = str(obs.lake.root)
    asked = ["weak", "approved_rate", "--by", "bank,card", "--versus", "rest", "--lake", root]
    assert main([*asked, "--format", "json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    known = obs.weak_segments("approved_rate", by=["bank", "card"], versus="rest")
    assert [row["segment"] for row in rows] == known.rows.column("segment").to_pylist()
    assert main(asked) == 0
    assert capsys.readouterr().out.startswith(known.told)
    assert main([*asked, "--depth", "7"]) == 2
    assert "depth 7 is not 1 to 3" in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_planted_in_a_payment_world_comes_first(tmp_path: Path) -> None:
    """A bank that declines on every route; and ML that is made bad at debit cards of BR."""
    pytest.importorskip("lightgbm")
    start = WorldConfig().live_start_at
    world = payment_world(
        decisions=24_000, seed=3, training_decisions=20_000,
        incidents=[IssuerDecline(issuer="us-juniper", start_at=start, days=28, effect=-3.0)],
    )  # fmt: skip
    decisions, outcomes = world.tables["decisions"], world.tables["outcomes"]
    hit = pc.and_(pc.and_(pc.equal(decisions["country"], "BR"),
                          pc.equal(decisions["card_type"], "debit")),
                  pc.equal(decisions["arm"], "ml"))  # fmt: skip
    is_hit = pc.is_in(outcomes["decision_id"], decisions.filter(hit)["decision_id"])
    is_lost = np.random.default_rng(0).random(outcomes.num_rows) < 0.5
    lost = pc.and_(pc.and_(is_hit, pa.array(is_lost)), pc.equal(outcomes["outcome"], "approved"))
    place = outcomes.column_names.index("value")
    outcomes = outcomes.set_column(place, "value", pc.if_else(lost, 0.0, outcomes["value"]))
    log = Logger(world.system, to=tmp_path)
    for name, rows in (("decisions", decisions), ("candidates", world.tables["candidates"]),
                       ("outcomes", outcomes)):  # fmt: skip
        log.table(name, rows).raise_for_refused()
    obs = open_system(tmp_path)
    control = obs.weak_segments(depth=3).rows.column("segment").to_pylist()
    assert control == ["country=BR and card_type=debit"]
    rest = obs.weak_segments(versus="rest").rows.column("segment").to_pylist()
    assert set(rest[:2]) == {"country=BR and card_type=debit", "issuer=us-juniper"}
    assert not [name for name in rest[2:] if "us-juniper" in name]
