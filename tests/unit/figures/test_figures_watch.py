"""Figures of monitoring draw what was found, as it was found."""

from __future__ import annotations

from datetime import timedelta

import pytest
from watch_samples import (
    DAY,
    HOSTILE,
    HOUR,
    START,
    WINDOW,
    anomalies,
    incident,
    localized,
    maturity,
    performance,
)

from pellucid.figures.anomalies import expected_band, pattern_table
from pellucid.figures.incidents import incident_timeline
from pellucid.figures.lines import runs_of
from pellucid.figures.localized import localized_parts
from pellucid.figures.maturity import arrivals, maturing
from pellucid.figures.quality import performance_over_time
from pellucid.figures.rows import stamp, step_of
from pellucid.spec.check import Marker


def test_a_spike_is_shaded_and_a_shift_is_a_line():
    figure = expected_band(anomalies("spike", "shift"))
    shapes = {shape["type"]: shape for shape in figure.layout["shapes"]}
    since, until = stamp(START + 10 * HOUR), stamp(START + 13 * HOUR)
    assert (shapes["rect"]["x0"], shapes["rect"]["x1"]) == (since, until)
    assert shapes["line"]["x0"] == since
    texts = [note["text"] for note in figure.layout["annotations"]]
    assert texts == ["as it was", "as expected", "unusual", "moved"]
    only = expected_band(anomalies("shift")).layout
    assert [shape["type"] for shape in only["shapes"]] == ["line"]
    assert "unusual" not in [note["text"] for note in only["annotations"]]


def test_only_the_series_of_the_anomaly_is_drawn_broken_where_an_hour_is_missing():
    figure = expected_band(anomalies("spike"))
    line = figure.data[-1]
    assert line["x"].count(None) == 1
    assert len([value for value in line["y"] if value is not None]) == 23
    assert sum(trace.get("fill") == "toself" for trace in figure.data) == 2
    (row,) = figure.table.rows
    assert row[:3] == ("Approval rate", f"route={HOSTILE}", "spike")


def test_patterns_are_told_by_weekday():
    found = anomalies("spike")
    table = pattern_table(found.patterns, found.by)
    assert table.rows == (("decision_count", f"route={HOSTILE}", "Tuesday", -0.4, 4, 4),)


def test_slices_and_everything_else_add_up_to_the_change():
    figure = localized_parts(localized())
    *parts, whole = figure.data[0]["x"]
    assert sum(parts) == pytest.approx(whole)
    assert [row[0] for row in figure.table.rows] == [f"issuer={HOSTILE}", "Everything else"]
    assert figure.table.total[3] == pytest.approx(-0.03)


def test_bands_are_of_young_cohorts_only():
    figure = maturing(maturity())
    bands = [trace for trace in figure.data if trace.get("fill") == "toself"]
    assert [len(trace["x"]) for trace in bands] == [4]
    assert bands[0]["x"][0] == stamp(START + 2 * DAY)
    known, expected = figure.data[-2:]
    assert known["y"] == pytest.approx([0.8, 0.8, 0.48, 0.16])
    assert expected["y"] == [0.8] * 4
    assert not any(trace.get("fill") for trace in maturing(maturity(known=(1.0, 1.0))).data)


def test_a_kind_of_outcome_that_is_never_recorded_has_no_curve():
    figure = arrivals(maturity())
    assert [trace["name"] for trace in figure.data] == ["yes"]
    assert [column.label for column in figure.table.columns] == ["After", "Yes known"]


def test_performance_is_drawn_where_labels_are_and_expected_everywhere():
    figure = performance_over_time(performance((0.7, 0.71), (0.72, 0.71), (None, 0.7)))
    expected, measured = figure.data[-2:]
    assert expected["y"] == [0.71, 0.71, 0.7]
    assert measured["y"] == [0.7, 0.72]
    assert figure.alt.endswith("– measured and 70.0% expected in the last.")
    assert len(figure.table.rows) == 3


def test_bars_of_incidents_are_cut_to_the_window():
    early = incident(0, started_at=START - 3 * DAY, last_at=START + DAY)
    late = incident(1, started_at=START + 6 * DAY, last_at=START + 9 * DAY, state="resolved")
    outside = incident(2, started_at=START + 8 * DAY, last_at=START + 9 * DAY)
    (bars,) = incident_timeline([early, late, outside], WINDOW).data
    assert bars["base"] == [stamp(START), stamp(START + 6 * DAY)]
    assert [timedelta(milliseconds=length) for length in bars["x"]] == [DAY, DAY]
    assert bars["marker"]["opacity"] == [1.0, 0.45]


def test_many_incidents_are_all_in_the_table_and_said():
    found = [incident(number) for number in range(25)]
    figure = incident_timeline(found, WINDOW)
    assert len(figure.data[0]["x"]) == 20
    assert len(figure.table.rows) == 25
    assert "5 more are in the table" in figure.alt


def test_markers_stand_where_they_happened():
    markers = (Marker(name=HOSTILE, at="2026-10-06T12:00:00Z"), Marker(name="x", at="2026-01-01"))
    layout = incident_timeline([incident()], WINDOW, markers).layout
    (mark,) = [shape for shape in layout["shapes"] if shape["type"] == "line"]
    assert mark["x0"] == stamp(START + 36 * HOUR)
    assert HOSTILE not in str(layout["annotations"])


def test_a_cut_first_bucket_breaks_no_line():
    times = [START + HOUR, *(START + day * DAY for day in (1, 2, 4))]
    rows = [{"start_at": at} for at in times]
    assert [len(run) for run in runs_of(rows, step_of(times))] == [3, 1]
