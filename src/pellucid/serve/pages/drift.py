"""Drift and data quality: which columns moved, one in detail, what is wrong in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pellucid.errors import EngineError, ExplainError, UnknownNameError
from pellucid.figures.drift import distribution, drift_bars, drift_table
from pellucid.figures.table import Column, Table
from pellucid.monitor.drift.report import DriftReport
from pellucid.report.content import Card, Section
from pellucid.serve.page import Built, Choice, Page, Part, Scene
from pellucid.serve.pages.compared import compared
from pellucid.serve.pages.health import refused_card

_MOST = 60
_TONES = {"error": "bad", "warning": "warn"}


def _report(scene: Scene) -> DriftReport:
    window, _ = compared(scene)
    return scene.obs.drift(over=window, where=scene.asked.where)


def _columns(scene: Scene) -> Built:
    report = _report(scene)
    card = Card(
        title="Columns that moved",
        subtitle=f"{report.names[0]} against {report.names[1]}; population stability index; the "
        "tick is what chance explains of one column, a verdict allows for how many are looked at",
        findings=(report.told,), figure=drift_bars(report),
    )  # fmt: skip
    links = {item.drift.column: scene.link("drift", column=item.drift.column)
             for item in report.columns}  # fmt: skip
    table = drift_table(report, links)
    every = Card(title="Every column", subtitle="What moved most on top; open one for its values",
                 table=Table(table.columns, table.rows[:_MOST]))  # fmt: skip
    return Section(title="", cards=(card, every))


def _one(scene: Scene) -> Built:
    name = scene.view.get("column")
    if not name:
        return None
    report = _report(scene)
    found = next((item for item in report.columns if item.drift.column == name), None)
    if found is None:
        known = [item.drift.column for item in report.columns]
        raise UnknownNameError(kind="column", name=name, known=known)
    card = Card(
        title=found.label, subtitle=f"{report.names[0]} (bars) against {report.names[1]} (line)",
        findings=(f"{found.verdict.capitalize()}: {found.why}." if found.why
                  else f"{found.verdict.capitalize()}.",),
        figure=distribution(found),
    )  # fmt: skip
    return Section(title="", cards=(card,))


def _order(scene: Scene) -> Built:
    window, _ = compared(scene)
    try:
        found = scene.obs.attribution_drift(over=window, where=scene.asked.where)
    except (EngineError, ExplainError):
        return None
    card = Card(title="Do features matter as before?", findings=(found.told,),
                subtitle="Order of importance against the days before")  # fmt: skip
    return Section(title="", cards=(card,))


def _refused(scene: Scene) -> Built:
    return Section(title="", cards=(refused_card(scene),))


def _store(scene: Scene) -> Built:
    findings = [item for item in scene.obs.check() if item.severity != "ok"]
    columns = (Column("Severity", "pill"), Column("Table"), Column("What"))
    body = tuple(((item.severity, _TONES.get(item.severity, "")), item.table, item.what)
                 for item in findings)  # fmt: skip
    said = "Files are whole, and records agree with each other."
    card = Card(
        title="What is wrong in the store",
        subtitle="Files, and whether records agree; over the whole log",
        findings=() if body else (said,), table=Table(columns, body) if body else None,
    )  # fmt: skip
    return Section(title="", cards=(card,))


def _keys(*_: object) -> Mapping[str, Sequence[str]]:
    return {"column": ()}


def _choices(scene: Scene) -> tuple[Choice, ...]:
    name = scene.view.get("column")
    return (
        (Choice(key="column", label="Column", chosen=name, hint="Name of a column"),)
        if name
        else ()
    )


DRIFT = Page(
    name="drift", title="Drift & quality", group="Monitor", can_compare=True,
    lead="Which inputs, scores and decisions are not as they were, and what is wrong in the data.",
    parts=(
        Part(name="one", title="One column", build=_one, empty=""),
        Part(name="columns", title="Columns that moved", build=_columns),
        Part(name="refused", title="Rows refused", build=_refused, is_light=True),
        Part(name="order", title="Do features matter as before?", build=_order,
             empty="Too little is explained on both sides; `pellucid attribute` explains more."),
        Part(name="store", title="What is wrong in the store", build=_store,
             asks_first="Reads every file, and sets all records against each other: a few seconds "
             "for each million rows."),
    ),
    keys=_keys, choices=_choices,
)  # fmt: skip
