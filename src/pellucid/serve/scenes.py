"""From an address to what a page is built from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pellucid.errors import EngineError, PellucidError, SpecError
from pellucid.figures import numbers
from pellucid.monitor.query import plan
from pellucid.observatory import Observatory
from pellucid.report.questions import ask
from pellucid.serve.page import Page, Scene, dimensions_of
from pellucid.serve.served import Served
from pellucid.serve.view import View, parse_view


def view_of(
    served: Served, obs: Observatory, page: Page, pairs: Iterable[tuple[str, str]]
) -> tuple[View, tuple[str, ...]]:
    """Return the view that an address asks for, and what of it could not be read.

    Parameters
    ----------
    pairs : iterable of (str, str)
        Keys and values of the query string, decoded.
    """
    busiest = served.busiest(obs)
    view, problems = parse_view(pairs, dimensions_of(obs), page.keys(obs, busiest))
    wrong = _wrong_condition(obs, view)
    return (replace(view, where=""), (*problems, wrong)) if wrong else (view, problems)


def _wrong_condition(obs: Observatory, view: View) -> str:
    if not view.where:
        return ""
    try:
        plan(obs.system, obs.question("decision_count", where=view.condition))
    except SpecError as error:
        return f"The condition is left out. {error}"
    except EngineError:
        # Nothing is logged yet, which the page says.
        return ""
    return ""


def scene_of(served: Served, obs: Observatory, view: View) -> Scene:
    """Return what a page is built from.

    Raises
    ------
    EngineError
        If nothing is logged yet.
    """
    asked = ask(obs, over=view.over, where=view.condition)
    if view.compare == "none":
        asked = replace(asked, previous=None)
    return Scene(
        asked=asked, view=view, order=served.order(obs), busiest=served.busiest(obs),
        base=f"/{obs.system.name}", checks=served.checks,
    )  # fmt: skip


def outside_of(obs: Observatory, view: View) -> str:
    """Return what to say where a view has no day in common with the records, else nothing."""
    first, last = obs.span()
    try:
        window = obs.window(view.over)
    except PellucidError:
        return ""
    if window.start <= last and window.end > first:
        return ""
    return (
        f"No decision was recorded then: records reach from {numbers.day(first)} {first.year} to "
        f"{numbers.day(last)} {last.year}."
    )
