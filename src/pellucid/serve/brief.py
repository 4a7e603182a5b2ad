"""A page as one file that opens offline, for people without access."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from pellucid.errors import DataError, PellucidError, SpecError, UnknownNameError
from pellucid.figures import numbers
from pellucid.report.content import Definition, ReportContent, Section, Story
from pellucid.report.page import render_report
from pellucid.serve.page import Page, Scene, labels_of
from pellucid.serve.pages import PAGES
from pellucid.serve.render import period_text
from pellucid.serve.scenes import scene_of, view_of
from pellucid.serve.served import Served
from pellucid.spec.codec import fingerprint

MOST_BYTES = 8_000_000


def make_brief(
    served: Served, system: str, name: str, pairs: Iterable[tuple[str, str]], made_by: str
) -> str:
    """Return a page with all its parts as one HTML document.

    Parameters
    ----------
    name : str
        The page.
    pairs : iterable of (str, str)
        Its query.
    made_by : str

    Raises
    ------
    UnknownNameError
        If there is no such system or page.
    SpecError
        If what the query asks for cannot be read: nobody looks at a brief before it is sent.
    EngineError
        If nothing is logged yet.
    DataError
        If the file would be too large to send, or would hold nothing or single decisions only.
    """
    if name not in PAGES:
        raise UnknownNameError(kind="page", name=name, known=PAGES)
    obs, page = served.open(system), PAGES[name]
    view, problems = view_of(served, obs, page, pairs)
    if problems:
        raise SpecError(f"brief of '{name}'", problems)
    scene = scene_of(served, obs, view)
    text = render_report(_content(scene, page, made_by))
    if len(text.encode()) > MOST_BYTES:
        raise DataError("brief", [
            f"would be over {MOST_BYTES / 1e6:.0f} MB; choose a shorter range or fewer filters"
        ])  # fmt: skip
    return text


def _content(scene: Scene, page: Page, made_by: str) -> ReportContent:
    sections: list[Section] = []
    notes: list[str] = []
    story = None
    parts = [part for part in page.parts if page.is_item or not part.holds_decisions]
    if not parts:
        raise DataError("brief", [
            f"would hold single decisions, of which '{page.name}' is a list; a brief holds "
            "aggregates only"
        ])  # fmt: skip
    summary = page.summary(scene)
    sections += [summary] if summary else []
    for part in parts:
        try:
            built = part.build(scene)
        except PellucidError as error:
            notes.append(f"{part.title}: {error}")
            continue
        if isinstance(built, Story):
            story = built
        elif isinstance(built, Section):
            sections.append(built if built.title else replace(built, title=part.title))
    if not sections and story is None:
        raise DataError("brief", notes or ["would hold nothing: there is nothing to show"])
    labels = labels_of(scene.obs)
    kept = [f"{labels.get(name, name)}: {', '.join(values)}" for name, values in scene.view.filters]
    kept += [scene.view.where] if scene.view.where else []
    system = scene.obs.system
    return ReportContent(
        title=" ".join([page.title, scene.view.get("id")]).strip(), system=system.name,
        description=page.lead + (f" Only {'; '.join(kept)}." if kept else ""),
        period=f"{period_text(scene)} (UTC)", as_of=f"{numbers.instant(scene.asked.as_of)} UTC",
        made_at=f"{numbers.instant(datetime.now(UTC))} UTC", made_by=made_by,
        fingerprint=fingerprint(system), sections=tuple(sections), story=story,
        definitions=tuple(
            Definition(name=metric.name, label=metric.label or metric.name, meaning=metric.meaning)
            for metric in scene.obs.metrics.values()
        ),
        candidates=scene.order, notes=tuple(notes),
    )  # fmt: skip
