"""Why a candidate's traffic share changed: from logged decisions alone, in exact parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.engine.sql import quoted, text
from pellucid.errors import ExplainError
from pellucid.explain import wording
from pellucid.explain.changes.shares import ShareChange, StageCounts, split_share
from pellucid.explain.changes.story import ELIGIBILITY, MIX, MODEL, TRAFFIC_SHARE, ChangeStory
from pellucid.explain.filters import check_apart, check_dimensions, decision_filter
from pellucid.explain.records import DAY_SQL, Records, within
from pellucid.explain.stages import Stages, find_stages
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.bind import declared_names
from pellucid.spec.sources import physical_column
from pellucid.spec.system import System
from pellucid.windows import Window, spanning

UNKNOWN_SET = "?"


def share_change(
    system: System,
    records: Records,
    candidate: str,
    *,
    window: Window,
    baseline: Window,
    by: Sequence[str] = (),
    where: str = "",
) -> ChangeStory:
    """Split the change of a candidate's share of decisions between two windows.

    Parameters
    ----------
    candidate : str
        For example a route.
    by : sequence of str
        Dimensions whose combinations are the cells of the mix; by default the first two.
    where : str
        Decisions to look at; all where empty. Outcomes cannot be named here: they come later.

    Raises
    ------
    ExplainError
        If the windows overlap, or one of them has no decision that picked a candidate.
    UnknownNameError
        If there is no such dimension, or no such candidate in either window.
    SpecError
        If `where` does not bind.

    References
    ----------
    Das Gupta, P. (1993), as in `shapley.product_effects`: factors are the share of each cell, the
    share of each set of eligible candidates in it, and how often each stage of the policy picks the
    candidate there. Layers follow each other as in the policy.
    """
    dimensions = tuple(by) or system.dimension_names[:2]
    check_dimensions(system, dimensions)
    check_apart(window, baseline)
    stages = find_stages(system, records, (window, baseline))
    rows = _counted(system, records, candidate, window, baseline, dimensions, where, stages)
    labels = stage_labels(stages)
    hits = np.stack([rows.column(f"hits_{n}").to_numpy() for n in range(len(labels))])
    of_window = rows.column("in_window").to_numpy().astype(np.int64)
    for place, named in enumerate(("baseline", "window")):
        if not (of_window == place).any():
            span = (baseline, window)[place]
            raise ExplainError(
                f"the {named} ({wording.span(span)}) has no decision that picked a candidate"
            )
    if not hits.any():
        records.check_candidate(candidate, spanning((window, baseline)))
    keys = [f"k{place}" for place in range(len(dimensions))]
    cell, combined = places(rows, keys)
    cells = [dict(zip(dimensions, key, strict=True)) for key in combined]
    group, _ = places(rows, [*keys, "eligible"])
    counts = StageCounts(
        of_window, cell, group, rows.column("day").to_numpy(),
        rows.column("decisions").to_numpy(), hits,
    )  # fmt: skip
    change = split_share(counts)
    totals = np.bincount(of_window, counts.decisions, 2)
    return ChangeStory(
        TRAFFIC_SHARE, candidate, where, window, baseline, change.before, change.after,
        float(change.spread.errors[0]), float(change.spread.degrees[0]),
        (float(totals[0]), float(totals[1])), _parts(change, labels),
        _by_cell(change, counts, cells, labels), unmatched(of_window, group, counts.decisions),
        control_shares(rows), stages.notes,
    )  # fmt: skip


def unmatched(
    window: NDArray[np.int64], group: NDArray[np.int64], decisions: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the part of each window's decisions in groups that the other does not have."""
    count = int(group.max()) + 1
    sums = np.bincount(window * count + group, decisions, 2 * count).reshape(2, count)
    alone = (sums * (sums[::-1] <= 0)).sum(axis=1) / sums.sum(axis=1)
    return float(alone[0]), float(alone[1])


def control_shares(rows: pa.Table) -> tuple[float, float]:
    """Return the control arm's part of the decisions of the baseline and of the window."""
    place = rows.column("in_window").to_numpy().astype(np.int64)
    total = np.bincount(place, rows.column("decisions").to_numpy(), 2)
    control = np.bincount(place, rows.column("control").to_numpy(), 2) / total
    return float(control[0]), float(control[1])


def stage_labels(stages: Stages) -> list[str]:
    """Return what moves picks, for people: the model, each layer, and what is outside of them."""
    layers = [stage.label for stage in stages.policy[1:]]
    # What was chosen differs from the last layer's pick where something outside acted.
    return [MODEL, *layers, *([stages.last.label] if layers or stages.last.layers else [])]


