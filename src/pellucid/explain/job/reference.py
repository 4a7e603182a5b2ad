"""Draws the reference population of a model from the first days in which it decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.sql import text
from pellucid.explain.attribution import LoadedModel
from pellucid.explain.levels import shared_features
from pellucid.explain.records import Records, within
from pellucid.explain.reference import (
    DAYS,
    DECISIONS,
    MOST_CANDIDATES,
    store_reference,
    with_candidate,
)
from pellucid.windows import Window


def ensure_reference(records: Records, model: LoadedModel, window: Window) -> None:
    """Give a model its reference population, and every candidate of a window its place in it.

    Up to 20 candidates have a population each: the same decisions of the model's first days, with
    that candidate in them. So a candidate's base value is its score in general, its attributions
    tell what is particular to a decision, and what never changes for a candidate adds nothing.
    """
    reference = model.reference
    known = () if reference is None else reference.candidates
    if reference is not None and not known:
        return
    names = _candidates(records, model.model_id, window)
    absent = [name for name in names if name not in known]
    if reference is not None and (not absent or len(known) + len(absent) > MOST_CANDIDATES):
        return
    days = _first_days(records, model.model_id)
    decisions = _scored(
        records, model.model_id, days,
        f"SELECT decision_id FROM d ORDER BY hash(decision_id) LIMIT {DECISIONS}",
    )  # fmt: skip
    if not decisions.num_rows:
        return
    named = f"{days.start:%Y-%m-%d}..{days.end:%Y-%m-%d}"
    if reference is None and not 1 < len(names) <= MOST_CANDIDATES:
        model.reference = store_reference(
            records.lake, model.model_id, decisions.drop_columns(["candidate_id"]), named
        )
        return
    shared = shared_features(records, model.features, days)
    parts = [] if reference is None else [reference.rows]
    for name in absent:
        own = _of_candidate(records, model.model_id, name, days, window)
        parts.append(with_candidate(decisions, own, shared, name))
    rows = pa.concat_tables(parts, promote_options="permissive")
    model.reference = store_reference(records.lake, model.model_id, rows, named)


def _candidates(records: Records, model_id: str, window: Window) -> list[str]:
    found = records.query(
        f"WITH d AS ({_decisions(model_id, window)}) SELECT DISTINCT candidate_id FROM candidates "
        f"SEMI JOIN d USING (decision_id) WHERE raw_score IS NOT NULL AND {within(window)} "
        "ORDER BY 1", ("candidates", "decisions"), window,
    )  # fmt: skip
    return [str(name) for name in found.column("candidate_id").to_pylist()]


def _first_days(records: Records, model_id: str) -> Window:
    of_model = f"model_id = {text(model_id)}"
    first = records.rows("decisions", where=of_model, columns=["decided_at"]).column("decided_at")
    start = pc.min(first).as_py()
    return Window(start, start + timedelta(days=DAYS))


def _of_candidate(
    records: Records, model_id: str, name: str, days: Window, window: Window
) -> pa.Table:
    """Return rows of a candidate in the first days; if it came later, in the window."""
    for over in (days, window):
        rows = _scored(records, model_id, over, "SELECT decision_id FROM d", [name])
        if rows.num_rows:
            break
    return rows


def _scored(
    records: Records, model_id: str, window: Window, chosen: str, names: Sequence[str] = ()
) -> pa.Table:
    among = f" AND c.candidate_id IN ({', '.join(map(text, names))})" if names else ""
    return records.query(
        f"WITH d AS ({_decisions(model_id, window)}), e AS ({chosen}) SELECT c.* "
        "FROM candidates AS c SEMI JOIN e ON e.decision_id = c.decision_id "
        f"WHERE c.raw_score IS NOT NULL AND {within(window)}{among} "
        "ORDER BY hash(c.decision_id || c.candidate_id)"
        + (f" LIMIT {DECISIONS}" if names else ""),
        ("candidates", "decisions"), window,
    )  # fmt: skip


def _decisions(model_id: str, window: Window) -> str:
    return (
        f"SELECT DISTINCT decision_id FROM decisions WHERE model_id = {text(model_id)} "
        f"AND {within(window)}"
    )
