"""The attribution job: explains logged candidates and stores what it finds."""

from __future__ import annotations

import hashlib
import random
import time

import pyarrow as pa
from tqdm import tqdm

from pellucid.engine.sql import quoted, text
from pellucid.errors import ExplainError
from pellucid.explain.attribution import LoadedModel, attribute
from pellucid.explain.job.plans import Plan, make_plan, store_plans, stored_plans, unplanned
from pellucid.explain.job.reference import ensure_reference
from pellucid.explain.records import Records, within
from pellucid.schema.tables import ATTRIBUTIONS, SAMPLE_WEIGHT
from pellucid.spec.system import System
from pellucid.store.writer import BatchKey, Receipt, Writer
from pellucid.windows import Window

_LARGEST_HASH = 2**64
_CHUNK_ROWS = 250_000


def attribute_window(
    system: System, records: Records, window: Window, *, most_decisions: int, progress: bool
) -> Receipt:
    """Explain a coordinated sample of a window's decisions; see `Observatory.attribute`.

    What to explain is planned and stored first, then explained in chunks, each stored at once and
    once only. So a run that was killed goes on where it was, and one that comes again plans only
    what no plan covers yet: what was sampled at one rate must not be filled up at another, since
    its rows keep their weights.
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
    stored = duplicates = 0
    for model in filter(None, models):
        ensure_reference(records, model, window)
        plans = _planned(system, records, model.model_id, window, most_decisions)
        due = [plan for plan in plans if plan.start < window.end and plan.end > window.start]
        receipts = _carry_out(records, writer, model, due, progress=progress)
        stored += sum(receipt.stored for receipt in receipts)
        duplicates += sum(receipt.duplicates for receipt in receipts)
    return Receipt(stored=stored, duplicates=duplicates, was_committed=False)


def _planned(
    system: System, records: Records, model_id: str, window: Window, most_decisions: int
) -> list[Plan]:
    """Return the plans of a model, with what a window lacked planned and stored."""
    while True:
        plans = stored_plans(records.lake, model_id)
        for span in unplanned(plans, window):
            plan = make_plan(
                records, model_id, span, system.dimension_names,
                most_decisions=most_decisions, most_rows=_CHUNK_ROWS,
            )  # fmt: skip
            plans += [plan] if plan else []
        store_plans(records.lake, model_id, plans)
        # Another run may have planned at the same time: whose plans are stored counts.
        time.sleep(random.uniform(0, 0.05))  # noqa: S311
        if stored_plans(records.lake, model_id) == plans:
            return plans


def _carry_out(
    records: Records, writer: Writer, model: LoadedModel, plans: list[Plan], *, progress: bool
) -> list[Receipt]:
    """Explain what of some plans is not stored yet."""
    receipts = []
    chunks = [(plan, number) for plan in plans for number in range(len(plan.chunks))]
    for plan, number in tqdm(chunks, desc=model.model_id, unit=" chunks", disable=not progress):
        key = BatchKey(_source(model.model_id, plan), number + 1)
        if writer.is_committed(ATTRIBUTIONS, key):
            continue
        rows = _scored(records, model.model_id, plan, plan.windows[number])
        weight = rows.column(SAMPLE_WEIGHT).to_numpy()
        explained = attribute(model, rows, sample_weight=weight)
        receipts.append(writer.append(ATTRIBUTIONS, explained, key=key))
    return receipts


def _source(model_id: str, plan: Plan) -> str:
    # The whole plan: two runs that planned one span differently must not take each other's chunks.
    named = f"{model_id} {plan}"
    return f"attribute-{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def _scored(records: Records, model_id: str, plan: Plan, window: Window) -> pa.Table:
    """Return the scored candidates of the decisions of a chunk that a plan picks, weighted.

    Sampled to be logged, then again to be explained: a row's weight is the product of both.
    """
    picked = f"SELECT decision_id, {SAMPLE_WEIGHT}, 1.0 AS rate FROM decisions AS d"
    if not plan.is_whole:
        rates = ", ".join(
            f"({', '.join([*map(_literal, cell), repr(rate)])})"
            for cell, rate in zip(plan.cells, plan.rates, strict=True)
        )
        columns = [f"k{place}" for place in range(len(plan.dimensions))]
        same = " AND ".join(
            f"CAST(d.{quoted(name)} AS VARCHAR) IS NOT DISTINCT FROM r.{column}"
            for name, column in zip(plan.dimensions, columns, strict=True)
        )
        picked = (
            f"SELECT decision_id, {SAMPLE_WEIGHT}, coalesce(r.rate, 1.0) AS rate FROM decisions "
            f"AS d LEFT JOIN (VALUES {rates}) AS r({', '.join([*columns, 'rate'])}) ON {same}"
        )
    picked += f" WHERE model_id = {text(model_id)} AND {within(window)}"
    return records.query(
        f"WITH p AS ({picked}), d AS (SELECT decision_id, "
        f"any_value(coalesce({SAMPLE_WEIGHT}, 1) / rate) AS w FROM p "
        f"WHERE hash(decision_id) <= rate * {_LARGEST_HASH - 1} GROUP BY 1) "
        f"SELECT c.*, d.w AS {SAMPLE_WEIGHT} FROM candidates AS c "
        "JOIN d ON d.decision_id = c.decision_id "
        f"WHERE c.raw_score IS NOT NULL AND {within(window)}",
        ("candidates", "decisions"),
        window,
        names={"dimensions": dict.fromkeys(plan.dimensions[1:], "")},
    )


def _literal(value: str | None) -> str:
    return "CAST(NULL AS VARCHAR)" if value is None else text(value)
