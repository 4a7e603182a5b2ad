"""Policy layers: what each changed, won and lost, and what would be without it."""

from __future__ import annotations

from pellucid.report.sections import eligibility_section, policy_section
from pellucid.report.traffic import layers_section
from pellucid.serve.page import Built, Page, Part, Scene


def _flow(scene: Scene) -> Built:
    return policy_section(scene.asked, scene.order, decisions_with=scene.decisions_with)


def _effects(scene: Scene) -> Built:
    return layers_section(scene.asked)


def _eligible(scene: Scene) -> Built:
    return eligibility_section(scene.asked)


LAYERS = Page(
    name="layers", title="Policy layers", group="Monitor",
    lead="Where the model wanted to send traffic, what each layer changed, and at what cost.",
    parts=(
        Part(name="flow", title="What the policy changed", build=_flow,
             empty="No picks of the model and its layers are logged for these decisions."),
        Part(name="effects", title="What the layers do", build=_effects,
             empty="No terms of the policy's layers are logged for these decisions."),
        Part(name="eligible", title="Who could be picked, and why not", build=_eligible,
             empty="No candidates are logged for these decisions."),
    ),
)  # fmt: skip
