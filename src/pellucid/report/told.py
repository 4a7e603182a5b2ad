"""One decision in a report: its story in words, with figures."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pellucid.engine.sql import instant
from pellucid.explain.decisions import telling
from pellucid.explain.decisions.story import Story
from pellucid.figures import numbers
from pellucid.figures.attribution import waterfall
from pellucid.figures.candidates import candidate_scores
from pellucid.figures.figure import Figure
from pellucid.report import content
from pellucid.report.questions import Asked


def report_story(
    asked: Asked, decision_id: str | None, order: Sequence[str]
) -> content.Story | None:
    """Return the story of a decision, or of one that a policy layer moved."""
    picked = decision_id or _telling_one(asked)
    if picked is None:
        return None
    story = asked.obs.explain(picked)
    system = asked.obs.system
    figures = {
        telling.SCORES: _waterfall(asked, story),
        telling.LAYERS: _candidates(asked, story, order),
    }
    steps = tuple(
        content.Step(title=title, sentences=tuple(sentences), figure=figures.get(title))
        for title, sentences in story.told
    )
    labels = {item.name: item.label or item.name for item in system.dimensions}
    facts = [(label, str(story.decision[name])) for name, label in labels.items()
             if name in story.decision]  # fmt: skip
    amount, currency = (story.decision.get(name) for name in ("amount_minor", "currency"))
    if amount is not None:
        facts.append(("Amount", numbers.money(amount, currency)))
    return content.Story(
        heading="One decision, told in order", subtitle=picked, facts=tuple(facts), steps=steps
    )


def _telling_one(asked: Asked) -> str | None:
    window = asked.window
    inside = f"decided_at >= {instant(window.start)} AND decided_at < {instant(window.end)}"
    conditions = [f"{inside} AND chosen IS NOT NULL"]
    if asked.obs.system.layers:
        # The busiest kind of story: a retry, moved by the policy, with many to choose from.
        conditions.insert(0, f"{conditions[0]} AND chosen <> pick_model AND arm = 'ml'")
        conditions.insert(0, f"{conditions[0]} AND attempt > 1")
    for condition in conditions:
        found = asked.obs.records.rows(
            "decisions", where=f"{condition} ORDER BY eligible_count DESC NULLS LAST, decided_at",
            window=window, columns=["decision_id"], limit=1,
        )  # fmt: skip
        if found.num_rows:
            return str(found.column("decision_id")[0].as_py())
    return None


def _waterfall(asked: Asked, story: Story) -> Figure | None:
    chosen = story.chosen
    if chosen is None or chosen.attribution is None:
        return None
    bars = chosen.attribution.bars
    rows = pa.table({
        "feature": [bar.feature for bar in bars], "label": [bar.label for bar in bars],
        "shown_value": [bar.shown_value for bar in bars],
        "attribution": [bar.attribution for bar in bars],
    })  # fmt: skip
    unit = asked.obs.system.score_unit.replace("_", "-")
    return waterfall(rows, chosen.attribution.base_value, chosen.attribution.raw_score, unit=unit)


def _candidates(asked: Asked, story: Story, order: Sequence[str]) -> Figure | None:
    if not any(view.probability is not None for view in story.candidates):
        return None
    layers = asked.obs.system.layers
    columns = {
        "candidate": [view.candidate_id for view in story.candidates],
        "is_eligible": [view.is_eligible for view in story.candidates],
        "reason": [view.ineligible_reason for view in story.candidates],
        "probability": pa.array([view.probability for view in story.candidates], pa.float64()),
        "is_chosen": [view.is_chosen for view in story.candidates],
    }
    for layer in layers:
        terms = [view.layers[layer.name] for view in story.candidates]
        columns[layer.name] = pa.array(terms, pa.float64())
    return candidate_scores(
        pa.table(columns), order=order, layers=[layer.name for layer in layers],
        labels=[layer.label or layer.name for layer in layers],
    )  # fmt: skip
