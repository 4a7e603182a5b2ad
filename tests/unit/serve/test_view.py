"""The state of a page is its address: what is read is what is written."""

from __future__ import annotations

from datetime import date
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.serve.view import RANGES, View, parse_view

DIMENSIONS = ("country", "range", "order")
OWN = {"metric": (), "grain": ("1h", "1d")}
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda text: text == text.strip()
)
days = st.dates(date(2020, 1, 1), date(2030, 1, 1))


@st.composite
def views(draw: st.DrawFn) -> View:
    start, end = sorted((draw(days), draw(days)))
    has_days = draw(st.booleans())
    filters = draw(st.dictionaries(
        st.sampled_from(DIMENSIONS), st.lists(words, min_size=1, max_size=3, unique=True)
    ))  # fmt: skip
    return View(
        range="30d" if has_days else draw(st.sampled_from(RANGES)),
        start=start if has_days else None, end=end if has_days else None,
        compare=draw(st.sampled_from(("previous", "none"))),
        filters=tuple(sorted((name, tuple(kept)) for name, kept in filters.items())),
        where=draw(st.one_of(st.just(""), words)),
        own=tuple(draw(st.fixed_dictionaries({}, optional={
            "metric": words, "grain": st.sampled_from(OWN["grain"])})).items()),
    )  # fmt: skip


def read(query: str) -> tuple[View, tuple[str, ...]]:
    return parse_view(parse_qsl(query.removeprefix("?"), keep_blank_values=True), DIMENSIONS, OWN)


@given(views())
def test_an_address_gives_back_its_view(view):
    found, problems = read(view.query)
    assert (found.query, problems) == (view.query if found == view else found.query, ())
    assert dict(found.own) == dict(view.own)
    assert found.filters == view.filters
    assert (found.range, found.start, found.end) == (view.range, view.start, view.end)
    assert (found.compare, found.where) == (view.compare, view.where)


def test_the_default_view_has_no_query():
    assert View().query == ""
    assert read("") == (View(), ())


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("range=99d", "'99d' is none of its values"),
        ("from=2026-10-01", "both must be days"),
        ("from=x&to=y", "both must be days"),
        ("from=2026-10-09&to=2026-10-01", "set the later day last"),
        ("compare=tomorrow", "'tomorrow' is none"),
        ("is.contry=BR", "did you mean 'country'?"),
        ("grain=1y", "'1y' is none"),
        ("&".join(f"is.country={place}" for place in range(60)), "only its first 50"),
    ],
)
def test_what_cannot_be_read_is_said_and_left_out(query, said):
    view, problems = read(query)
    assert len(problems) == 1
    assert said in problems[0]
    assert (view.range, view.start, view.compare, view.own) == ("30d", None, "previous", ())


def test_keys_of_no_page_are_ignored():
    assert read("utm_source=mail&fbclid=1") == (View(), ())


def test_filters_are_sql_with_quotes_doubled_and_reserved_names_quoted():
    view = View(filters=(("country", ("BR", "O'Hare")), ("order", ("(missing)", "x"))))
    assert (
        view.condition == "country IN ('BR', 'O''Hare') AND (\"order\" = 'x' OR \"order\" IS NULL)"
    )


def test_the_days_of_a_view_end_with_the_last_one():
    assert read("from=2026-10-01&to=2026-10-31")[0].over == "2026-10-01..2026-11-01"
