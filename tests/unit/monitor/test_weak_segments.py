"""Weak segments: every number against brute force, planted ones found alone, quiet worlds quiet."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, norm

from pellucid.monitor.policy.weak import weak_segments
from pellucid.monitor.policy.weak_gaps import FEWEST
from pellucid.monitor.policy.weak_search import FALSE_SHARE, Search, find_weak, look_at
from pellucid.monitor.policy.weak_sums import Segments, make_segments
from pellucid.spec.measure import measures_of
from pellucid.spec.system import Metric

RATE = Metric(name="approved", finalizer="rate", value="x", better="up", value_unit="share")
OFF = Metric(name="off", finalizer="mean", value="x", better="none", value_unit="points")
LOSS = Metric(name="loss", finalizer="mean", value="x", better="down")
Z = 1.959963984540054
Slice = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Rows:
    """Decisions one by one: dimensions, arm (1 is control) and value."""

    codes: NDArray[np.int64]
    arm: NDArray[np.int64]
    value: NDArray[np.float64]
    has_arms: bool

    def segments(self, metric: Metric, *, depth: int) -> Segments:
        leaf, at = np.unique(self.codes, axis=0, return_inverse=True)
        sides = 2 if self.has_arms else 1
        key = at.ravel() * sides + (self.arm if self.has_arms else 0)
        of_role = {"n": np.ones(len(key)), "hits": self.value, "sum": self.value,
                   "squares": self.value**2}  # fmt: skip
        sums = [np.bincount(key, of_role[role], len(leaf) * sides) for role in measures_of(metric)]
        leaves = np.stack(sums, axis=1).reshape(len(leaf), sides, len(sums))
        names = [f"d{place}" for place in range(self.codes.shape[1])]
        values = [[f"{code}" for code in range(int(column.max()) + 1)] for column in self.codes.T]
        return make_segments(names, values, leaf, leaves, depth=depth)

    def slices(self, depth: int) -> list[Slice]:
        every = range(self.codes.shape[1])
        return [
            tuple(zip(names, codes, strict=True))
            for size in range(1, depth + 1)
            for names in itertools.combinations(every, size)
            for codes in sorted({tuple(row) for row in self.codes[:, list(names)].tolist()})
        ]

    def within(self, conditions: Slice) -> NDArray[np.bool_]:
        found = np.ones(len(self.codes), dtype=bool)
        for place, code in conditions:
            found &= self.codes[:, place] == code
        return found


def rows_of(
    seed: int, *, count: int, sizes: Sequence[int], planted: Sequence[tuple[Slice, float]] = (),
    has_arms: bool = True, control: float = 0.3, rate: float = 0.86,
) -> Rows:  # fmt: skip
    """Approvals, fewer for ML in what is planted."""
    draw = np.random.default_rng(seed)
    codes = np.stack([draw.choice(size, count, p=draw.dirichlet(np.full(size, 30.0)))
                      for size in sizes], axis=1)  # fmt: skip
    arm = (draw.random(count) < control).astype(np.int64)
    rows = Rows(codes, arm, np.zeros(count), has_arms)
    chance = np.full(count, rate)
    for conditions, effect in planted:
        is_hit = rows.within(conditions) & ((arm == 0) | (not has_arms))
        chance = np.where(is_hit, chance + effect, chance)
    return Rows(codes, arm, (draw.random(count) < chance).astype(np.float64), has_arms)


def interval(values: NDArray[np.float64], *, is_rate: bool) -> tuple[float, float, float]:
    """Value and ends by the textbook: Wilson's for rates, else normal."""
    n, mean = len(values), float(values.mean())
    if not is_rate:
        half = Z * float(values.std(ddof=1)) / math.sqrt(n)
        return mean, mean - half, mean + half
    centre = (mean + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(mean * (1 - mean) / n + Z**2 / (4 * n**2))
    return mean, 0.0 if mean == 0 else centre - half, 1.0 if mean == 1 else centre + half


def worse(metric: Metric, found: tuple[float, float, float]) -> tuple[float, float, float]:
    value, low, high = found
    is_turned = metric.better == "up" or (metric is OFF and value < 0)
    return (-value, -high, -low) if is_turned else found


def by_brute_force(rows: Rows, metric: Metric, depth: int) -> dict[Slice, tuple[float, float]]:
    """Gap and one-sided p-value of every slice that can be judged."""
    found = {}
    for conditions in rows.slices(depth):
        inside = rows.within(conditions)
        parents = [conditions[:gone] + conditions[gone + 1 :] for gone in range(len(conditions))]
        if any(rows.within(parent).sum() == inside.sum() for parent in parents):
            continue
        side = inside & (rows.arm == 0) if rows.has_arms else inside
        other = inside & (rows.arm == 1) if rows.has_arms else ~inside
        if min(side.sum(), other.sum()) < FEWEST:
            continue
        own, than = (worse(metric, interval(rows.value[mask], is_rate=metric is RATE))
                     for mask in (side, other))  # fmt: skip
        gap = own[0] - than[0]
        below = math.hypot(own[0] - own[1], than[2] - than[0])
        above = math.hypot(own[2] - own[0], than[0] - than[1])
        error = (below if gap > 0 else above) / Z
        if metric is not RATE:
            wider = max(float(rows.value[mask].std(ddof=1)) for mask in (side, other))
            error = max(error, wider * math.sqrt(1 / side.sum() + 1 / other.sum()))
        tail = float(norm.sf(gap / error))
        found[conditions] = (gap, min(2 * tail, 1.0) if metric is OFF else tail)
    return found


def named(segments: Segments, segment: int) -> Slice:
    return tuple((int(name[1:]), int(code)) for name, code in segments.conditions(segment))


@given(
    seed=st.integers(0, 10_000), depth=st.integers(1, 3), has_arms=st.booleans(),
    metric=st.sampled_from([RATE, OFF, LOSS]), sizes=st.lists(st.integers(1, 4), min_size=1,
                                                              max_size=4),
)  # fmt: skip
def test_every_segment_is_judged_as_by_brute_force(seed, depth, has_arms, metric, sizes) -> None:
    planted = [(((0, 0),), -0.3)]
    rows = rows_of(seed, count=600, sizes=sizes, planted=planted, has_arms=has_arms)
    if metric is not RATE:
        noise = np.random.default_rng(seed).normal(0, 0.5, len(rows.value))
        rows = Rows(rows.codes, rows.arm, rows.value - 0.86 + noise, has_arms)
    segments = rows.segments(metric, depth=depth)
    look = look_at(Search(segments, metric), np.ones(len(segments.leaves), dtype=bool))
    expected = by_brute_force(rows, metric, depth)
    place = {named(segments, segment): segment for segment in range(segments.count)}
    judged = {key for key, segment in place.items() if not np.isnan(look.q_value[segment])}
    assert set(place) == set(rows.slices(depth))
    assert judged == set(expected)
    if expected:
        q_values = false_discovery_control([p_value for _, p_value in expected.values()])
        for (conditions, (gap, _)), q_value in zip(expected.items(), q_values, strict=True):
            assert look.gaps.gap[place[conditions]] == pytest.approx(gap, abs=1e-9)
            assert look.q_value[place[conditions]] == pytest.approx(q_value, rel=1e-6, abs=1e-12)


@given(seed=st.integers(0, 10_000), has_arms=st.booleans())
def test_no_row_is_told_twice_and_each_segment_is_weak_by_itself(seed, has_arms) -> None:
    draw = np.random.default_rng(seed)
    planted = [(((place, int(draw.integers(2))),), -0.2) for place in range(2)]
    planted.append((((0, int(draw.integers(2))), (2, int(draw.integers(2)))), -0.3))
    rows = rows_of(seed, count=4_000, sizes=(3, 3, 4), planted=planted, has_arms=has_arms)
    segments = rows.segments(RATE, depth=2)
    told = weak_segments(Search(segments, RATE), most=50, over="then").rows.to_pylist()
    p_values = by_brute_force(rows, RATE, 2)
    q_of = dict(zip(p_values, false_discovery_control([item[1] for item in p_values.values()]),
                    strict=True))  # fmt: skip
    taken = np.zeros(len(rows.codes), dtype=bool)
    _, found = find_weak(Search(segments, RATE))
    by_name = {row["segment"]: row for row in told}
    for item in found:
        conditions = named(segments, item.segment)
        inside = rows.within(conditions)
        side = inside & ~taken & ((rows.arm == 0) | (not has_arms))
        other = ~taken & (inside & (rows.arm == 1) if has_arms else ~inside)
        row = by_name[" and ".join(f"d{place}={code}" for place, code in conditions)]
        assert (row["n"], row["baseline_n"]) == (side.sum(), other.sum())
        assert row["value"] == pytest.approx(rows.value[side].mean())
        assert row["baseline"] == pytest.approx(rows.value[other].mean())
        assert row["cost"] == pytest.approx(-row["change"] * row["n"])
        assert row["low"] <= row["change"] < 0
        assert q_of[conditions] <= row["q_value"] + 1e-12 < FALSE_SHARE
        assert bool(row["without"]) == bool((inside & taken).any())
        taken |= inside
    costs = [row["cost"] for row in told]
    assert costs == sorted(costs, reverse=True)


CASES = {
    "a combination": ([(((0, 1), (1, 2)), -0.25)], 2),
    "one dimension": ([(((0, 1),), -0.10)], 3),
    "two dimensions that add up": ([(((0, 1),), -0.12), (((1, 2),), -0.12)], 2),
    "two apart": ([(((0, 1), (1, 2)), -0.25), (((2, 1), (3, 0)), -0.25)], 2),
    "a wide one with a worse part": ([(((0, 1),), -0.10), (((0, 1), (1, 2)), -0.35)], 2),
    "three dimensions": ([(((0, 1), (1, 2), (2, 0)), -0.45)], 3),
}


@pytest.mark.parametrize("has_arms", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_planted_segments_are_found_and_nothing_beside_them(case: str, *, has_arms: bool) -> None:
    planted, depth = CASES[case]
    truth = {conditions for conditions, _ in planted}
    is_whole, is_exact = 0, 0
    for seed in range(12):
        rows = rows_of(seed, count=30_000, sizes=(6, 5, 4, 3), planted=planted, has_arms=has_arms)
        segments = rows.segments(RATE, depth=depth)
        _, found = find_weak(Search(segments, RATE))
        names = {named(segments, item.segment) for item in found}
        is_whole += truth <= names
        is_exact += truth == names
    # A tenth of finds may be by chance.
    assert is_whole >= 11
    assert is_exact >= 9


@pytest.mark.parametrize("has_arms", [True, False])
@pytest.mark.parametrize("rate", [0.5, 0.86, 0.997])
def test_a_quiet_world_has_hardly_any(rate: float, *, has_arms: bool) -> None:
    """Of all runs at most about a tenth find something, even where the control arm is small."""
    runs = 0
    for seed in range(30):
        rows = rows_of(seed, count=12_000, sizes=(8, 6, 4, 3), has_arms=has_arms, control=0.05,
                       rate=rate)  # fmt: skip
        runs += bool(find_weak(Search(rows.segments(RATE, depth=3), RATE))[1])
    assert runs <= 6


def _log_loss(draw: np.random.Generator, count: int) -> NDArray[np.float64]:
    chance = np.clip(draw.beta(9.7, 0.3, count), 0.01, 0.99)
    return -np.log(np.where(draw.random(count) < chance, chance, 1 - chance))


@pytest.mark.parametrize(("metric", "drawn", "has_arms"), [
    (OFF, lambda draw, count: 0.97 - (draw.random(count) < 0.97), False),
    (replace(LOSS, better="up"), lambda draw, count: draw.lognormal(3, 1, count), False),
    (LOSS, _log_loss, True),
])  # fmt: skip
def test_long_tails_are_no_finds(metric, drawn, has_arms) -> None:
    """A side without any of the rare large values is lucky, and its own spread does not say so."""
    runs = 0
    for seed in range(20):
        rows = rows_of(seed, count=20_000, sizes=(8, 6, 5, 4), has_arms=has_arms, control=0.2)
        values = drawn(np.random.default_rng(seed + 999), len(rows.value))
        own = Rows(rows.codes, rows.arm, values, has_arms).segments(metric, depth=2)
        runs += bool(find_weak(Search(own, metric))[1])
    assert runs <= 4


@pytest.mark.parametrize("has_arms", [True, False])
def test_parts_that_differ_little_are_one_place(*, has_arms: bool) -> None:
    planted = [(((0, 1),), -0.25), (((0, 1), (1, 2)), -0.12)]
    alone = 0
    for seed in range(12):
        rows = rows_of(seed, count=30_000, sizes=(6, 5, 4, 3), planted=planted, has_arms=has_arms)
        segments = rows.segments(RATE, depth=2)
        found = find_weak(Search(segments, RATE))[1]
        alone += [named(segments, item.segment) for item in found] == [((0, 1),)]
    assert alone >= 9


# Rows and approval rate of each pair of values; elsewhere 86% are approved.
TABLES = {
    "a part hardly weaker than the little rest is the whole": (
        {(1, 0): (1000, 0.60), (1, 1): (200, 0.765)}, [((0, 1),)],
    ),
    "a part far weaker than a rest that is weak too": (
        {(1, 0): (300, 0.41), (1, 1): (4000, 0.76)}, [((0, 1), (1, 0)), ((0, 1),)],
    ),
    "a part as weak as both of its conditions add up to": (
        {(1, 1): (300, 0.46), (1, 0): (200, 0.56), (0, 1): (6000, 0.76)}, [((1, 1),), ((0, 1),)],
    ),
    "a rest that may be as good as any": (
        {(1, 0): (300, 0.724), (1, 1): (200, 0.815)}, [((0, 1), (1, 0))],
    ),
    "a rest that may be as good, though it is a third as weak": (
        {(1, 0): (300, 0.69), (1, 1): (100, 0.80)}, [((0, 1), (1, 0))],
    ),
    "a rest of few rows that may be as weak": (
        {(1, 0): (1000, 0.74), (1, 1): (32, 0.83)}, [((0, 1),)],
    ),
    "a part whose other condition does better elsewhere": (
        {(1, 0): (80, 0.69), (1, 1): (2500, 0.81), (1, 2): (2500, 0.81), (0, 0): (600, 0.96)},
        [((0, 1),)],
    ),
    "a bank far weaker than its country": (
        {(1, 3): (300, 0.41), (1, 4): (4000, 0.76)}, [((1, 3),), ((0, 1),)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_how_wide_a_segment_is_told(table: str) -> None:
    planted, expected = TABLES[table]
    every = {(0, 0): (20_000, 0.86), (0, 1): (20_000, 0.86), (0, 2): (20_000, 0.86)} | planted
    counts = np.array([count for count, _ in every.values()], dtype=np.float64)
    hits = np.rint(counts * [rate for _, rate in every.values()])
    leaves = np.stack([counts, hits], axis=1)[:, None, :]
    values = [["0", "1"], ["0", "1", "2", "3", "4"]]
    segments = make_segments(["d0", "d1"], values, np.array(list(every)), leaves, depth=2)
    found = find_weak(Search(segments, RATE))[1]
    assert [named(segments, item.segment) for item in found] == expected


def test_of_two_as_clear_the_wider_one_is_told_first() -> None:
    """Its gap is 5.66 standard errors, that of the narrow one, of more of its kind, 5.74."""
    every = {(0, code): (3000, 0.86) for code in range(10)}
    every |= {(1, code): (100, 0.78) for code in range(10)}
    every |= {(0, 0): (120, 0.62), (1, 0): (100, 0.86)}
    counts = np.array([count for count, _ in every.values()], dtype=np.float64)
    hits = np.rint(counts * [rate for _, rate in every.values()])
    values = [["0", "1"], [f"{code}" for code in range(10)]]
    segments = make_segments(["d0", "d1"], values, np.array(list(every)),
                             np.stack([counts, hits], axis=1)[:, None, :], depth=2)  # fmt: skip
    first, found = find_weak(Search(segments, RATE))
    place = {named(segments, segment): segment for segment in range(segments.count)}
    score = first.gaps.score
    assert score[place[(0, 0), (1, 0)]] > score[place[((0, 1),)]]
    assert found[0].segment == place[((0, 1),)]


def test_the_order_of_dimensions_does_not_matter() -> None:
    rows = rows_of(3, count=8_000, sizes=(4, 4, 3), planted=[(((0, 1), (2, 1)), -0.3)])
    turned = Rows(rows.codes[:, ::-1], rows.arm, rows.value, rows.has_arms)
    found = []
    for item in (rows, turned):
        segments = item.segments(RATE, depth=3)
        found.append([weak.q_value for weak in find_weak(Search(segments, RATE))[1]])
    assert found[0] == pytest.approx(found[1])
    assert found[0]


def test_a_nested_dimension_tells_nothing_twice() -> None:
    """Each bank is of one country, so a bank within its country is that bank."""
    rows = rows_of(5, count=20_000, sizes=(12, 3), planted=[(((0, 4),), -0.3)], has_arms=False)
    nested = Rows(np.column_stack([rows.codes[:, 0] // 4, rows.codes]), rows.arm, rows.value, False)  # noqa: FBT003
    segments = nested.segments(RATE, depth=3)
    first, found = find_weak(Search(segments, RATE))
    assert [named(segments, item.segment) for item in found] == [((1, 4),)]
    assert all(
        np.isnan(first.q_value[segment])
        for segment in range(segments.count)
        if {0, 1} <= {place for place, _ in named(segments, segment)}
    )


def test_a_bank_that_is_worse_than_its_country_is_told_apart() -> None:
    planted = [(((0, place),), -0.05) for place in range(4, 8)]
    planted.append((((0, 5),), -0.15))
    rows = rows_of(8, count=40_000, sizes=(12, 3), planted=planted, has_arms=False)
    nested = Rows(np.column_stack([rows.codes[:, 0] // 4, rows.codes]), rows.arm, rows.value, False)  # noqa: FBT003
    segments = nested.segments(RATE, depth=2)
    found = find_weak(Search(segments, RATE))[1]
    assert [named(segments, item.segment) for item in found] == [((1, 5),), ((0, 1),)]
    assert found[1].without == (found[0].segment,)


@pytest.mark.parametrize("planted", [((0, 1), (2, 0)), ((1, 2),), ((0, 3), (1, 1))])
def test_sliceline_finds_the_same_worst_slice(planted: Slice) -> None:
    finder = pytest.importorskip("sliceline.slicefinder")
    draw = np.random.default_rng(7)
    rows = rows_of(7, count=6_000, sizes=(4, 4, 3), has_arms=False)
    errors = draw.exponential(np.where(rows.within(planted), 0.9, 0.3))
    own = Rows(rows.codes, rows.arm, errors, has_arms=False).segments(LOSS, depth=2)
    found = find_weak(Search(own, LOSS))[1]
    theirs = finder.Slicefinder(alpha=0.95, k=1, max_l=2, min_sup=FEWEST, verbose=False)
    theirs.fit(rows.codes, errors)
    top = tuple((place, int(code)) for place, code in enumerate(theirs.top_slices_[0])
                if code is not None)  # fmt: skip
    assert [named(own, item.segment) for item in found] == [top] == [planted]
