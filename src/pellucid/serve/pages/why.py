"""Why A and not B: what puts one candidate ahead of another, over a group of decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pellucid.errors import SpecError
from pellucid.observatory import Observatory
from pellucid.report.content import Section
from pellucid.report.why import contrast_cards
from pellucid.serve.page import Built, Choice, Page, Part, Scene


def _keys(_: Observatory, candidates: Sequence[str]) -> Mapping[str, Sequence[str]]:
    return {"a": tuple(candidates), "b": tuple(candidates)}


def _choices(scene: Scene) -> tuple[Choice, ...]:
    return (scene.candidate_choice("a", "Why"), scene.candidate_choice("b", "and not", 1))


def _contrast(scene: Scene) -> Built:
    a, b = scene.picked("a"), scene.picked("b", 1)
    if a == b:
        raise SpecError("why", [f"'{a}' is chosen twice; choose another to set against it"])
    cards = contrast_cards(scene.of_all_candidates.asked, a, b)
    return Section(title=f"Why {a} and not {b}", cards=cards)


WHY = Page(
    name="why", title="Why A, not B", group="Explain",
    lead="Where both could be picked: what puts one ahead of the other, model and policy apart.",
    parts=(Part(name="contrast", title="Why the one and not the other", build=_contrast),),
    keys=_keys, choices=_choices,
)  # fmt: skip
