"""A change replayed with parts of either period: plain loops over the same decisions decide."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from contests import mean_and_error
from twin_periods import (
    AFTER,
    BEFORE,
    PLAYERS,
    ROUTES,
    START,
    Period,
    Row,
    columns_of,
    drawn_period,
    influences,
    log_model,
    mixed,
    pick,
    records,
    shapley,
    share,
    twin_system,
    twins,
)

from pellucid.cli import main
from pellucid.errors import ExplainError, SpecError, UnknownNameError
from pellucid.explain.changes.replay_story import ReplayedChange
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Layer
from pellucid.testing.worlds import EligibilityRule, FeeChange, WorldConfig, payment_world
from pellucid.windows import Window


def logged(
    log: Logger, periods: Sequence[Period], decisions: Sequence[Row], candidates: Sequence[Row],
    *, without: Sequence[str] = (),
) -> None:  # fmt: skip
    for side, period in enumerate(periods):
        log_model(log, side, period.weights)
    for name, rows in (("decisions", decisions), ("candidates", candidates)):
        log.table(name, columns_of(rows, without=without)).raise_for_refused()


def ask(obs: Observatory, candidate: str = "south", **options) -> ReplayedChange:
    return obs.replay_change(candidate, **{"window": AFTER, "baseline": BEFORE, **options})


def changes(answer: ReplayedChange) -> dict[str, float]:
    return {row["part"]: row["change"] for row in answer.parts.to_pylist()}


def handled(answer: ReplayedChange) -> dict[str, str]:
    return {part.name: part.handling for part in answer.components}


@pytest.mark.parametrize("part", PLAYERS)
@pytest.mark.parametrize("seed", range(3))
def test_what_alone_changed_made_the_whole_change(tmp_path: Path, seed: int, part: str) -> None:
    before = drawn_period(seed)
    after = mixed(before, drawn_period(seed + 50), [part])
    answer = ask(twins(tmp_path, before, after))
    moved = share(after, "south") - share(before, "south")
    found = changes(answer)
    assert found.pop(part) == pytest.approx(moved, abs=1e-12)
    assert list(found.values()) == pytest.approx([0.0] * len(found), abs=1e-12)
    assert answer.sides.column("fidelity").to_pylist() == [1.0, 1.0]


@pytest.mark.parametrize("reason", [None, "not_served"])
@pytest.mark.parametrize("seed", range(4))
def test_all_that_changed_is_shared_as_over_all_orders(
    tmp_path: Path, seed: int, reason: str | None
) -> None:
    before, after = drawn_period(seed), drawn_period(seed + 50)
    answer = ask(twins(tmp_path, before, after, reason=reason))
    found = changes(answer)
    expected = shapley(before, after, "south")
    assert found == pytest.approx(expected | {"rest": 0.0}, abs=1e-12)
    assert (answer.before, answer.after) == pytest.approx(
        (share(before, "south"), share(after, "south"))
    )
    assert sum(found.values()) == pytest.approx(answer.after - answer.before, abs=1e-12)
    assert handled(answer) == {"eligibility": "swapped", "model": "swapped", "fees": "swapped",
                               "luck": "with its decisions", "desk": "not replayed"}  # fmt: skip
    known = {part.name: part.known_by for part in answer.components}
    assert known["fees"] == ("country",)
    assert known["eligibility"] == ("card",)
    back = ask(twins(tmp_path / "back", after, before, reason=reason))
    assert changes(back) == pytest.approx({key: -value for key, value in found.items()}, abs=1e-12)


@pytest.mark.parametrize("seed", range(2))
def test_errors_are_of_what_each_decision_adds(tmp_path: Path, seed: int) -> None:
    before, after = drawn_period(seed), drawn_period(seed + 50)
    answer = ask(twins(tmp_path, before, after))
    variance = np.zeros(len(PLAYERS))
    for side, period in enumerate((before, after)):
        weight = np.array([decision["weight"] for decision in period.decisions])
        day = np.array([decision["day"] for decision in period.decisions])
        values = influences(before, after, "south", side)
        variance += mean_and_error(values, weight, day)[1] ** 2
    rows = {row["part"]: row["error"] for row in answer.parts.to_pylist()}
    assert [rows[name] for name in PLAYERS] == pytest.approx(np.sqrt(variance).tolist())


def test_what_the_replay_misses_is_a_part_of_its_own(tmp_path: Path) -> None:
    """A desk sends some decisions elsewhere, which logs a pick and no term."""
    before, after = drawn_period(1), drawn_period(51)
    desk = {f"d1-{number}": "north" for number in range(20)}
    answer = ask(twins(tmp_path, before, after, desk=desk))
    weight = [decision["weight"] for decision in after.decisions]
    picks = [pick(decision, after) for decision in after.decisions]
    lost = sum(w for w, route in zip(weight[:20], picks[:20], strict=True) if route == "south")
    same = sum(weight[20:]) + sum(
        w for w, route in zip(weight[:20], picks[:20], strict=True) if route == "north"
    )
    found = changes(answer)
    assert lost > 0
    assert found.pop("rest") == pytest.approx(-lost / sum(weight), abs=1e-12)
    assert found == pytest.approx(shapley(before, after, "south"), abs=1e-12)
    assert answer.sides.column("fidelity").to_pylist() == pytest.approx([1.0, same / sum(weight)])
    assert "Desk: picks without terms are logged" in answer.told
    assert "Luck: no table of the candidate" in answer.told
    assert "misses much of what was picked" in answer.told


def test_drawn_decisions_still_add_up_to_all_of_them(tmp_path: Path) -> None:
    before, after = drawn_period(2, count=400), drawn_period(52, count=300)
    obs = twins(tmp_path, before, after)
    drawn = ask(obs, most_decisions=150)
    assert drawn.sides.column("n").to_pylist() == [150, 150]
    found = changes(drawn)
    moved = share(after, "south") - share(before, "south")
    assert sum(found.values()) == pytest.approx(moved, abs=1e-12)
    assert found["drawn"] != 0
    assert "the luck of the draw" in drawn.told
    whole = ask(obs)
    assert "drawn" not in changes(whole)
    back = ask(obs, most_decisions=150, window=BEFORE, baseline=AFTER)
    assert changes(back) == pytest.approx({key: -value for key, value in found.items()}, abs=1e-12)
    for row in drawn.parts.to_pylist()[:-1]:
        assert abs(row["change"] - changes(whole)[row["part"]]) < 5 * row["error"] + 0.02


def test_control_arm_and_kinds_that_one_period_lacks_are_said(tmp_path: Path) -> None:
    before, after = drawn_period(3), drawn_period(53)
    without = tuple(one | {"country": "BR" if one["country"] == "MX" else one["country"]}
                    for one in before.decisions)  # fmt: skip
    before = replace(before, decisions=without)
    decisions, _ = records(before, after, desk={}, reason=None)
    control = [row | {"decision_id": f"c{n}", "arm": "control", "model_id": None}
               for n, row in enumerate(decisions[:30])]  # fmt: skip
    answer = ask(twins(tmp_path, before, after, control=control))
    assert answer.sides.column("n").to_pylist() == [60, 60]
    left_out = answer.sides.column("left_out").to_pylist()
    weight = [row["sample_weight"] for row in decisions]
    assert left_out == pytest.approx([sum(weight[:30]) / sum(weight[:60] + weight[:30]), 0.0])
    assert "what no model decided, such as the control arm's" in answer.told
    # The baseline has no fee for MX: what it is sent there keeps the window's own.
    of_mx = sum(one["country"] == "MX" for one in after.decisions)
    fees = next(part for part in answer.components if part.name == "fees")
    allowed = {card: [route for route in ROUTES if not {(route, card)} <= before.banned
                      & after.banned] for card in ("debit", "credit")}  # fmt: skip
    kept = sum(len(allowed[one["card"]]) for one in after.decisions if one["country"] == "MX")
    assert of_mx
    assert fees.own_kept == pytest.approx(kept / (120 * len(ROUTES)))
    assert "of a kind of which the other period tells nothing" in answer.told
    borrowed = replace(before, fees={
        key: after.fees[key] if key[1] == "MX" else fee for key, fee in before.fees.items()
    })  # fmt: skip
    expected = shapley(borrowed, after, "south") | {"rest": 0.0}
    assert changes(answer) == pytest.approx(expected, abs=1e-12)


def test_terms_of_a_route_that_was_never_allowed_are_those_of_the_period_that_allowed_it(
    tmp_path: Path,
) -> None:
    before, after = drawn_period(7), drawn_period(57)
    after = replace(after, banned=frozenset())
    before = replace(before, banned=frozenset({("south", "debit"), ("south", "credit")}))
    answer = ask(twins(tmp_path, before, after))
    assert answer.before == 0
    known = replace(before, fees={
        key: after.fees[key] if key[0] == "south" else fee for key, fee in before.fees.items()
    })  # fmt: skip
    expected = shapley(known, after, "south") | {"rest": 0.0}
    assert changes(answer) == pytest.approx(expected, abs=1e-12)


def test_what_is_logged_of_those_who_were_not_allowed_is_no_term(tmp_path: Path) -> None:
    """Many log 0 for a candidate that a rule removed; its fee is that of its kind."""
    before, after = drawn_period(1), drawn_period(51)
    decisions, candidates = records(before, after, desk={}, reason=None)
    for row in candidates:
        row["layer_fees"] = row["layer_fees"] or 0.0
    logged(Logger(twin_system(), to=tmp_path), (before, after), decisions, candidates)
    expected = shapley(before, after, "south") | {"rest": 0.0}
    assert changes(ask(open_system(tmp_path))) == pytest.approx(expected, abs=1e-12)


def test_the_paragraph_gives_the_numbers_of_the_tables(tmp_path: Path) -> None:
    before, after = drawn_period(4), drawn_period(54)
    answer = ask(twins(tmp_path, before, after), where="country <> 'MX'")
    own = [replace(period, decisions=tuple(one for one in period.decisions
                                           if one["country"] != "MX"))
           for period in (before, after)]  # fmt: skip
    assert (answer.before, answer.after) == pytest.approx(
        tuple(share(period, "south") for period in own)
    )
    assert changes(answer) == pytest.approx(shapley(*own, "south") | {"rest": 0.0}, abs=1e-12)
    assert f"to {100 * answer.after:.1f}% of" in answer.told
    assert "where country <> 'MX'" in answer.told
    assert "picks what was picked in 100.0% of" in answer.told


def test_several_models_and_new_candidates_are_said(tmp_path: Path) -> None:
    """A route that one period never considered moves with its decisions."""
    before, after = drawn_period(5), drawn_period(55)
    log = Logger(twin_system(), to=tmp_path)
    decisions, candidates = records(before, after, desk={}, reason=None)
    for row in decisions[:10]:
        row["model_id"] = "m:1"
    early = {row["decision_id"] for row in decisions if row["decided_at"] < AFTER.start}
    candidates = [
        row for row in candidates
        if row["candidate_id"] != "west" or row["decision_id"] not in early
    ]  # fmt: skip
    decisions = [
        row for row in decisions if row["chosen"] != "west" or row["decision_id"] not in early
    ]
    logged(log, (before, after), decisions, candidates)
    answer = ask(open_system(tmp_path))
    assert answer.newcomers == ("west",)
    assert answer.models == ("m:0", "m:1")
    assert "west was considered in one of the two only" in answer.told


def test_the_command_prints_it_below(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    obs = twins(tmp_path, drawn_period(8), drawn_period(58))
    asked = ["--of", "south", "--over", "2026-06-04..2026-06-07", "--lake", str(tmp_path)]
    assert main(["change", "traffic_share", "--replay", *asked]) == 0
    printed = capsys.readouterr().out
    answer = ask(obs)
    told = obs.why_changed("traffic_share", candidate="south", window=AFTER, baseline=BEFORE).told
    assert printed.index(told) < printed.index(answer.told)
    lines = [line.split() for line in printed.splitlines()]
    assert ["Fees", "swapped", "candidate,", "country"] in lines
    assert ["Model", "version", "swapped", "m:0,", "m:1"] in lines
    assert ["Luck", "with", "its", "decisions"] in lines
    assert any(line[:2] == ["Eligibility", "rules"] and line[-1] == "pp" for line in lines)
    assert main(["change", "traffic_share", "--replay", "--format", "json", *asked]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["part"]: row["change"] for row in rows} == changes(answer)
    assert main(["change", "approval_rate", "--replay", *asked]) == 2
    assert "--replay is of traffic_share only" in capsys.readouterr().err


def test_errors_teach(tmp_path: Path) -> None:
    before, after = drawn_period(6), drawn_period(56)
    obs = twins(tmp_path / "one", before, after)
    with pytest.raises(UnknownNameError, match="no candidate is called 'east'"):
        ask(obs, "east")
    with pytest.raises(ExplainError, match="the windows overlap"):
        ask(obs, baseline=Window(BEFORE.start, AFTER.end))
    with pytest.raises(ExplainError, match=r"the baseline .* has no decision that names its model"):
        ask(obs, baseline=Window(START - timedelta(days=9), START))
    with pytest.raises(SpecError, match="where"):
        ask(obs, where="chosn = 'x'")
    bare = twins(tmp_path / "two", before, after, models=[1])
    with pytest.raises(ExplainError, match="file of model 'm:0' was not logged"):
        ask(bare)


def test_a_feature_that_one_period_lacks_is_named(tmp_path: Path) -> None:
    before, after = drawn_period(6), drawn_period(56)
    log = Logger(twin_system(), to=tmp_path)
    decisions, candidates = records(before, after, desk={}, reason=None)
    for row in candidates:
        if row["decided_at"] < AFTER.start:
            row["f_speed"] = None
    logged(log, (replace(before, weights=(1.0,)), after), decisions, candidates)
    told = r"model 'm:1' needs speed, which the decisions of the baseline .* do not have"
    with pytest.raises(ExplainError, match=told):
        ask(open_system(tmp_path))


def test_a_policy_without_layers_is_its_model(tmp_path: Path) -> None:
    before, after = (
        replace(period, fees=dict.fromkeys(period.fees, 0.0),
                decisions=tuple(one | {"luck": [0.0] * 3} for one in period.decisions))
        for period in (drawn_period(9), drawn_period(59))
    )  # fmt: skip
    log = Logger(replace(twin_system(), layers=()), to=tmp_path)
    decisions, candidates = records(before, after, desk={}, reason="rule")
    logged(log, (before, after), decisions, candidates,
           without=("layer_fees", "layer_luck", "pick_model", "pick_fees", "pick_luck",
                    "pick_desk"))  # fmt: skip
    expected = shapley(before, after, "south") | {"rest": 0.0}
    del expected["fees"]
    assert changes(ask(open_system(tmp_path))) == pytest.approx(expected, abs=1e-12)


def test_who_was_not_allowed_must_be_logged_to_tell_of_rules(tmp_path: Path) -> None:
    before, after = drawn_period(2), drawn_period(52)
    decisions, candidates = records(before, after, desk={}, reason=None)
    allowed = [row for row in candidates if row["is_eligible"]]
    assert len(allowed) < len(candidates)
    log = Logger(twin_system(), to=tmp_path)
    logged(log, (before, after), decisions, allowed)
    answer = ask(open_system(tmp_path))
    assert handled(answer)["eligibility"] == "with its decisions"
    assert "Eligibility rules and Luck: no table" in answer.told
    found = changes(answer)
    assert set(found) == {"population", "model", "fees", "rest"}
    assert sum(found.values()) == pytest.approx(share(after, "south") - share(before, "south"))


def test_reasons_that_name_no_rule_are_taken_as_one(tmp_path: Path) -> None:
    before, after = drawn_period(3, count=120), drawn_period(53, count=120)
    decisions, candidates = records(before, after, desk={}, reason="x")
    for number, row in enumerate(candidates):
        row["ineligible_reason"] = row["ineligible_reason"] and f"rule matched at {number}"
    log = Logger(twin_system(), to=tmp_path)
    logged(log, (before, after), decisions, candidates)
    answer = ask(open_system(tmp_path))
    assert handled(answer)["eligibility"] == "swapped"
    assert answer.components[0].known_by == ("card",)
    assert answer.components[0].stays == ()
    assert changes(answer) == pytest.approx(
        shapley(before, after, "south") | {"rest": 0.0}, abs=1e-12
    )


def test_too_many_factors_are_refused(tmp_path: Path) -> None:
    layers = tuple(Layer(name=f"l{n}") for n in range(13))
    log = Logger(replace(twin_system(), layers=layers), to=tmp_path)
    before, after = drawn_period(6), drawn_period(56)
    decisions, candidates = records(before, after, desk={}, reason=None)
    for row in candidates:
        row |= {f"layer_l{n}": float(row["decided_at"] < AFTER.start) + n for n in range(13)}
    logged(log, (before, after), decisions, candidates,
           without=("layer_fees", "layer_luck", "pick_fees", "pick_luck", "pick_desk"))  # fmt: skip
    with pytest.raises(ExplainError, match="factors differ between the periods, too many"):
        ask(open_system(tmp_path))


PLANTED = {
    "fees": (FeeChange, {"route": "elm-direct", "factor": 8.0}),
    "eligibility": (EligibilityRule, {"route": "elm-direct", "country": "US"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("part", PLANTED)
def test_a_planted_change_is_what_the_world_without_it_says(tmp_path: Path, part: str) -> None:
    """Worlds that differ in one incident share payments and luck: their gap is the truth.

    With this seed the model hardly weighs the fee, which it sees too: else a part of that gap would
    be in the features of those who came.
    """
    made, options = PLANTED[part]
    middle = WorldConfig().live_start_at + timedelta(days=14)
    after = Window(middle, middle + timedelta(days=14))
    shares = []
    for place, incidents in enumerate(([], [made(start_at=middle, **options)])):
        world = payment_world(decisions=12_000, seed=3, incidents=incidents)
        log = Logger(world.system, to=tmp_path / str(place))
        world.log_models(log)
        for name in ("decisions", "candidates"):
            log.table(name, world.tables[name]).raise_for_refused()
        obs = open_system(tmp_path / str(place))
        answer = obs.replay_change("elm-direct", window=after)
        shares.append(answer.after)
    found = changes(answer)
    truth = shares[1] - shares[0]
    assert truth < -0.02
    assert found[part] == pytest.approx(truth, abs=0.1 * abs(truth) + 0.003)
    assert max(found, key=lambda name: abs(found[name])) == part
    assert min(answer.sides.column("fidelity").to_pylist()) > 0.999
    assert abs(found["model"]) < 1e-12
    known = {part.name: part.known_by for part in answer.components}
    assert known["fees"] == ("currency", "1/amount")
    assert known["guardrail"] == ("amount_band",)
    assert set(answer.components[0].stays) == {"already_tried", "amount_above_cap"}
