"""What the template prints: anchors, cells, sparklines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pellucid.figures.table import Column, Table
from pellucid.report.content import Card
from pellucid.report.page import with_code
from pellucid.report.views import Anchors, sparkline, table_view, widths


def test_anchors_are_unique_whatever_the_titles():
    anchors = Anchors()
    titles = ["Over time", "Over time", "<b>", "—", "over-time"]
    taken = [anchors.take(title) for title in titles]
    assert len(set(taken)) == len(titles)


def test_cells_of_small_n_are_not_coloured():
    table = Table((Column("Route", "candidate"), Column("DE", "heat"), Column("GB", "heat")),
                  (("a", (0.9, 5000), (0.1, 12)), ("b", (0.5, 5000), None)))  # fmt: skip
    (_, strong, small), (_, weak, none) = table_view(table, ["a", "b"]).rows
    assert (strong.css, strong.share) == ("num heat", 100.0)
    assert (weak.css, weak.share) == ("num heat", 0.0)
    assert small.css == "num small"
    assert "n 12" in small.title
    assert none.text == "–"


def test_candidates_have_their_colours_and_changes_their_tones():
    table = Table((Column("Route", "candidate"), Column("Change", "points")),
                  (("b", 0.01), ("b", -0.01), ("b", 0.0)))  # fmt: skip
    rows = table_view(table, ["a", "b"]).rows
    assert rows[0][0].dot == "var(--cat2)"
    assert [row[1].css for row in rows] == ["num up", "num down", "num"]


def test_small_shares_have_bars_relative_to_the_largest():
    table = Table((Column("x"), Column("Share", "bar")), (("a", 0.02), ("b", 0.01)))
    assert [row[1].share for row in table_view(table, []).rows] == [100.0, 50.0]


def test_cells_are_sorted_by_what_they_hold_and_not_by_their_text():
    when = datetime(2026, 10, 9, 1, 2, tzinfo=UTC)
    table = Table(
        (Column("Name"), Column("n", "count"), Column("Rate", "heat"), Column("Paid", "money"),
         Column("At", "time"), Column("Gap", "points"), Column("State", "pill")),
        (("a", 1_200, (0.25, 9), (995, "EUR"), when, None, ("open", "bad")),),
    )  # fmt: skip
    keys = [cell.key for cell in table_view(table, []).rows[0]]
    assert keys == [None, 1_200, 0.25, 995, "2026-10-09T01:02:00+00:00", None, None]


@pytest.mark.parametrize(("count", "is_whole", "is_cut", "can_sort"), [
    (1, True, False, False), (25, True, False, True), (26, True, True, True),
    (26, False, False, False),
])  # fmt: skip
def test_only_tables_that_hold_all_rows_are_cut_or_sorted(count, is_whole, is_cut, can_sort):
    rows = tuple((str(place),) for place in range(count))
    view = table_view(Table((Column("x"),), rows, is_whole=is_whole), [])
    assert len(view.rows) == count
    assert (view.is_cut, view.can_sort) == (is_cut, can_sort)


@pytest.mark.parametrize(("given", "shown"), [
    (["half"], ["full"]), (["half", "half"], ["half", "half"]),
    (["half", "half", "half"], ["half", "half", "full"]),
    (["wide", "narrow", "full", "narrow"], ["wide", "narrow", "full", "full"]),
    (["half", "wide"], ["full", "full"]), ([], []),
])  # fmt: skip
def test_a_card_alone_in_its_row_takes_all_of_it(given, shown):
    assert list(widths([Card(title="x", width=width) for width in given])) == shown


@pytest.mark.parametrize(("text", "html"), [
    ("run `a <b>` now", "run <code>a &lt;b&gt;</code> now"), ("`a` and `b`",
     "<code>a</code> and <code>b</code>"), ("it`s <i>", "it`s &lt;i&gt;"), ("", ""),
])  # fmt: skip
def test_what_stands_between_backticks_is_code_and_all_is_escaped(text, html):
    assert str(with_code(text)) == html


def test_sparkline_leaves_a_gap():
    assert len(sparkline([1, 2, None, 3, 4])) == 2
    assert sparkline([1.0, None]) == []
    assert sparkline([2.0, 2.0]) == ["0.0,26.0 100.0,26.0"]
