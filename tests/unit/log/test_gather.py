"""Mappings to columns, against the plainest way of doing it."""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.log.gather import RefusedError, put, spread
from pellucid.log.kinds import DECISION
from pellucid.log.records import Shape, make_batch

MAPS = st.lists(
    st.none() | st.dictionaries(st.sampled_from("abcd"), st.integers() | st.none()), max_size=8
)


@given(MAPS)
def test_spread_agrees_with_one_lookup_for_each_value(maps) -> None:
    columns = spread(maps)
    assert list(columns) == list(dict.fromkeys(key for item in maps for key in item or {}))
    for name, values in columns.items():
        assert list(values) == [(item or {}).get(name) for item in maps]


@given(st.permutations(list("abc")), st.integers(1, 5))
def test_keys_may_come_in_any_order(order: list[str], count: int) -> None:
    maps = [{"a": 0, "b": 1, "c": 2}] * count + [{name: "abc".index(name) for name in order}]
    assert {name: list(values) for name, values in spread(maps).items()} == {
        "a": [0] * (count + 1), "b": [1] * (count + 1), "c": [2] * (count + 1),
    }  # fmt: skip


def test_any_mapping_will_do() -> None:
    maps = [MappingProxyType({"a": 1, "b": 2}), OrderedDict(b=3, a=4)]
    assert spread(maps) == {"a": [1, 4], "b": [2, 3]}


def test_names_are_text_and_given_once() -> None:
    with pytest.raises(RefusedError, match="not text"):
        spread([{1: 2, "b": 3}])
    with pytest.raises(RefusedError, match="given twice"):
        put({"f_a": [1]}, {"a": [2]}, "f_")


@given(st.sets(st.integers(0, 39), max_size=12))
def test_bad_records_cost_no_good_one(bad: set[int]) -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 6, 1, tzinfo=UTC)
    records = [
        {"id": f"d{number}", "at": None if number in bad else now,
         "candidates": [{"id": "a", "features": {"x": number, "y": 0}}]}
        for number in range(40)
    ]  # fmt: skip
    batch = make_batch([(DECISION, record) for record in records], Shape())
    assert batch.refused_places == bad
    assert batch.records == 40 - len(bad)
    ids = [name for part in batch.parts for name in part["decisions"]["decision_id"]]
    assert ids == [f"d{number}" for number in range(40) if number not in bad]
    xs = [x for part in batch.parts for x in part["candidates"]["f_x"]]
    assert xs == [number for number in range(40) if number not in bad]
    assert sum(batch.refused.values()) == len(bad)
