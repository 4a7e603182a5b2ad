"""The pages: what each asks, draws and offers to choose; one module a page."""

from __future__ import annotations

from pellucid.serve.page import Page
from pellucid.serve.pages.alerts import ALERTS, INCIDENT
from pellucid.serve.pages.change import CHANGE
from pellucid.serve.pages.control import CONTROL
from pellucid.serve.pages.decisions import DECISION, DECISIONS
from pellucid.serve.pages.drift import DRIFT
from pellucid.serve.pages.explore import EXPLORE
from pellucid.serve.pages.groups import GROUPS
from pellucid.serve.pages.layers import LAYERS
from pellucid.serve.pages.overview import OVERVIEW
from pellucid.serve.pages.performance import PERFORMANCE
from pellucid.serve.pages.rules import RULES
from pellucid.serve.pages.system import SYSTEM
from pellucid.serve.pages.traffic import TRAFFIC
from pellucid.serve.pages.why import WHY

PAGES: dict[str, Page] = {
    page.name: page
    for page in (
        OVERVIEW, EXPLORE, LAYERS, DRIFT, PERFORMANCE, CONTROL, ALERTS, TRAFFIC, CHANGE, WHY,
        GROUPS, RULES, DECISIONS, SYSTEM, INCIDENT, DECISION,
    )
}  # fmt: skip
