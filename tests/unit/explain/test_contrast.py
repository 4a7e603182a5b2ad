"""Why A and not B: parts that add up to the margin, held to brute force over the rows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from contests import FEATURES, LAYERS, START, Rows, contest, contest_rows, mean_and_error, unnamed

from pellucid.errors import ExplainError, SpecError, UnknownNameError
from pellucid.explain.groups.contrast import Contrast, why
from pellucid.stats.student import half_width
from pellucid.windows import Window

WINDOW = Window(START, START + timedelta(days=4))
PARTS = ["base", *FEATURES, *LAYERS, "residual"]


def ask(obs, a="x", b="y", **options) -> Contrast:
    return why(obs.system, obs.records, a, b, window=WINDOW, **options)


def brute(rows: dict[str, Rows], a: str, b: str, scale: str, country: str = ""):
    """Return n, weights, and the parts of every decision in which both were eligible."""
    scored = {(row["decision_id"], row["candidate_id"]): row for row in rows["candidates"]}
    explained = {
        (row["decision_id"], row["candidate_id"]): row for row in rows["attributions"]
        if row["model_id"] == "m:1"
    }  # fmt: skip
    parts, weights, days, kept = [], [], [], []
    for decision in rows["decisions"]:
        keys = [(decision["decision_id"], name) for name in (a, b)]
        if (country and decision["country"] != country) or not all(
            key in explained and scored[key]["is_eligible"] for key in keys
        ):
            continue
        one, two = (scored[key] for key in keys)
        left, right = (explained[key] for key in keys)
        gap = one["raw_score"] - two["raw_score"]
        score, ratio = gap, 1.0
        if scale == "probability":
            score = one["probability"] - two["probability"]
            ratio = score / gap
        bars = [
            ratio * (float(left[key]) - float(right[key]))
            for key in ("base_value", "a_amount", "a_bank")
        ]
        terms = [(one[f"layer_{x}"] or 0) - (two[f"layer_{x}"] or 0) for x in LAYERS]
        parts.append([*bars, *terms, score - sum(bars)])
        weights.append(left["sample_weight"] or 1.0)
        days.append(decision["decided_at"].date().toordinal())
        kept.append((decision, score))
    return np.array(parts), np.array(weights), np.array(days), kept


@pytest.mark.parametrize("scale", ["probability", "log_odds"])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_the_rows_say(tmp_path: Path, seed: int, scale: str) -> None:
    rows = contest_rows(seed)
    parts, weights, days, _ = brute(rows, "x", "y", scale, country="BR")
    answer = ask(contest(tmp_path, rows, scale=scale), where="country = 'BR'")
    assert (answer.n, answer.days) == (len(parts), len(set(days)))
    assert answer.decisions == pytest.approx(weights.sum())
    means, errors = mean_and_error(parts, weights, days)
    found = {row["part"]: row for row in answer.parts.to_pylist()}
    assert [found[part]["mean"] for part in PARTS] == pytest.approx(list(means), abs=1e-12)
    assert [found[part]["error"] for part in PARTS] == pytest.approx(list(errors), abs=1e-12)
    whole = mean_and_error(parts.sum(axis=1, keepdims=True), weights, days)
    assert (answer.margin, answer.error) == pytest.approx((whole[0][0], whole[1][0]), abs=1e-12)
    assert answer.is_rescaled == (scale == "probability")


@pytest.mark.parametrize("scale", ["probability", "log_odds"])
def test_parts_add_up_and_sides_swap(tmp_path: Path, scale: str) -> None:
    obs = contest(tmp_path, contest_rows(7), scale=scale)
    one, two = ask(obs), ask(obs, "y", "x")
    assert sum(one.parts.column("mean").to_pylist()) == pytest.approx(one.margin, abs=1e-12)
    assert one.margin == pytest.approx(-two.margin, abs=1e-12)
    assert one.error == pytest.approx(two.error)
    mirrored = {row["part"]: -row["mean"] for row in two.parts.to_pylist()}
    for row in one.parts.to_pylist():
        assert row["mean"] == pytest.approx(mirrored[row["part"]], abs=1e-12)


def test_decisions_that_name_no_model_count_once(tmp_path: Path) -> None:
    rows = contest_rows(8)
    rows["attributions"] = [row for row in rows["attributions"] if row["model_id"] == "m:1"]
    named = ask(contest(tmp_path / "named", rows))
    found = ask(contest(tmp_path / "unnamed", unnamed(rows)))
    assert (found.n, found.margin, found.error) == pytest.approx(
        (named.n, named.margin, named.error)
    )
    for one, other in zip(found.parts.to_pylist(), named.parts.to_pylist(), strict=True):
        assert one == pytest.approx(other, abs=1e-12)


def moved_by(decision: dict[str, object]) -> str:
    if decision["arm"] == "control":
        return "Control arm"
    picks = [decision["pick_model"]]
    picks += [decision[f"pick_{layer}"] or picks[-1] for layer in LAYERS[:1]]
    picks += [decision["pick_cap"] or picks[-1]]
    if picks[-1] != decision["chosen"]:
        return "Outside the policy"
    if picks[1] != decision["chosen"]:
        return "Daily cap"
    return "Fees" if picks[0] != decision["chosen"] else "Model"


def test_who_won_and_what_flipped_it(tmp_path: Path) -> None:
    rows = contest_rows(3, count=300)
    _, weights, _, kept = brute(rows, "x", "y", "probability")
    answer = ask(contest(tmp_path, rows))
    won = {row["winner"]: row["decisions"] for row in answer.wins.to_pylist()}
    flips: dict[tuple[str, str, str], float] = {}
    for (decision, score), weight in zip(kept, weights, strict=True):
        preferred = "x" if score > 0 else "y"
        if decision["chosen"] in {"x", "y"} - {preferred}:
            key = (preferred, decision["chosen"], moved_by(decision))
            flips[key] = flips.get(key, 0.0) + weight
    for name in ("x", "y"):
        of_name = [decision["chosen"] == name for decision, _ in kept]
        assert won[name] == pytest.approx(weights[of_name].sum())
    assert sum(won.values()) == pytest.approx(answer.decisions)
    found = {
        (row["preferred"], row["winner"], row["layer"]): row["decisions"]
        for row in answer.flips.to_pylist()
    }
    assert found == pytest.approx(flips)
    assert {key[2] for key in found} >= {"Fees", "Daily cap", "Control arm", "Model"}


def test_where_raw_scores_tie_all_is_left_unexplained(tmp_path: Path) -> None:
    """And where the probability falls as the raw score rises: no ratio could share it out."""
    rows = contest_rows(1, count=40)
    for row in rows["candidates"]:
        if row["candidate_id"] != "z":
            row["is_eligible"] = True
        if row["candidate_id"] == "x":
            row["probability"] = 0.25
    other = {row["decision_id"]: row for row in rows["candidates"] if row["candidate_id"] == "y"}
    for row in rows["candidates"]:
        if row["candidate_id"] == "x":
            twin = other[row["decision_id"]]
            twin["raw_score"] = row["raw_score"] - (0 if int(row["decision_id"][1:]) % 2 else 1)
            twin["probability"] = 0.75
    answer = ask(contest(tmp_path, rows))
    found = {row["part"]: row["mean"] for row in answer.parts.to_pylist()}
    assert found["residual"] == pytest.approx(-0.5)
    assert found["base"] == found["amount"] == found["bank"] == 0


def test_one_day_and_few_decisions_are_told(tmp_path: Path) -> None:
    rows = contest_rows(2, count=20, days=1)
    parts, weights, days, _ = brute(rows, "x", "y", "probability")
    answer = ask(contest(tmp_path, rows))
    whole = mean_and_error(parts.sum(axis=1, keepdims=True), weights, days)
    assert answer.error == pytest.approx(whole[1][0])
    assert f"Only {answer.n} decisions behind it: fewer than 30" in answer.told
    assert "All on one day" in answer.told


def test_the_paragraph_gives_the_numbers_of_the_table(tmp_path: Path) -> None:
    answer = ask(contest(tmp_path, contest_rows(4, count=300)))
    half = 100 * half_width(answer.error, answer.degrees)
    assert f"by {abs(100 * answer.margin):.1f} pp (give or take {half:.1f} pp)" in answer.told
    assert answer.degrees == answer.days - 1
    assert f"{answer.decisions:,.0f} decisions" in answer.told


def test_errors_teach(tmp_path: Path) -> None:
    rows = contest_rows(5)
    for row in rows["candidates"]:
        if row["candidate_id"] == "z" and scored_first(rows, row):
            row["is_eligible"] = False
    obs = contest(tmp_path / "one", rows)
    with pytest.raises(ExplainError, match="'x' is on both sides"):
        ask(obs, "x", "x")
    with pytest.raises(UnknownNameError, match="no candidate is called 'w'"):
        ask(obs, "x", "w")
    with pytest.raises(ExplainError, match=r"'x' and 'z' never compete .* both in none"):
        ask(obs, "x", "z")
    with pytest.raises(SpecError, match="where"):
        ask(obs, where="countri = 'BR'")
    with pytest.raises(SpecError):
        ask(obs, where="1 = 1); DROP TABLE decisions --")
    bare = contest(tmp_path / "two", contest_rows(5) | {"attributions": []})
    with pytest.raises(ExplainError, match=r"no scores and attributions of both .* obs\.attribute"):
        ask(bare)


def scored_first(rows: dict[str, Rows], row: dict[str, object]) -> bool:
    return any(
        other["decision_id"] == row["decision_id"] and other["candidate_id"] == "x"
        and other["is_eligible"] for other in rows["candidates"]
    )  # fmt: skip
