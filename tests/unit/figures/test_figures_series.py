"""Lines of any metric, and columns now and before, show the numbers that they were given."""

from __future__ import annotations

import pyarrow as pa
import pytest
from figure_samples import HOSTILE, daily, share_rows
from watch_samples import COUNT, RATE, drift

from pellucid.figures.drift import distribution, drift_bars, drift_table
from pellucid.figures.series import kind_of, series_over_time, written
from pellucid.figures.values import value_by
from pellucid.spec.system import Metric


def test_each_value_has_a_line_of_its_own_named_at_its_end():
    figure = series_over_time(share_rows({"b": (0.3, 0.2), "a": (0.7, 0.8)}), RATE, "route")
    assert [[y for y in trace["y"] if y is not None] for trace in figure.data] == [
        [0.7, 0.8], [0.3, 0.2],
    ]  # fmt: skip
    texts = [note["text"] for note in figure.layout["annotations"]]
    assert texts == ["b <b>20.0%</b>", "a <b>80.0%</b>"]
    assert [row[1:3] for row in figure.table.rows] == [
        ("a", 0.7),
        ("b", 0.3),
        ("a", 0.8),
        ("b", 0.2),
    ]


def test_colours_are_those_of_the_order_of_all_candidates():
    order = ("a", "b", "c")
    figure = series_over_time(share_rows({"c": (0.3,), "b": (0.7,)}), RATE, "route", order=order)
    assert [trace["line"]["color"] for trace in figure.data] == ["@cat2", "@cat3"]


def test_of_more_than_eight_values_those_with_most_rows_are_drawn():
    shares = {f"r{place}": (0.1,) for place in range(12)}
    figure = series_over_time(share_rows(shares), RATE, "route")
    assert len(figure.data) == 8
    assert len(figure.table.rows) == 8


def test_bars_are_the_values_largest_first_and_the_rest_last():
    rows = share_rows({"a": (0.2,), "b": (0.5,), "other (7 values)": (0.9,)})
    figure = value_by(rows, "route", RATE, name="Route")
    bars = figure.data[0]
    assert bars["x"] == [0.5, 0.2, 0.9]
    assert figure.layout["yaxis"]["ticktext"] == ["b", "a", "other (7 values)"]
    assert [row[:2] for row in figure.table.rows] == [
        ("b", 0.5), ("a", 0.2), ("other (7 values)", 0.9),
    ]  # fmt: skip
    assert figure.table.columns[0].label == "Route"


def test_bars_end_at_their_intervals_and_counts_have_none():
    rows = share_rows({"a": (0.2,)})
    drawn = value_by(rows, "route", RATE)
    row = figure_row(rows)
    bars = drawn.data[0]
    assert bars["error_x"]["array"] == [pytest.approx(row["high"] - 0.2)]
    assert bars["error_x"]["arrayminus"] == [pytest.approx(0.2 - row["low"])]
    for key in ("low", "high"):
        place = rows.column_names.index(key)
        rows = rows.set_column(place, key, pa.nulls(rows.num_rows, pa.float64()))
    assert "error_x" not in value_by(rows, "route", COUNT).data[0]


def figure_row(rows: pa.Table) -> dict:
    return next(row for row in rows.to_pylist() if row["level"] == "route")


def test_a_day_without_rows_breaks_the_line():
    figure = series_over_time(daily({0: 0.8, 1: 0.7, 2: 0.75, 5: 0.9}), RATE)
    assert figure.data[0]["y"] == [0.8, 0.7, 0.75, None, 0.9]


@pytest.mark.parametrize(
    ("metric", "value", "text", "kind"),
    [
        (RATE, 0.8482, "84.8%", "rate"),
        (COUNT, 66927.0, "66,927", "count"),
        (Metric(name="gap", finalizer="mean", value_unit="points"), -0.01, "−1.0 pp", "points"),
        (Metric(name="score", finalizer="mean", value_unit="log_odds"), 1.5, "1.50", "number"),
    ],
)
def test_values_are_written_in_their_unit(metric, value, text, kind):
    assert written(value, metric) == text
    assert kind_of(metric) == kind


def test_drift_shows_what_moved_first_with_the_tick_of_chance():
    report = drift()
    figure = drift_bars(report)
    bars, ticks = figure.data
    assert bars["x"] == [item.drift.psi for item in report.columns]
    assert ticks["x"] == [item.drift.psi_noise for item in report.columns]
    assert bars["marker"]["color"] == ["@down", "@neutral"]
    assert figure.table.rows[0][1] == ("moved", "bad")


def test_columns_lead_to_their_page_where_there_is_one():
    links = {HOSTILE: "/x", "steady": "/y"}
    assert [row[0][1] for row in drift_table(drift(), links).rows] == ["/x", "/y"]


def test_a_distribution_is_shares_of_rows_now_and_before():
    figure = distribution(drift().columns[0])
    rows = {row[0]: row[1:] for row in figure.table.rows}
    assert rows["a"] == pytest.approx((1 / 3, 7 / 9, 4 / 9))
    assert rows["c"] == pytest.approx((1 / 3, 0.0, -1 / 3))
    assert sum(figure.data[0]["y"]) == pytest.approx(1)
    assert sum(figure.data[1]["y"]) == pytest.approx(1)
