"""Verdicts on hand-made counts: what the study of method found, and what must stay unclear."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.explain.learned.training import lower_tail
from pellucid.explain.learned.verdict import Slice, Verdict, effective_dates, judge

ROWS, CHANCE = 400, 0.85
SPREAD = np.sqrt(ROWS * CHANCE * (1 - CHANCE))


def counted(*surplus: float, rows: int = ROWS) -> Slice:
    """Return a slice whose dates have these outcomes more than expected."""
    given_surplus = np.array(surplus)
    variance = np.full(len(surplus), rows * CHANCE * (1 - CHANCE))
    z = given_surplus / np.sqrt(variance)
    # Four times: as if three candidates beside it had nothing.
    q = np.array([min(1.0, 4 * len(surplus) * lower_tail(value)) for value in z])
    return Slice(
        np.arange(len(surplus)) * 7, np.full(len(surplus), rows), given_surplus, variance, q
    )


def verdict(*surplus: float, rows: int = ROWS) -> Verdict:
    return judge(counted(*surplus, rows=rows))


def test_one_outage_is_an_incident() -> None:
    found = verdict(4, -2, 3, -6, -3, 1, -242, 12)
    assert (found.kind, found.worst) == ("incident", 6)
    assert found.effect == pytest.approx(-233 / 3200)
    assert found.effect_without == pytest.approx(9 / 2800)
    assert found.removed > 1
    assert found.effective_dates == pytest.approx(253**2 / (2**2 + 6**2 + 3**2 + 242**2))


def test_a_deficit_on_most_dates_is_a_habit() -> None:
    found = verdict(-50, -52, -47, -59, -54, -62, -12, -33)
    assert found.kind == "habit"
    assert found.effective_dates > 7
    assert found.removed < 0.1


def test_a_habit_whose_worst_date_is_worse_than_chance_is_still_a_habit() -> None:
    """Found in a world without any outage: a habit is not as strong on each date."""
    found = verdict(-44, -43, -40, -77)
    assert found.removed < 0.2
    assert found.kind == "habit"


def test_an_outage_on_top_of_a_habit_is_both() -> None:
    found = verdict(-13, -21, -15, -16, -19, -29, -247, -9)
    assert (found.kind, found.worst) == ("mixed", 6)
    assert 0.5 < found.removed < 0.7


def test_of_four_dates_too_an_outage_on_top_of_a_habit_is_both() -> None:
    """The effective number of dates alone would call it a habit: it is more than half of four."""
    found = verdict(-40, -40, -40, -150)
    assert found.effective_dates > 2
    assert found.kind == "mixed"


@pytest.mark.parametrize(
    "surplus",
    [
        (0.0, 0.0, 0.0, 0.0),
        (5.0, 12.0, 3.0, 1.0),
        (-6, -9, -4, -11, -8, -3, -5, -7),
        (-3, 2, -19, 4, -1, 0, 2, -5),
        (-242, 3),
        (-242,),
        (-200, 3, -210, 4, 2, -190, 5, 3),
        (30, 25, 40, -60, 35, 20, 25, 30),
        (-20, -1, -280, -9),
    ],
    ids=["nothing", "better", "little", "one worse day", "two dates", "one date", "three outages",
         "no loss on the whole", "an outage, and others in doubt"],
)  # fmt: skip
def test_what_the_counts_do_not_tell_stays_unclear(surplus: tuple[float, ...]) -> None:
    assert verdict(*surplus).kind == "unclear"


def test_the_same_rates_of_few_rows_stay_unclear() -> None:
    few = tuple(value / 40 for value in (-50, -52, -47, -59, -54, -62, -12, -33))
    assert verdict(*few, rows=ROWS // 40).kind == "unclear"


def test_a_bad_day_among_many_that_is_not_significant_is_no_incident() -> None:
    found = counted(4, -2, 3, -6, -3, 1, -242, 12)
    doubtful = Slice(found.day, found.rows, found.surplus, found.variance, np.full(8, 0.02))
    assert judge(doubtful).kind == "unclear"


def test_noise_is_never_an_incident_or_a_habit() -> None:
    draw = np.random.default_rng(0)
    kinds = [verdict(*draw.normal(scale=SPREAD, size=8)).kind for _ in range(2000)]
    # Three standard deviations: one in a thousand.
    assert kinds.count("unclear") >= 1990


def test_no_dates_have_no_verdict() -> None:
    with pytest.raises(ValueError, match="no dates"):
        judge(counted())


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=12))
def test_effective_dates_lie_between_one_and_all(surplus: list[float]) -> None:
    found = effective_dates(np.array(surplus))
    below = sum(value < 0 for value in surplus)
    assert found == 0 if not below else 1 - 1e-9 <= found <= below + 1e-9


@given(
    st.integers(2, 9).flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(-300, 50), min_size=n, max_size=n), st.permutations(range(n))
        )
    )
)
def test_the_order_of_dates_does_not_matter(case: tuple[list[int], list[int]]) -> None:
    surplus, order = case
    one, other = verdict(*surplus), verdict(*(surplus[place] for place in order))
    assert one.kind == other.kind
    assert one.effect == pytest.approx(other.effect)
    assert one.effective_dates == pytest.approx(other.effective_dates)
