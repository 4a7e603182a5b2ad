"""Why a candidate has its share: every decision replayed in plain loops is the oracle."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from contests import (
    LAYERS,
    NAMES,
    START,
    Rows,
    contest,
    contest_rows,
    contest_system,
    mean_and_error,
    unnamed,
)

from pellucid.errors import ExplainError, SpecError, UnknownNameError
from pellucid.explain.traffic import traffic
from pellucid.explain.traffic.players import OTHERS, find_players
from pellucid.explain.traffic.replay import aumann_moves
from pellucid.explain.traffic.story import TrafficStory
from pellucid.explain.traffic.terms import explained_terms
from pellucid.explain.traffic.traffic import why_traffic
from pellucid.spec.system import Layer
from pellucid.windows import Window

WINDOW = Window(START, START + timedelta(days=4))
TERMS = ["general", "amount", "bank", "residual", *LAYERS]


def ask(obs, candidate: str = "x", window: Window = WINDOW, **options) -> TrafficStory:
    return why_traffic(obs.system, obs.records, candidate, window=window, **options)


def utilities(own: list[dict], level: float, scale: str) -> list[list[float]]:
    """Return the terms of each candidate: three of the score, then what the link misses, layers."""
    terms = []
    for row in own:
        score = row["base_value"] + float(row["a_amount"]) + float(row["a_bank"])
        reached = 1 / (1 + np.exp(-score)) if scale == "probability" else score
        is_at = row["probability"] if scale == "probability" else row["raw_score"]
        terms.append([
            row["base_value"] - level, float(row["a_amount"]), float(row["a_bank"]),
            is_at - reached, row["layer_fees"] or 0.0, row["layer_cap"] or 0.0,
        ])  # fmt: skip
    return terms


def part_of_pick(level, terms, names, kept: set[int], scale: str, candidate: str) -> float:
    values = []
    for own in terms:
        score = level + sum(own[place] for place in (0, 1, 2) if place in kept)
        score = 1 / (1 + np.exp(-score)) if scale == "probability" else score
        values.append(score + sum(own[place] for place in (3, 4, 5) if place in kept))
    best = [name for name, value in zip(names, values, strict=True) if value > max(values) - 1e-6]
    return (candidate in best) / len(best)


def brute(rows: dict[str, Rows], scale: str, candidate: str, chosen=lambda row: True):
    """Return the parts of the share in each decision, with weights and days."""
    explained = {(row["decision_id"], row["candidate_id"]): row for row in rows["attributions"]
                 if row["model_id"] == "m:1"}  # fmt: skip
    whole = []
    for decision in rows["decisions"]:
        own = [row for row in rows["candidates"]
               if row["decision_id"] == decision["decision_id"] and row["is_eligible"]]  # fmt: skip
        keys = [(row["decision_id"], row["candidate_id"]) for row in own]
        if not own or decision["arm"] == "control" or decision["pick_model"] is None:
            continue
        if all(key in explained for key in keys):
            whole.append((decision, [row | explained[key]
                                     for row, key in zip(own, keys, strict=True)]))  # fmt: skip
    level = np.mean([row["base_value"] for _, own in whole for row in own])
    parts, weights, days, shares, same = [], [], [], [], []
    for decision, own in whole:
        if not chosen(decision):
            continue
        names = [row["candidate_id"] for row in own]
        asked = (level, utilities(own, level, scale), names)
        values = np.zeros(len(TERMS))
        orders = list(permutations(range(len(TERMS))))
        for order in orders:
            kept: set[int] = set()
            for place in order:
                before = part_of_pick(*asked, kept, scale, candidate)
                kept = {*kept, place}
                values[place] += part_of_pick(*asked, kept, scale, candidate) - before
        start = part_of_pick(*asked, set(), scale, candidate)
        end = part_of_pick(*asked, set(range(6)), scale, candidate)
        is_chosen = float(decision["chosen"] == candidate)
        parts.append([start, *values / len(orders), is_chosen - end])
        shares.append(is_chosen)
        winner = max(names, key=lambda name: part_of_pick(*asked, set(range(6)), scale, name))
        same.append(winner == decision["chosen"])
        weights.append(own[0]["sample_weight"] or 1.0)
        days.append(decision["decided_at"].date().toordinal())
    return (np.array(parts), np.array(weights), np.array(days), np.array(shares), np.array(same))


@pytest.mark.parametrize("scale", ["probability", "log_odds"])
def test_it_is_what_replaying_each_decision_gives(tmp_path: Path, scale: str) -> None:
    rows = contest_rows(3, count=70)
    parts, weights, days, shares, same = brute(rows, scale, "y", lambda row: row["country"] == "BR")
    story = ask(contest(tmp_path, rows, scale=scale), "y", where="country = 'BR'")
    side = story.sides.to_pylist()[0]
    assert (side["n"], side["days"]) == (len(parts), len(set(days)))
    assert side["share"] == pytest.approx(np.average(shares, weights=weights))
    assert side["fidelity"] == pytest.approx(np.average(same, weights=weights))
    means, errors = mean_and_error(parts, weights, days)
    found = {row["part"]: row for row in story.parts.to_pylist()}
    order = ["start", *TERMS, "rest"]
    assert [found[part]["value"] for part in order] == pytest.approx(list(means), abs=1e-9)
    assert [found[part]["error"] for part in order] == pytest.approx(list(errors), abs=1e-9)
    assert sum(row["value"] for row in found.values()) == pytest.approx(side["share"], abs=1e-12)


def test_decisions_that_name_no_model_count_once(tmp_path: Path) -> None:
    rows = contest_rows(12)
    rows["attributions"] = [row for row in rows["attributions"] if row["model_id"] == "m:1"]
    named = ask(contest(tmp_path / "named", rows), "y")
    found = ask(contest(tmp_path / "unnamed", unnamed(rows)), "y")
    assert found.sides.to_pylist()[0] == pytest.approx(named.sides.to_pylist()[0])
    for one, other in zip(found.parts.to_pylist(), named.parts.to_pylist(), strict=True):
        assert one == pytest.approx(other, abs=1e-12)


def test_two_sides_differ_by_their_parts_and_swap(tmp_path: Path) -> None:
    obs = contest(tmp_path, contest_rows(4, count=90))
    sides = {"where": "country = 'BR'", "versus": "country = 'DE'"}
    one = ask(obs, **sides)
    two = ask(obs, where=sides["versus"], versus=sides["where"])
    alone = ask(obs, where=sides["versus"])
    values = {row["part"]: row["value"] for row in alone.parts.to_pylist()}
    for row in one.parts.to_pylist():
        assert row["difference"] == pytest.approx(row["value"] - row["versus_value"])
        assert row["versus_value"] == pytest.approx(values.get(row["part"], 0), abs=1e-12)
    mirrored = {row["part"]: row["difference"] for row in two.parts.to_pylist()}
    for row in one.parts.to_pylist():
        assert mirrored[row["part"]] == pytest.approx(-row["difference"], abs=1e-12)
    total = one.sides.column("share").to_pylist()
    assert sum(mirrored.values()) == pytest.approx(total[1] - total[0], abs=1e-12)


def test_periods_are_compared_too(tmp_path: Path) -> None:
    obs = contest(tmp_path, contest_rows(5, count=90))
    first = Window(START, START + timedelta(days=2))
    last = Window(first.end, WINDOW.end)
    story = ask(obs, window=last, baseline=first)
    alone = [ask(obs, window=window).sides.to_pylist()[0]["share"] for window in (last, first)]
    assert story.sides.column("share").to_pylist() == pytest.approx(alone)
    assert "to 2026-06-03" in story.told
    with pytest.raises(ExplainError, match="overlap"):
        ask(obs, baseline=last)
    with pytest.raises(ExplainError, match="not both at once"):
        ask(obs, window=last, baseline=first, versus="country = 'BR'")


def test_shares_of_all_candidates_add_up_part_by_part(tmp_path: Path) -> None:
    obs = contest(tmp_path, contest_rows(6, count=90))
    stories = [{row["part"]: row["value"] for row in ask(obs, name).parts.to_pylist()}
               for name in NAMES]  # fmt: skip
    parts = {part: sum(story.get(part, 0.0) for story in stories) for part in stories[0]}
    assert parts.pop("start") == pytest.approx(1)
    assert list(parts.values()) == pytest.approx([0] * len(parts), abs=1e-12)


def test_without_a_layer_is_a_replay_without_it(tmp_path: Path) -> None:
    rows = contest_rows(8, count=80)
    story = ask(contest(tmp_path, rows))
    for candidate in rows["candidates"]:
        candidate["layer_fees"] = 0.0
    gone = ask(contest(tmp_path / "gone", rows))
    share = next(row["share"] for row in story.without.to_pylist() if row["part"] == "fees")
    parts = {row["part"]: row["value"] for row in gone.parts.to_pylist()}
    # Its picks are still logged, and now of a layer that moves them by other means.
    logged = parts.get("rest", 0.0) + parts["fees"]
    assert share == pytest.approx(gone.sides.to_pylist()[0]["share"] - logged)


def test_a_layer_that_only_names_picks_is_told_by_its_moves(tmp_path: Path) -> None:
    rows = contest_rows(9, count=80)
    for candidate in rows["candidates"]:
        candidate["layer_cap"] = None
    story = ask(contest(tmp_path, rows))
    found = {row["part"]: row["value"] for row in story.parts.to_pylist()}
    assert "cap" in found
    assert "cap" not in story.without.column("part").to_pylist()
    total = story.sides.to_pylist()[0]["share"]
    assert sum(found.values()) == pytest.approx(total, abs=1e-12)


def test_the_least_telling_features_share_a_term(tmp_path: Path) -> None:
    rows = contest_rows(10)
    for row in rows["attributions"]:
        row["a_bank"] = np.float32(row["a_bank"] * 0.01)
    obs = contest(tmp_path, rows)
    players = find_players(obs.system, obs.records, [WINDOW], most=3)
    assert players.groups == {OTHERS: ("amount", "bank")}
    players = find_players(obs.system, obs.records, [WINDOW], most=4)
    assert players.groups == {"amount": ("amount",), "bank": ("bank",)}
    assert (players.layers, players.movers) == (LAYERS, {})


def test_of_many_layers_parts_are_found_along_the_way(tmp_path: Path) -> None:
    """A layer that is cut in ten equal ones has their parts together, each a tenth."""
    rows = contest_rows(13)
    cut = {name: [dict(row) for row in own] for name, own in rows.items()}
    names = [f"fee{place}" for place in range(10)]
    for row in cut["candidates"]:
        row |= dict.fromkeys((f"layer_{name}" for name in names), row.pop("layer_fees") / 10)
    for row in cut["decisions"]:
        row |= dict.fromkeys((f"pick_{name}" for name in names), row.pop("pick_fees"))
    layers = (*(Layer(name=name) for name in names), Layer(name="cap"))
    system = replace(contest_system("probability"), layers=layers)
    story = ask(contest(tmp_path / "cut", cut, system=system), "y")
    found = {row["part"]: row["value"] for row in story.parts.to_pylist()}
    share = story.sides.to_pylist()[0]["share"]
    assert sum(found.values()) == pytest.approx(share, abs=1e-12)
    assert "14 terms are too many to replay each subset of" in story.told
    whole = contest(tmp_path / "whole", rows)
    groups = {"other features": ("amount", "bank")}
    terms = explained_terms(whole.system, whole.records, WINDOW, ["TRUE"], groups)
    moves = aumann_moves(terms.utilities, "y")
    mean = terms.weight @ moves.values / terms.weight.sum()
    expected = dict(zip(terms.utilities.terms, mean, strict=True))
    for name in names:
        assert found[name] == pytest.approx(expected["fees"] / 10, abs=1e-9)
    assert found["cap"] == pytest.approx(expected["cap"], abs=1e-9)


def test_what_cannot_be_answered_says_why(tmp_path: Path) -> None:
    rows = contest_rows(11)
    obs = contest(tmp_path, rows)
    with pytest.raises(UnknownNameError, match="no candidate is called 'w'"):
        ask(obs, "w")
    with pytest.raises(ExplainError, match=r"where country = 'FR'.*pellucid attribute"):
        ask(obs, where="country = 'FR'")
    with pytest.raises(SpecError, match="contry"):
        ask(obs, where="contry = 'BR'")
    few = ask(obs, where="country = 'BR' AND card = 'on'")
    assert ("fewer than 30" in few.told) == (few.sides.to_pylist()[0]["n"] < 30)
    assert "pick what was picked in only" in few.told


def test_a_candidate_that_is_new_had_nothing_before(tmp_path: Path, monkeypatch) -> None:
    rows = contest_rows(12, count=90)
    launch = START + timedelta(days=2)
    for name in ("candidates", "attributions"):
        rows[name] = [row for row in rows[name]
                      if row["candidate_id"] != "z" or row["decided_at"] >= launch]  # fmt: skip
    for row in rows["decisions"]:
        if row["decided_at"] < launch:
            row |= {key: "x" for key in ("chosen", "pick_model", "pick_fees", "pick_cap")
                    if row[key] == "z"}  # fmt: skip
    obs = contest(tmp_path, rows)
    first, last = Window(START, launch), Window(launch, WINDOW.end)
    story = ask(obs, "z", window=last, baseline=first)
    assert story.sides.column("share")[1].as_py() == 0
    whole = ask(obs, "z")
    # However the window is cut into what is read at once, its decisions count.
    monkeypatch.setattr(traffic, "_MOST_ROWS", 1)
    cut = ask(obs, "z")
    assert cut.sides.column("n").to_pylist() == whole.sides.column("n").to_pylist()
    shares = [story.sides.column("share")[0].as_py() for story in (cut, whole)]
    assert shares[0] == pytest.approx(shares[1])
