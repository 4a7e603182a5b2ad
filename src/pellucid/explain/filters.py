"""A user's condition on decisions, checked before it becomes SQL."""

from __future__ import annotations

from pellucid.engine.sql import snippet
from pellucid.errors import SpecError
from pellucid.spec.expression import BOOLEAN, problems_in
from pellucid.spec.sources import outcome_columns, physical_column, source_columns
from pellucid.spec.system import System


def decision_filter(system: System, where: str) -> str:
    """Return a condition on rows of `decisions` as SQL; ``TRUE`` where it is empty.

    Outcomes cannot be named: they come later than what an explanation is about.

    Raises
    ------
    SpecError
        If it does not bind.
    """
    if not where:
        return "TRUE"
    outcomes = {name for outcome in system.outcomes for name in outcome_columns(outcome)}
    known = {
        name: family
        for name, family in source_columns(system, "decision").items()
        if name not in outcomes and physical_column(system, "decision", name) == name
    }
    problems = list(problems_in(where, known, result=BOOLEAN))
    if problems:
        raise SpecError("where", problems)
    return snippet(where)
