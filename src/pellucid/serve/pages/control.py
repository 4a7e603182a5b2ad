"""Control arm: where ML does worse than static rules, and what policies would have earned."""

from __future__ import annotations

from pellucid.errors import DataError, SpecError
from pellucid.figures.arms import arms
from pellucid.figures.rows import Row
from pellucid.figures.series import kind_of
from pellucid.figures.table import Column, Kind, Table
from pellucid.report.content import Card, Section
from pellucid.serve.page import Built, Page, Part, Scene, labels_of

_TONES = {"worse": "bad", "better": "good", "unclear": "", "too few": ""}
_MOST, _MOST_DRAWN = 500, 14
_ARMS = "arm = 'ml' OR arm = 'control'"


def _segments(scene: Scene) -> Built:
    rate = scene.asked.rate
    if rate is None:
        return None
    found = scene.obs.versus_control(over=scene.asked.window, where=scene.asked.where)
    rows = found.rows.to_pylist()
    if rows[0]["change"] is None:
        return None
    columns = (
        Column("Segment"), Column("Verdict", "pill"), Column("ML", "rate"),
        Column("Control", "rate"), Column("Difference", "points"),
        Column("Likely difference", "points", "drawn towards other segments by as much as chance "
               "explains"),
        Column("Low", "points"), Column("High", "points"), Column("n ML", "count"),
        Column("n control", "count"),
    )  # fmt: skip
    body = tuple(
        (_segment(scene, row), (row["verdict"], _TONES[row["verdict"]]) if row["verdict"]
         else None, row["value"], row["baseline"], row["change"], row["shrunk"],
         row["shrunk_low"], row["shrunk_high"], row["n"], row["baseline_n"])
        for row in rows[: _MOST + 1]
    )  # fmt: skip
    card = Card(
        title=f"{rate.label} against the control arm, by segment",
        subtitle="The worst first; a verdict only where it is clear over all that was looked at",
        findings=(found.told,), table=Table(columns, body),
    )  # fmt: skip
    return Section(title="", cards=(card, *_by_dimension(scene)))


def _segment(scene: Scene, row: Row) -> str:
    name = row["dimensions"]
    if not name:
        return "All of it"
    return f"{labels_of(scene.obs).get(name, name)} {row['segment'].removeprefix(f'{name} ')}"


def _by_dimension(scene: Scene) -> tuple[Card, ...]:
    asked, rate = scene.asked, scene.asked.rate
    free = [name for name in scene.obs.system.dimension_names if not scene.view.kept(name)][:2]
    labels = labels_of(scene.obs)
    return tuple(
        Card(
            title=f"By {labels[name].lower()}", width="half",
            subtitle=f"{rate.label if rate else ''} of both arms with 95% intervals",
            figure=arms(asked.rows(rate.name, by=[name, "arm"], where=_ARMS, top=_MOST_DRAWN),
                        name, title=rate.label),
        )
        for name in free if rate
    )  # fmt: skip


def _weak(scene: Scene) -> Built:
    try:
        found = scene.obs.weak_segments(over=scene.asked.window, where=scene.asked.where)
    except (DataError, SpecError):
        return None
    kind = kind_of(found.metric)
    change: Kind = "points" if kind == "rate" else kind
    columns = (
        Column("Segment"), Column("ML", kind), Column("Control", kind),
        Column("Likely difference", change), Column("Low", change), Column("High", change),
        Column("Cost", "count", "outcomes lost over all of its rows"), Column("n", "count"),
    )  # fmt: skip
    body = tuple(
        (row["segment"], row["value"], row["baseline"], row["shrunk"], row["shrunk_low"],
         row["shrunk_high"], row["cost"], row["n"])
        for row in found.rows.to_pylist()
    )  # fmt: skip
    card = Card(
        title="The few places where ML is clearly worse",
        subtitle="All combinations of two dimensions were looked at; the most costly first",
        findings=(found.told,), table=Table(columns, body) if body else None,
    )  # fmt: skip
    return Section(title="", cards=(card,))


def _value(scene: Scene) -> Built:
    cards = []
    for policy, title in (("model", "The model's pick alone, without policy layers"),):
        try:
            found = scene.obs.policy_value(
                policy, over=scene.asked.window, where=scene.asked.where, as_of=scene.asked.as_of
            )
        except (DataError, SpecError) as error:
            cards.append(Card(title=title, findings=(str(error),)))
            continue
        columns = (
            Column("Estimate"), Column("Value", "rate"), Column("Low", "rate"),
            Column("High", "rate"), Column("Against what was logged", "points"),
            Column("From", "points"), Column("To", "points"),
        )  # fmt: skip
        body = tuple(
            (row["method"], row["value"], row["low"], row["high"], row["difference"],
             row["difference_low"], row["difference_high"])
            for row in found.rows.to_pylist()
        )  # fmt: skip
        cards.append(Card(title=title, findings=(found.told,), table=Table(columns, body),
                          subtitle="What it would have earned, from logged chances"))  # fmt: skip
    return Section(title="What another policy would have earned", cards=tuple(cards))


CONTROL = Page(
    name="control", title="ML against control", group="Monitor",
    lead="Where ML does worse than the control arm, whose traffic static rules decide.",
    parts=(
        Part(name="segments", title="By segment", build=_segments,
             empty="No decisions of a control arm are in this window, or no outcomes yet."),
        Part(name="weak", title="The few places where ML is clearly worse", build=_weak,
             empty="There is nothing to compare: no control arm, or no outcomes yet."),
        Part(name="value", title="What another policy would have earned", build=_value),
    ),
)  # fmt: skip
