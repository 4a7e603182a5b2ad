"""Colours: both themes have every token, and every one can be seen."""

from __future__ import annotations

import pytest

from pellucid.figures.tokens import (
    DARK,
    LIGHT,
    THEMES,
    candidate_order,
    candidate_tokens,
    css_variables,
    resolve,
    shown_candidates,
)


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.1."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_both_themes_have_the_same_tokens():
    assert LIGHT.keys() == DARK.keys()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_can_be_seen_on_a_card(theme):
    colours = THEMES[theme]
    marks = [f"cat{place}" for place in range(1, 9)] + ["accent", "up", "down"]
    texts = ["text", "muted", "faint", "accent", "good", "bad", "warn", "up", "down"]
    assert min(contrast(colours[name], colours["surface"]) for name in marks) >= 3
    assert min(contrast(colours[name], colours["surface"]) for name in texts) >= 4.5
    assert contrast(colours["faint"], colours["bg"]) >= 4.5


def test_resolve_reaches_every_depth_and_nothing_else():
    figure = {"a": ["@cat1", {"b": "@text/50"}], "c": [[0, "@seq0"], [1, "@seq4"]],
              "d": "mail @cat1", "e": "@nobody", "f": 3}  # fmt: skip
    assert resolve(figure) == {
        "a": ["#076AF6", {"b": "rgba(20,24,31,0.5)"}], "c": [[0, "#F3F6FB"], [1, "#1B5FC4"]],
        "d": "mail @cat1", "e": "@nobody", "f": 3,
    }  # fmt: skip
    assert resolve("@cat1", "dark") == "#3767DE"


def test_css_declares_every_token_for_both_themes():
    css = css_variables()
    for name in LIGHT:
        assert f"--{name.replace('_', '-')}:{LIGHT[name]};" in css
        assert f"--{name.replace('_', '-')}:{DARK[name]};" in css
    assert "prefers-color-scheme:dark" in css


def test_a_candidate_keeps_its_colour_in_every_figure_of_a_page():
    sizes = {f"r{place}": float(place) for place in range(10)}
    order = candidate_order(sizes)
    assert shown_candidates(order) == ("r3", "r4", "r5", "r6", "r7", "r8", "r9")
    tokens = candidate_tokens(order)
    assert len({tokens[name] for name in shown_candidates(order)}) == 7
    assert tokens["r0"] == "@cat8"
    assert candidate_order({"b": 2, "a": 1}) == shown_candidates(["a", "b"]) == ("a", "b")
