"""Performance: is the model right, does it rank well, how late do its labels come."""

from __future__ import annotations

from pellucid.report.monitoring import labels_section
from pellucid.report.sections import model_section
from pellucid.serve.page import Built, Page, Part, Scene

_UNSCORED = "The system declares no outcome that its model predicts, so nothing can be judged."


def _right(scene: Scene) -> Built:
    return model_section(scene.asked)


def _labels(scene: Scene) -> Built:
    return labels_section(scene.asked)


PERFORMANCE = Page(
    name="performance", title="Performance", group="Monitor",
    lead="Whether predicted probabilities come true, how well the model ranks, and how late "
    "outcomes come.",
    parts=(
        Part(name="right", title="Is the model right?", build=_right, empty=_UNSCORED),
        Part(name="labels", title="How late, and how good", build=_labels, empty=_UNSCORED),
    ),
)  # fmt: skip
