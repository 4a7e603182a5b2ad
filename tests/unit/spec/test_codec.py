"""Specs to YAML and back, and errors that come all at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import SpecError
from pellucid.spec.bind import check_system
from pellucid.spec.codec import encode, fingerprint, from_yaml, read_spec, to_yaml
from pellucid.spec.system import (
    Candidate,
    Column,
    Dimension,
    Feature,
    Layer,
    Metric,
    Outcome,
    Segment,
    System,
)  # fmt: skip
from pellucid.testing.scenarios import small_system
from pellucid.testing.worlds import payment_system

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30)


def several(strategy):
    return st.lists(strategy, max_size=4).map(tuple)


SYSTEMS = st.builds(
    System,
    name=NAMES, description=TEXTS, unit=st.sampled_from(["request", "decision"]),
    dimensions=several(st.builds(Dimension, name=NAMES, label=TEXTS)),
    features=several(st.builds(Feature, name=NAMES, kind=st.sampled_from(["number", "category"]))),
    candidate=st.builds(Candidate, name=NAMES, repeats=several(NAMES)),
    layers=several(st.builds(Layer, name=NAMES)),
    outcomes=several(st.builds(Outcome, name=NAMES, matures_after=st.just("2h"),
                               is_predicted=st.booleans())),
    segments=several(st.builds(Segment, name=NAMES, where=TEXTS)),
    metrics=several(st.builds(Metric, name=NAMES, where=TEXTS)),
    columns=st.lists(st.builds(Column, table=NAMES, field=NAMES, source=TEXTS),
                     max_size=4, unique_by=lambda c: (c.table, c.field)).map(
        lambda items: tuple(sorted(items, key=lambda c: c.table))),
)  # fmt: skip


@given(SYSTEMS)
def test_yaml_and_back_is_the_same(system: System) -> None:
    again = from_yaml(to_yaml(system))
    assert again == system
    assert fingerprint(again) == fingerprint(system)


@pytest.mark.parametrize("system", [small_system(), payment_system()], ids=lambda s: s.name)
def test_our_own_systems_are_sound_and_survive(system: System) -> None:
    assert check_system(from_yaml(to_yaml(system))) == system


def test_defaults_are_left_out() -> None:
    assert encode(System(name="a", dimensions=(Dimension(name="b"),))) == {
        "name": "a",
        "dimensions": [{"name": "b"}],
    }


def test_the_fingerprint_changes_with_any_field() -> None:
    system = small_system()
    marks = {fingerprint(system)}
    for item in dataclasses.fields(System):
        if item.name != "name" and getattr(system, item.name):
            changed = dataclasses.replace(system, **{item.name: item.default})
            if changed != system:
                marks.add(fingerprint(changed))
    assert len(marks) >= 7


def test_names_alone_are_enough() -> None:
    system = from_yaml("name: a\ndimensions: [country, card]\ncolumns:\n  decisions:\n    x: y\n")
    assert system.dimension_names == ("country", "card")
    assert system.columns == (Column(table="decisions", field="x", source="y"),)


BROKEN = """
name: Card Routing
unit: payment
dimension: [country]
dimensions: [country, Country, country]
features: {amount: number}
candidate: {repeats: [contry]}
outcomes:
  - {name: approved, matures_after: soon}
  - {name: paid, is_predicted: 1, matures_after: 2h}
segments:
  - {name: big, where: amount > 5}
layers:
  - {label: Fees}
"""


def test_every_structural_error_is_reported_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        from_yaml(BROKEN, where="card.yaml")
    told = str(caught.value)
    assert "card.yaml" in told
    for words in ("unit: expected one of request, decision; got 'payment'",
                  "dimension: unknown key; did you mean 'dimensions'", "features: expected a list",
                  "outcomes[1].is_predicted: expected true or false, got a number 1",
                  "layers[0].name: missing"):  # fmt: skip
        assert words in told


def test_ten_errors_of_meaning_are_all_reported() -> None:
    system = System(
        name="Card Routing",
        dimensions=(Dimension(name="country"), Dimension(name="country"),
                    Dimension(name="currency"), Dimension(name="Bad Name")),
        candidate=Candidate(name="route", repeats=("contry",)),
        layers=(Layer(name="model"),),
        outcomes=(Outcome(name="approved", matures_after="soon", is_predicted=True),
                  Outcome(name="paid", matures_after="2h", is_predicted=True)),
        segments=(Segment(name="big", where="amount > 5"),),
        metrics=(Metric(name="m", finalizer="ratio", value="amount_minor"),),
        columns=(Column(table="decision", field="a", source="b"),),
    )  # fmt: skip
    with pytest.raises(SpecError) as caught:
        check_system(system)
    assert len(caught.value.problems) == 11
    told = str(caught.value)
    for words in ("'Card Routing' must be lower-case", "'country' is declared 2 times",
                  "'currency' is already a field of the record", "'Bad Name' must be",
                  "no dimension is called 'contry'; did you mean 'country'",
                  "'model' is the stage before", "matures_after: 'soon' must be a positive",
                  "approved, paid are all marked is_predicted", "unknown column 'amount'",
                  "a ratio needs `per`", "no table is called 'decision'"):  # fmt: skip
        assert words in told


def test_a_spec_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(to_yaml(small_system()))
    assert read_spec(path) == small_system()
    with pytest.raises(SpecError, match="cannot be read: No such file"):
        read_spec(tmp_path / "none.yaml")
    path.write_bytes("name: a\n".encode("utf-16"))
    with pytest.raises(SpecError, match="is not UTF-8"):
        read_spec(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\nname: b\n", "key 'name' is repeated"),
        ("name: [", "is not valid YAML at line"),
        ("- a\n", "expected a mapping"),
        ("", "expected a mapping"),
        ("name: 5\n", "name: expected text, got a number 5"),
    ],
)
def test_what_is_not_a_spec_is_told(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        from_yaml(text)
