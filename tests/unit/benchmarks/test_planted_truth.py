"""Since when what is planted could be told, by brute force."""

from __future__ import annotations

from datetime import timedelta
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

HOUR_US = 3_600_000_000
HOUR = timedelta(hours=1)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 12 * HOUR_US), st.floats(-6, 6) | st.just(np.inf)), max_size=30
    ),
    delay=st.integers(0, 3),
    grain=st.sampled_from([1, 24]),
)
def test_first_told_is_the_first_end_of_a_grain_that_has_seen_enough(
    truths: ModuleType, rows: list[tuple[int, float]], delay: int, grain: int
) -> None:
    at_us = np.array([at for at, _ in rows], dtype=np.int64)
    nats = np.array([told for _, told in rows])
    found = truths.first_told(at_us, nats, grain=grain * HOUR, delay=delay * HOUR)
    ends = range(grain * HOUR_US, 50 * HOUR_US, grain * HOUR_US)
    order = np.argsort(at_us, kind="stable")
    at_us, nats = at_us[order], nats[order]
    seen = ((end, nats[at_us + delay * HOUR_US < end]) for end in ends)
    expected = next((end for end, some in seen if np.cumsum([0, *some])[-1] >= truths.NATS), None)
    assert found == expected


def test_a_decision_is_seen_once_it_is_mature(truths: ModuleType) -> None:
    enough = np.array([truths.NATS])
    for at_us, hour in ((0, 3), (1, 3), (HOUR_US - 1, 3), (HOUR_US, 4)):
        told = truths.first_told(
            np.array([at_us]), enough, grain=HOUR, delay=truths.MATURITY
        )  # fmt: skip
        assert told == hour * HOUR_US


def test_nats_are_log_likelihood_ratios(truths: ModuleType) -> None:
    is_yes = np.array([True, False, True, False])
    chance, without = np.array([0.04, 0.04, 0.6, 0.6]), np.array([0.85, 0.85, 0.5, 0.5])
    expected = stats.bernoulli.logpmf(is_yes, chance) - stats.bernoulli.logpmf(is_yes, without)
    np.testing.assert_allclose(truths.bernoulli_nats(is_yes, chance, without), expected)


def test_chance_is_seldom_told(truths: ModuleType) -> None:
    rng = np.random.default_rng(5)
    chance, without = np.full(200, 0.6), np.full(200, 0.85)
    at_us = np.arange(200) * HOUR_US // 5
    told = [
        truths.first_told(
            at_us, truths.bernoulli_nats(rng.random(200) < without, chance, without),
            grain=HOUR, delay=timedelta(),
        )
        for _ in range(500)
    ]  # fmt: skip
    # Less than one in 168 x SERIES each.
    assert told == [None] * 500
    fallen = truths.bernoulli_nats(rng.random(200) < chance, chance, without)
    assert truths.first_told(at_us, fallen, grain=HOUR, delay=timedelta()) is not None


def test_all_names_of_a_slice(truths: ModuleType) -> None:
    reach = pa.table({
        "route": ["elm", "elm", "oak", "oak"], "card": ["credit", "credit", "credit", "debit"],
        "processor": ["e", "e", "o", "o"], "country": ["DE", "FR", "DE", "FR"],
    })  # fmt: skip
    found = truths.same_slices((("route", "elm"),), reach)
    assert found[0] == (("route", "elm"),)
    # Credit alone holds a row of another route.
    assert {frozenset(dict(one)) for one in found} == {
        frozenset(names)
        for names in ({"route"}, {"processor"}, {"route", "processor"}, {"route", "card"},
                      {"processor", "card"}, {"route", "processor", "card"})
    }  # fmt: skip
    assert truths.same_slices((), reach) == ()
    assert truths.same_slices((("country", "DE"), ("route", "elm")), reach)[0] == (
        ("country", "DE"), ("route", "elm"),
    )  # fmt: skip


@pytest.mark.parametrize("incident", [object()])
def test_what_is_not_planted_here_is_refused(truths: ModuleType, incident: object) -> None:
    with pytest.raises(TypeError, match="object is not planted"):
        truths.evidence_of(incident, None, None)
