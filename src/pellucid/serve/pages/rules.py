"""Rules: a short list of readable rules that picks as the policy does."""

from __future__ import annotations

from pellucid.figures import numbers
from pellucid.figures.table import Column, Table
from pellucid.report.content import Card, Section
from pellucid.serve.page import Built, Page, Part, Scene, noun_of, place_text

_MOST_MISSED = 10


def _rules(scene: Scene) -> Built:
    found = scene.obs.rules(over=scene.asked.window, where=scene.asked.where)
    noun = noun_of(scene.obs)
    rules = Table(
        (Column("Where"), Column("Picks", "candidate"), Column("Else", "candidate"),
         Column("Share of traffic", "bar"), Column("Right in", "rate", "of later days, held out"),
         Column("Decisions", "count")),
        tuple((row["label"], row["pick"], row["runner_up"], row["share"], row["fidelity"],
               round(row["decisions"])) for row in found.rules.to_pylist()),
    )  # fmt: skip
    missed = Table(
        (Column("Where"), Column("Right in", "rate"), Column("Decisions", "count")),
        tuple((place_text(scene.obs, [(row["dimension"], row["value"])]), row["fidelity"],
               round(row["decisions"]))
              for row in found.groups.slice(0, _MOST_MISSED).to_pylist()),
    )  # fmt: skip
    cards = (
        Card(title="What the policy does, as rules", findings=(found.told,), table=rules,
             subtitle=f"The first rule that fits decides; where its {noun.lower()} is not allowed, "
             f"the other. Right in {numbers.rate(found.fidelity)} of later days"),
        Card(title="Where the rules are wrong most", table=missed, width="half",
             subtitle="Groups of held-out days, most decisions missed first"),
    )  # fmt: skip
    return Section(title="", cards=cards)


RULES = Page(
    name="rules", title="Rules", group="Explain",
    lead="The policy, model and layers together, as a few rules, and how far to trust them.",
    parts=(Part(name="rules", title="What the policy does, as rules", build=_rules),),
)  # fmt: skip
