"""Builds a report from a system's records and writes it as one file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pellucid.explain.learned.story import LearnedArtefact
from pellucid.figures import numbers
from pellucid.observatory import Observatory
from pellucid.report.content import Definition, ReportContent, Section
from pellucid.report.monitoring import incidents_section, labels_section, unusual_section
from pellucid.report.page import render_report, write_page
from pellucid.report.questions import Asked, ask
from pellucid.report.sections import (
    eligibility_section,
    key_figures,
    model_section,
    policy_section,
    traffic_section,
)
from pellucid.report.told import report_story
from pellucid.report.traffic import layers_section, learned_section, share_section
from pellucid.report.why import change_section, contrast_section
from pellucid.spec.codec import fingerprint
from pellucid.windows import Window


def write_report(
    obs: Observatory,
    path: Path,
    *,
    over: str | Window = "30d",
    as_of: datetime | None = None,
    decision_id: str | None = None,
    learned: Sequence[LearnedArtefact] = (),
) -> int:
    """Write a report as one HTML file that opens offline.

    The file appears whole or not at all.

    Parameters
    ----------
    over : str or Window
        What it is about; clipped to what was recorded.
    as_of : datetime, optional
        See only what was recorded by then.
    decision_id : str, optional
        The decision to tell; by default one that a policy layer moved.
    learned : sequence of LearnedArtefact
        What `Observatory.learned` found, to be told too; it trains models again, so the report does
        not look for it by itself.

    Returns
    -------
    int
        Size in bytes.

    Raises
    ------
    EngineError
        If nothing was logged.
    UnknownNameError
        If there is no such decision.
    MissingExtraError
        If Jinja or Plotly is not installed.
    """
    content = report_content(obs, over=over, as_of=as_of, decision_id=decision_id, learned=learned)
    return write_page(render_report(content), path)


def report_content(
    obs: Observatory,
    *,
    over: str | Window = "30d",
    as_of: datetime | None = None,
    decision_id: str | None = None,
    learned: Sequence[LearnedArtefact] = (),
) -> ReportContent:
    """Return everything that a report shows; see `write_report`."""
    asked = ask(obs, over=over, as_of=as_of)
    order = asked.order
    sections: list[Section | None] = [
        incidents_section(asked),
        traffic_section(asked, order),
        unusual_section(asked),
        change_section(asked),
        learned_section(learned),
        policy_section(asked, order),
        layers_section(asked),
        share_section(asked),
        contrast_section(asked),
        eligibility_section(asked),
        model_section(asked),
        labels_section(asked),
    ]
    system = obs.system
    return ReportContent(
        title=system.name.replace("-", " ").replace("_", " ").capitalize(),
        system=system.name,
        description=system.description,
        period=_period(asked),
        as_of=f"{numbers.instant(asked.as_of)} UTC",
        made_at=f"{numbers.instant(datetime.now(UTC))} UTC",
        fingerprint=fingerprint(system),
        kpis=key_figures(asked),
        sections=tuple(section for section in sections if section is not None),
        story=report_story(asked, decision_id, order),
        definitions=tuple(
            Definition(name=metric.name, label=metric.label or metric.name, meaning=metric.meaning)
            for metric in obs.metrics.values()
        ),
        candidates=order,
        notes=tuple(note for note in (asked.note,) if note),
    )


def _period(asked: Asked) -> str:
    start, end = asked.window.start, asked.window.end
    return f"{numbers.instant(start)} – {numbers.instant(end)} {end.year} (UTC)"
