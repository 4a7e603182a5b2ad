"""A share of traffic in parts, and decisions under another policy: as values with a paragraph."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pellucid.explain import wording
from pellucid.explain.traffic.policy import CapShare, PolicyChange
from pellucid.windows import Window

_PARTS_TOLD = 3
_SHARE = "probability"
_ROUNDING = 1e-3
NOBODY_NAME = "nobody"


@dataclass(frozen=True, slots=True)
class TrafficStory:
    """A candidate's share of traffic, in parts; alone or against another group or period.

    Attributes
    ----------
    candidate : str
    window : Window
    baseline : Window or None
    where, versus : str
    sides : pyarrow.Table
        ``side`` (group, versus), ``n`` stored and explained, ``decisions`` that they stand for,
        ``days``, ``share``, its standard ``error`` and the ``degrees`` of freedom of that,
        ``fidelity``: the part of the decisions in which the terms, replayed, pick what was picked.
    parts : pyarrow.Table
        ``part``, ``kind`` (start, general, feature, layer, residual, rest), ``label``, ``value``,
        ``error``, ``degrees``; values add up to the share. Where two are compared also
        ``versus_value``, ``difference``, ``difference_error`` and ``difference_degrees``.
    without : pyarrow.Table
        ``part``, ``label``, ``share``, ``change``, and with another side ``versus_share`` and
        ``versus_change``: the replayed share, and how far it is from that with everything, if the
        layer were not there, or the feature added to each candidate what it adds on average over
        all explained decisions.
    told_of_terms : tuple of str
        What to know of layers whose picks were not logged, and of many terms.
    """

    candidate: str
    window: Window
    baseline: Window | None
    where: str
    versus: str
    sides: pa.Table
    parts: pa.Table
    without: pa.Table
    told_of_terms: tuple[str, ...] = ()

    @property
    def is_compared(self) -> bool:
        """Whether there is another side."""
        return self.sides.num_rows > 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before trusting it."""
        found = []
        for row in self.sides.to_pylist():
            named = "" if row["side"] == "group" else " of the group compared with"
            if row["n"] < wording.MINIMUM:
                found.append(
                    f"Only {wording.decisions(row['n'])}{named}: fewer than {wording.MINIMUM}."
                )
            if row["fidelity"] < 0.95:
                found.append(
                    f"Replayed, the logged terms pick what was picked in only "
                    f"{wording.percent(row['fidelity'])} of the decisions{named}: something moved "
                    "picks that is not logged as a term."
                )
        return (*found, *self.told_of_terms)

    @property
    def told(self) -> str:
        """The answer as one paragraph."""
        return " ".join([*_traffic_told(self), *self.notes])


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Logged decisions under a changed policy.

    Attributes
    ----------
    changes : tuple of PolicyChange
    named : tuple of str
        The same for people.
    window : Window
    where : str
    n : int
        Decisions stored, of which every eligible candidate has a score.
    decisions : float
        What they stand for.
    days : int
    fidelity : float
        Part of them in which the logged scores and terms, replayed, pick what was picked. The
        others were moved by what is not logged as a term, and are taken to go on as they went.
    moved : float
        Part of the decisions that would go elsewhere.
    shares : pyarrow.Table
        ``candidate``, ``share_before``, ``share_after``, ``change``, ``error``, ``degrees``;
        largest change first, ``nobody`` where none is left to pick.
    moves : pyarrow.Table
        ``source``, ``target``, ``decisions``, ``share``; most first.
    means : pyarrow.Table
        ``name``, ``kind`` (outcome, layer), ``label``, ``before``, ``after``, ``change``,
        ``error``, ``degrees``: the mean probability that the model gives to what is picked, and the
        mean of what each layer adds to it, over the decisions in which they are known of both
        picks.
    """

    changes: tuple[PolicyChange, ...]
    named: tuple[str, ...]
    window: Window
    where: str
    n: int
    decisions: float
    days: int
    fidelity: float
    moved: float
    shares: pa.Table
    moves: pa.Table
    means: pa.Table

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before trusting it."""
        found = ["It is not told how customers, rivals or the model would answer to the change."]
        if self.fidelity < 1 - 1e-9:
            found.insert(0, (
                f"{wording.percent(1 - self.fidelity)} of the decisions were moved by what is not "
                "logged as a term, and are taken to go on as they went."
            ))  # fmt: skip
        if self.days < 2:
            found.insert(0, "All on one day, so no margin of error can be given.")
        after = {row["candidate"]: row["share_after"] for row in self.shares.to_pylist()}
        found += [
            f"The cap of {change.candidate} cannot be held: "
            f"{wording.percent(after[change.candidate])} are left, as nobody else was eligible, or "
            "what moved it is not logged as a term."
            for change in self.changes
            if isinstance(change, CapShare)
            and after.get(change.candidate, 0.0) > change.share + _ROUNDING
        ]
        if after.get(NOBODY_NAME):
            found.append(
                f"{wording.percent(after[NOBODY_NAME])} would go to nobody; they are not in what "
                "is expected of the others."
            )
        return tuple(found)

    @property
    def told(self) -> str:
        """The answer as one paragraph."""
        return " ".join([*_what_if_told(self), *self.notes])


def _traffic_told(story: TrafficStory) -> list[str]:
    sides = story.sides.to_pylist()
    own = sides[0]
    among = f" where {story.where}" if story.where else ""
    lines = [
        f"{story.candidate} was picked in {wording.percent(own['share'])} of "
        f"{wording.decisions(own['decisions'])}{among}, from {wording.span(story.window)}"
        f"{wording.give_or_take(own['error'], _SHARE, own['degrees'])}{wording.estimated(own)}."
    ]
    parts = story.parts.to_pylist()
    column, prefix = ("difference", "difference_") if story.is_compared else ("value", "")
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
        f"{wording.give_or_take(row[f'{prefix}error'], _SHARE, row[f'{prefix}degrees'])}"
        for row in top if row[column]
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


def _what_if_told(answer: WhatIf) -> list[str]:
    named = wording.listed(answer.named)
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
        f"{wording.percent(row['share_after'])}"
        f"{wording.give_or_take(row['error'], _SHARE, row['degrees'])}"
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
            f"{wording.give_or_take(outcome['error'], _SHARE, outcome['degrees'])}."
        )
    return lines
