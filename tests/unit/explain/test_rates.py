"""Changes of a rate in parts: by permutations of the factors, and by what must always hold."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from functools import partial
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import ExplainError, UnknownNameError
from pellucid.explain.changes.rates import RateChange, RateCounts, split_rate
from pellucid.observatory import open_system
from pellucid.testing.scenarios import START, small_lake
from pellucid.windows import Window

PLACES = 12


def random_counts(seed: int, *, stages: int = 2, days: int = 3) -> RateCounts:
    """Two cells, each with two sets, each with three candidates; every one of them in use."""
    draw = np.random.default_rng(seed)
    rows = 2 * days * PLACES
    window = np.repeat([0, 1], rows // 2)
    place = np.tile(np.arange(PLACES), 2 * days)
    day = np.tile(np.repeat(np.arange(days), PLACES), 2) + 10 * window
    last = draw.integers(1, 30, rows).astype(float)
    hits = [last]
    for _ in range(stages - 1):
        # Each stage has the same decisions of a set as the next, sent elsewhere.
        moved = last.reshape(-1, 3)[:, draw.permutation(3)].reshape(-1)
        hits.insert(0, moved)
    known = np.floor(last * draw.uniform(0.5, 1, rows)) + 1e-3
    return RateCounts(window, place // 6, place // 3, place, day, np.array(hits), known,
                      known * draw.uniform(size=rows))  # fmt: skip


def by_permutations(counts: RateCounts) -> dict[str, float]:
    """Return Shapley values of the factors, from sums in plain dictionaries."""
    sums: dict = defaultdict(float)
    for row in range(len(counts.day)):
        at = int(counts.window[row])
        cell, group, place = (int(of[row]) for of in (counts.cell, counts.group, counts.place))
        sums[at, "all"] += counts.hits[-1][row]
        sums[at, "cell", cell] += counts.hits[-1][row]
        sums[at, "group", group] += counts.hits[-1][row]
        for name in ("known", "positive"):
            sums[at, name, place] += getattr(counts, name)[row]
        for stage, hits in enumerate(counts.hits):
            sums[at, "hits", stage, place] += hits[row]
    last = len(counts.hits) - 1

    def worth(when: dict[str, int], stage_sums) -> float:
        top = below = 0.0
        for place in range(PLACES):
            group, cell = place // 3, place // 6
            w, e, c, r = (when[name] for name in ("mix", "eligibility", "labels", "outcome"))
            mass = sums[w, "cell", cell] / sums[w, "all"]
            mass *= sums[e, "group", group] / sums[e, "cell", cell]
            mass *= stage_sums(place)
            mass *= sums[c, "known", place] / sums[c, "hits", last, place]
            below += mass
            top += mass * sums[r, "positive", place] / sums[r, "known", place]
        return top / below

    def routed(start: int, upto: int, place: int) -> float:
        """Shares of a window, moved by the first stages as they are in the other."""

        def share(when: int, stage: int) -> float:
            return sums[when, "hits", stage, place] / sums[when, "group", place // 3]

        value = share(start, last)
        for stage in range(upto):
            for when, sign in ((1 - start, 1), (start, -1)):
                before = share(when, stage - 1) if stage else 0.0
                value += sign * (share(when, stage) - before)
        return value

    names = ("mix", "eligibility", "routing", "labels", "outcome")
    values: dict[str, float] = defaultdict(float)
    orders = list(permutations(names))
    for order in orders:
        when = dict.fromkeys(names, 0)
        for name in order:
            own = dict(when)
            if name == "routing":
                for start, sign in ((0, 0.5), (1, -0.5)):
                    reached = [worth(own, partial(routed, start, n)) for n in range(last + 2)]
                    for stage, (before, after) in enumerate(pairwise(reached)):
                        values[f"stage{stage}"] += sign * (after - before) / len(orders)
            else:
                stays = partial(routed, own["routing"], 0)
                after = worth(own | {name: 1}, stays)
                values[name] += (after - worth(own, stays)) / len(orders)
            when[name] = 1
    return values


@given(st.integers(0, 10_000), st.integers(1, 3))
def test_it_is_shapleys_definition_over_the_factors(seed: int, stages: int) -> None:
    counts = random_counts(seed, stages=stages)
    expected = by_permutations(counts)
    order = ["mix", "eligibility", *(f"stage{n}" for n in range(stages)), "labels", "outcome"]
    found = split_rate(counts)
    assert found.parts == pytest.approx([expected[name] for name in order], abs=1e-10)


@given(st.integers(0, 10_000), st.floats(0, 0.8))
def test_parts_and_cells_add_up_whatever_is_absent(seed: int, gone: float) -> None:
    counts = random_counts(seed)
    kept = np.random.default_rng(seed).random(len(counts.day)) >= gone
    kept[[0, -1]] = True
    counts = RateCounts(*(
        getattr(counts, name)[..., kept] for name in
        ("window", "cell", "group", "place", "day", "hits", "known", "positive")
    ))  # fmt: skip
    found = split_rate(counts)
    for window, rate in ((0, found.before), (1, found.after)):
        own = counts.window == window
        assert rate == pytest.approx(counts.positive[own].sum() / counts.known[own].sum())
    assert found.parts.sum() == pytest.approx(found.after - found.before, abs=1e-10)
    assert found.cells.sum() == pytest.approx(found.after - found.before, abs=1e-10)


def changed(counts: RateCounts, **columns: np.ndarray) -> RateChange:
    """Split the change from counts to the same with other columns."""
    names = ("cell", "group", "place", "day", "hits", "known", "positive")
    half = len(counts.day) // 2
    both = {}
    for name in names:
        first = getattr(counts, name)[..., :half]
        both[name] = np.concatenate([first, columns.get(name, first)], axis=-1)
    return split_rate(RateCounts(counts.window, **both))


def test_what_changes_alone_has_all_of_the_change() -> None:
    counts = random_counts(1)
    half = len(counts.day) // 2
    known, positive, hits = counts.known[:half], counts.positive[:half], counts.hits[:, :half]
    cell, group = counts.cell[:half], counts.group[:half]
    outcome = changed(counts, positive=positive * 0.8)
    assert outcome.parts[-1] == pytest.approx(outcome.after - outcome.before)
    fewer = np.where(counts.place[:half] % 3 == 0, 0.5, 1.0)
    labels = changed(counts, known=known * fewer, positive=positive * fewer)
    assert labels.parts[-2] == pytest.approx(labels.after - labels.before)
    more = np.where(cell == 0, 3.0, 1.0)
    mix = changed(counts, known=known * more, positive=positive * more, hits=hits * more)
    assert mix.parts[0] == pytest.approx(mix.after - mix.before)
    other = np.where(group % 2 == 0, 1.7, 1.0)
    total = np.array([(hits[-1] * other)[cell == n].sum() / hits[-1][cell == n].sum()
                      for n in (0, 1)])[cell]  # fmt: skip
    given_sets = {"known": known, "positive": positive, "hits": hits}
    sets = changed(counts, **{name: values * other / total for name, values in given_sets.items()})
    assert sets.parts[1] == pytest.approx(sets.after - sets.before)
    for found in (outcome, labels, mix, sets):
        assert abs(found.after - found.before) > 0.001
        assert np.sort(np.abs(found.parts))[:-1] == pytest.approx(0, abs=1e-12)


def test_windows_that_swap_turn_every_sign_and_one_day_has_no_error() -> None:
    counts = random_counts(2)
    back = RateCounts(1 - counts.window, *(
        getattr(counts, name)
        for name in ("cell", "group", "place", "day", "hits", "known", "positive")
    ))  # fmt: skip
    there, again = split_rate(counts), split_rate(back)
    assert there.parts == pytest.approx(-again.parts, abs=1e-12)
    assert there.spread.errors[0] == pytest.approx(again.spread.errors[0])
    assert np.isnan(split_rate(random_counts(3, days=1)).spread.errors).all()


def test_errors_are_those_of_leaving_days_out() -> None:
    counts = random_counts(4)
    variance = 0.0
    for window in (0, 1):
        left = []
        for day in np.unique(counts.day[counts.window == window]):
            kept = counts.day != day
            rest = split_rate(RateCounts(*(
                getattr(counts, name)[..., kept] for name in
                ("window", "cell", "group", "place", "day", "hits", "known", "positive")
            )))  # fmt: skip
            left.append([rest.after - rest.before, *rest.parts])
        spread = np.array(left) - np.mean(left, axis=0)
        variance = variance + (len(left) - 1) / len(left) * (spread**2).sum(axis=0)
    assert split_rate(counts).spread.errors == pytest.approx(np.sqrt(variance))


def test_rates_are_those_of_the_metric(tmp_path: Path) -> None:
    small_lake(tmp_path, seed=5, requests=300)
    obs = open_system(tmp_path)
    first = Window(START, START + timedelta(days=4))
    last = Window(first.end, first.end + timedelta(days=4))
    for where, candidate in (("", ""), ("country = 'BR'", ""), ("", "north")):
        story = obs.why_changed("approval_rate", window=last, baseline=first, where=where,
                                candidate=candidate)  # fmt: skip
        own = " AND ".join(filter(None, [
            where, "chosen IS NOT NULL", f"chosen = '{candidate}'" if candidate else "",
        ]))  # fmt: skip
        asked = obs.query("approval_rate", where=own, over=[first, last]).rows.to_pylist()
        assert (story.before, story.after) == pytest.approx(tuple(row["value"] for row in asked))
        assert story.decisions == tuple(row["n"] for row in asked)
        change = story.after - story.before
        assert sum(story.parts.column("change").to_pylist()) == pytest.approx(change, abs=1e-12)
        assert sum(story.cells.column("change").to_pylist()) == pytest.approx(change, abs=1e-12)
        assert f"{100 * story.after:.1f}%" in story.told
        assert "with a known outcome" in story.told
        assert (" where " in story.told) == bool(where or candidate)


def test_what_cannot_be_split_says_why(tmp_path: Path) -> None:
    small_lake(tmp_path, seed=5)
    obs = open_system(tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean 'approval_rate'"):
        obs.why_changed("approval_rat")
    with pytest.raises(ExplainError, match="whose traffic share"):
        obs.why_changed("traffic_share")
    with pytest.raises(UnknownNameError, match="no candidate is called 'nort'"):
        obs.why_changed("approval_rate", candidate="nort", window="4d")
    before = Window(START - timedelta(days=9), START)
    with pytest.raises(ExplainError, match=r"baseline .* 'approved' is known and final"):
        obs.why_changed("approval_rate", window="4d", baseline=before)
