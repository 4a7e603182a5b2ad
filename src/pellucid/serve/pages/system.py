"""The system: its records and their health, its models, and the definitions in force."""

from __future__ import annotations

from pellucid.figures.series import series_over_time
from pellucid.figures.table import Column, Table
from pellucid.report.content import Card, Section
from pellucid.schema.tables import MODELS
from pellucid.serve.page import Built, Page, Part, Scene
from pellucid.serve.pages.health import refused_card, tables_card
from pellucid.store.reader import read_rows
from pellucid.windows import WEEK

_HOURLY = WEEK


def _records(scene: Scene) -> Built:
    obs, asked = scene.obs, scene.asked
    hourly = asked.rows("decision_count", grain="1h" if asked.window.end - asked.window.start
                        <= _HOURLY else "1d")  # fmt: skip
    cards = (
        tables_card(scene),
        Card(title="Decisions over time", subtitle="A gap is an hour or day without any",
             figure=series_over_time(hourly, obs.metrics["decision_count"])),
        refused_card(scene),
    )  # fmt: skip
    return Section(title="Health of logging", cards=cards)


def _models(scene: Scene) -> Built:
    names = [field.name for field in MODELS.fields]
    found = read_rows(scene.obs.lake, MODELS.name, names).to_pylist()
    if not found:
        return None
    columns = (
        Column("Model"), Column("Framework"), Column("Trained (UTC)", "time"),
        Column("Features", "count"), Column("File", "pill"),
    )  # fmt: skip
    rows = tuple(
        (row["model_id"], row["framework"], row["trained_at"],
         len(row["features"]),
         ("logged", "good") if row["artifact_uri"] else ("not logged", ""))
        for row in sorted(found, key=lambda row: str(row["trained_at"]), reverse=True)
    )  # fmt: skip
    card = Card(title="Model versions", table=Table(columns, rows), subtitle="The latest first")
    return Section(title="Models", cards=(card,))


def _definitions(scene: Scene) -> Built:
    system = scene.obs.system
    metrics = Table(
        (Column("Metric"), Column("Name"), Column("Counts"), Column("Meaning")),
        tuple((metric.label or name, name, f"{metric.unit}s", metric.meaning)
              for name, metric in scene.obs.metrics.items()),
    )  # fmt: skip
    parts = [
        *(("Dimension", item.label or item.name, item.name, item.meaning)
          for item in (*system.dimensions, *system.candidate.dimensions)),
        *(("Policy layer", item.label or item.name, item.name, item.meaning)
          for item in system.layers),
        *(("Outcome", item.label or item.name, item.name, "")
          for item in system.outcomes),
        *(("Feature", item.label or item.name, item.name, item.group)
          for item in system.features),
    ]  # fmt: skip
    named = Table((Column("Part"), Column("Label"), Column("Name"), Column("Meaning")),
                  tuple(parts))  # fmt: skip
    cards = (
        Card(title="Metrics", table=metrics, subtitle="The same on every page, in every export"),
        Card(title="Schema", table=named, subtitle="What is declared of this system"),
    )  # fmt: skip
    return Section(title="Definitions", cards=cards)


SYSTEM = Page(
    name="system", title="Records & definitions", group="System",
    lead="What is logged, by which models, and what every number means.",
    parts=(
        Part(name="records", title="Health of logging", build=_records),
        Part(name="models", title="Models", build=_models, is_light=True,
             empty="No model was logged."),
        Part(name="definitions", title="Definitions", build=_definitions, is_light=True),
    ),
)  # fmt: skip