def picks_sql(stages: Stages) -> list[str]:
    """Return the pick after each stage as SQL, at last what was chosen."""
    names = [quoted(stage.pick) for stage in stages.policy]
    if len(stage_labels(stages)) == 1:
        return ["chosen"]
    # The control arm has no picks of a model; what it chose counts as its first preference. A layer
    # whose pick is missing is taken to have moved nothing.
    return [
        *(f"coalesce({', '.join([*names[place::-1], 'chosen'])})" for place in range(len(names))),
        "chosen",
    ]


def sets_sql(window: Window) -> str:
    """Return the query of each decision's set of eligible candidates."""
    return (
        "SELECT decision_id, "
        "string_agg(candidate_id, ' ' ORDER BY candidate_id) FILTER (is_eligible) AS eligible "
        f"FROM candidates WHERE {within(window)} GROUP BY decision_id"
    )


def _counted(
    system: System, records: Records, candidate: str, window: Window, baseline: Window,
    dimensions: Sequence[str], where: str, stages: Stages,
) -> pa.Table:  # fmt: skip
    weight = f"coalesce({SAMPLE_WEIGHT}, 1)"
    selected = [
        f"{within(window)} AS in_window",
        f"{DAY_SQL} AS day",
        f"coalesce(eligible, '{UNKNOWN_SET}') AS eligible",
        *(f"CAST({quoted(physical_column(system, 'decision', name))} AS VARCHAR) AS k{place}"
          for place, name in enumerate(dimensions)),
        f"CAST(sum({weight}) AS DOUBLE) AS decisions",
        f"CAST(coalesce(sum({weight}) FILTER (arm = 'control'), 0) AS DOUBLE) AS control",
        *(f"CAST(coalesce(sum({weight}) FILTER ({pick} = {text(candidate)}), 0) AS DOUBLE) "
          f"AS hits_{place}" for place, pick in enumerate(picks_sql(stages))),
    ]  # fmt: skip
    both = spanning((window, baseline))
    condition = (
        f"chosen IS NOT NULL AND ({within(window)} OR {within(baseline)}) "
        f"AND {decision_filter(system, where)}"
    )
    keys = ", ".join(str(place + 1) for place in range(3 + len(dimensions)))
    sql = (
        f"WITH sets AS ({sets_sql(both)}) "
        f"SELECT {', '.join(selected)} FROM decisions LEFT JOIN sets USING (decision_id) "
        f"WHERE {condition} GROUP BY {keys} ORDER BY {keys}"
    )
    return records.query(sql, ("decisions", "candidates"), both, names=declared_names(system))


def places(
    rows: pa.Table, names: Sequence[str]
) -> tuple[NDArray[np.int64], list[tuple[str | None, ...]]]:
    """Return the place of each row's combination of values, and the combinations."""
    if not names:
        return np.zeros(rows.num_rows, dtype=np.int64), [()]
    combined = list(zip(*(rows.column(name).to_pylist() for name in names), strict=True))
    order = {key: place for place, key in enumerate(dict.fromkeys(combined))}
    return np.array([order[key] for key in combined], dtype=np.int64), list(order)


def _parts(change: ShareChange, labels: Sequence[str]) -> pa.Table:
    values = [change.mix, change.eligibility, *change.stages.tolist()]
    table = pa.table({
        "part": [MIX, ELIGIBILITY, *labels],
        "change": values,
        "error": change.spread.errors[1:],
        "degrees": change.spread.degrees[1:],
    })  # fmt: skip
    return table.slice(0, table.num_rows - _idle(change))


def _idle(change: ShareChange) -> int:
    """Return 1 where nothing outside the policy ever acted, so that it needs no row."""
    return int(len(change.stages) > 1 and not change.cells[:, -1].any())


def _by_cell(
    change: ShareChange,
    counts: StageCounts,
    cells: list[dict[str, str | None]],
    labels: Sequence[str],
) -> pa.Table:
    columns: dict[str, object] = {
        name: pa.array([cell[name] for cell in cells], pa.string()) for name in cells[0]
    }
    for place, named in enumerate(("before", "after")):
        own = counts.window == place
        total = np.bincount(counts.cell[own], counts.decisions[own], len(cells))
        hits = np.bincount(counts.cell[own], counts.hits[-1][own], len(cells))
        columns[f"decisions_{named}"] = total
        columns[named] = np.divide(hits, total, out=np.full(len(cells), np.nan), where=total > 0)
    names = [MIX, ELIGIBILITY, *labels]
    shown = len(names) - _idle(change)
    for place, name in enumerate(names[:shown]):
        columns[name] = change.cells[:, place]
    columns["change"] = change.cells.sum(axis=1)
    table = pa.table(columns)
    order = pc.sort_indices(pc.abs(table.column("change")), sort_keys=[("", "descending")])
    return table.take(order)
