"""Explore: any metric by one or two dimensions, over time, against the period before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pellucid.figures import numbers
from pellucid.figures.pivot import heat_table
from pellucid.figures.rates import rate_by
from pellucid.figures.rows import at_level
from pellucid.figures.series import kind_of, series_over_time, written
from pellucid.figures.table import Column, Table
from pellucid.figures.values import value_by
from pellucid.monitor.top import is_rest
from pellucid.observatory import Observatory
from pellucid.report.content import Card, KeyFigure, Section
from pellucid.serve.page import Built, Choice, Page, Part, Scene, dimensions_of, labels_of
from pellucid.serve.pages.amounts import CURRENCY, in_major_units, in_one_currency
from pellucid.spec.system import Metric
from pellucid.windows import DAY, Window

_TOP, _LINES = 30, 8
_ACROSS = 12
_LONG = 3 * DAY


def _keys(obs: Observatory, _: Sequence[str]) -> Mapping[str, Sequence[str]]:
    names = _dimensions(obs)
    return {
        "metric": tuple(obs.metrics),
        "rows": names,
        "columns": names,
        "grain": ("1h", "1d", "1w"),
        "show": ("chart",),
    }


def _dimensions(obs: Observatory) -> tuple[str, ...]:
    own = tuple(item.name for item in obs.system.candidate.dimensions)
    return (*dimensions_of(obs), *own)


def _choices(scene: Scene) -> tuple[Choice, ...]:
    obs = scene.obs
    labels = labels_of(obs)
    metrics = tuple((name, metric.label or name) for name, metric in obs.metrics.items())
    dimensions = tuple((name, labels.get(name, name)) for name in _dimensions(obs))
    grains = (("", "by itself"), ("1h", "Hour"), ("1d", "Day"), ("1w", "Week"))
    return (
        Choice(key="metric", label="Metric", options=metrics, chosen=_metric(scene).name),
        Choice(key="rows", label="Rows", options=dimensions, chosen=_rows(scene)),
        Choice(key="columns", label="Columns", options=(("", "none"), *dimensions),
               chosen=_columns(scene)),
        Choice(key="show", label="As", options=(("", "Table"), ("chart", "Chart")),
               chosen=scene.view.get("show")),
        Choice(key="grain", label="Over time by", options=grains, chosen=scene.view.get("grain")),
    )  # fmt: skip


def _metric(scene: Scene) -> Metric:
    rate = scene.asked.rate
    return scene.obs.metrics[scene.view.get("metric", rate.name if rate else "decision_count")]


def _rows(scene: Scene) -> str:
    return scene.view.get("rows", scene.asked.dimension or scene.asked.candidate)


def _columns(scene: Scene) -> str:
    found = scene.view.get("columns")
    return "" if found == _rows(scene) else found


@dataclass(frozen=True, slots=True)
class _Explored:
    """The metric that is explored, over the rows that it is asked of.

    Attributes
    ----------
    scene : Scene
        Of one currency, where the metric is an amount.
    metric : Metric
    currency : str
        That one; else empty.
    left_out : str
        Which currencies are not shown; empty where all are.
    """

    scene: Scene
    metric: Metric
    currency: str
    left_out: str

    @property
    def label(self) -> str:
        return self.metric.label or self.metric.name

    def rows(
        self, *by: str, grain: str = "", window: Window | None = None, top: int | None = None
    ) -> pa.Table:
        asked = self.scene.asked
        found = asked.rows(self.metric.name, by=list(by), grain=grain, window=window, top=top)
        return in_major_units(found, self.metric, self.currency)

    def said(self, subtitle: str) -> str:
        """Return a subtitle, with what is not in the numbers."""
        return f"{subtitle}. {self.left_out}" if self.left_out else subtitle


def _explored(scene: Scene) -> _Explored:
    by = (_rows(scene), _columns(scene))
    return _Explored(*in_one_currency(scene, _metric(scene), by))


def _whole(scene: Scene) -> Built:
    asked = _explored(scene)
    metric, previous = asked.metric, scene.asked.previous
    if metric.value_unit == "money" and CURRENCY in (_rows(scene), _columns(scene)):
        return None
    row = asked.rows().to_pylist()[0]
    change = ""
    if previous:
        before = asked.rows(window=previous).to_pylist()[0]
        change = _change(row["value"], before["value"], metric)
    ends = ""
    if row["low"] is not None and row["high"] is not None:
        ends = f"95% interval {written(row['low'], metric)} to {written(row['high'], metric)}"
    figure = KeyFigure(
        label=asked.label, value=written(row["value"], metric), interval=ends, change=change,
        n=f"n {row['n']:,} {metric.unit}s", definition=asked.said(metric.meaning.rstrip(".")),
    )  # fmt: skip
    return Section(title="", kpis=(figure,))


def _change(now: float | None, before: float | None, metric: Metric) -> str:
    if now is None or before is None:
        return ""
    if metric.value_unit in ("share", "points"):
        return numbers.points(now - before)
    return numbers.relative((now - before) / before) if before else ""


def _table(scene: Scene) -> Built:
    down, across, asked = _rows(scene), _columns(scene), _explored(scene)
    if scene.view.get("show"):
        return _chart(scene, asked, down)
    labels = labels_of(scene.obs)
    by = (down, across) if across else (down,)
    rows = asked.rows(*by, top=_ACROSS if across else _TOP)
    if not at_level(rows, (down,)):
        return None
    named = labels.get(down, down)
    if across and asked.metric.value_unit == "share":
        table = _linked(scene, heat_table(rows, down, across, row_label=named), down)
        subtitle = "Cells with few rows are dimmed; n on hover"
    else:
        table = _list(scene, asked, rows, by)
        subtitle = "With 95% intervals; the largest groups, all others added up as one"
    title = f"{asked.label} by {named.lower()}"
    title += f" and {labels.get(across, across).lower()}" if across else ""
    card = Card(title=title, table=table,
                subtitle=asked.said(f"{subtitle}. Open a row to look into it"))  # fmt: skip
    return Section(title="", cards=(card,), links=_to_decisions(scene))


def _chart(scene: Scene, asked: _Explored, down: str) -> Built:
    named, previous = labels_of(scene.obs).get(down, down), scene.asked.previous
    rows = asked.rows(down, top=_TOP)
    subtitle = "The largest groups, with 95% intervals where there are any"
    if asked.metric.value_unit != "share":
        figure = value_by(rows, down, asked.metric, name=named)
    elif previous is None:
        figure = rate_by(rows, down, title=asked.label)
    else:
        before = asked.rows(down, window=previous, top=_TOP)
        figure = rate_by(rows, down, title=asked.label, previous=before)
        subtitle += "; the tick is the period before"
    if _columns(scene):
        subtitle += "; columns are shown in the table"
    card = Card(title=f"{asked.label} by {named.lower()}", subtitle=asked.said(subtitle),
                figure=figure)  # fmt: skip
    return Section(title="", cards=(card,), links=_to_decisions(scene))


def _to_decisions(scene: Scene) -> tuple[tuple[str, str], ...]:
    return (("See the decisions", scene.link("decisions")),)


def _linked(scene: Scene, table: Table, down: str) -> Table:
    columns = (Column(table.columns[0].label, "link"), *table.columns[1:])
    rows = tuple((_into(scene, down, row[0]), *row[1:]) for row in table.rows)
    total = None if table.total is None else (("All", ""), *table.total[1:])
    return Table(columns, rows, total)


def _into(scene: Scene, down: str, value: str | None) -> Any:
    name = "(missing)" if value in (None, "None") else value
    if is_rest(name):
        return (name, "")
    following = [item for item in _dimensions(scene.obs)
                 if item != down and not scene.view.kept(item)]  # fmt: skip
    if down not in dimensions_of(scene.obs):
        return (name, "")
    return (name, scene.link(
        "explore", scene.view.only(down, name), metric=_metric(scene).name,
        rows=following[0] if following else down, show=scene.view.get("show"),
        grain=scene.view.get("grain"),
    ))  # fmt: skip


def _its_decisions(scene: Scene, values: Mapping[str, str | None]) -> tuple[str, str] | None:
    view = scene.view
    for name, value in values.items():
        if is_rest(value) or name not in dimensions_of(scene.obs):
            return None
        view = view.only(name, value)
    return "decisions", scene.link("decisions", view)


def _list(scene: Scene, asked: _Explored, rows: pa.Table, by: tuple[str, ...]) -> Table:
    labels, kind = labels_of(scene.obs), kind_of(asked.metric)
    before = _before(asked, by)
    down, across = by[0], by[-1] if len(by) > 1 else ""
    # Counts and totals are what they are: they have no interval.
    ends = ("low", "high") if rows.column("low").null_count < rows.num_rows else ()
    columns = (
        Column(labels.get(down, down), "link"),
        *((Column(labels.get(across, across)),) if across else ()),
        Column(asked.label, kind), *((Column("Low", kind), Column("High", kind)) if ends else ()),
        Column("n", "count"),
        *((Column("Period before", kind),) if before else ()),
        Column("", "link"),
    )  # fmt: skip

    def cells(row: dict[str, Any]) -> tuple[Any, ...]:
        key = tuple(row[name] for name in by)
        earlier = (before.get(key),) if before else ()
        into = _into(scene, down, row[down])
        decisions = _its_decisions(scene, {name: row[name] for name in by})
        own = ((str(row[across]) if row[across] is not None else "(missing)"),) if across else ()
        values = (row[key] for key in ("value", *ends, "n"))
        return (into, *own, *values, *earlier, decisions)

    found = sorted(at_level(rows, by), key=lambda row: -(row["n"] or 0))
    whole = next(iter(at_level(rows, ())), None)
    total = None
    if whole:
        earlier = (before.get(()),) if before else ()
        values = (whole[key] for key in ("value", *ends, "n"))
        total = (("All", ""), *((None,) if across else ()), *values, *earlier, None)
    return Table(columns, tuple(cells(row) for row in found), total)


def _before(asked: _Explored, by: tuple[str, ...]) -> dict[tuple[Any, ...], float | None]:
    previous = asked.scene.asked.previous
    if previous is None:
        return {}
    rows = asked.rows(*by, window=previous)
    found = {tuple(row[name] for name in by): row["value"] for row in at_level(rows, by)}
    whole = {(): row["value"] for row in at_level(rows, ())}  # noqa: B035 - of the one row
    return found | whole


def _over_time(scene: Scene) -> Built:
    down, window, asked = _rows(scene), scene.asked.window, _explored(scene)
    grain = scene.view.get("grain") or ("1h" if window.end - window.start <= _LONG else "1d")
    order = scene.order if down == scene.asked.candidate else ()
    split = asked.rows(down, grain=grain, top=_LINES)
    is_one = [not is_rest(name) for name in split.column(down).to_pylist()]
    split = split.filter(pa.array(is_one, pa.bool_()))
    named = labels_of(scene.obs).get(down, down).lower()
    lines = Card(title=f"{asked.label} over time by {named}", subtitle="The eight largest",
                 figure=series_over_time(split, asked.metric, down, order=order),
                 width="wide")  # fmt: skip
    if asked.metric.value_unit == "money" and down == CURRENCY:
        return Section(title="", cards=(lines,))
    whole = Card(title=f"{asked.label} over time", subtitle="All of it; hover for interval and n",
                 figure=series_over_time(asked.rows(grain=grain), asked.metric),
                 width="narrow")  # fmt: skip
    return Section(title="", cards=(whole, lines))


EXPLORE = Page(
    name="explore", title="Explore", group="Monitor", can_compare=True,
    lead="Any metric by any dimension, with exact totals; open a row to look into it.",
    parts=(
        Part(name="whole", title="The whole", build=_whole,
             empty="Amounts of several currencies are never added; each is below."),
        Part(name="table", title="By dimension", build=_table),
        Part(name="time", title="Over time", build=_over_time),
    ),
    keys=_keys, choices=_choices,
)  # fmt: skip
