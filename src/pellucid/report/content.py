"""What a report says, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pellucid.figures.figure import Figure
from pellucid.figures.table import Table

Width = Literal["full", "wide", "half", "narrow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """One number at the top of the report.

    Attributes
    ----------
    label : str
        What it is.
    value : str
        The number as text, for example ``84.8%``.
    interval : str
        Its interval as text, for example ``95% interval 84.5–85.1%``.
    n : str
        What stands behind it, for example ``n 66,927 payments``.
    definition : str
        The definition in a sentence.
    change : str
        Change since the previous period, for example ``+0.7 pp``; empty where that period is not
        fully covered.
    change_from : str
        What the change is against.
    sparkline : tuple of float or None
        Values per bucket; None leaves a gap.
    """

    label: str
    value: str
    interval: str = ""
    n: str = ""
    definition: str = ""
    change: str = ""
    change_from: str = "vs previous period"
    sparkline: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A figure, a table or both, with what they say in words.

    Attributes
    ----------
    title, subtitle : str
        What it is; unit, grain and how to read it.
    figure : Figure, optional
        Drawn first; its own table can be opened below it.
    table : Table, optional
        Shown below the figure.
    findings : tuple of str
        Sentences, shown above the figure.
    width : str
        Part of the page: ``full``, ``wide`` (7 of 12), ``half`` or ``narrow`` (5 of 12).
    """

    title: str
    subtitle: str = ""
    figure: Figure | None = None
    table: Table | None = None
    findings: tuple[str, ...] = ()
    width: Width = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Key figures and cards under one heading, with an entry in the list of contents.

    `links` are labels and addresses of what follows, where there is a server.
    """

    title: str
    subtitle: str = ""
    kpis: tuple[KeyFigure, ...] = ()
    cards: tuple[Card, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a decision: what happened, in words, with its numbers."""

    title: str
    sentences: tuple[str, ...] = ()
    table: Table | None = None
    figure: Figure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One decision, told in order.

    Attributes
    ----------
    heading, subtitle : str
        For example ``One payment, told in order`` and which one it is.
    facts : tuple of (str, str)
        Label and value pairs shown above the steps.
    steps : tuple of Step
        In the order in which they happened.
    """

    heading: str
    subtitle: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A name, what people call it, and what it means."""

    name: str
    label: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """Everything that a report shows.

    Attributes
    ----------
    title : str
        Heading of the page.
    system, description : str
        Name of the system and what it decides.
    period : str
        The window with its time zone, for example ``30 Sep – 29 Oct 2026 (UTC)``.
    as_of : str
        Until when outcomes were known.
    made_at, made_by : str
        When and by whom the file was made.
    fingerprint : str
        Fingerprint of the definitions.
    kpis : tuple of KeyFigure
        Key numbers.
    sections : tuple of Section
        In order.
    story : Story, optional
        One decision.
    definitions : tuple of Definition
        Listed in the footer.
    candidates : tuple of str
        All candidates in the order that fixes their colours in tables.
    notes : tuple of str
        Warnings about the whole, shown under the heading.
    """

    title: str
    system: str
    description: str = ""
    period: str = ""
    as_of: str = ""
    made_at: str = ""
    made_by: str = ""
    fingerprint: str = ""
    kpis: tuple[KeyFigure, ...] = ()
    sections: tuple[Section, ...] = ()
    story: Story | None = None
    definitions: tuple[Definition, ...] = ()
    candidates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
