"""Bars of parts: as long as the numbers, whiskers of their intervals, nothing left out."""

from __future__ import annotations

import pytest
from part_samples import HOSTILE, change_story, contrast, group_story
from scipy import stats

from pellucid.figures.parts import change_parts, contrast_parts, group_parts

FIGURES = {
    "change": lambda: change_parts(change_story()),
    "contrast": lambda: contrast_parts(contrast()),
    "group": lambda: group_parts(group_story()),
    "groups": lambda: group_parts(group_story(is_compared=True)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_parts_add_up_to_the_last_bar(name: str) -> None:
    bar = FIGURES[name]().data[0]
    *parts, total = bar["x"]
    assert sum(parts) == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize("name", FIGURES)
def test_names_are_escaped_and_numbers_are_signed(name: str) -> None:
    figure = FIGURES[name]()
    drawn = str(figure.layout["yaxis"]["ticktext"]) + str(figure.data[0]["hovertext"])
    assert HOSTILE not in drawn
    assert "&lt;b onmouseover" in drawn
    texts = [item["text"] for item in figure.layout["annotations"]]
    assert all(text[0] in "+−±" for text in texts)
    assert not any("nan" in text for text in texts)


def test_whiskers_are_95_percent_intervals_and_unknown_ones_are_not_drawn() -> None:
    figure = change_parts(change_story())
    many, few = stats.t.ppf(0.975, [12, 7.5])
    assert figure.data[0]["error_x"]["array"] == pytest.approx(
        [many * 0.002, few * 0.01, 0, many * 0.012]
    )
    assert "95% interval −7.3 pp to −2.7 pp" in figure.data[0]["hovertext"][1]
    assert figure.table.rows[1][1:] == pytest.approx((-0.05, few))
    assert figure.table.rows[2][2] is None


def test_small_features_are_one_bar_and_layers_stay() -> None:
    figure = contrast_parts(contrast())
    labels = figure.layout["yaxis"]["ticktext"]
    assert labels[8] == "4 other features"
    assert figure.data[0]["x"][8] == pytest.approx(0.04 + 0.03 + 0.02 + 0.01)
    assert labels[-1] == "<b>Margin</b>"
    assert "F0" in labels
    assert "Average score" not in labels


def test_the_words_beside_a_figure_are_those_of_the_answer() -> None:
    story = change_story()
    assert change_parts(story).alt == story.told
    assert "fell from 50.0% of 100 decisions (2026-10-01 to 2026-10-08 UTC) to 46.0%" in story.told
    assert "−4.0 pp (give or take 2.6 pp)" in story.told
    assert "what was allowed −5.0 pp (give or take 2.3 pp)" in story.told
    told = group_story(is_compared=True).told
    assert "Against 90 decisions where TRUE, it is −0.50." in told
    assert "In 5.0% of them" in contrast().told
