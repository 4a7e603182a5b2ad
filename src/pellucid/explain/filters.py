"""What a user asks about, checked before it becomes SQL: conditions, dimensions, windows."""

from __future__ import annotations

from collections.abc import Iterable

from pellucid.engine.sql import snippet
from pellucid.errors import ExplainError, SpecError, UnknownNameError
from pellucid.explain import wording
from pellucid.spec.expression import BOOLEAN, problems_in
from pellucid.spec.sources import outcome_columns, physical_column, source_columns
from pellucid.spec.substitution import renamed
from pellucid.spec.system import System
from pellucid.windows import Window


def decision_filter(system: System, where: str) -> str:
    """Return a condition on rows of `decisions` as SQL; ``TRUE`` where it is empty.

    The candidate's own name is that of the chosen one. Outcomes cannot be named: they come later
    than what an explanation is about.

    Raises
    ------
    SpecError
        If it does not bind.
    """
    if not where:
        return "TRUE"
    outcomes = {name for outcome in system.outcomes for name in outcome_columns(outcome)}
    own = system.candidate.name
    known = {
        name: family
        for name, family in source_columns(system, "decision").items()
        if name not in outcomes
        and (name == own or physical_column(system, "decision", name) == name)
    }
    problems = list(problems_in(where, known, result=BOOLEAN))
    if problems:
        raise SpecError("where", problems)
    return snippet(renamed(where, {own: physical_column(system, "decision", own)}))


def check_dimensions(system: System, names: Iterable[str]) -> None:
    """Raise an UnknownNameError for the first name that is no dimension of decisions."""
    for name in names:
        if name not in system.dimension_names:
            raise UnknownNameError(kind="dimension", name=name, known=system.dimension_names)


def check_apart(window: Window, baseline: Window) -> None:
    """Raise an ExplainError if two windows that are to be compared share a moment."""
    if window.start < baseline.end and baseline.start < window.end:
        raise ExplainError(
            f"the windows overlap: {wording.span(baseline)} and {wording.span(window)}"
        )
