"""What made the scores of a group: signed means that add up, held to brute force over the rows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from contests import (
    FEATURES,
    START,
    Rows,
    contest,
    contest_rows,
    mean_and_error,
    means_without,
    unnamed,
)
from sklearn.tree import DecisionTreeRegressor

from pellucid.errors import ExplainError, SpecError, UnknownNameError
from pellucid.explain.groups.groups import explain_group
from pellucid.explain.groups.story import GroupStory
from pellucid.explain.reference import store_reference
from pellucid.log.client import Logger
from pellucid.windows import Window

WINDOW = Window(START, START + timedelta(days=4))
FIRST = Window(START, START + timedelta(days=2))
LAST = Window(START + timedelta(days=2), START + timedelta(days=4))
PARTS = ["base", *FEATURES, "residual"]


def ask(obs, **options) -> GroupStory:
    return explain_group(obs.system, obs.records, **({"window": WINDOW} | options))


def brute(rows: dict[str, Rows], *, candidate: str | None = None, country: str = "",
          card: str = "", window: Window = WINDOW):  # fmt: skip
    """Return the parts, weight and day of what was picked, or of a candidate that could be."""
    allowed = {(row["decision_id"], row["candidate_id"]) for row in rows["candidates"]
               if row["is_eligible"]}  # fmt: skip
    explained = {(row["decision_id"], row["candidate_id"]): row for row in rows["attributions"]
                 if row["model_id"] == "m:1"}  # fmt: skip
    parts, weights, days = [], [], []
    for decision in rows["decisions"]:
        key = (decision["decision_id"], candidate or decision["chosen"])
        is_asked = country in {"", decision["country"]} and card in {"", decision["card"]}
        is_inside = window.start <= decision["decided_at"] < window.end
        if not (is_asked and is_inside and key in explained and key in allowed):
            continue
        row = explained[key]
        bars = [row["base_value"], float(row["a_amount"]), float(row["a_bank"])]
        parts.append([*bars, row["raw_score"] - sum(bars)])
        weights.append(row["sample_weight"] or 1.0)
        days.append(decision["decided_at"].date().toordinal())
    return np.array(parts), np.array(weights), np.array(days)


def column(story: GroupStory, name: str, **key: str) -> list[float]:
    found = {row["part"]: row[name] for row in story.parts.to_pylist()
             if all(row[other] == value for other, value in key.items())}  # fmt: skip
    return [found[part] for part in PARTS]


@pytest.mark.parametrize("candidate", [None, "y"])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_the_rows_say(tmp_path: Path, seed: int, candidate: str | None) -> None:
    rows = contest_rows(seed)
    parts, weights, days = brute(rows, candidate=candidate, country="BR")
    story = ask(contest(tmp_path, rows), where="country = 'BR'", candidate=candidate)
    means, errors = mean_and_error(parts, weights, days)
    assert column(story, "mean") == pytest.approx(list(means), abs=1e-12)
    assert column(story, "error") == pytest.approx(list(errors), abs=1e-12)
    absolute = (weights[:, None] * np.abs(parts)).sum(axis=0) / weights.sum()
    assert column(story, "mean_absolute") == pytest.approx(list(absolute), abs=1e-12)
    whole = mean_and_error(parts.sum(axis=1, keepdims=True), weights, days)
    group = story.groups.to_pylist()[0]
    assert (group["score"], group["error"]) == pytest.approx((whole[0][0], whole[1][0]))
    assert (group["n"], group["decisions"]) == (len(parts), pytest.approx(weights.sum()))


def test_parts_of_every_group_add_up_to_its_score(tmp_path: Path) -> None:
    rows = contest_rows(8)
    story = ask(contest(tmp_path, rows), by=["country", "card"])
    assert story.groups.num_rows == 4
    for group in story.groups.to_pylist():
        key = {name: group[name] for name in ("country", "card")}
        assert sum(column(story, "mean", **key)) == pytest.approx(group["score"], abs=1e-12)
        parts, weights, days = brute(rows, **key)
        assert column(story, "mean", **key) == pytest.approx(
            list(mean_and_error(parts, weights, days)[0])
        )


def test_a_group_against_another_shares_the_luck_of_its_days(tmp_path: Path) -> None:
    rows = contest_rows(4)
    one, two = brute(rows, country="BR"), brute(rows, country="DE")
    story = ask(contest(tmp_path, rows), where="country = 'BR'", versus="country = 'DE'")
    means = [mean_and_error(*side)[0] for side in (one, two)]
    assert column(story, "versus_mean") == pytest.approx(list(means[1]), abs=1e-12)
    assert column(story, "difference") == pytest.approx(list(means[0] - means[1]), abs=1e-12)
    days = np.union1d(one[2], two[2])
    left = means_without(*one, days) - means_without(*two, days)
    moved = left - (means[0] - means[1])
    errors = np.sqrt((len(days) - 1) / len(days) * (moved**2).sum(axis=0))
    assert column(story, "difference_error") == pytest.approx(list(errors), abs=1e-12)


def test_a_period_against_another(tmp_path: Path) -> None:
    rows = contest_rows(6)
    sides = [brute(rows, window=window) for window in (LAST, FIRST)]
    obs = contest(tmp_path, rows)
    story = ask(obs, window=LAST, baseline=FIRST)
    (means, errors), (others, other_errors) = (mean_and_error(*side) for side in sides)
    assert column(story, "difference") == pytest.approx(list(means - others), abs=1e-12)
    assert column(story, "difference_error") == pytest.approx(
        list(np.hypot(errors, other_errors)), abs=1e-12
    )
    back = ask(obs, window=FIRST, baseline=LAST)
    assert column(back, "difference") == pytest.approx([-x for x in column(story, "difference")])


def test_a_group_against_itself_differs_by_nothing(tmp_path: Path) -> None:
    story = ask(contest(tmp_path, contest_rows(5)), versus="country IS NOT NULL")
    assert column(story, "difference") == pytest.approx([0] * 4, abs=1e-12)
    assert column(story, "difference_error") == pytest.approx([0] * 4, abs=1e-12)


def test_decisions_that_name_no_model_count_once(tmp_path: Path) -> None:
    rows = contest_rows(6)
    rows["attributions"] = [row for row in rows["attributions"] if row["model_id"] == "m:1"]
    named, found = (
        ask(contest(tmp_path / name, own), candidate="y", versus="country = 'DE'")
        for name, own in (("named", rows), ("unnamed", unnamed(rows)))
    )
    assert found.groups.column("n").to_pylist() == named.groups.column("n").to_pylist()
    for name in ("mean", "error", "versus_mean", "difference", "difference_error"):
        assert column(found, name) == pytest.approx(column(named, name), abs=1e-12)


def test_small_groups_are_told(tmp_path: Path) -> None:
    obs = contest(tmp_path, contest_rows(1, count=25))
    story = ask(obs, by=["country"])
    assert "behind country BR: fewer than 30." in story.told
    assert "in 2 groups by country" in story.told
    assert f"{story.groups.to_pylist()[0]['score']:.2f}" not in story.told
    alone = ask(obs)
    assert f"was {alone.groups.to_pylist()[0]['score']:+.2f} log-odds" in alone.told


def test_errors_teach(tmp_path: Path) -> None:
    rows = contest_rows(2)
    obs = contest(tmp_path / "one", rows)
    with pytest.raises(UnknownNameError, match="did you mean 'country'"):
        ask(obs, by=["contry"])
    with pytest.raises(UnknownNameError, match="no candidate is called 'w'"):
        ask(obs, candidate="w")
    with pytest.raises(ExplainError, match="stored where country = 'FR'"):
        ask(obs, versus="country = 'FR'")
    with pytest.raises(ExplainError, match="not both at once"):
        ask(obs, window=LAST, baseline=FIRST, versus="country = 'BR'")
    with pytest.raises(ExplainError, match="the windows overlap"):
        ask(obs, baseline=FIRST)
    with pytest.raises(SpecError, match="where"):
        ask(obs, where="countri = 'BR'")
    with pytest.raises(SpecError):
        ask(obs, versus="approved")
    bare = contest(tmp_path / "two", rows | {"attributions": []})
    with pytest.raises(ExplainError, match=r"no attributions of the pick .* obs\.attribute"):
        ask(bare)
    for row in rows["attributions"][::2]:
        row["output_scale"] = "probability"
    with pytest.raises(ExplainError, match="log_odds and probability do not add up together"):
        ask(contest(tmp_path / "three", rows))


def test_features_that_say_the_same_are_summed_with_sign(tmp_path: Path) -> None:
    rows = contest_rows(4)
    obs = contest(tmp_path, rows)
    assert ask(obs).clusters.num_rows == 0
    draw = np.random.default_rng(4)
    amount = draw.normal(size=300)
    bank = np.where(amount > 0, "big", "small")
    model = DecisionTreeRegressor(max_depth=2).fit(draw.normal(size=(50, 2)), draw.normal(size=50))
    Logger("contest", to=tmp_path).model(
        model, name="m", version="1", trained_at=START, features=["amount", "bank"],
        categories={"bank": ["big", "small"]},
    )  # fmt: skip
    usual = pa.table({"f_amount": amount, "f_bank": bank})
    store_reference(obs.lake, "m:1", usual, "2026-06-01..2026-06-08")
    story = ask(obs, versus="country = 'BR'", by=["card"])
    for card in ("on", "off"):
        parts, weights, days = brute(rows, card=card)
        mean, error = mean_and_error(parts[:, [1]] + parts[:, [2]], weights, days)
        row = next(row for row in story.clusters.to_pylist() if row["card"] == card)
        assert (row["part"], row["label"]) == ("amount bank", "Amount and bank")
        assert (row["mean"], row["error"]) == pytest.approx((mean[0], error[0]), abs=1e-12)
        own = sum(column(story, "mean", card=card)[1:3])
        assert row["mean"] == pytest.approx(own, abs=1e-12)
        assert row["difference"] == pytest.approx(row["mean"] - row["versus_mean"])
