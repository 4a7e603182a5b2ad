"""How many harmless numbers redaction masks: bounds that the documentation may cite."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.log.redact import Redaction, Redactor
from pellucid.log.redact.decide import wilson_bounds

BATCH = 1_000
IDS = 1_000_000


def random_ids(count: int, seed: int) -> np.ndarray:
    """Numbers of 13 to 19 digits, each length as often, the first digit not 0."""
    chance = np.random.default_rng(seed)
    low = (10 ** chance.integers(12, 19, count)).astype(np.uint64)
    return (
        low
        + (chance.random(count) * low * 9).astype(np.uint64) // 10 * 10
        + chance.integers(0, 10, count).astype(np.uint64)
    )


def masked_of(column: str, values: list[str] | list[int]) -> int:
    redactor = Redactor(Redaction())
    changed = 0
    for start in range(0, len(values), BATCH):
        part = values[start : start + BATCH]
        after = redactor.columns("decisions", {column: part})[column]
        changed += sum(new != old for new, old in zip(after, part, strict=True))
    return changed


def masked_of_arrow(column: str, values: pa.Array) -> int:
    before = pa.table({column: values})
    after = Redactor(Redaction()).arrow("decisions", before).column(column)
    return (
        len(values)
        - pa.compute.sum(
            pa.compute.fill_null(pa.compute.equal(after, before.column(column)), False)
        ).as_py()
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text", "int"])
def test_of_a_million_ids_next_to_none_is_masked(kind: str) -> None:
    ids = random_ids(IDS, 1)
    values = ids.astype(str).tolist() if kind == "text" else ids.tolist()
    wrong = masked_of("session_ref", values)
    print(f"{kind} ids: {wrong} of {IDS:,} masked")
    assert wrong <= 20


@pytest.mark.slow
def test_ids_in_free_text_are_masked_as_often_as_chance_makes_cards() -> None:
    """1 in 10 passes Luhn, and of those the part that has an issued prefix and length."""
    ids = random_ids(IDS, 2)
    shares = {}
    for length in range(13, 20):
        own = ids[(ids >= 10 ** (length - 1)) & (ids < 10**length)][:50_000].astype(str).tolist()
        shares[length] = masked_of("reason", own) / len(own)
    print({length: f"{share:.2%}" for length, share in shares.items()})
    assert max(shares.values()) < 0.06
    texts = pa.array(np.char.add("ref ", ids.astype(str)))
    wrong = masked_of_arrow("note", texts)
    print(f"free text: {wrong / IDS:.2%} masked")
    assert wrong < 0.04 * IDS


@pytest.mark.slow
def test_no_epoch_milliseconds_are_masked() -> None:
    times = 1_500_000_000_000 + np.random.default_rng(3).integers(0, 5 * 10**11, IDS)
    assert masked_of("session_ref", times.tolist()) == 0
    assert masked_of("reason", times.astype(str).tolist()) == 0
    assert masked_of_arrow("f_at", pa.array(times)) == 0


@given(st.integers(1, 1000), st.data())
def test_wilson_bounds_hold_the_rate(trials: int, data: st.DataObject) -> None:
    passes = data.draw(st.integers(0, trials))
    low, high = wilson_bounds(passes, trials)
    assert -1e-9 <= low <= passes / trials + 1e-9
    assert passes / trials - 1e-9 <= high <= 1 + 1e-9


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    redactor = Redactor(Redaction())
    once = redactor.text(text)
    assert redactor.text(once) == once


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20,
))  # fmt: skip
def test_any_value_can_be_redacted_and_keeps_its_shape(value: object) -> None:
    after = Redactor(Redaction()).columns("t", {"raw_x": [value, None]})["raw_x"]
    assert len(after) == 2
    assert isinstance(after[0], (type(value), type(None)))
