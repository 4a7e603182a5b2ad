"""The attribution job: explains logged candidates and stores what it finds."""

from __future__ import annotations

import hashlib

import pyarrow as pa
from tqdm import tqdm

from pellucid.errors import ExplainError
from pellucid.explain.attribution import LoadedModel, attribute
from pellucid.explain.job.due import due_rows, late_spans
from pellucid.explain.job.plans import Plan, planned
from pellucid.explain.job.reference import ensure_reference
from pellucid.explain.records import Records, within
from pellucid.schema.tables import ATTRIBUTIONS, SAMPLE_WEIGHT
from pellucid.spec.system import System
from pellucid.store.writer import BatchKey, Receipt, Writer
from pellucid.windows import Window

_CHUNK_ROWS = 250_000


def attribute_window(
    system: System, records: Records, window: Window, *, most_decisions: int, progress: bool
) -> Receipt:
    """Explain a coordinated sample of a window's decisions; see `Observatory.attribute`.

    What to explain is planned and stored first, then explained in chunks, each stored at once and
    once only. So a run that was killed goes on where it was, and one that comes again plans only
    what no plan covers yet: what was sampled at one rate must not be filled up at another, since
    its rows keep their weights. What was logged late, into a span explained before, is explained
    at the rates of that span's plan, beyond `most_decisions` if need be.
    """
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
    receipts: list[Receipt] = []
    for model in filter(None, models):
        ensure_reference(records, model, window)
        plans = planned(
            records, writer, model.model_id, window, system.dimension_names,
            most_decisions=most_decisions, most_rows=_CHUNK_ROWS,
        )  # fmt: skip
        due = [plan for plan in plans if plan.start < window.end and plan.end > window.start]
        receipts += _carry_out(records, writer, model, due, progress=progress)
    return Receipt(
        stored=sum(receipt.stored for receipt in receipts),
        duplicates=sum(receipt.duplicates for receipt in receipts),
        was_committed=False,
    )


def _carry_out(
    records: Records, writer: Writer, model: LoadedModel, plans: list[Plan], *, progress: bool
) -> list[Receipt]:
    """Explain what of some plans is not stored yet."""
    receipts = []
    chunks = [(plan, number) for plan in plans for number in range(len(plan.chunks))]
    for plan, number in tqdm(chunks, desc=model.model_id, unit=" chunks", disable=not progress):
        span = plan.windows[number]
        key = BatchKey(_source(model.model_id, plan), number + 1)
        if writer.is_committed(ATTRIBUTIONS, key):
            # No batch key: what is late now may not be all; the keys of the rows are guard enough.
            for late in late_spans(records, model.model_id, plan, span, most_rows=_CHUNK_ROWS):
                rows = due_rows(records, model.model_id, plan, late, is_late=True)
                receipts.append(writer.append(ATTRIBUTIONS, _explained(model, rows)))
            continue
        rows = due_rows(records, model.model_id, plan, span, is_late=False)
        receipts.append(writer.append(ATTRIBUTIONS, _explained(model, rows), key=key))
    return receipts


def _explained(model: LoadedModel, rows: pa.Table) -> pa.Table:
    return attribute(model, rows, sample_weight=rows.column(SAMPLE_WEIGHT).to_numpy())


def _source(model_id: str, plan: Plan) -> str:
    # The whole plan: two runs that planned one span differently must not take each other's chunks.
    named = f"{model_id} {plan}"
    return f"attribute-{hashlib.sha256(named.encode()).hexdigest()[:32]}"
