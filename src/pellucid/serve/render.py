"""Pages and their parts to HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from pellucid.figures import numbers
from pellucid.figures.table import Table
from pellucid.report.content import Card, Section, Step, Story
from pellucid.report.page import environment, tools
from pellucid.report.views import Anchors
from pellucid.serve.assets import assets
from pellucid.serve.page import (
    GROUPS,
    Built,
    Choice,
    Page,
    Part,
    Scene,
    dimensions_of,
    labels_of,
)
from pellucid.serve.pages import PAGES
from pellucid.serve.view import COMPARE, RANGES, View
from pellucid.spec.codec import fingerprint
from pellucid.windows import DAY

_PACKAGES = ("pellucid.serve", "pellucid.report")
_SUMMARY = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What stands around the parts of a page.

    Attributes
    ----------
    page : Page
    system : str
    systems : tuple of str
        All that are served.
    scene : Scene
    problems : tuple of str
        What of the address could not be read.
    open_incidents : int
    inner : mapping
        What the page's own template needs.
    """

    page: Page
    system: str
    systems: tuple[str, ...]
    scene: Scene
    problems: tuple[str, ...]
    open_incidents: int
    inner: Mapping[str, Any]


def render_message(title: str, message: str, *, more: str = "", back: str = "/",
                   back_label: str = "To the systems") -> str:  # fmt: skip
    """Return a page that says one thing."""
    return _templates().get_template("message.html.j2").render(
        assets=assets(), title=title, message=message, more=more, back=back, back_label=back_label
    )  # fmt: skip


def render(template: str, **values: Any) -> str:
    """Return a page of its own template."""
    return _templates().get_template(template).render(assets=assets(), **values)


def render_shell(shell: Shell, drawn: Sequence[str | None]) -> str:
    """Return a page; a part that is not drawn yet is asked for by the browser.

    Parameters
    ----------
    drawn : sequence of str or None
        The HTML of each part.
    """
    scene, page = shell.scene, shell.page
    view, address = scene.view, f"{scene.base}/{page.name}"
    values: dict[str, Any] = {
        "title": page.title, "lead": page.lead, "system": shell.system,
        "systems": shell.systems, "rail": _rail(shell), "address": address,
        "is_item": page.is_item, "view": view, "problems": shell.problems,
        "fingerprint": fingerprint(scene.obs.system), "pairs": _pairs(view),
        "inline_address": f"{address}{view.query}{'&' if view.query else '?'}inline=1",
        "parts": [
            {"name": part.name, "title": part.title, "html": html and _markup(html),
             "asks_first": part.asks_first,
             "address": f"{address}/part/{part.name}{view.query}"}
            for part, html in zip(page.parts, drawn, strict=True)
        ],
    }  # fmt: skip
    values |= _controls(scene, page, address)
    return render(page.template, **{**values, **shell.inner})


def render_part(part: Part, built: Built, scene: Scene, page: Page) -> str:
    """Return a part as a fragment."""
    state = "empty" if built is None else "story" if isinstance(built, Story) else "section"
    values = {"state": state, "title": part.title, "message": part.empty, "built": built}
    return _fragment(values, part, scene, page)


def render_failure(part: Part, message: str) -> str:
    """Return a part that could not be built as a fragment that says why."""
    values = {"state": "failed", "title": part.title, "message": message, "built": None}
    return (
        _templates()
        .get_template("part.html.j2")
        .render(**values, **tools((), Anchors(), has_links=False))
    )


def tables_of(part: Part, built: Built) -> dict[str, Table]:
    """Return the tables of a part by the ids that `render_part` gives them."""
    anchors = Anchors(part.name)
    items: list[tuple[str, Card | Step]] = []
    if isinstance(built, Section):
        items = [(card.title, card) for card in built.cards]
    elif isinstance(built, Story):
        items = [(f"step {number} {step.title}", step)
                 for number, step in enumerate(built.steps, 1)]  # fmt: skip
    found: dict[str, Table] = {}
    for title, item in items:
        own = anchors.take(title)
        drawn = item.figure.table if item.figure else None
        held = {own: drawn, f"{own}-table": item.table}
        found |= {name: table for name, table in held.items() if table is not None}
    return found


def render_options(name: str, options: Sequence[tuple[str | None, int]]) -> str:
    """Return the values of a dimension as boxes to tick."""
    template = _templates().get_template("controls.html.j2")
    return str(template.make_module({"count": numbers.count}).options_list(name, options))


def _fragment(values: dict[str, Any], part: Part, scene: Scene, page: Page) -> str:
    address = f"{scene.base}/{page.name}/part/{part.name}"

    def parquet(name: str) -> str:
        return f"{address}/{name}.parquet{scene.view.query}"

    return (
        _templates()
        .get_template("part.html.j2")
        .render(**values, **tools(scene.order, Anchors(part.name), has_links=True, parquet=parquet))
    )


@cache
def _templates() -> Any:
    return environment(*_PACKAGES)


def _markup(html: str) -> Any:
    from markupsafe import Markup

    return Markup(html)  # noqa: S704 - a fragment that was rendered with escaping


def _rail(shell: Shell) -> list[tuple[str, list[dict[str, Any]]]]:
    shared = shell.scene.view.asking().query
    return [
        (group, [
            {"title": page.title, "href": f"/{shell.system}/{page.name}{shared}",
             "is_current": page.name == shell.page.name,
             "count": shell.open_incidents if page.name == "alerts" else 0}
            for page in PAGES.values() if page.group == group
        ])
        for group in GROUPS
    ]  # fmt: skip


def _pairs(view: View) -> list[tuple[str, str]]:
    return parse_qsl(view.query.removeprefix("?"))


def _controls(scene: Scene, page: Page, address: str) -> dict[str, Any]:
    view, asked = scene.view, scene.asked
    first, last = asked.obs.span()
    shown = [
        {"text": f"{_label(scene, name)}: {', '.join(values)}",
         "href": f"{address}{view.without(name).query}"}
        for name, values in view.filters
    ]  # fmt: skip
    if view.where:
        bare = replace(view, where="")
        shown.append({"text": view.where, "href": f"{address}{bare.query}"})
    cleared = replace(view, filters=(), where="")
    choices: tuple[Choice, ...] = page.choices(scene)
    return {
        "ranges": RANGES, "period": period_text(scene), "first_day": first.date(),
        "last_day": last.date(), "shown": shown, "clear_address": f"{address}{cleared.query}",
        "can_compare": page.can_compare,
        "is_uncovered": view.compare == COMPARE[0] and asked.previous is None,
        "choice_items": choices, "count": numbers.count, "as_of": numbers.instant(asked.as_of),
        "filter_items": [_filter_item(scene, name) for name in dimensions_of(scene.obs)],
    }  # fmt: skip


def _filter_item(scene: Scene, name: str) -> dict[str, Any]:
    kept = scene.view.kept(name)
    text = ", ".join(kept)
    summary = "All" if not kept else text if len(text) <= _SUMMARY else f"{len(kept)} chosen"
    return {"name": name, "label": _label(scene, name), "kept": kept, "summary": summary,
            "options_address": f"{scene.base}/options/{name}"}  # fmt: skip


def _label(scene: Scene, name: str) -> str:
    return labels_of(scene.obs).get(name, name)


def period_text(scene: Scene) -> str:
    """Return the days that a page shows."""
    window = scene.asked.window
    first, last = window.start, window.end
    shown = numbers.day if last - first > DAY else numbers.instant
    if shown is numbers.day and last.hour == 0:
        last -= DAY
    return f"{shown(first)} – {shown(last)} {last.year}"
