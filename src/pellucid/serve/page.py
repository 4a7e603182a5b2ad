"""What a page is: parts that are asked for one by one, and the choices above them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pellucid.errors import EngineError
from pellucid.observatory import Observatory
from pellucid.report.content import Section, Story
from pellucid.report.questions import Asked
from pellucid.serve.view import View
from pellucid.spec.check import Checks

Group = Literal["Monitor", "Explain", "System"]
GROUPS: tuple[Group, ...] = ("Monitor", "Explain", "System")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the parts of a page are built from.

    Attributes
    ----------
    asked : Asked
        The system's records over the window and with the filters of the view.
    view : View
    order : tuple of str
        Every candidate, in the order that fixes its colour on all pages.
    busiest : tuple of str
        The same, the one picked most often first.
    base : str
        Address of the system.
    checks : Checks or None
        What the monitor watches, where the server was told.
    """

    asked: Asked
    view: View
    order: tuple[str, ...]
    busiest: tuple[str, ...]
    base: str
    checks: Checks | None = None

    @property
    def obs(self) -> Observatory:
        """The open system."""
        return self.asked.obs

    def link(self, page: str, view: View | None = None, /, **own: str) -> str:
        """Return the address of another page with the filters of this one, or of a view."""
        return f"{self.base}/{page}{(view or self.view).asking(**own).query}"

    def decisions_with(self, values: Mapping[str, str]) -> str:
        """Return the address of the decisions of this view that have some values, by column."""
        return self.link("decisions", self.view.also(values))

    @property
    def of_all_candidates(self) -> Scene:
        """The scene without a filter on the candidate, whose share would be all or nothing."""
        view = self.view.without(self.asked.candidate)
        return replace(self, asked=replace(self.asked, where=view.condition))

    def picked(self, key: str, place: int = 0) -> str:
        """Return the candidate that is asked for: by a key, a filter, or how busy it is.

        Raises
        ------
        EngineError
            If there are not that many.
        """
        kept = self.view.kept(self.asked.candidate)
        asked = self.view.get(key) or (kept[place] if place < len(kept) else "")
        others = [name for name in self.busiest if name not in kept[:place]]
        if not asked and place >= len(others):
            raise EngineError(f"too few candidates were picked from: {len(self.busiest)}")
        return asked or others[place]

    def candidate_choice(self, key: str, label: str, place: int = 0) -> Choice:
        """Return the choice of a candidate."""
        options = tuple((name, name) for name in sorted(self.busiest))
        chosen = self.picked(key, place) if len(self.busiest) > place else ""
        return Choice(key=key, label=label, options=options, chosen=chosen)


Built = Section | Story | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a page, with an address of its own.

    Attributes
    ----------
    name : str
        In its address.
    title : str
        What is said while it is asked for, and where there is nothing.
    build : callable
        Asks, draws and says; None where there is nothing to show.
    empty : str
        What is said then: why, and what to do; nothing where it is empty too.
    is_light : bool
        Whether it takes little, and need not queue behind those that take long.
    holds_decisions : bool
        Whether it shows single decisions, which a brief of aggregates leaves out.
    asks_first : str
        Why it is built only once it is asked for, such as how long it takes; else empty.
    """

    name: str
    title: str
    build: Callable[[Scene], Built]
    empty: str = "Nothing to show in this window. Widen the time range or remove a filter."
    is_light: bool = False
    holds_decisions: bool = False
    asks_first: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A choice that a page offers above its parts.

    Attributes
    ----------
    key, label : str
        In the address, and for people.
    options : tuple of (str, str)
        Value and label of each; none where any text may be entered.
    chosen : str
    hint : str
        What to enter.
    """

    key: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    chosen: str = ""
    hint: str = ""


def dimensions_of(obs: Observatory) -> tuple[str, ...]:
    """Return what the pages of a system can be filtered by."""
    return (*obs.system.dimension_names, obs.system.candidate.name, "arm", "currency")


def labels_of(obs: Observatory) -> dict[str, str]:
    """Return what dimensions are called for people."""
    system = obs.system
    every = (*system.dimensions, *system.candidate.dimensions)
    known = {item.name: item.label or item.name.replace("_", " ").capitalize() for item in every}
    return {**known, system.candidate.name: noun_of(obs), "arm": "Arm",
            "currency": "Currency"}  # fmt: skip


def place_text(obs: Observatory, where: Sequence[tuple[str, str]]) -> str:
    """Return a place in words, such as ``Card country BR, Route cedar-direct``."""
    labels = labels_of(obs)
    return ", ".join(f"{labels.get(name, name)} {value}" for name, value in where) or "everywhere"


def noun_of(obs: Observatory) -> str:
    """Return what a candidate is called for people."""
    candidate = obs.system.candidate
    return candidate.label or candidate.name.capitalize()


def no_choices(_: Scene) -> tuple[Choice, ...]:
    """Return no choices."""
    return ()


def no_keys(_: Observatory, __: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return no keys."""
    return {}


def no_section(_: Scene) -> Section | None:
    """Return no section."""
    return None


def no_values(_: Scene) -> Mapping[str, Any]:
    """Return nothing."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page.

    Attributes
    ----------
    name, title, lead : str
        In the address; the heading; what it tells, in a sentence.
    group : str
        Where it stands in the rail; empty of a page that others lead to.
    parts : tuple of Part
    keys : callable
        The keys of its own and the values that each may have, any where there are none; given the
        system and its candidates.
    choices : callable
        What it offers to choose.
    can_compare : bool
        Whether it shows changes against the period before.
    is_item : bool
        Whether it is about one thing, named by its key ``id``, and not about a window.
    template : str
    inner : callable
        What its own template needs.
    summary : callable
        What a brief says before the parts; the page says it by its own template.
    """

    name: str
    title: str
    lead: str
    group: Group | Literal[""]
    parts: tuple[Part, ...]
    keys: Callable[[Observatory, Sequence[str]], Mapping[str, Sequence[str]]] = no_keys
    choices: Callable[[Scene], tuple[Choice, ...]] = no_choices
    can_compare: bool = False
    is_item: bool = False
    template: str = "page.html.j2"
    inner: Callable[[Scene], Mapping[str, Any]] = no_values
    summary: Callable[[Scene], Section | None] = no_section
