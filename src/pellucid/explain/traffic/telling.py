"""The first paragraph of an answer about traffic, made from the numbers of its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.explain import wording

if TYPE_CHECKING:
    from pellucid.explain.traffic.layers import LayerEffects
    from pellucid.explain.traffic.traffic import TrafficStory
    from pellucid.explain.traffic.whatif import WhatIf

_PARTS_TOLD = 3
_SHARE = "probability"


def traffic_told(story: TrafficStory) -> list[str]:
    """Return the sentences of a split of traffic."""
    sides = story.sides.to_pylist()
    own = sides[0]
    among = f" where {story.where}" if story.where else ""
    lines = [
        f"{story.candidate} was picked in {wording.percent(own['share'])} of "
        f"{wording.decisions(own['decisions'])}{among}, from {wording.span(story.window)}"
        f"{wording.give_or_take(own['error'], _SHARE)}."
    ]
    parts = story.parts.to_pylist()
    column, error = ("difference", "difference_error") if story.is_compared else ("value", "error")
    if story.is_compared:
        other = sides[1]
        named = f"where {story.versus}" if story.versus else (
            f"from {wording.span(story.baseline)}" if story.baseline else ""
        )  # fmt: skip
        lines.append(
            f"Of {wording.decisions(other['decisions'])} {named} it had "
            f"{wording.percent(other['share'])}: a difference of "
            f"{wording.signed(own['share'] - other['share'], _SHARE)}."
        )
    else:
        lines.append(
            f"Drawn evenly among the eligible it would have had "
            f"{wording.percent(parts[0]['value'])}."
        )
        parts = parts[1:]
    top = sorted(parts, key=lambda row: -abs(row[column]))[:_PARTS_TOLD]
    shown = [
        f"{row['label']} {wording.signed(row[column], _SHARE)}"
        f"{wording.give_or_take(row[error], _SHARE)}" for row in top if row[column]
    ]  # fmt: skip
    if shown:
        lines.append(f"What makes the difference: {wording.listed(shown)}.")
    without = story.without.to_pylist()
    named_top = next((row for row in without if top and row["part"] == top[0]["part"]), None)
    if named_top is not None:
        is_layer = top[0]["kind"] == "layer"
        lines.append(
            (f"Without {named_top['label']}" if is_layer
             else f"If {named_top['label']} told no decision from another")
            + ", its share would be "
            f"{wording.percent(named_top['share'])}"
            + (f", against {wording.percent(named_top['versus_share'])}" if story.is_compared
               else "") + "."
        )  # fmt: skip
    return lines


def what_if_told(answer: WhatIf) -> list[str]:
    """Return the sentences of a replay under another policy."""
    named = wording.listed([str(change) for change in answer.changes])
    among = f" where {answer.where}" if answer.where else ""
    lines = [
        f"With {named}, {wording.percent(answer.moved)} of "
        f"{wording.decisions(answer.decisions)}{among}, from {wording.span(answer.window)}, would "
        "have gone elsewhere."
        if answer.moved else
        f"With {named}, not one of {wording.decisions(answer.decisions)}{among}, from "
        f"{wording.span(answer.window)}, would have gone elsewhere."
    ]  # fmt: skip
    rows = [row for row in answer.shares.to_pylist() if row["change"]][:_PARTS_TOLD]
    shown = [
        f"{row['candidate']} {wording.percent(row['share_before'])} to "
        f"{wording.percent(row['share_after'])}{wording.give_or_take(row['error'], _SHARE)}"
        for row in rows
    ]
    if shown:
        lines.append(f"Shares: {wording.listed(shown)}.")
    outcome = next((row for row in answer.means.to_pylist() if row["kind"] == "outcome"), None)
    if outcome is not None and answer.moved:
        lines.append(
            "By the model's own probabilities the outcome would have been expected in "
            f"{wording.percent(outcome['after'])} instead of {wording.percent(outcome['before'])}: "
            f"{wording.signed(outcome['change'], _SHARE)}"
            f"{wording.give_or_take(outcome['error'], _SHARE)}."
        )
    return lines


def layers_told(answer: LayerEffects) -> list[str]:
    """Return the sentences of what the layers did."""
    among = f" where {answer.where}" if answer.where else ""
    rows = [row for row in answer.effects.to_pylist() if row["moved"]]
    lines = [
        f"Of {wording.decisions(answer.decisions)}{among}, from {wording.span(answer.window)}:"
    ]
    for row in sorted(rows, key=lambda row: -row["moved"]):
        is_clear = abs(row["outcome"]) >= wording.HALF_WIDTH * row["outcome_error"]
        won = "won" if row["outcomes"] > 0 else "lost"
        lines.append(
            f"{row['label']} moved {wording.percent(row['moved'])} to another candidate"
            + (f", and with it {won} about {abs(row['outcomes']):,.0f} outcomes by the model's "
               "own probabilities." if is_clear else ", with no clear effect on outcomes.")
        )  # fmt: skip
    return lines if rows else [*lines, "no layer moved a single pick."]
