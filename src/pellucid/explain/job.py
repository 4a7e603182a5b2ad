"""The attribution job: explains logged candidates and stores what it finds."""

from __future__ import annotations

import pyarrow as pa

from pellucid.engine.sql import text
from pellucid.errors import ExplainError
from pellucid.explain.attribution import attribute
from pellucid.explain.records import Records, within
from pellucid.schema.tables import ATTRIBUTIONS
from pellucid.store.writer import Receipt, Writer
from pellucid.windows import Window

_LARGEST_HASH = 2**64


def attribute_window(records: Records, window: Window, *, most_decisions: int) -> Receipt:
    """Explain a coordinated sample of a window's decisions; see `Observatory.attribute`."""
    counted = records.query(
        "SELECT model_id, count(*) AS decisions FROM decisions "
        f"WHERE {within(window)} AND model_id IS NOT NULL GROUP BY model_id ORDER BY model_id",
        ("decisions",),
        window,
    ).to_pylist()
    models = [(records.model(row["model_id"]), row["decisions"]) for row in counted]
    if not any(model for model, _ in models):
        raise ExplainError("no model file was logged; log it with log.model(...)")
    writer = Writer(records.lake)
    stored = duplicates = 0
    for model, decisions in models:
        if model is None:
            continue
        keep_rate = min(1.0, most_decisions / decisions)
        rows = _scored(records, model.model_id, window, keep_rate)
        if not rows.num_rows:
            continue
        values = attribute(model, rows, sample_weight=1 / keep_rate)
        receipt = writer.append(ATTRIBUTIONS, values)
        stored += receipt.stored
        duplicates += receipt.duplicates
    return Receipt(stored=stored, duplicates=duplicates, was_committed=False)


def _scored(records: Records, model_id: str, window: Window, keep_rate: float) -> pa.Table:
    kept = f"hash(decision_id) < {round(keep_rate * (_LARGEST_HASH - 1))}"
    return records.query(
        "SELECT c.* FROM candidates AS c SEMI JOIN (SELECT decision_id FROM decisions "
        f"WHERE model_id = {text(model_id)} AND {within(window)} AND {kept}) AS d "
        f"ON d.decision_id = c.decision_id WHERE c.raw_score IS NOT NULL AND {within(window)}",
        ("candidates", "decisions"),
        window,
    )
