"""What each figure draws equals what it was given."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from figure_samples import (
    HOSTILE,
    SAMPLES,
    SampleFlow,
    arm_rows,
    attributions,
    candidates,
    country_rows,
    daily,
    result_row,
    sample_flow,
    share_rows,
)

from pellucid.errors import DataError, UnknownNameError
from pellucid.figures.arms import arms
from pellucid.figures.attribution import waterfall
from pellucid.figures.candidates import candidate_scores
from pellucid.figures.flow import moves_table, policy_flow
from pellucid.figures.layout import nice_ticks, rate_ticks, spread
from pellucid.figures.pivot import heat_table
from pellucid.figures.rates import rate_by, rate_over_time
from pellucid.figures.traffic import share_over_time


def notes(figure) -> str:
    return " | ".join(note["text"] for note in figure.layout["annotations"])


def test_shares_add_up_and_the_smallest_become_other():
    parts = {f"r{place}": (place / 55, place / 55) for place in range(1, 11)}
    figure = share_over_time(share_rows(parts), "route")
    assert [trace["name"] for trace in figure.data] == [
        "r10", "r4", "r5", "r6", "r7", "r8", "r9", "Other"]  # fmt: skip
    assert np.allclose(np.sum([trace["y"] for trace in figure.data], axis=0), 1)
    assert len({trace["fillcolor"] for trace in figure.data}) == 8


def test_share_colours_follow_the_order_not_the_rows():
    figure = share_over_time(share_rows({"b": (1.0,)}), "route", order=("a", "b"))
    assert figure.data[0]["fillcolor"] == "@cat2"


def test_line_breaks_where_a_day_is_missing():
    figure = rate_over_time(daily({0: 0.84, 1: 0.8, 4: 0.85, 5: 0.86}))
    bands = [trace for trace in figure.data if trace.get("fill")]
    line = next(trace for trace in figure.data if trace.get("connectgaps") is False)
    assert len(bands) == 2
    assert line["y"] == [0.84, 0.8, None, 0.85, 0.86]
    assert "lowest <b>80.0%</b>" in notes(figure)


def test_a_single_bucket_is_still_drawn():
    shares = share_over_time(share_rows({"a": (0.6,), "b": (0.4,)}), "route")
    assert [trace["y"] for trace in shares.data] == [[0.6, 0.6], [0.4, 0.4]]
    assert len(shares.table.rows) == 1
    assert rate_over_time(daily({0: 0.8})).data[1]["mode"] == "markers"


def test_rate_by_leaves_out_values_without_labels_and_shows_n():
    figure = rate_by(country_rows(), "country")
    assert [row[0] for row in figure.table.rows] == ["DE", HOSTILE]
    assert figure.table.total[1] == 0.85
    assert "1,000" in notes(figure)
    assert "all 85.0%" in notes(figure)


def test_metrics_do_not_mix_in_one_figure():
    mixed = pa.concat_tables([country_rows(), country_rows().set_column(
        0, "metric", pa.array(["other"] * 4))])  # fmt: skip
    with pytest.raises(DataError, match="more than one metric"):
        rate_by(mixed, "country")
    with pytest.raises(UnknownNameError, match="did you mean 'country'"):
        rate_by(country_rows(), "countri")


def test_flow_conserves_decisions_at_every_node():
    """Paths that leave and enter a node fill it exactly, side by side."""
    figure = policy_flow(sample_flow())
    out = defaultdict(list)
    for trace in figure.data:
        stage, ends = trace["name"].split(": ")
        out[stage, ends.split(" → ")[0]].append((trace["y"][-1], trace["y"][0]))
    for spans in out.values():
        spans.sort(reverse=True)
        top, bottom = spans[0][1], spans[-1][0]
        ends = [(shape["y1"], shape["y0"]) for shape in figure.layout["shapes"]]
        assert any(end == pytest.approx((top, bottom), abs=1e-3) for end in ends)
        for (low, _), (_, high) in pairwise(spans):
            assert low == pytest.approx(high, abs=2e-4)


def test_flow_says_what_each_layer_moved():
    figure = policy_flow(sample_flow())
    text = notes(figure)
    assert "<b>Fees</b><br>10.0% moved" in text
    assert "<b>Guardrail</b><br>5.0% moved" in text
    assert "<b>−5.0 pp</b>" in text
    assert "<b>+5.0 pp</b>" in text
    moved = [trace["line"]["width"] > 0 for trace in figure.data]
    assert moved == sorted(moved)


def test_flow_folds_small_candidates_without_losing_decisions():
    names = [f"r{place}" for place in range(12)]
    nodes = [{"stage": s, "candidate": name, "decisions": 10 + place, "share": 0.0}
             for s in ("Model", "Fees") for place, name in enumerate(names)]  # fmt: skip
    nodes.append({"stage": "Model", "candidate": None, "decisions": 3, "share": 0.0})
    links = [{"stage": "Model", "next_stage": "Fees", "source": name, "target": name,
              "decisions": 10 + place, "share": 0.0, "is_moved": False}
             for place, name in enumerate(names)]  # fmt: skip
    figure = policy_flow(
        SampleFlow(("Model", "Fees"), pa.Table.from_pylist(nodes), pa.Table.from_pylist(links))
    )
    assert [row[0] for row in figure.table.rows][-2:] == ["Other", "none"]
    assert sum(row[1] for row in figure.table.rows) == pytest.approx(1)


def test_moves_are_sorted_by_size():
    table = moves_table(sample_flow())
    assert [(row[0], row[3], row[4]) for row in table.rows] == [
        ("Fees", 10, 0.1), ("Guardrail", 5, 0.05)]  # fmt: skip


def test_waterfall_ends_at_the_raw_score():
    figure = waterfall(attributions(*np.linspace(0.5, -0.3, 14)), 1.0, 1.0 + 14 * 0.1)
    bars = figure.data[0]
    signs = [1 if "+" in text.split("<br>")[1] else -1 for text in bars["hovertext"]]
    assert 1.0 + np.dot(signs, bars["x"]) == pytest.approx(2.4)
    assert len(bars["x"]) == 10
    assert "5 other features" in figure.layout["yaxis"]["ticktext"][-1]


def test_waterfall_shows_what_attributions_leave_unexplained():
    figure = waterfall(attributions(0.5), 1.0, 1.7)
    assert figure.layout["yaxis"]["ticktext"][-1] == "not explained"
    assert figure.data[0]["x"][-1] == pytest.approx(0.2)


def test_candidates_are_ranked_by_utility_and_barred_ones_say_why():
    figure = candidate_scores(candidates())
    assert [row[0] for row in figure.table.rows] == [HOSTILE, "a", "c"]
    assert figure.table.marked == (0,)
    assert figure.table.rows[0][-2] == pytest.approx(0.79)
    assert "not allowed: &lt;b onmouseover" in notes(figure)
    assert len([s for s in figure.layout["shapes"] if s["line"]["color"] == "@up"]) == 1


def test_arms_need_both_sides_and_put_the_whole_first():
    figure = arms(arm_rows(), "country")
    assert [row[0] for row in figure.table.rows] == ["All", HOSTILE]
    assert figure.data[0]["marker"]["symbol"] != figure.data[1]["marker"]["symbol"]


def test_heat_table_has_both_totals():
    rows = pa.Table.from_pylist([
        result_row("route,country", 0.5, n=40, route="a", country="DE"),
        result_row("route", 0.6, route="a", country=None),
        result_row("country", 0.7, route=None, country="DE"),
        result_row("", 0.8, route=None, country=None),
    ])  # fmt: skip
    table = heat_table(rows, "route", "country")
    assert table.rows == (("a", 0.6, (0.5, 40)),)
    assert table.total == ("All", 0.8, (0.7, 1000))


def test_ticks_have_the_decimals_of_their_step():
    assert rate_ticks(0.79, 0.91)["ticktext"] == ["80%", "85%", "90%"]
    texts = rate_ticks(0.801, 0.826)["ticktext"]
    assert len(set(texts)) == len(texts)
    assert nice_ticks(0.5, 0.5) == [0.5]


def test_labels_are_kept_apart_and_inside():
    places = spread([0.01, 0.02, 0.5, 0.97, 0.98], 0.1, 0.0, 1.0)
    assert min(np.diff(places)) >= 0.1 - 1e-6
    assert places[0] >= 0
    assert places[-1] <= 1


@pytest.mark.parametrize("name", SAMPLES)
def test_no_text_reads_minus_zero(name):
    figure = SAMPLES[name]()
    assert not re.search(r"[-−]0\.0+(?!\d)", figure.to_json().split('"x"')[0] + figure.alt)
