"""Groups: what makes the scores of a group of decisions, beside those of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pellucid.engine.sql import column, text
from pellucid.figures.parts import group_parts
from pellucid.figures.table import Column, Kind, Table
from pellucid.monitor.top import is_rest
from pellucid.observatory import Observatory
from pellucid.report.content import Card, Section
from pellucid.serve.page import Built, Choice, Page, Part, Scene, labels_of, noun_of

_MOST = 30
_PARTS = 4


def _keys(obs: Observatory, candidates: Sequence[str]) -> Mapping[str, Sequence[str]]:
    return {"by": obs.system.dimension_names, "value": (), "candidate": ("", *candidates)}


def _by(scene: Scene) -> str:
    return scene.view.get("by", scene.asked.dimension or "")


def _values(scene: Scene) -> list[str]:
    name = _by(scene)
    rows = scene.asked.rows("decision_count", by=[name], top=_MOST).to_pylist()
    found = [row for row in rows if row["level"] == name and row[name] is not None
             and not is_rest(row[name])]  # fmt: skip
    return [row[name] for row in sorted(found, key=lambda row: -row["n"])]


def _value(scene: Scene) -> str:
    known = _values(scene)
    given = scene.view.get("value")
    return given if given in known else known[0] if known else ""


def _choices(scene: Scene) -> tuple[Choice, ...]:
    if not _by(scene):
        return ()
    labels = labels_of(scene.obs)
    names = scene.obs.system.dimension_names
    candidates = (("", "whichever was picked"), *((name, name) for name in sorted(scene.busiest)))
    return (
        Choice(key="by", label="Group by", chosen=_by(scene),
               options=tuple((name, labels[name]) for name in names)),
        Choice(key="value", label="Group", chosen=_value(scene),
               options=tuple((value, value) for value in _values(scene))),
        Choice(key="candidate", label=f"Score of which {noun_of(scene.obs).lower()}",
               options=candidates, chosen=scene.view.get("candidate")),
    )  # fmt: skip


def _group(scene: Scene) -> Built:
    name, value = _by(scene), _value(scene)
    if not value:
        return None
    own = f"{column(name)} = {text(value)}"
    condition = scene.asked.where
    where = f"({condition}) AND {own}" if condition else own
    rest = f"{column(name)} <> {text(value)}"
    story = scene.obs.explain_group(
        where, versus=f"({condition}) AND {rest}" if condition else rest,
        candidate=scene.view.get("candidate") or None, over=scene.asked.window,
    )  # fmt: skip
    labels = labels_of(scene.obs)
    card = Card(
        title=f"{labels[name]} {value} against the rest",
        subtitle="What puts the mean score of the group above or below that of the rest; lines are "
        "95% intervals",
        findings=(story.told, *story.notes), figure=group_parts(story),
    )  # fmt: skip
    return Section(title="", cards=(card,))


def _every(scene: Scene) -> Built:
    name = _by(scene)
    if not name:
        return None
    story = scene.obs.explain_group(
        scene.asked.where, by=[name], candidate=scene.view.get("candidate") or None,
        over=scene.asked.window,
    )  # fmt: skip
    parts = story.parts.to_pylist()
    features = [row for row in parts if row["kind"] == "feature"]
    weight: dict[str, float] = {}
    for row in features:
        weight[row["label"]] = weight.get(row["label"], 0.0) + abs(row["mean"])
    top = sorted(weight, key=lambda label: -weight[label])[:_PARTS]
    kind: Kind = "log_odds" if story.scale == "log_odds" else "number"
    columns = (
        Column(labels_of(scene.obs)[name], "link"), Column("Mean score", kind),
        *(Column(label, kind) for label in top), Column("All other parts", kind),
        Column("n explained", "count"),
    )  # fmt: skip
    body = []
    for row in sorted(story.groups.to_pylist(), key=lambda row: -row["score"]):
        own = {part["label"]: part["mean"] for part in features if part[name] == row[name]}
        shown = [own.get(label) for label in top]
        rest = row["score"] - sum(value or 0.0 for value in shown)
        link = scene.link("groups", by=name, value=str(row[name]),
                          candidate=scene.view.get("candidate"))  # fmt: skip
        body.append(((str(row[name]), link), row["score"], *shown, rest, row["n"]))
    card = Card(
        title=f"Every {labels_of(scene.obs)[name].lower()}",
        subtitle=f"Mean score in {story.scale.replace('_', '-')} and its parts; rows add up",
        table=Table(columns, tuple(body)),
    )  # fmt: skip
    return Section(title="", cards=(card,))


GROUPS = Page(
    name="groups", title="Groups", group="Explain",
    lead="What makes the scores of a group of decisions, beside those of the rest.",
    parts=(
        Part(name="group", title="One group against the rest", build=_group,
             empty="No decisions in this window, or no dimension to group them by."),
        Part(name="every", title="Every group", build=_every,
             empty="The system declares no dimension."),
    ),
    keys=_keys, choices=_choices,
)  # fmt: skip
