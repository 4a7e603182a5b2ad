"""The sections about traffic: what makes the busiest candidate's share, and what layers do."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.errors import ExplainError, UnknownNameError
from pellucid.explain.learned.story import LearnedArtefact
from pellucid.explain.traffic.policy import DropLayer
from pellucid.figures.parts import traffic_parts
from pellucid.figures.table import Column, Table
from pellucid.report.content import Card, Section
from pellucid.report.questions import Asked
from pellucid.report.why import shares_of

_VERDICTS = {
    "incident": "learned from an incident", "habit": "a habit of the weekday",
    "mixed": "an incident and a habit", "unclear": "what taught it is not clear",
    "untraced": "what taught it cannot be traced",
}  # fmt: skip


def share_section(asked: Asked) -> Section | None:
    """Return what makes the share of the busiest candidate, where its decisions were explained."""
    shares = shares_of(asked, asked.window)
    if not shares:
        return None
    busiest = max(sorted(shares), key=shares.__getitem__)
    try:
        cards = share_cards(asked, busiest)
    except (ExplainError, UnknownNameError):
        return None
    return Section(title=f"Why {busiest} has its share", cards=cards)


def share_cards(asked: Asked, candidate: str) -> tuple[Card, ...]:
    """Return what makes the share of a candidate, and what it would be without each part.

    Raises
    ------
    ExplainError
        If its decisions were not explained.
    UnknownNameError
        If no decision considered it.
    """
    story = asked.obs.why_traffic(candidate, over=asked.window, where=asked.where)
    columns = (Column("Without it"), Column("Share", "rate"), Column("Change", "points"))
    rows = tuple((row["label"], row["share"], row["change"]) for row in story.without.to_pylist())
    cards = [Card(
        title=f"What makes the share of {candidate}",
        subtitle="From an even split among the eligible; lines are 95% intervals",
        findings=(story.told,), figure=traffic_parts(story), width="wide",
    )]  # fmt: skip
    if rows:
        cards.append(Card(
            title="Without it",
            subtitle="A layer gone, or a feature that tells no decision from another",
            table=Table(columns, rows), width="narrow",
        ))  # fmt: skip
    return tuple(cards)


def layers_section(asked: Asked) -> Section | None:
    """Return what layers moved and cost, and what decisions would be without each."""
    try:
        effects = asked.obs.layer_effects(over=asked.window, where=asked.where)
        gone = {
            layer.name: asked.obs.what_if(
                DropLayer(layer.name), over=asked.window, where=asked.where
            )
            for layer in asked.obs.system.layers
        }
    except (ExplainError, UnknownNameError):
        return None
    found = effects.effects.to_pylist()
    moved = Table(
        (Column("Layer"), Column("Moved", "rate"), Column("Outcomes won", "count")),
        tuple((row["label"], row["moved"], round(row["outcomes"])) for row in found),
    )
    labels = {layer.name: layer.label or layer.name for layer in asked.obs.system.layers}
    rows = []
    for name, answer in gone.items():
        outcome = next(iter(answer.means.to_pylist()), None)
        most = next(iter(answer.shares.to_pylist()), None)
        rows.append((
            labels[name], answer.moved, outcome["change"] if outcome else None,
            most["candidate"] if most else None, most["change"] if most else None,
        ))  # fmt: skip
    columns = (
        Column("Without"), Column("Elsewhere", "rate"), Column("Expected outcome", "points"),
        Column("Largest change", "candidate"), Column("Of its share", "points"),
    )  # fmt: skip
    return Section(title="What the layers do", cards=(
        Card(title="Each against the stage before",
             subtitle="Decisions whose pick it changed, and outcomes by the model's own "
             "probabilities; below 0 is lost",
             findings=(effects.told,), table=moved, width="narrow"),
        Card(title="If one were not there",
             subtitle="The logged decisions replayed without it, all else as logged",
             table=Table(columns, tuple(rows)), width="wide"),
    ))  # fmt: skip


def learned_section(found: Sequence[LearnedArtefact]) -> Section | None:
    """Return what the model learned of the calendar, where traffic is lost by it every week."""
    if not found:
        return None
    cards = tuple(
        Card(title=f"{item.loss.candidate}: {_VERDICTS[item.verdict]}", findings=(item.told,),
             subtitle="Found by itself: recurrence, the term that carries it, training dates, and "
             "training again without them")
        for item in found
    )  # fmt: skip
    return Section(title="What the model learned", cards=cards)
