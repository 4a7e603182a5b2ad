"""Overview: key figures, what went wrong, where the traffic went, what the policy changed."""

from __future__ import annotations

from dataclasses import replace

from pellucid.report.content import Section
from pellucid.report.monitoring import unusual_section
from pellucid.report.sections import key_figures, policy_section, traffic_section
from pellucid.serve.page import Built, Page, Part, Scene
from pellucid.serve.pages.alerts import inbox_card, incidents_within
from pellucid.serve.pages.decisions import LATEST_FIRST, decisions_card

_LATEST = 8


def _key_figures(scene: Scene) -> Built:
    return Section(title="", kpis=key_figures(scene.asked))


def _incidents(scene: Scene) -> Built:
    card = inbox_card(scene, incidents_within(scene), title="Incidents")
    return None if card is None else Section(title="What went wrong", cards=(card,))


def _traffic(scene: Scene) -> Built:
    return replace(traffic_section(scene.asked, scene.order), title="")


def _policy(scene: Scene) -> Built:
    return policy_section(scene.asked, scene.order, decisions_with=scene.decisions_with)


def _unusual(scene: Scene) -> Built:
    return unusual_section(scene.asked)


def _latest(scene: Scene) -> Built:
    rows = scene.obs.decisions(where=scene.asked.where, over=scene.asked.window, most=_LATEST)
    card = decisions_card(scene, rows, "Latest decisions", LATEST_FIRST)
    return None if card is None else Section(title="", cards=(card,))


OVERVIEW = Page(
    name="overview", title="Overview", group="Monitor", can_compare=True,
    lead="How much was decided, with what result, and what needs attention.",
    parts=(
        Part(name="key-figures", title="Key figures", build=_key_figures, is_light=True),
        Part(name="traffic", title="What went where, with what result", build=_traffic),
        Part(name="incidents", title="Incidents", build=_incidents, is_light=True,
             empty="No incident in this window. `pellucid monitor run` looks for them every hour."),
        Part(name="policy", title="What the policy changed", build=_policy,
             empty="No policy layers are logged for these decisions."),
        Part(name="unusual", title="What is unusual", build=_unusual,
             empty="Too few days are recorded to tell what is usual: two weeks are needed."),
        Part(name="latest", title="Latest decisions", build=_latest, is_light=True,
             holds_decisions=True),
    ),
)  # fmt: skip
