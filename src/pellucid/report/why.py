"""The sections of a report that ask why: why traffic changed, and why one and not another."""

from __future__ import annotations

from datetime import timedelta

from pellucid.errors import ExplainError, UnknownNameError
from pellucid.explain.changes.story import TRAFFIC_SHARE, ChangeStory
from pellucid.explain.groups.contrast import Contrast
from pellucid.figures.parts import change_parts, contrast_parts
from pellucid.figures.table import Column, Table
from pellucid.metrics.performance import rate_name
from pellucid.report.content import Card, Section
from pellucid.report.questions import Asked
from pellucid.windows import WEEK, Window

_MOST_CELLS = 8


def change_section(asked: Asked) -> Section | None:
    """Return why the candidate whose share changed most in the last week did, if two are there."""
    end = asked.window.end
    week = Window(end - WEEK, end)
    first, last = asked.obs.span()
    # A cut week would be one of other weekdays.
    if week.previous.start < first - timedelta(hours=1) or end > last + timedelta(days=1):
        return None
    now, before = (shares_of(asked, window) for window in (week, week.previous))
    if not now or not before:
        return None
    candidate = max(now | before, key=lambda name: abs(now.get(name, 0) - before.get(name, 0)))
    cards = list(share_change_cards(
        asked, candidate, f"{candidate}, the largest change of the week", week, week.previous
    ))  # fmt: skip
    rate = _rate_card(asked, week)
    if rate is not None:
        cards.append(rate)
    return Section(title="Why traffic changed", cards=tuple(cards))


def share_change_cards(
    asked: Asked, candidate: str, title: str, window: Window, baseline: Window
) -> tuple[Card, ...]:
    """Return why the share of a candidate changed between two windows, and where.

    Raises
    ------
    ExplainError, UnknownNameError
        If a window has no decisions, or none that considered it.
    """
    story = asked.obs.why_changed(
        TRAFFIC_SHARE, candidate=candidate, window=window, baseline=baseline, where=asked.where
    )
    cards = [Card(
        title=title,
        subtitle="What each part added to its share of decisions; lines are 95% intervals",
        findings=(story.told,), figure=change_parts(story),
    )]  # fmt: skip
    cells = _cells(asked, story)
    if cells.rows:
        cards.append(Card(
            title="Where it changed",
            subtitle="Groups that carry most of the change; fewer decisions where its share is low "
            "count as a gain",
            table=cells,
        ))  # fmt: skip
    return tuple(cards)


def _rate_card(asked: Asked, week: Window) -> Card | None:
    """Return why the rate of the predicted outcome changed, where enough of it is known."""
    outcome = next((item for item in asked.obs.system.outcomes if item.is_predicted), None)
    if outcome is None:
        return None
    try:
        return rate_change_card(asked, rate_name(outcome), "the same week", week, week.previous)
    except ExplainError:
        return None


def rate_change_card(
    asked: Asked, metric: str, when: str, window: Window, baseline: Window
) -> Card:
    """Return why a rate changed between two windows.

    Raises
    ------
    ExplainError, UnknownNameError
        If a window has no values, or there is no such metric.
    """
    story = asked.obs.why_changed(metric, window=window, baseline=baseline, where=asked.where)
    return Card(
        title=f"{story.subject}, {when}",
        subtitle="What each part added to the rate; lines are 95% intervals",
        findings=(story.told,), figure=change_parts(story),
    )  # fmt: skip


def contrast_section(asked: Asked) -> Section | None:
    """Return why the busiest candidate and not the next, where both were explained."""
    shares = shares_of(asked, asked.window)
    pair = sorted(shares, key=lambda name: (-shares[name], name))[:2]
    if len(pair) < 2:
        return None
    try:
        cards = contrast_cards(asked, pair[0], pair[1])
    except (ExplainError, UnknownNameError):
        # Nothing was explained, or decisions were logged without their candidates.
        return None
    return Section(title=f"Why {pair[0]} and not {pair[1]}", cards=cards)


def contrast_cards(asked: Asked, candidate: str, other: str) -> tuple[Card, ...]:
    """Return what puts one candidate ahead of another.

    Raises
    ------
    ExplainError, UnknownNameError
        If one was never considered, or nothing was explained.
    """
    answer = asked.obs.why(candidate, not_=other, over=asked.window, where=asked.where)
    unit = (
        "percentage points of probability" if answer.scale == "probability"
        else answer.scale.replace("_", "-")
    )  # fmt: skip
    cards = [Card(
        title=f"{candidate} against {other}",
        subtitle=f"What puts the one ahead of the other, in {unit}; lines are 95% intervals",
        findings=(answer.told,), figure=contrast_parts(answer),
        width="wide" if answer.flips.num_rows else "full",
    )]  # fmt: skip
    if answer.flips.num_rows:
        cards.append(Card(
            title="Picked against the model",
            subtitle="Where the one that the model rated lower of the two was picked",
            table=_flips(answer), width="narrow",
        ))  # fmt: skip
    return tuple(cards)


def shares_of(asked: Asked, window: Window) -> dict[str, float]:
    """Return the traffic share of each candidate in a window."""
    rows = asked.rows("traffic_share", by=[asked.candidate], window=window).to_pylist()
    return {
        row[asked.candidate]: row["value"] for row in rows
        if row["level"] == asked.candidate and row[asked.candidate] and row["value"] is not None
    }  # fmt: skip


def _cells(asked: Asked, story: ChangeStory) -> Table:
    labels = {item.name: item.label or item.name for item in asked.obs.system.dimensions}
    columns = (
        *(Column(labels[name]) for name in story.by), Column("Part of the change", "points"),
        Column("Share before", "rate"), Column("After", "rate"),
        Column("Decisions before", "count"), Column("Decisions after", "count"),
    )  # fmt: skip
    rows = tuple(
        (*(row[name] for name in story.by), row["change"], row["before"], row["after"],
         row["decisions_before"], row["decisions_after"])
        for row in story.cells.slice(0, _MOST_CELLS).to_pylist()
    ) if story.by else ()  # fmt: skip
    return Table(columns, rows)


def _flips(answer: Contrast) -> Table:
    columns = (
        Column("Model preferred", "candidate"), Column("Picked", "candidate"), Column("By"),
        Column("Share", "rate"),
    )  # fmt: skip
    rows = answer.flips.slice(0, _MOST_CELLS).to_pylist()
    return Table(
        columns,
        tuple((row["preferred"], row["winner"], row["layer"], row["share"]) for row in rows),
    )
