"""Why a share changed: what the rows say, what was planted, and what cannot be asked."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from contests import START, contest, contest_rows

from pellucid.errors import ExplainError, SpecError, UnknownNameError
from pellucid.explain.changes.change import ChangeStory, share_change
from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.stats.student import half_width
from pellucid.testing.worlds import EligibilityRule, FeeChange, WorldConfig, payment_world
from pellucid.windows import Window

FIRST = Window(START, START + timedelta(days=2))
LAST = Window(START + timedelta(days=2), START + timedelta(days=4))


def ask(obs: Observatory, candidate: str = "x", **options) -> ChangeStory:
    asked = {"window": LAST, "baseline": FIRST, **options}
    return share_change(obs.system, obs.records, candidate, **asked)


def test_shares_are_counted_and_parts_add_up(tmp_path: Path) -> None:
    for seed in range(3):
        rows = contest_rows(seed)
        obs = contest(tmp_path / str(seed), rows)
        story = ask(obs, where="country = 'BR'", by=["card"])
        for window, share, count in ((FIRST, story.before, story.decisions[0]),
                                     (LAST, story.after, story.decisions[1])):  # fmt: skip
            chosen = Counter(
                row["chosen"] for row in rows["decisions"]
                if row["country"] == "BR" and row["chosen"]
                and window.start <= row["decided_at"] < window.end
            )  # fmt: skip
            assert count == chosen.total()
            assert share == pytest.approx(chosen["x"] / chosen.total())
        change = story.after - story.before
        assert sum(story.parts.column("change").to_pylist()) == pytest.approx(change, abs=1e-12)
        assert sum(story.cells.column("change").to_pylist()) == pytest.approx(change, abs=1e-12)
        for row in story.parts.to_pylist():
            of_cells = sum(story.cells.column(row["part"]).to_pylist())
            assert of_cells == pytest.approx(row["change"], abs=1e-12)


def test_decisions_weigh_what_they_stand_for(tmp_path: Path) -> None:
    rows = contest_rows(3)
    draw = np.random.default_rng(3)
    for row in rows["decisions"]:
        row["sample_weight"] = float(draw.choice([1.0, 4.0, 10.0]))
    story = ask(contest(tmp_path, rows))
    for window, share, count in ((FIRST, story.before, story.decisions[0]),
                                 (LAST, story.after, story.decisions[1])):  # fmt: skip
        own = [row for row in rows["decisions"]
               if row["chosen"] and window.start <= row["decided_at"] < window.end]  # fmt: skip
        total = sum(row["sample_weight"] for row in own)
        hits = sum(row["sample_weight"] for row in own if row["chosen"] == "x")
        assert (count, share) == pytest.approx((total, hits / total))
    summed = sum(story.parts.column("change").to_pylist())
    assert summed == pytest.approx(story.after - story.before, abs=1e-12)


def test_a_candidate_that_is_no_longer_allowed_lost_its_share_to_eligibility(
    tmp_path: Path,
) -> None:
    """Everywhere else nothing changes: x is picked wherever it is allowed."""
    rows = contest_rows(1)
    allowed = set()
    for row in rows["candidates"]:
        is_late = row["decided_at"] >= LAST.start and int(row["decision_id"][1:]) % 2
        row["is_eligible"] = row["candidate_id"] != "x" or not is_late
        if row["candidate_id"] == "x" and row["is_eligible"]:
            allowed.add(row["decision_id"])
    for row in rows["decisions"]:
        pick = "x" if row["decision_id"] in allowed else "y"
        row |= {"arm": "ml", "pick_model": pick, "pick_fees": pick, "pick_cap": pick,
                "chosen": pick, "country": "BR", "card": "on"}  # fmt: skip
    story = ask(contest(tmp_path, rows))
    parts = {row["part"]: row["change"] for row in story.parts.to_pylist()}
    assert story.before == 1
    assert parts.pop("Eligibility") == pytest.approx(story.after - 1)
    assert list(parts.values()) == pytest.approx([0] * len(parts), abs=1e-12)


def test_windows_that_swap_turn_every_sign(tmp_path: Path) -> None:
    obs = contest(tmp_path, contest_rows(5))
    there, back = ask(obs), ask(obs, window=FIRST, baseline=LAST)
    mirrored = {row["part"]: -row["change"] for row in back.parts.to_pylist()}
    for row in there.parts.to_pylist():
        assert row["change"] == pytest.approx(mirrored[row["part"]], abs=1e-12)
    assert there.error == pytest.approx(back.error)


def test_the_paragraph_gives_the_numbers_of_the_tables(tmp_path: Path) -> None:
    story = ask(contest(tmp_path, contest_rows(2)))
    moved = "rose" if story.after > story.before else "fell"
    assert story.told.startswith(f"x {moved} from {100 * story.before:.1f}% of ")
    assert f"(give or take {100 * half_width(story.error, story.degrees):.1f} pp)" in story.told
    few = ask(contest(tmp_path / "few", contest_rows(2, count=30)))
    assert "fewer than 30 decisions" in few.told
    noon = Window(START, START + timedelta(hours=12))
    short = ask(contest(tmp_path / "short", contest_rows(2)), baseline=noon)
    assert "is a single day" in short.told


def test_what_cannot_be_told_apart_is_said(tmp_path: Path) -> None:
    rows = contest_rows(6)
    for row in rows["decisions"]:
        row["arm"] = "ml"
        row["pick_fees"] = row["pick_fees"] or row["pick_model"]
    same = ask(contest(tmp_path / "same", rows))
    assert 0 < max(same.unmatched) < 0.2
    assert same.control == (0.0, 0.0)
    assert same.notes == ()
    late = [row for row in rows["decisions"] if row["decided_at"] >= LAST.start]
    for row in late[::2]:
        row["arm"] = "control"
    for row in rows["candidates"]:
        row["is_eligible"] |= row["decided_at"] >= LAST.start
    story = ask(contest(tmp_path / "other", rows))
    assert story.control == (0.0, pytest.approx(len(late[::2]) / len(late), abs=0.03))
    sets = {first: {frozenset(
        row["candidate_id"] for row in rows["candidates"]
        if row["decision_id"] == decision["decision_id"] and row["is_eligible"]
    ) for decision in rows["decisions"] if (decision["decided_at"] < LAST.start) == first}
        for first in (True, False)}  # fmt: skip
    assert sets[False] == {frozenset("xyz")}
    assert story.unmatched[0] > 0.2
    assert "sets of candidates that the other lacks" in story.told
    assert "The control arm's part went from 0.0% to" in story.told


def test_errors_teach(tmp_path: Path) -> None:
    obs = contest(tmp_path, contest_rows(0))
    with pytest.raises(UnknownNameError, match="no candidate is called 'w'"):
        ask(obs, "w")
    with pytest.raises(UnknownNameError, match="no dimension is called 'contry'"):
        ask(obs, by=["contry"])
    with pytest.raises(ExplainError, match="the windows overlap"):
        ask(obs, baseline=Window(FIRST.start, LAST.end))
    with pytest.raises(ExplainError, match=r"the baseline .* has no decision"):
        ask(obs, baseline=Window(START - timedelta(days=9), START))
    with pytest.raises(SpecError, match="where"):
        ask(obs, where="chosn = 'x'")


PLANTED = {
    # A route whose fees rise eightfold, or that a rule removes from a country.
    "fees": (FeeChange, {"route": "elm-direct", "factor": 8.0}, "Fees"),
    "rule": (EligibilityRule, {"route": "elm-direct", "country": "US"}, "Eligibility"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_change_is_named(tmp_path: Path, kind: str) -> None:
    """The planted part is the largest, clear of chance, and falls as the share falls."""
    made, options, part = PLANTED[kind]
    middle = WorldConfig().live_start_at + timedelta(days=14)
    world = payment_world(decisions=12_000, seed=3, incidents=[made(start_at=middle, **options)])
    log = Logger(world.system, to=tmp_path)
    for name in ("decisions", "candidates"):
        log.table(name, world.tables[name]).raise_for_refused()
    obs = open_system(tmp_path)
    story = ask(
        obs, "elm-direct", by=["country"], baseline=Window(middle - timedelta(days=14), middle),
        window=Window(middle, middle + timedelta(days=14)),
    )  # fmt: skip
    rows = {row["part"]: row for row in story.parts.to_pylist()}
    assert rows[part]["change"] < -3 * rows[part]["error"]
    assert max(rows, key=lambda name: abs(rows[name]["change"])) == part
    if kind == "rule":
        assert story.cells.column("country")[0].as_py() == "US"
        assert "No group moved it more than country US" in story.told
