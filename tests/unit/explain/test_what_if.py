"""Other policies over logged decisions: replayed in plain loops, and by what must always hold."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from contests import LAYERS, START, Rows, contest, contest_rows, mean_and_error
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import ExplainError, UnknownNameError
from pellucid.explain.traffic.layers import layer_effects
from pellucid.explain.traffic.policy import (
    AddToLayer,
    CapShare,
    Cutoff,
    DropLayer,
    PolicyChange,
    ScaleLayer,
    capped_picks,
)
from pellucid.explain.traffic.story import WhatIf
from pellucid.explain.traffic.utilities import Utilities, picks
from pellucid.explain.traffic.whatif import what_if
from pellucid.windows import Window

WINDOW = Window(START, START + timedelta(days=4))


def ask(obs, *changes: PolicyChange, **options) -> WhatIf:
    return what_if(obs.system, obs.records, changes, window=WINDOW, **options)


def consistent_rows(seed: int, count: int = 120) -> dict[str, Rows]:
    """Return contest rows whose picks are what their terms make, but for each tenth decision."""
    rows = contest_rows(seed, count=count)
    for decision in rows["decisions"]:
        own = [row for row in rows["candidates"] if row["is_eligible"]
               and row["decision_id"] == decision["decision_id"]]  # fmt: skip
        if not own or decision["arm"] == "control":
            continue
        total = np.array([row["probability"] for row in own])
        names = [row["candidate_id"] for row in own]
        decision["pick_model"] = names[int(total.argmax())]
        for layer in LAYERS:
            total = total + np.array([row[f"layer_{layer}"] or 0 for row in own])
            decision[f"pick_{layer}"] = names[int(total.argmax())]
        decision["chosen"] = decision["pick_cap"]
        if int(decision["decision_id"][1:]) % 10 == 3:
            decision["chosen"] = names[0]
    return rows


def replayed(rows: dict[str, Rows], utility) -> list[tuple[dict, str, str | None, dict]]:
    """Return decision, logged and changed pick, and rows by candidate, of each replayed one."""
    found = []
    for decision in rows["decisions"]:
        own = [row for row in rows["candidates"] if row["is_eligible"]
               and row["decision_id"] == decision["decision_id"]]  # fmt: skip
        if not own or decision["arm"] == "control" or decision["pick_model"] is None:
            continue
        plain = {row["candidate_id"]: sum(
            [row["probability"], row["layer_fees"] or 0, row["layer_cap"] or 0]
        ) for row in own}  # fmt: skip
        changed = {row["candidate_id"]: utility(row) for row in own}
        changed = {name: value for name, value in changed.items() if value is not None}
        after = max(changed, key=changed.__getitem__) if changed else None
        if max(plain, key=plain.__getitem__) != decision["chosen"]:
            after = decision["chosen"]
        found.append((decision, decision["chosen"], after, {r["candidate_id"]: r for r in own}))
    return found


CHANGES = {
    "drop": ((DropLayer("fees"),), lambda row: row["probability"] + (row["layer_cap"] or 0)),
    "scale": (
        (ScaleLayer("fees", 3.0, "x"),),
        lambda row: row["probability"] + (row["layer_cap"] or 0)
        + row["layer_fees"] * (3 if row["candidate_id"] == "x" else 1),
    ),
    "add": (
        (AddToLayer("cap", 0.2, "z"), DropLayer("fees")),
        lambda row: row["probability"] + (row["layer_cap"] or 0)
        + (0.2 if row["candidate_id"] == "z" else 0),
    ),
    "cutoff": (
        (Cutoff(0.7),),
        lambda row: None if row["probability"] < 0.7 else row["probability"] + row["layer_fees"]
        + (row["layer_cap"] or 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_it_is_what_replaying_each_decision_gives(tmp_path: Path, kind: str) -> None:
    rows = consistent_rows(1)
    changes, utility = CHANGES[kind]
    answer = ask(contest(tmp_path, rows), *changes)
    found = replayed(rows, utility)
    assert answer.n == len(found)
    before = Counter(logged for _, logged, _, _ in found)
    after = Counter(changed or "nobody" for _, _, changed, _ in found)
    shares = {row["candidate"]: row for row in answer.shares.to_pylist()}
    days = np.array([decision["decided_at"].date().toordinal() for decision, *_ in found])
    for name in {*before, *after}:
        assert shares[name]["share_before"] == pytest.approx(before[name] / len(found))
        assert shares[name]["share_after"] == pytest.approx(after[name] / len(found))
        change = np.array([[float((new or "nobody") == name) - (old == name)]
                           for _, old, new, _ in found])  # fmt: skip
        mean, error = mean_and_error(change, np.ones(len(found)), days)
        assert shares[name]["change"] == pytest.approx(mean[0])
        assert shares[name]["error"] == pytest.approx(error[0])
    moves = Counter((old, new or "nobody") for _, old, new, _ in found if old != new)
    assert {(row["source"], row["target"]): row["decisions"] for row in answer.moves.to_pylist()} \
        == moves  # fmt: skip
    assert answer.moved == pytest.approx(sum(moves.values()) / len(found))
    expected = [(own[old]["probability"], own[new]["probability"])
                for _, old, new, own in found if new]  # fmt: skip
    outcome = answer.means.to_pylist()[0]
    assert (outcome["before"], outcome["after"]) == pytest.approx(tuple(np.mean(expected, axis=0)))
    assert f"{100 * answer.moved:.1f}%" in answer.told


def test_what_changes_nothing_moves_nobody(tmp_path: Path) -> None:
    obs = contest(tmp_path, consistent_rows(2))
    for change in (ScaleLayer("fees", 1.0), AddToLayer("cap", 0.3), CapShare("x", 1.0)):
        answer = ask(obs, change)
        assert (answer.moved, answer.moves.num_rows) == (0.0, 0)
        assert "not one of" in answer.told


def test_a_cap_holds_on_each_day(tmp_path: Path) -> None:
    rows = consistent_rows(3, count=200)
    for decision in rows["decisions"]:
        if decision["pick_cap"]:
            decision["chosen"] = decision["pick_cap"]
    obs = contest(tmp_path, rows)
    assert "The cap of x cannot be held" in ask(obs, CapShare("x", 0.0)).told
    answer = ask(obs, CapShare("x", 0.1))
    assert answer.fidelity == pytest.approx(1)
    share = {row["candidate"]: row["share_after"] for row in answer.shares.to_pylist()}
    alone = sum(
        len(own) == 1 and "x" in own for _, _, _, own in replayed(rows, lambda row: 0.0)
    ) / answer.n  # fmt: skip
    assert share["x"] <= 0.1 + alone + 1e-9
    assert {row["source"] for row in answer.moves.to_pylist()} == {"x"}


@given(st.integers(0, 5_000), st.floats(0, 1))
def test_a_cap_moves_the_closest_and_no_more_than_it_must(seed: int, share: float) -> None:
    draw = np.random.default_rng(seed)
    base, day = draw.normal(size=(60, 3)), draw.integers(0, 3, 60)
    utilities = Utilities(("x", "y", "z"), (), base, np.empty((0, 60, 3)))
    before = picks(utilities)
    after = capped_picks(utilities, [CapShare("x", share)], day, np.ones(60))
    margin = base[:, 0] - base[:, 1:].max(axis=1)
    for one in range(3):
        of_day = day == one
        count = (after[of_day] == 0).sum()
        assert count == min((before[of_day] == 0).sum(), int(share * of_day.sum() + 1e-9))
        moved = of_day & (before == 0) & (after != 0)
        kept = of_day & (after == 0)
        if moved.any() and kept.any():
            assert margin[moved].max() <= margin[kept].min()
        assert (after[moved] == 1 + base[moved, 1:].argmax(axis=1)).all()
    assert (after[before != 0] == before[before != 0]).all()


def test_layers_are_named_as_people_call_them_or_by_name(tmp_path: Path) -> None:
    obs = contest(tmp_path, consistent_rows(4))
    by_label, by_name = ask(obs, DropLayer("Daily cap")), ask(obs, DropLayer("cap"))
    assert by_label == by_name
    assert by_label.changes == (DropLayer("cap"),)
    assert by_label.told.startswith("With no Daily cap, ")
    assert ask(obs, ScaleLayer("Fees", 2.0, "x")).told.startswith("With Fees of x × 2, ")
    with pytest.raises(UnknownNameError, match="no layer is called 'Daily cup'"):
        ask(obs, DropLayer("Daily cup"))


def test_effects_of_layers_are_those_of_the_logged_picks(tmp_path: Path) -> None:
    rows = consistent_rows(4)
    obs = contest(tmp_path, rows)
    answer = layer_effects(obs.system, obs.records, window=WINDOW)
    values, days = [], []
    for decision, _, _, own in replayed(rows, lambda row: 0.0):
        if decision["pick_fees"] is None or decision["chosen"] is None:
            continue
        stages = [decision[f"pick_{name}"] for name in ("model", *LAYERS)]
        line = []
        for layer, (old, new) in zip(LAYERS, pairwise(stages), strict=True):
            gain = own[new]["probability"] - own[old]["probability"]
            term = (own[new][f"layer_{layer}"] or 0) - (own[old][f"layer_{layer}"] or 0)
            line += [float(old != new), gain, term]
        values.append(line)
        days.append(decision["decided_at"].date().toordinal())
    means, errors = mean_and_error(np.array(values), np.ones(len(values)), np.array(days))
    found = answer.effects.to_pylist()
    for place, row in enumerate(found):
        own_means, own_errors = means[3 * place :][:3], errors[3 * place :][:3]
        assert [row[name] for name in ("moved", "outcome", "own")] == pytest.approx(own_means)
        assert [row[f"{name}_error"] for name in ("moved", "outcome", "own")] == pytest.approx(
            own_errors
        )
        assert row["outcomes"] == pytest.approx(own_means[1] * len(values))


def test_the_flow_ends_in_outcomes(tmp_path: Path) -> None:
    from pellucid.observatory import open_system
    from pellucid.testing.scenarios import small_lake

    small_lake(tmp_path, seed=3)
    obs = open_system(tmp_path)
    where = "attempt = 1"
    flow = obs.flow(where=where)
    asked = obs.query("approval_rate", by=["chosen"],
                      where=f"{where} AND pick_model IS NOT NULL").finest  # fmt: skip
    rates = {row["chosen"]: row["value"] for row in asked.to_pylist()}
    for row in flow.results.to_pylist():
        assert row["decisions"] == row["decided"] + row["pending"]
        assert row["positive"] / row["decided"] == pytest.approx(rates[row["candidate"]])
    assert sum(flow.results.column("decisions").to_pylist()) == flow.decisions


def test_what_cannot_be_answered_says_why(tmp_path: Path) -> None:
    obs = contest(tmp_path, consistent_rows(5))
    with pytest.raises(ExplainError, match="nothing is changed"):
        ask(obs)
    with pytest.raises(UnknownNameError, match=r"no layer is called 'fee'.*fees"):
        ask(obs, DropLayer("fee"))
    with pytest.raises(UnknownNameError, match="no candidate is called 'w'"):
        ask(obs, CapShare("w", 0.5))
    with pytest.raises(ExplainError, match="not a share between 0 and 1"):
        ask(obs, CapShare("x", 1.5))
    with pytest.raises(ExplainError, match="not a finite number"):
        ask(obs, ScaleLayer("fees", float("nan")))
    with pytest.raises(ExplainError, match="none can be replayed"):
        ask(obs, DropLayer("fees"), where="country = 'FR'")


def test_a_pick_that_was_no_candidate_is_taken_to_go_on(tmp_path: Path) -> None:
    rows = consistent_rows(6)
    for decision in rows["decisions"][:5]:
        if decision["pick_model"] is not None:
            decision["chosen"] = "ghost"
    answer = ask(contest(tmp_path, rows), DropLayer("fees"))
    ghost = next(row for row in answer.shares.to_pylist() if row["candidate"] == "ghost")
    assert ghost["share_before"] == ghost["share_after"] > 0


def test_those_that_go_to_nobody_are_said_to_be_left_out(tmp_path: Path) -> None:
    answer = ask(contest(tmp_path, consistent_rows(7)), Cutoff(0.75))
    assert "would go to nobody; they are not in what is expected" in answer.told
