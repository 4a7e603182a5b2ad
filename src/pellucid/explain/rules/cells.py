"""Picks by kind of decision: what rules are fitted to, and held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.engine.sql import quoted
from pellucid.explain.changes.change import sets_sql
from pellucid.explain.records import DAY_SQL, Records, within
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.bind import declared_names
from pellucid.spec.system import System
from pellucid.windows import Window

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MISSING = ""


@dataclass(frozen=True, slots=True)
class Cells:
    """Kinds of decision (values of dimensions, eligible set, pick) on each day.

    Attributes
    ----------
    dimensions, candidates : tuple of str
    values : tuple of tuple of str
        Of each dimension, the values; "" for a missing one.
    codes : array of int64, shape (n, dimensions)
        Place of each cell's value.
    eligible : array of bool, shape (n, candidates)
    pick : array of int64, shape (n,)
        Place of the candidate that was picked.
    day : array of int64, shape (n,)
    weight : array of float64, shape (n,)
        Decisions.
    """

    dimensions: tuple[str, ...]
    candidates: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    codes: Ints
    eligible: NDArray[np.bool_]
    pick: Ints
    day: Ints
    weight: Floats

    def only(self, chosen: NDArray[np.bool_]) -> Cells:
        """Return some of the cells, shape (n,)."""
        fixed = {"dimensions", "candidates", "values"}
        return Cells(**{
            field.name: getattr(self, field.name) if field.name in fixed
            else getattr(self, field.name)[chosen] for field in fields(self)
        })  # fmt: skip


def load_cells(
    system: System, records: Records, windows: Sequence[Window], chosen: str,
    dimensions: Sequence[str],
) -> list[Cells]:  # fmt: skip
    """Return the cells of each window, all with the same codes.

    The pick is the policy's own, before any layer of exploration; where picks were not logged, what
    was chosen. The control arm is left out.

    Parameters
    ----------
    chosen : str
        Condition on decisions, as SQL.
    """
    tables = [_rows(system, records, window, chosen, dimensions) for window in windows]
    columns = [f"k{place}" for place in range(len(dimensions))]
    values = tuple(
        tuple(sorted({str(value) for rows in tables for value in rows.column(name).to_pylist()}))
        for name in columns
    )
    sets = [[text.split(" ") for text in rows.column("eligible").to_pylist()] for rows in tables]
    picks = [rows.column("pick").to_pylist() for rows in tables]
    candidates = tuple(sorted(
        {name for own in sets for names in own for name in names}
        | {name for own in picks for name in own}
    ))  # fmt: skip
    place = {name: number for number, name in enumerate(candidates)}
    found = []
    for rows, own_sets, own_picks in zip(tables, sets, picks, strict=True):
        codes = np.array([
            pc.index_in(rows.column(name), value_set=pa.array(known, pa.string())).to_numpy()
            for known, name in zip(values, columns, strict=True)
        ], dtype=np.int64).reshape(len(columns), rows.num_rows).T  # fmt: skip
        eligible = np.zeros((rows.num_rows, len(candidates)), dtype=bool)
        for row, names in enumerate(own_sets):
            eligible[row, [place[name] for name in names]] = True
        found.append(Cells(
            tuple(dimensions), candidates, values, codes, eligible,
            np.array([place[name] for name in own_picks], dtype=np.int64),
            rows.column("day").to_numpy(), rows.column("weight").to_numpy(),
        ))  # fmt: skip
    return found


def _rows(
    system: System, records: Records, window: Window, chosen: str, dimensions: Sequence[str]
) -> pa.Table:
    last = "chosen"
    kept = [layer.name for layer in system.layers if layer.kind != "exploration"]
    if system.layers and system.layers[-1].kind == "exploration":
        stage = kept[-1] if kept else "model"
        last = f"coalesce({quoted(f'pick_{stage}')}, chosen)"
    keys = [
        f"coalesce(CAST({quoted(name)} AS VARCHAR), '{MISSING}') AS k{place}"
        for place, name in enumerate(dimensions)
    ]
    selected = ", ".join([f"{DAY_SQL} AS day", *keys, "eligible", f"{last} AS pick"])
    sql = (
        f"WITH sets AS ({sets_sql(window)}) SELECT {selected}, "
        f"CAST(sum(coalesce({SAMPLE_WEIGHT}, 1)) AS DOUBLE) AS weight "
        "FROM decisions JOIN sets USING (decision_id) WHERE chosen IS NOT NULL "
        f"AND eligible IS NOT NULL AND arm IS DISTINCT FROM 'control' AND {within(window)} "
        f"AND ({chosen}) GROUP BY ALL ORDER BY ALL"
    )
    tables = ("decisions", "candidates")
    return records.query(sql, tables, window, names=declared_names(system))
