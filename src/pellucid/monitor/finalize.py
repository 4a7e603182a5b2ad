"""Finalizers: merged measures to values, intervals and n."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.engine.cells import merge
from pellucid.spec.measure import Measure, measures_of
from pellucid.spec.system import Metric
from pellucid.stats.intervals import mean_interval, ratio_interval, wilson_interval

Floats = NDArray[np.float64]
MIXED = "mixed currencies: break down by currency, or filter to one"


@dataclass(frozen=True, slots=True)
class Values:
    """A metric's values, one for each cell.

    Attributes
    ----------
    value, low, high : array of float64, shape (n,)
        NaN where there is no value or no interval.
    n : array of int64, shape (n,)
        Rows behind the value: trials, decisions of the segment, or rows summed.
    numerator, denominator : array of float64, shape (n,)
        Parts of a ratio; NaN where the value is not one.
    note : list of str or None
        Why a value is missing.
    """

    value: Floats
    low: Floats
    high: Floats
    n: NDArray[np.int64]
    numerator: Floats
    denominator: Floats
    note: list[str | None]


def finalize(
    metric: Metric,
    cells: pa.Table,
    measures: Sequence[Measure],
    *,
    whole: Sequence[str],
    confidence: float = 0.95,
) -> Values:
    """Turn the measures of cells into a metric's values.

    Parameters
    ----------
    cells : pyarrow.Table, n rows
        Key columns and ``m<i>`` for `measures`.
    measures : sequence of Measure
        All measures of the scan.
    whole : sequence of str
        Key columns that a share's whole keeps: all but those of the candidate.
    confidence : float, default 0.95
        Coverage of the intervals.
    """
    column = {role: f"m{measures.index(m)}" for role, m in measures_of(metric).items()}
    parts = {role: _numbers(cells.column(name)) for role, name in column.items()
             if not role.startswith("currency")}  # fmt: skip
    values = _finalized(metric, parts, cells, column, measures, whole, confidence)
    if "currency_low" not in column:
        return values
    mixed = pc.fill_null(
        pc.not_equal(cells.column(column["currency_low"]), cells.column(column["currency_high"])),
        False,
    ).to_numpy()
    blank = [np.where(mixed, np.nan, item) for item in (values.value, values.low, values.high,
                                                        values.numerator)]  # fmt: skip
    note = [MIXED if is_mixed else None for is_mixed in mixed]
    return Values(blank[0], blank[1], blank[2], values.n, blank[3], values.denominator, note)


def _finalized(
    metric: Metric,
    parts: Mapping[str, Floats],
    cells: pa.Table,
    column: Mapping[str, str],
    measures: Sequence[Measure],
    whole: Sequence[str],
    confidence: float,
) -> Values:
    n = parts["n"]
    nothing = np.full(len(n), np.nan)
    if metric.finalizer == "count":
        return _values(n, nothing, nothing, n, nothing, nothing)
    if metric.finalizer == "total":
        return _values(np.where(n > 0, parts["sum"], np.nan), nothing, nothing, n, nothing, nothing)
    if metric.finalizer == "mean":
        low, high = mean_interval(n, parts["sum"], parts["squares"], confidence=confidence)
        return _values(_divide(parts["sum"], n), low, high, n, parts["sum"], n)
    if metric.finalizer == "ratio":
        per = parts["sum_per"]
        low, high = ratio_interval(
            n, parts["sum"], per, parts["squares"], parts["squares_per"], parts["products"],
            confidence=confidence,
        )  # fmt: skip
        return _values(_divide(parts["sum"], per), low, high, n, parts["sum"], per)
    hits, trials = parts.get("hits"), n
    if hits is None:
        hits, trials = n, _of_whole(cells, column["n"], measures, whole)
    low, high = wilson_interval(hits, trials, confidence=confidence)
    return _values(_divide(hits, trials), low, high, trials, hits, trials)


def _of_whole(
    cells: pa.Table, column: str, measures: Sequence[Measure], whole: Sequence[str]
) -> Floats:
    totals = merge(cells, whole, measures)
    if not whole:
        return np.full(cells.num_rows, _numbers(totals.column(column)).sum())
    keyed = dict(zip(_rows(totals, whole), _numbers(totals.column(column)), strict=True))
    return np.array([keyed[key] for key in _rows(cells, whole)], dtype=np.float64)


def _rows(table: pa.Table, names: Sequence[str]) -> list[tuple[object, ...]]:
    return list(zip(*(table.column(name).to_pylist() for name in names), strict=True))


def _values(
    value: Floats, low: Floats, high: Floats, n: Floats, numerator: Floats, denominator: Floats
) -> Values:
    return Values(value, low, high, n.astype(np.int64), numerator, denominator, [None] * len(n))


def _divide(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom != 0)


def _numbers(column: pa.ChunkedArray) -> Floats:
    return pc.fill_null(pc.cast(column, pa.float64()), 0.0).to_numpy()
