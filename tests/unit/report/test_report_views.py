"""What the template prints: anchors, cells, sparklines."""

from __future__ import annotations

from pellucid.figures.table import Column, Table
from pellucid.report.views import Anchors, sparkline, table_view


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


def test_sparkline_leaves_a_gap():
    assert len(sparkline([1, 2, None, 3, 4])) == 2
    assert sparkline([1.0, None]) == []
    assert sparkline([2.0, 2.0]) == ["0.0,26.0 100.0,26.0"]
