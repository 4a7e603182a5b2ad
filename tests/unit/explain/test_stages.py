"""Layers whose picks were not logged: told as one with what comes next, and never as another's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from contests import START, contest, contest_rows, contest_system

from pellucid.explain.changes.change import share_change
from pellucid.explain.groups.contrast import why
from pellucid.explain.stages import find_stages, joined_stages
from pellucid.explain.traffic.layers import layer_effects
from pellucid.explain.traffic.traffic import why_traffic
from pellucid.windows import Window

WHOLE = Window(START, START + timedelta(days=4))
FIRST = Window(START, START + timedelta(days=2))
LAST = Window(FIRST.end, WHOLE.end)
NOTE = "No pick after Fees was logged: what it moved is told as one with Daily cap."


def logged_rows(seed: int, *, without: str = "", since: Window = WHOLE):
    """Return rows in which every pick is there, but for those of a layer in a window."""
    rows = contest_rows(seed, count=200)
    for row in rows["decisions"]:
        if row["pick_model"] is not None:
            row["pick_fees"] = row["pick_fees"] or row["pick_model"]
        if without and since.start <= row["decided_at"] < since.end:
            row[f"pick_{without}"] = None
    return rows


def test_a_layer_without_picks_joins_the_next() -> None:
    system = contest_system("log_odds")
    assert [stage.label for stage in joined_stages(system, ()).policy] == [
        "Model", "Fees", "Daily cap",
    ]  # fmt: skip
    found = joined_stages(system, {"fees"})
    assert [(stage.pick, stage.label) for stage in found.policy] == [
        ("pick_model", "Model"), ("pick_cap", "Fees and Daily cap"),
    ]  # fmt: skip
    assert found.notes == (NOTE,)
    found = joined_stages(system, {"fees", "cap"})
    assert len(found.policy) == 1
    assert found.last.label == "Fees, Daily cap and outside the policy"
    assert "they moved is told as one with what is outside the policy" in found.notes[0]


@pytest.mark.parametrize("since", [WHOLE, LAST])
def test_a_change_has_one_part_for_both(tmp_path: Path, since: Window) -> None:
    parts = []
    for name, without in (("all", ""), ("some", "fees")):
        obs = contest(tmp_path / name, logged_rows(3, without=without, since=since))
        story = share_change(obs.system, obs.records, "x", window=LAST, baseline=FIRST)
        parts.append({row["part"]: row["change"] for row in story.parts.to_pylist()})
    whole, joined = parts
    assert NOTE in story.notes
    expected = whole.pop("Fees") + whole.pop("Daily cap")
    assert joined.pop("Fees and Daily cap") == pytest.approx(expected, abs=1e-12)
    assert joined == pytest.approx(whole, abs=1e-12)


def test_the_last_layer_is_told_with_what_is_outside(tmp_path: Path) -> None:
    parts = []
    for name, without in (("all", ""), ("some", "cap")):
        obs = contest(tmp_path / name, logged_rows(4, without=without))
        story = share_change(obs.system, obs.records, "x", window=LAST, baseline=FIRST)
        parts.append({row["part"]: row["change"] for row in story.parts.to_pylist()})
    whole, joined = parts
    expected = whole.pop("Daily cap") + whole.pop("Outside the policy")
    found = joined.pop("Daily cap and outside the policy")
    assert found == pytest.approx(expected, abs=1e-12)
    assert joined == pytest.approx(whole, abs=1e-12)


def test_a_pick_that_is_missing_now_and_then_moved_nothing(tmp_path: Path) -> None:
    rows, filled = logged_rows(5), logged_rows(5)
    for row, other in zip(rows["decisions"][::10], filled["decisions"][::10], strict=True):
        row["pick_fees"], other["pick_fees"] = None, other["pick_model"]
    stories = []
    for name, own in (("rows", rows), ("filled", filled)):
        obs = contest(tmp_path / name, own)
        stories.append(share_change(obs.system, obs.records, "x", window=LAST, baseline=FIRST))
    assert stories[0].parts.column("change").to_pylist() == pytest.approx(
        stories[1].parts.column("change").to_pylist(), abs=1e-12
    )
    assert "The pick after Fees is missing in" in stories[0].told
    assert stories[1].unlogged == ()


def test_the_flow_and_effects_of_layers_are_of_both(tmp_path: Path) -> None:
    rows = logged_rows(6, without="fees")
    obs = contest(tmp_path, rows)
    flow = obs.flow(over=WHOLE)
    assert flow.stages[:2] == ("Model", "Fees and Daily cap")
    assert NOTE in flow.notes
    own = [row for row in rows["decisions"] if row["pick_model"] and row["chosen"]]
    moved = sum(row["decisions"] for row in flow.links.to_pylist()
                if row["stage"] == "Model" and row["is_moved"])  # fmt: skip
    assert flow.decisions == len(own)
    assert moved == sum(row["pick_model"] != row["pick_cap"] for row in own)
    answer = layer_effects(obs.system, obs.records, window=WHOLE)
    (effect,) = answer.effects.to_pylist()
    assert effect["layer"] == "fees and cap"
    eligible = {}
    for row in rows["candidates"]:
        if row["is_eligible"]:
            eligible[row["decision_id"], row["candidate_id"]] = row
    of_policy = [row for row in own if row["arm"] != "control"]
    assert answer.n == len(of_policy)
    both = [sum((eligible[row["decision_id"], row[pick]][f"layer_{name}"] or 0)
                for name in ("fees", "cap")) for row in of_policy
            for pick in ("pick_cap", "pick_model")]  # fmt: skip
    expected = sum(both[::2]) - sum(both[1::2])
    assert effect["own"] == pytest.approx(expected / len(of_policy))
    assert effect["moved"] == pytest.approx(
        sum(row["pick_model"] != row["pick_cap"] for row in of_policy) / len(of_policy)
    )
    assert NOTE in answer.told


def test_traffic_tells_movers_as_one_and_replays_terms(tmp_path: Path) -> None:
    stories = []
    for name, without in (("all", ""), ("some", "fees")):
        rows = logged_rows(7, without=without)
        for row in rows["candidates"]:
            row["layer_fees"] = row["layer_cap"] = 0.0
        obs = contest(tmp_path / name, rows, scale="log_odds")
        stories.append(why_traffic(obs.system, obs.records, "y", window=WHOLE))
    whole, joined = ({row["label"]: row["value"] for row in story.parts.to_pylist()}
                     for story in stories)  # fmt: skip
    expected = whole.pop("Fees") + whole.pop("Daily cap")
    assert joined.pop("Fees and Daily cap") == pytest.approx(expected, abs=1e-12)
    assert joined == pytest.approx(whole, abs=1e-12)
    assert NOTE in stories[1].told


def test_a_layer_that_adds_terms_is_not_told_as_the_one_that_moves_after_it(tmp_path: Path) -> None:
    """Its terms say what it moved, so that the pick before the next layer is known all the same."""
    stories = []
    for name, without in (("all", ""), ("some", "fees")):
        rows = logged_rows(8, without=without)
        best = {}
        for row in rows["candidates"]:
            row["layer_cap"] = 0.0
            if row["is_eligible"]:
                own = best.setdefault(row["decision_id"], [])
                own.append((row["raw_score"], row["raw_score"] + row["layer_fees"],
                            row["candidate_id"]))  # fmt: skip
        for row in rows["decisions"]:
            if row["pick_model"] and row["decision_id"] in best:
                own = best[row["decision_id"]]
                row["pick_model"] = max(own)[2]
                row["pick_fees"] = max((fee, who) for _, fee, who in own)[1]
                row["pick_cap"] = row["chosen"]
                row["pick_fees"] = None if without else row["pick_fees"]
        obs = contest(tmp_path / name, rows, scale="log_odds")
        stories.append(why_traffic(obs.system, obs.records, "y", window=WHOLE))
    whole, other = ({row["label"]: row["value"] for row in story.parts.to_pylist()}
                    for story in stories)  # fmt: skip
    assert other == pytest.approx(whole, abs=1e-9)
    assert abs(whole["Daily cap"]) > 0.001


def test_what_flipped_a_pair_is_named_by_both(tmp_path: Path) -> None:
    rows = logged_rows(9, without="fees")
    for row in rows["decisions"]:
        row["pick_cap"] = row["pick_cap"] and row["chosen"]
    obs = contest(tmp_path, rows)
    answer = why(obs.system, obs.records, "x", "y", window=WHOLE)
    layers = set(answer.flips.column("layer").to_pylist())
    assert "Fees and Daily cap" in layers
    assert not layers & {"Fees", "Daily cap"}
    assert NOTE in answer.told


def test_where_the_model_logs_no_pick_every_layer_is_kept(tmp_path: Path) -> None:
    rows = logged_rows(10)
    for row in rows["decisions"]:
        row |= {"pick_model": None, "pick_fees": None, "pick_cap": None}
    obs = contest(tmp_path, rows)
    found = find_stages(obs.system, obs.records, (WHOLE,))
    assert [stage.label for stage in found.policy] == ["Model", "Fees", "Daily cap"]
    assert found.notes == ()
