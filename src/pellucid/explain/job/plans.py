"""What is to be explained of a model's decisions, and at which rates: planned once, then kept."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from pellucid.engine.sql import quoted, text
from pellucid.explain.job.rates import congressional_rates
from pellucid.explain.records import Records, within
from pellucid.explain.spans import day_spans
from pellucid.schema.arrow import fixed_schema
from pellucid.schema.tables import ATTRIBUTIONS
from pellucid.store.artifacts import load_plans, save_plans
from pellucid.store.lake import Lake
from pellucid.store.writer import BatchKey, Writer
from pellucid.windows import Window

_MOST_CELLS = 1000
_MOST_DIMENSIONS = 4
# To store plans takes milliseconds once they are claimed: after 20 s of nothing nobody will.
_LOOK_SECONDS = 0.1
_MOST_LOOKS = 200
_MOST_CLAIMS = 1_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions of a model in a span, and the rate at which each kind is explained.

    Attributes
    ----------
    start, end : datetime
    chunks : tuple of datetime
        Where the span is cut: each chunk is stored at once.
    dimensions : tuple of str
        Columns of `decisions` whose combinations are the kinds.
    cells : tuple of tuple of (str or None)
        The combinations.
    rates : tuple of float
        Of each of them. What comes later of another kind is explained whole.
    """

    start: datetime
    end: datetime
    chunks: tuple[datetime, ...]
    dimensions: tuple[str, ...]
    cells: tuple[tuple[str | None, ...], ...]
    rates: tuple[float, ...]

    @property
    def windows(self) -> tuple[Window, ...]:
        """The chunks, in order."""
        ends = (*self.chunks[1:], self.end)
        return tuple(map(Window, self.chunks, ends))

    @property
    def is_whole(self) -> bool:
        """Whether everything is explained."""
        return all(rate >= 1 for rate in self.rates)


def planned(
    records: Records, writer: Writer, model_id: str, window: Window, dimensions: Sequence[str], *,
    most_decisions: int, most_rows: int,
) -> list[Plan]:  # fmt: skip
    """Return the plans of a model, with what a window lacked planned and stored.

    Two runs that plan at a time would sample the same decisions at two rates. So a run claims the
    right to add to the plans it has read, by a commit that only one can make, and stores at once.
    Whoever comes second reads again; if nothing is stored by then, the first one died in between.
    """
    attempt = 0
    while True:
        plans = stored_plans(records.lake, model_id)
        added = [
            plan for span in unplanned(plans, window)
            if (plan := make_plan(records, model_id, span, dimensions,
                                  most_decisions=most_decisions, most_rows=most_rows))
        ]  # fmt: skip
        if not added:
            return plans
        attempt += 1
        key = BatchKey(_claim(model_id), len(plans) * _MOST_CLAIMS + attempt)
        claim = writer.append(ATTRIBUTIONS, fixed_schema(ATTRIBUTIONS).empty_table(), key=key)
        if not claim.was_committed:
            store_plans(records.lake, model_id, plans + added)
            return plans + added
        attempt = 0 if _has_grown(records.lake, model_id, plans) else attempt


def make_plan(
    records: Records, model_id: str, span: Window, dimensions: Sequence[str], *,
    most_decisions: int, most_rows: int,
) -> Plan | None:  # fmt: skip
    """Return the plan of a span; None where it has no decision of the model.

    Parameters
    ----------
    dimensions : sequence of str
        To sample by, the most important first; those that make too many kinds are left out.
    most_rows : int
        Candidates in a chunk, about.
    """
    used, rows = _kinds(records, model_id, span, dimensions)
    if not rows.num_rows:
        return None
    counts = rows.column("n").to_numpy().astype(np.float64)
    values = [rows.column(f"k{place}").to_pylist() for place in range(len(used))]
    keys = [_places(column) for column in values]
    rates = congressional_rates(counts, keys, most_decisions)
    chunk = round(most_rows * counts.sum() / (counts @ rates))
    starts = [part.start for part in day_spans(records, "candidates", span, most_rows=chunk)]
    starts[:1] = [span.start]
    cells = tuple(zip(*values, strict=True)) if used else ((),)
    return Plan(span.start, span.end, tuple(starts), tuple(used), cells, tuple(rates.tolist()))


def _kinds(
    records: Records, model_id: str, span: Window, dimensions: Sequence[str]
) -> tuple[list[str], pa.Table]:
    """Return the dimensions to sample by and their combinations with counts, read in one scan.

    As many dimensions as make no more than `_MOST_CELLS` combinations, from the first on.
    """
    used = ["chosen", *dimensions][:_MOST_DIMENSIONS]
    columns = ", ".join(
        f"CAST({quoted(name)} AS VARCHAR) AS k{place}" for place, name in enumerate(used)
    )
    names = [f"k{place}" for place in range(len(used))]
    rows = records.query(
        f"SELECT {columns}, count(*) AS n FROM decisions "
        f"WHERE {within(span)} AND model_id = {text(model_id)} GROUP BY ALL",
        ("decisions",), span, names={"dimensions": dict.fromkeys(dimensions, "")},
    )  # fmt: skip
    while rows.num_rows > _MOST_CELLS:
        names.pop()
        rows = rows.group_by(names).aggregate([("n", "sum")]).rename_columns([*names, "n"])
    # In an order of its own, so that the same records make the same plan.
    ordered = [(name, "ascending") for name in names]
    return used[: len(names)], rows.sort_by(ordered) if ordered else rows


def stored_plans(lake: Lake, model_id: str) -> list[Plan]:
    """Return the plans of a model, in the order in which they were made."""
    content = load_plans(lake, model_id)
    return [] if content is None else [_decoded(item) for item in json.loads(content)]


def store_plans(lake: Lake, model_id: str, plans: Sequence[Plan]) -> None:
    """Store the plans of a model, in place of those before."""
    items = [asdict(plan) for plan in plans]
    save_plans(lake, model_id, json.dumps(items, default=datetime.isoformat).encode())


def unplanned(plans: Sequence[Plan], window: Window) -> list[Window]:
    """Return the parts of a window that no plan covers, in order."""
    found, start = [], window.start
    for plan in sorted(plans, key=lambda plan: plan.start):
        if plan.end <= start or plan.start >= window.end:
            continue
        if plan.start > start:
            found.append(Window(start, plan.start))
        start = max(start, plan.end)
    if start < window.end:
        found.append(Window(start, window.end))
    return found


def _claim(model_id: str) -> str:
    return f"plans-{hashlib.sha256(model_id.encode()).hexdigest()[:32]}"


def _has_grown(lake: Lake, model_id: str, plans: Sequence[Plan]) -> bool:
    for _ in range(_MOST_LOOKS):
        if stored_plans(lake, model_id) != plans:
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def _places(values: Sequence[str | None]) -> np.ndarray:
    order = {value: place for place, value in enumerate(dict.fromkeys(values))}
    return np.array([order[value] for value in values], dtype=np.int64)


def _decoded(item: dict[str, object]) -> Plan:
    fields = dict(item)
    for name in ("start", "end"):
        fields[name] = datetime.fromisoformat(str(fields[name]))
    fields["chunks"] = tuple(map(datetime.fromisoformat, item["chunks"]))  # type: ignore[call-overload]
    fields["cells"] = tuple(map(tuple, item["cells"]))  # type: ignore[call-overload]
    for name in ("dimensions", "rates"):
        fields[name] = tuple(item[name])  # type: ignore[arg-type]
    return Plan(**fields)  # type: ignore[arg-type]
