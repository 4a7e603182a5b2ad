"""Cells: the measures of each group, merged exactly to any coarser grouping."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pellucid.spec.measure import Measure

MERGES = {"smallest": "min", "largest": "max"}


def merge(cells: pa.Table, keys: Sequence[str], measures: Sequence[Measure]) -> pa.Table:
    """Merge cells that agree on `keys`.

    Counts and sums add, extremes are extremes of extremes; so the merge is associative and
    commutative, and any level is exact.

    Parameters
    ----------
    cells : pyarrow.Table
        Key columns and ``m0``, ``m1``, ... for `measures`.
    keys : sequence of str
        Columns to keep.

    Returns
    -------
    pyarrow.Table
        Columns `keys`, then the measures, types unchanged.
    """
    names = [f"m{index}" for index in range(len(measures))]
    folds = [
        (name, MERGES.get(measure.fold, "sum"))
        for name, measure in zip(names, measures, strict=True)
    ]
    merged = cells.group_by(list(keys), use_threads=False).aggregate(folds)
    columns = {key: merged.column(key) for key in keys}
    for name, how in folds:
        column = merged.column(f"{name}_{how}")
        columns[name] = column.cast(cells.schema.field(name).type)
    return pa.table(columns)
