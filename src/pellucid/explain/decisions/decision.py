"""Reads the records of one decision and tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.sql import text
from pellucid.errors import AdditivityError, ExplainError, UnknownNameError
from pellucid.explain.attribution import attribute
from pellucid.explain.decisions.story import Story, make_story
from pellucid.explain.decisions.telling import tell
from pellucid.explain.records import Records
from pellucid.spec.system import System
from pellucid.windows import Window

# Retries of a request come within days of each other.
_RETRY_SPAN = timedelta(days=7)
_CLOCK_SKEW = timedelta(days=1)


def explain_decision(
    records: Records, system: System, decision_id: str, *, as_of: datetime
) -> Story:
    """Return one decision, told in order; see `Observatory.explain`."""
    by_id = f"decision_id = {text(decision_id)}"
    decision = find_decision(records, decision_id)
    at = decision["decided_at"]
    moment = Window(at, at + timedelta(microseconds=1))
    later = Window(at - _CLOCK_SKEW, datetime.max.replace(tzinfo=UTC))
    candidates = records.rows("candidates", where=by_id, window=moment)
    attributions = records.rows("attributions", where=by_id, window=moment)
    if not attributions.num_rows:
        attributions = _explained_now(records, decision.get("model_id"), candidates)
    attempts = records.rows(
        "decisions",
        where=f"request_id = {text(decision['request_id'])}",
        window=Window(at - _RETRY_SPAN, at + _RETRY_SPAN),
        columns=["decision_id", "attempt", "chosen", "decided_at"],
    )
    outcomes = records.rows("outcomes", where=by_id, window=later)
    story = make_story(system, decision, candidates, attributions, outcomes, attempts)
    return replace(story, told=tell(story, system, as_of))


def find_decision(records: Records, decision_id: str) -> dict[str, Any]:
    """Return the row of a decision.

    Raises
    ------
    UnknownNameError
        If there is no such decision.
    """
    found = records.rows("decisions", where=f"decision_id = {text(decision_id)}").to_pylist()
    if not found:
        some = records.rows("decisions", columns=["decision_id"], limit=5)
        known = some.column("decision_id").to_pylist()
        raise UnknownNameError(kind="decision", name=decision_id, known=known)
    return dict(found[0])


def _explained_now(records: Records, model_id: str | None, candidates: pa.Table) -> pa.Table | None:
    scored = candidates.filter(pc.is_valid(candidates.column("raw_score")))
    model = records.model(model_id) if scored.num_rows else None
    if model is None:
        return None
    try:
        return attribute(model, scored)
    except AdditivityError:
        raise
    except ExplainError:
        # A function has no attributions before its reference population is stored.
        return None
