"""Why an outcome's rate changed: from logged decisions and outcomes alone, in exact parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.sql import instant, latest_outcomes, quoted
from pellucid.errors import ExplainError
from pellucid.explain import wording
from pellucid.explain.changes.change import (
    UNKNOWN_SET,
    control_shares,
    picks_sql,
    places,
    sets_sql,
    stage_labels,
    unmatched,
)
from pellucid.explain.changes.rates import RateChange, RateCounts, split_rate
from pellucid.explain.changes.story import ELIGIBILITY, LABELS, MIX, OUTCOME, ChangeStory
from pellucid.explain.filters import check_apart, check_dimensions, decision_filter
from pellucid.explain.records import DAY_SQL, Records, within
from pellucid.explain.stages import Stages, find_stages
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.bind import declared_names
from pellucid.spec.sources import physical_column
from pellucid.spec.system import Outcome, System
from pellucid.windows import Window, parse_duration, spanning


def rate_change(
    system: System,
    records: Records,
    outcome: Outcome,
    *,
    metric: str,
    window: Window,
    baseline: Window,
    as_of: datetime,
    by: Sequence[str] = (),
    where: str = "",
) -> ChangeStory:
    """Split the change of an outcome's rate between two windows.

    Each decision counts, also a retry, with its latest outcome once that is final.

    Parameters
    ----------
    metric : str
        Name of the rate.
    as_of : datetime
        Nothing recorded later is seen, and outcomes are final or pending as of then.
    by : sequence of str
        Dimensions whose combinations are the cells of the mix; by default the first two.
    where : str
        Decisions to look at; all where empty.

    Raises
    ------
    ExplainError
        If the windows overlap, or one of them has no known outcome.
    UnknownNameError
        If there is no such dimension.
    SpecError
        If `where` does not bind.

    References
    ----------
    Das Gupta, P. (1993), as in `rates.split_rate`.
    """
    dimensions = tuple(by) or system.dimension_names[:2]
    check_dimensions(system, dimensions)
    check_apart(window, baseline)
    stages = find_stages(system, records, (window, baseline))
    rows = _counted(system, records, outcome, window, baseline, as_of, dimensions, where, stages)
    for is_window, named in ((False, "baseline"), (True, "window")):
        own = rows.filter(pc.equal(rows.column("in_window"), is_window))
        if not pc.sum(own.column("known")).as_py():
            over = window if is_window else baseline
            raise ExplainError(
                f"the {named} ({wording.span(over)}) has no decision whose '{outcome.name}' is "
                f"known and final (after {outcome.matures_after})"
            )
    counts, cells = _counts(rows, dimensions, len(stage_labels(stages)))
    change = split_rate(counts)
    known = np.bincount(counts.window, counts.known, 2)
    label = metric.replace("_", " ").capitalize()
    return ChangeStory(
        metric, label, where, window, baseline, change.before, change.after,
        float(change.spread.errors[0]), float(change.spread.degrees[0]),
        (float(known[0]), float(known[1])), _parts(stages, change),
        _by_cell(change, counts, cells),
        unmatched(counts.window, counts.group, counts.hits[-1]), control_shares(rows),
        stages.notes,
    )  # fmt: skip


def _counted(
    system: System, records: Records, outcome: Outcome, window: Window, baseline: Window,
    as_of: datetime, dimensions: Sequence[str], where: str,
    stages: Stages,
) -> pa.Table:  # fmt: skip
    both = spanning((window, baseline))
    weight = f"coalesce({SAMPLE_WEIGHT}, 1)"
    final = instant(as_of - parse_duration(outcome.matures_after))
    is_known = f"value IS NOT NULL AND decided_at <= {final}"
    cells = [
        f"CAST({quoted(physical_column(system, 'decision', name))} AS VARCHAR) AS k{place}"
        for place, name in enumerate(dimensions)
    ]
    selected = [
        f"{within(window)} AS in_window", f"{DAY_SQL} AS day",
        f"coalesce(eligible, '{UNKNOWN_SET}') AS eligible", *cells,
        *(f"{pick} AS p{place}" for place, pick in enumerate(picks_sql(stages))),
    ]  # fmt: skip
    sums = [
        f"CAST(sum({weight}) AS DOUBLE) AS decisions",
        f"CAST(coalesce(sum({weight}) FILTER (arm = 'control'), 0) AS DOUBLE) AS control",
        f"CAST(coalesce(sum({weight}) FILTER ({is_known}), 0) AS DOUBLE) AS known",
        f"CAST(coalesce(sum({weight}) FILTER ({is_known} AND value >= 1), 0) AS DOUBLE) "
        "AS positive",
    ]
    keys = ", ".join(str(place + 1) for place in range(len(selected)))
    sql = (
        f"WITH sets AS ({sets_sql(both)}), "
        f"labels AS ({latest_outcomes(outcome, as_of, ['value'])}) "
        f"SELECT {', '.join([*selected, *sums])} FROM decisions LEFT JOIN sets USING (decision_id) "
        "LEFT JOIN labels USING (decision_id) WHERE chosen IS NOT NULL "
        f"AND ({within(window)} OR {within(baseline)}) AND decided_at <= {instant(as_of)} "
        f"AND {decision_filter(system, where)} GROUP BY {keys} ORDER BY {keys}"
    )
    tables = ("decisions", "candidates", "outcomes")
    return records.query(sql, tables, both, names=declared_names(system))


def _counts(
    rows: pa.Table, dimensions: Sequence[str], stages: int
) -> tuple[RateCounts, list[dict[str, str | None]]]:
    """Return the counts by candidate, a row for each that a stage sent decisions to."""
    keys = [f"k{place}" for place in range(len(dimensions))]
    cell, combined = places(rows, keys)
    group, _ = places(rows, [*keys, "eligible"])
    decisions = rows.column("decisions").to_numpy()
    names = pc.unique(pa.chunked_array(
        [rows.column(f"p{stage}").combine_chunks() for stage in range(stages)], pa.string()
    ))  # fmt: skip
    whose = np.concatenate([
        pc.index_in(rows.column(f"p{stage}"), value_set=names).to_numpy() for stage in range(stages)
    ]).astype(np.int64)  # fmt: skip

    def tiled(values: np.ndarray) -> np.ndarray:
        return np.tile(values, stages)

    hits = np.kron(np.eye(stages), decisions[None, :])
    is_last = np.repeat(np.arange(stages) == stages - 1, len(decisions))
    _, place = np.unique(tiled(group) * len(names) + whose, return_inverse=True)
    counts = RateCounts(
        tiled(rows.column("in_window").to_numpy().astype(np.int64)), tiled(cell), tiled(group),
        place, tiled(rows.column("day").to_numpy()), hits,
        tiled(rows.column("known").to_numpy()) * is_last,
        tiled(rows.column("positive").to_numpy()) * is_last,
    )  # fmt: skip
    return counts, [dict(zip(dimensions, key, strict=True)) for key in combined]


def _parts(stages: Stages, change: RateChange) -> pa.Table:
    labels = [MIX, ELIGIBILITY, *stage_labels(stages), LABELS, OUTCOME]
    table = pa.table({
        "part": labels, "change": change.parts, "error": change.spread.errors[1:],
        "degrees": change.spread.degrees[1:],
    })  # fmt: skip
    outside = len(labels) - 3
    is_idle = outside > 2 and change.parts[outside] == 0 and not change.spread.errors[outside + 1]
    kept = [place for place in range(len(labels)) if place != outside or not is_idle]
    return table.take(kept)


def _by_cell(
    change: RateChange, counts: RateCounts, cells: list[dict[str, str | None]]
) -> pa.Table:
    columns: dict[str, object] = {
        name: pa.array([cell[name] for cell in cells], pa.string()) for name in cells[0]
    }
    for place, named in enumerate(("before", "after")):
        own = counts.window == place
        known = np.bincount(counts.cell[own], counts.known[own], len(cells))
        hits = np.bincount(counts.cell[own], counts.positive[own], len(cells))
        columns[f"decisions_{named}"] = known
        columns[named] = np.divide(hits, known, out=np.full(len(cells), np.nan), where=known > 0)
    columns |= {"Mix": change.cells[:, 0], "Rate": change.cells[:, 1]}
    columns["change"] = change.cells.sum(axis=1)
    table = pa.table(columns)
    order = pc.sort_indices(pc.abs(table.column("change")), sort_keys=[("", "descending")])
    return table.take(order)
