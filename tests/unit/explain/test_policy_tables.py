"""Tables recovered from rows: what made the rows is found, and what is no table is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.explain.changes.policy_tables import Keys, recover_rule, recover_terms

ROWS, CANDIDATES = 8_000, 3
SIZES = {"country": 4, "card": 2, "band": 3}


def drawn(seed: int) -> tuple[np.random.Generator, Keys, np.ndarray]:
    """Return keys of rows of two periods, and which rows are of the first."""
    draw = np.random.default_rng(seed)
    keys = Keys(
        draw.integers(CANDIDATES, size=ROWS),
        {name: draw.integers(size, size=ROWS) for name, size in SIZES.items()},
        draw.integers(100, 90_000, size=ROWS).astype(float),
    )
    return draw, keys, np.arange(ROWS) < ROWS // 2


names = st.sets(st.sampled_from(sorted(SIZES)), max_size=2)


def looked_up(draw: np.random.Generator, keys: Keys, chosen: tuple[str, ...]) -> np.ndarray:
    table = draw.normal(size=(CANDIDATES, *(SIZES[name] for name in chosen)))
    return np.asarray(table[(keys.candidate, *(keys.dimensions[name] for name in chosen))])


@given(seed=st.integers(0, 2**32 - 1), chosen=names)
def test_a_table_of_terms_is_found_and_no_larger(seed: int, chosen: set[str]) -> None:
    draw, keys, own = drawn(seed)
    ordered = tuple(name for name in SIZES if name in chosen)
    term = looked_up(draw, keys, ordered)
    found = recover_terms(np.where(own, term, np.nan), own, keys)
    assert found is not None
    assert found.names == ordered
    assert found.known.all()
    assert np.array_equal(found.values, term)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), chosen=names, form=st.sampled_from(["1/amount", "amount"]))
def test_a_fixed_fee_and_a_rate_are_found(seed: int, chosen: set[str], form: str) -> None:
    draw, keys, own = drawn(seed)
    ordered = tuple(name for name in SIZES if name in chosen)
    number = keys.amount if form == "amount" else 1 / keys.amount
    term = looked_up(draw, keys, ordered) + looked_up(draw, keys, ordered) * number * (
        1e-4 if form == "amount" else 100
    )
    found = recover_terms(np.where(own, term, np.nan), own, keys)
    assert found is not None
    assert found.names == (*ordered, form)
    assert found.values[found.known] == pytest.approx(term[found.known], rel=1e-9, abs=1e-9)
    assert found.known.mean() > 0.9


@given(seed=st.integers(0, 2**32 - 1))
def test_noise_is_no_table(seed: int) -> None:
    draw, keys, own = drawn(seed)
    term = looked_up(draw, keys, ("country",))
    assert recover_terms(draw.normal(size=ROWS), own, keys) is None
    # One row that differs is enough: a table must agree with every row.
    off = term.copy()
    off[7] += 0.01
    assert recover_terms(off, own, keys) is None
    # As exploration: rarely, but at random.
    assert recover_terms((draw.random(ROWS) < 0.1) * 3.0, own, keys) is None
    assert recover_terms(term, np.zeros(ROWS, dtype=bool), keys) is None


def test_a_block_among_small_terms_hides_none_of_them() -> None:
    draw, keys, own = drawn(6)
    term = np.where(keys.dimensions["card"] == 1, -1e9, 0.0)
    found = recover_terms(term, own, keys)
    assert found is not None
    assert found.names == ("card",)
    assert recover_terms(term + draw.normal(size=ROWS), own, keys) is None


def test_keys_of_single_rows_are_no_table() -> None:
    """A dimension that names each decision makes any term a function of it."""
    draw, keys, own = drawn(1)
    named = Keys(keys.candidate, {"decision": np.arange(ROWS)}, keys.amount)
    assert recover_terms(draw.normal(size=ROWS), own, named) is None
    removed = draw.random(ROWS) < 0.3
    assert recover_rule(removed, ~removed, own, named) is None


def test_a_key_that_was_never_seen_is_unknown() -> None:
    draw, keys, own = drawn(2)
    own &= keys.dimensions["country"] != 3
    term = looked_up(draw, keys, ("country",))
    found = recover_terms(term, own, keys)
    assert found is not None
    assert np.array_equal(found.known, keys.dimensions["country"] != 3)
    # Missing amounts leave tables without them.
    missing = Keys(keys.candidate, keys.dimensions, np.full(ROWS, np.nan))
    found = recover_terms(term, own, missing)
    assert found is not None
    assert found.names == ("country",)


def test_one_amount_tells_no_rate() -> None:
    """Where all of a key have one amount, its fee for another amount is not known."""
    _, keys, own = drawn(3)
    fixed = keys.candidate == 1
    amount = np.where(fixed & own, 500.0, keys.amount)
    odd = Keys(keys.candidate, keys.dimensions, amount)
    term = 0.02 * (1 + keys.candidate) + (10 + keys.candidate) / amount
    found = recover_terms(term, own, odd)
    assert found is not None
    assert found.names == ("1/amount",)
    assert np.array_equal(found.known, ~fixed)
    assert found.values[~fixed] == pytest.approx(term[~fixed])


@given(seed=st.integers(0, 2**32 - 1), chosen=names)
def test_whom_a_rule_removes_is_found(seed: int, chosen: set[str]) -> None:
    draw, keys, own = drawn(seed)
    ordered = tuple(name for name in SIZES if name in chosen)
    removed = looked_up(draw, keys, ordered) > 0.8
    others = draw.random(ROWS) < 0.2
    found = recover_rule(removed, ~removed & ~others, own, keys)
    assert found is not None
    # What none of the period's rows tell of is not known; what is known is as it was.
    assert np.array_equal(found.values[found.known] > 0, removed[found.known])
    code = keys.candidate
    for name in found.names:
        code = code * 10 + keys.dimensions[name]
    # A rule that removed nobody of the period is told by any row of the candidate.
    told = own if not (removed & own).any() else own & (removed | ~others)
    assert np.array_equal(found.known, np.isin(code, code[told]))
    assert set(found.names) <= set(ordered)


def test_what_removes_at_random_is_no_rule() -> None:
    draw, keys, own = drawn(5)
    removed = draw.random(ROWS) < 0.3
    assert recover_rule(removed, ~removed, own, keys) is None
    # Two rows tell of no rule.
    assert recover_rule(np.arange(ROWS) < 2, np.arange(ROWS) >= 2, own, keys) is None
    none = recover_rule(np.zeros(ROWS, dtype=bool), np.ones(ROWS, dtype=bool), own, keys)
    assert none is not None
    assert none.names == ()
    assert none.known.all()
    assert not none.values.any()
