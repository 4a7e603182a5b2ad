"""Alerts: the inbox of incidents, and one of them with its cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pellucid.figures import numbers
from pellucid.figures.incidents import incident_timeline, incidents_table, lost_text
from pellucid.figures.layout import label
from pellucid.figures.lines import marked
from pellucid.figures.lines import span as shaded
from pellucid.figures.series import series_over_time, written
from pellucid.figures.table import Column, Table
from pellucid.monitor.incidents.incident import STATES, Alert, Incident
from pellucid.observatory import Observatory
from pellucid.report.content import Card, Section
from pellucid.serve.page import Built, Choice, Page, Part, Scene, dimensions_of, place_text
from pellucid.serve.view import View
from pellucid.windows import DAY, Window, midnight, parse_instant

_STATES: dict[str, str] = {"": "Not resolved", "all": "All"}
_STATES |= {state: state.capitalize() for state in STATES}
_AROUND = 7 * DAY
_TONES = {"critical": "bad", "warn": "warn", "info": "plain"}


def _keys(_: Observatory, __: Sequence[str]) -> Mapping[str, Sequence[str]]:
    return {"state": tuple(_STATES)}


def _choices(scene: Scene) -> tuple[Choice, ...]:
    return (Choice(key="state", label="State", options=tuple(_STATES.items()),
                   chosen=scene.view.get("state")),)  # fmt: skip


def incidents_within(scene: Scene) -> tuple[Incident, ...]:
    """Return the incidents of the view that are not over, or touch its window."""
    return tuple(item for item in scene.obs.incidents() if _is_within(item, scene))


def _shown(scene: Scene) -> tuple[Incident, ...]:
    state = scene.view.get("state")
    found = incidents_within(scene)
    if state == "all":
        return found
    if state:
        return tuple(item for item in found if item.state == state)
    return tuple(item for item in found if item.state != "resolved")


def _is_within(incident: Incident, scene: Scene) -> bool:
    """Whether an incident is of the window and of what the filters keep."""
    window = scene.asked.window
    if incident.state == "resolved" and (
        incident.started_at >= window.end or incident.last_at < window.start
    ):
        return False
    where = dict(incident.cause.slice)
    return all(where.get(name, values[0]) in values for name, values in scene.view.filters)


def inbox_card(scene: Scene, found: Sequence[Incident], *, title: str) -> Card | None:
    """Return incidents as a table whose rows lead to them; None of none."""
    if not found:
        return None
    plain = incidents_table(found)
    labels = [item.label for item in plain.columns]
    what, where = labels.index("What"), labels.index("Where")
    columns = tuple(Column(item.label, "link") if at == what else item
                    for at, item in enumerate(plain.columns))  # fmt: skip
    rows = []
    for row, item in zip(plain.rows, found, strict=True):
        cells = list(row)
        cells[what] = (row[what], scene.link("incident", id=item.incident_id))
        cells[where] = place_text(scene.obs, item.cause.slice)
        rows.append(tuple(cells))
    return Card(title=title, subtitle="One for each cause, the costliest first",
                table=Table(columns, tuple(rows)))  # fmt: skip


def _inbox(scene: Scene) -> Built:
    found = _shown(scene)
    inbox = inbox_card(scene, found, title="Inbox")
    if inbox is None:
        return None
    markers = scene.checks.markers if scene.checks else ()
    start = min([scene.asked.window.start, *(item.started_at for item in found)])
    end = max([scene.asked.window.end, *(item.last_at for item in found)])
    cards = (
        inbox,
        Card(title="When", subtitle="From when each began to when it was last seen",
             figure=replace(incident_timeline(found, Window(start, end), markers), table=None)),
    )  # fmt: skip
    return Section(title="", cards=cards)


def _watched(scene: Scene) -> Built:
    checks = scene.checks
    if checks is None:
        return None
    listed = Table(
        (Column("Check"), Column("Rule"), Column("Metric or columns"), Column("By"),
         Column("Severity", "pill")),
        tuple((item.name, item.rule, item.metric or ", ".join(item.columns) or None,
               "; ".join(item.by) or None, (item.severity, "")) for item in checks.checks),
    )  # fmt: skip
    cards = [Card(title="Checks", table=listed, subtitle="What `pellucid monitor run` looks at")]
    if checks.markers:
        table = Table(
            (Column("What"), Column("Kind"), Column("From"), Column("Until"), Column("Where")),
            tuple((item.name, item.kind, item.at, item.until or None, ", ".join(item.slice) or None)
                  for item in checks.markers),
        )  # fmt: skip
        cards.append(Card(title="Markers", subtitle="Releases and incidents that are known",
                          table=table))  # fmt: skip
    return Section(title="What is watched", cards=tuple(cards))


def _evidence(scene: Scene) -> Built:
    incident = scene.obs.incident(scene.view.get("id"))
    course = _course(scene, incident)
    columns = (
        Column("Severity", "pill"), Column("What"), Column("Where"), Column("Since (UTC)", "time"),
        Column("Value"), Column("Expected"), Column("n", "count"), Column("Why"),
    )  # fmt: skip
    rows = tuple(
        ((item.severity, _TONES[item.severity]), item.label, place_text(scene.obs, item.slice),
         item.since_at, _value(scene, item, item.value), _value(scene, item, item.expected),
         item.n, item.why)
        for item in incident.alerts
    )  # fmt: skip
    told = Card(title="What was told as one", table=Table(columns, rows),
                subtitle=f"{numbers.count(len(rows))} failing, of one cause")  # fmt: skip
    return Section(title="Evidence", cards=(course, told) if course else (told,))


def _value(scene: Scene, alert: Alert, value: float) -> str | None:
    if not numbers.is_known(value):
        return None
    metric = scene.obs.metrics.get(alert.subject)
    return written(value, metric) if metric else numbers.rate(value)


def _course(scene: Scene, incident: Incident) -> Card | None:
    """Return the metric of the cause around the incident, with the time that it lasted shaded."""
    cause, obs = incident.cause, scene.obs
    metric = obs.metrics.get(cause.subject)
    if metric is None:
        return None
    end = min(incident.last_at + DAY, obs.window("1h").end)
    first = max(incident.started_at - _AROUND, obs.span()[0])
    span = Window(midnight(first), end)
    condition = View(filters=tuple((name, (value,)) for name, value in cause.slice)).condition
    grain = "1h" if metric.unit == "decision" and metric.finalizer == "count" else "1d"
    rows = obs.query(metric.name, where=condition, over=span, grain=grain).rows
    figure = series_over_time(rows, metric)
    lasted = shaded(incident.started_at, incident.last_at, "@down/12")
    layout = {**figure.layout, "shapes": [*figure.layout.get("shapes", []), lasted]}
    for marker in scene.checks.markers if scene.checks else ():
        at = parse_instant(marker.at)
        if span.start <= at < span.end:
            shape, note = marked(at, label(marker.name))
            layout["shapes"].append(shape)
            layout["annotations"] = [*layout.get("annotations", []), note]
    return Card(
        title=f"{cause.label}, {place_text(obs, cause.slice)}",
        subtitle="The time from when it began to when it was last seen is shaded",
        figure=replace(figure, layout=layout),
    )  # fmt: skip


def _told(scene: Scene) -> Mapping[str, Any]:
    incident = scene.obs.incident(scene.view.get("id"))
    view = _about(incident, scene)
    muted = incident.muted_until
    return {
        "title": incident.title, "incident": incident,
        "tone": "good" if incident.state == "resolved" else _TONES[incident.severity],
        "place": place_text(scene.obs, incident.cause.slice), "lost": lost_text(incident),
        "started": numbers.instant(incident.started_at),
        "opened": numbers.instant(incident.opened_at), "last": numbers.instant(incident.last_at),
        "muted_until": numbers.instant(muted),
        "explore_address": scene.link("explore", view, metric=_metric_of(incident, scene)),
        "change_address": scene.link("change", view),
        "decisions_address": scene.link("decisions", view),
    }  # fmt: skip


def _summary(scene: Scene) -> Section:
    told = _told(scene)
    incident: Incident = told["incident"]
    facts = [
        incident.cause.told, f"It is {incident.state}, of severity {incident.severity}"
        + (f", and {incident.owner}'s." if incident.owner else "."),
        f"Since {told['started']} UTC, found {told['opened']} UTC, last seen {told['last']} UTC.",
        f"Where: {told['place']}.",
    ]  # fmt: skip
    facts += [f"Cost: {told['lost']}."] if told["lost"] else []
    facts += [f"{incident.actor}: {incident.note}"] if incident.note else []
    return Section(title="Incident", cards=(Card(title=incident.title, findings=tuple(facts)),))


def _metric_of(incident: Incident, scene: Scene) -> str:
    return incident.cause.subject if incident.cause.subject in scene.obs.metrics else ""


def _about(incident: Incident, scene: Scene) -> View:
    """Return a view of what an incident is about: its slice, from the week before it on."""
    kept = tuple((name, (value,))
                 for name, value in incident.cause.slice)  # fmt: skip
    first = (incident.started_at - _AROUND).date()
    known = dimensions_of(scene.obs)
    kept = tuple(sorted(pair for pair in kept if pair[0] in known))
    return View(start=first, end=incident.last_at.date(), filters=kept)


ALERTS = Page(
    name="alerts", title="Alerts", group="Monitor",
    lead="One incident for each cause, with what it costs and who is on it.",
    parts=(
        Part(name="inbox", title="Inbox", build=_inbox, is_light=True,
             empty="No incident here. Choose another state or a wider range to see older ones."),
        Part(name="watched", title="What is watched", build=_watched, is_light=True,
             empty="Start the server with `--checks checks.yml` to see here what is watched."),
    ),
    keys=_keys, choices=_choices,
)  # fmt: skip
INCIDENT = Page(
    name="incident", title="Incident", group="", lead="One incident, its cause and what it costs.",
    parts=(Part(name="evidence", title="Evidence", build=_evidence, is_light=True),),
    is_item=True, keys=lambda *_: {"id": ()}, template="incident.html.j2", inner=_told,
    summary=_summary,
)  # fmt: skip
