"""The attribution job: explains logged candidates and stores what it finds."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.sql import text
from pellucid.errors import ExplainError
from pellucid.explain.attribution import LoadedModel, attribute
from pellucid.explain.records import Records, within
from pellucid.explain.reference import DAYS, ROWS, store_reference, stored_reference
from pellucid.schema.tables import ATTRIBUTIONS, SAMPLE_WEIGHT
from pellucid.store.writer import Receipt, Writer
from pellucid.windows import Window

_LARGEST_HASH = 2**64


def attribute_window(records: Records, window: Window, *, most_decisions: int) -> Receipt:
    """Explain a coordinated sample of a window's decisions; see `Observatory.attribute`."""
    of_model = f"{within(window)} AND model_id IS NOT NULL"
    logged = records.query(
        f"SELECT DISTINCT model_id FROM decisions WHERE {of_model} ORDER BY model_id",
        ("decisions",),
        window,
    )
    models = [records.model(name) for name in logged.column("model_id").to_pylist()]
    if not any(models):
        raise ExplainError("no model file was logged; log it with log.model(...)")
    writer = Writer(records.lake)
    stored = duplicates = 0
    for model in filter(None, models):
        _ensure_reference(records, model)
        for span in _unexplained(records, model.model_id, window):
            receipt = _attribute_span(records, writer, model, span, most_decisions)
            stored += receipt.stored
            duplicates += receipt.duplicates
    return Receipt(stored=stored, duplicates=duplicates, was_committed=False)


def _unexplained(records: Records, model_id: str, window: Window) -> list[Window]:
    """Return the parts of a window before and after what is explained already.

    What was sampled at one rate must not be filled up at another: its rows keep their weights, and
    with further ones they would stand for more decisions than there were.
    """
    first, last = (
        records.query(
            "SELECT min(decided_at) AS first, max(decided_at) AS last FROM attributions "
            f"WHERE model_id = {text(model_id)} AND {within(window)}",
            ("attributions",),
            window,
        ).to_pylist()[0].values()
    )  # fmt: skip
    if first is None:
        return [window]
    after = last + timedelta(microseconds=1)
    edges = ((window.start, first), (after, window.end))
    return [Window(start, end) for start, end in edges if start < end]


def _attribute_span(
    records: Records, writer: Writer, model: LoadedModel, span: Window, most_decisions: int
) -> Receipt:
    counted = records.query(
        "SELECT count(*) AS decisions FROM decisions "
        f"WHERE {within(span)} AND model_id = {text(model.model_id)}",
        ("decisions",),
        span,
    )
    keep_rate = min(1.0, most_decisions / max(1, counted.column("decisions")[0].as_py()))
    rows = _scored(records, model.model_id, span, keep_rate)
    if not rows.num_rows:
        return Receipt(stored=0, duplicates=0, was_committed=False)
    # Sampled to be logged, then again to be explained: a row's weight is the product of both.
    weight = rows.column(SAMPLE_WEIGHT).to_numpy() / keep_rate
    return writer.append(ATTRIBUTIONS, attribute(model, rows, sample_weight=weight))


def _ensure_reference(records: Records, model: LoadedModel) -> None:
    """Give a model a reference population: candidates that it scored in its first days."""
    if stored_reference(records.lake, model.model_id) is not None:
        return
    of_model = f"model_id = {text(model.model_id)}"
    first = records.rows("decisions", where=of_model, columns=["decided_at"]).column("decided_at")
    start = pc.min(first).as_py()
    days = Window(start, start + timedelta(days=DAYS))
    rows = records.query(
        "SELECT c.* FROM candidates AS c SEMI JOIN (SELECT decision_id FROM decisions "
        f"WHERE {of_model} AND {within(days)}) AS d ON d.decision_id = c.decision_id "
        f"WHERE c.raw_score IS NOT NULL AND {within(days)} "
        f"ORDER BY hash(c.decision_id || c.candidate_id) LIMIT {ROWS}",
        ("candidates", "decisions"),
        days,
    )
    if rows.num_rows:
        named = f"{days.start:%Y-%m-%d}..{days.end:%Y-%m-%d}"
        model.set_reference(store_reference(records.lake, model.model_id, rows, named))


def _scored(records: Records, model_id: str, window: Window, keep_rate: float) -> pa.Table:
    kept = f"hash(decision_id) < {round(keep_rate * (_LARGEST_HASH - 1))}"
    return records.query(
        f"SELECT c.*, coalesce(d.{SAMPLE_WEIGHT}, 1) AS {SAMPLE_WEIGHT} FROM candidates AS c JOIN "
        f"(SELECT decision_id, any_value({SAMPLE_WEIGHT}) AS {SAMPLE_WEIGHT} FROM decisions "
        f"WHERE model_id = {text(model_id)} AND {within(window)} AND {kept} GROUP BY 1) AS d "
        f"ON d.decision_id = c.decision_id WHERE c.raw_score IS NOT NULL AND {within(window)}",
        ("candidates", "decisions"),
        window,
    )
