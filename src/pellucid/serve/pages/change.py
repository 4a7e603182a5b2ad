"""Why it changed: a rate or a candidate's share against the period before, in exact parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pellucid.errors import DataError, SpecError
from pellucid.explain.changes.story import TRAFFIC_SHARE
from pellucid.figures.localized import localized_parts
from pellucid.figures.rates import rate_over_time
from pellucid.metrics.performance import rate_name
from pellucid.observatory import Observatory
from pellucid.report.content import Card, Section
from pellucid.report.why import rate_change_card, share_change_cards
from pellucid.serve.page import Built, Choice, Page, Part, Scene, noun_of
from pellucid.serve.pages.compared import compared


def _subjects(obs: Observatory) -> dict[str, str]:
    rates = [rate_name(outcome) for outcome in obs.system.outcomes if outcome.is_predicted]
    labels = {name: obs.metrics[name].label or name for name in rates}
    return {**labels, TRAFFIC_SHARE: f"Share of one {noun_of(obs).lower()}"}


def _keys(obs: Observatory, candidates: Sequence[str]) -> Mapping[str, Sequence[str]]:
    return {"metric": tuple(_subjects(obs)), "candidate": tuple(candidates)}


def _metric(scene: Scene) -> str:
    return scene.view.get("metric", next(iter(_subjects(scene.obs))))


def _choices(scene: Scene) -> tuple[Choice, ...]:
    subject = Choice(key="metric", label="What changed", chosen=_metric(scene),
                     options=tuple(_subjects(scene.obs).items()))  # fmt: skip
    if _metric(scene) != TRAFFIC_SHARE:
        return (subject,)
    return (subject, scene.candidate_choice("candidate", noun_of(scene.obs)))


def _parts(scene: Scene) -> Built:
    window, baseline = compared(scene)
    when = f"{window} against {baseline}"
    if _metric(scene) == TRAFFIC_SHARE:
        candidate = scene.picked("candidate")
        asked = scene.of_all_candidates.asked
        cards = share_change_cards(asked, candidate, f"{candidate}, {when}", window, baseline)
        return Section(title="", cards=cards)
    card = rate_change_card(scene.asked, _metric(scene), when, window, baseline)
    return Section(title="", cards=(card,))


def _slices(scene: Scene) -> Built:
    metric = _metric(scene)
    if metric == TRAFFIC_SHARE:
        return None
    window, baseline = compared(scene)
    try:
        found = scene.obs.localize(metric, over=window, versus=baseline, where=scene.asked.where)
    except (DataError, SpecError):
        return None
    label = scene.obs.metrics[metric].label or metric
    card = Card(
        title=f"Where {label.lower()} changed",
        subtitle="Slices of up to three dimensions; they and everything else add up to the change",
        findings=(found.told,), figure=localized_parts(found) if found.slices else None,
    )  # fmt: skip
    return Section(title="", cards=(card,))


def _course(scene: Scene) -> Built:
    metric = _metric(scene)
    if metric == TRAFFIC_SHARE:
        return None
    window, baseline = compared(scene)
    found = scene.obs.metrics[metric]
    rows = scene.obs.query(
        metric, where=scene.asked.where, over=type(window)(baseline.start, window.end), grain="1d",
        as_of=scene.asked.as_of,
    ).rows  # fmt: skip
    card = Card(title=f"{found.label or metric} in both periods",
                subtitle="Per day, with its 95% interval; mature labels only",
                figure=rate_over_time(rows, title=found.label or metric))  # fmt: skip
    return Section(title="", cards=(card,))


CHANGE = Page(
    name="change", title="Why it changed", group="Explain", can_compare=True,
    lead="A change against the period before, split into parts that add up to it exactly.",
    parts=(
        Part(name="parts", title="What made the change", build=_parts),
        Part(name="slices", title="Where it changed", build=_slices,
             empty="Of a share, the groups that carry the change are in the part above."),
        Part(name="course", title="Both periods", build=_course,
             empty="Choose a rate to see its course over both periods."),
    ),
    keys=_keys, choices=_choices,
)  # fmt: skip
