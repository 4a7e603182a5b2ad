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
from pellucid.stats.intervals import (
    effective_size,
    mean_interval,
    ratio_interval,
    total_interval,
    wilson_interval,
)

Floats = NDArray[np.float64]
ESTIMATED = "estimated from a sample"
MIXED = "mixed currencies: break down by currency, or filter to one"


@dataclass(frozen=True, slots=True)
class Values:
    """A metric's values, one for each cell.

    Attributes
    ----------
    value, low, high : array of float64, shape (n,)
        NaN where there is no value or no interval.
    n : array of int64, shape (n,)
        Rows behind the value, as stored: trials, decisions of the segment, or rows summed.
    numerator, denominator : array of float64, shape (n,)
        Parts of a ratio, weighted where rows are; NaN where the value is not one.
    note : list of str or None
        Why a value is missing, or that it is an estimate because rows are a sample.
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
    is_weighted: bool = False,
) -> Values:
    """Turn the measures of cells into a metric's values.

    Rows are taken as independent draws, the attempts of a request and the candidates of a decision
    among them. Where rows are a sample, shares, rates, means and ratios are Hájek's, with
    linearised variances, and counts and totals are Horvitz-Thompson's. Those know that the attempts
    of a request were kept as one, and take all of them to be in the cell: where it holds only some,
    the interval is too wide. Counts of candidates, which were kept as one too, state none.

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
    is_weighted : bool, default False
        Whether the scan was.
    """
    roles = measures_of(metric, is_weighted=is_weighted)
    column = {role: f"m{measures.index(m)}" for role, m in roles.items()}
    parts = {role: _numbers(cells.column(name)) for role, name in column.items()
             if not role.startswith("currency")}  # fmt: skip
    of_whole = parts
    if metric.finalizer == "share":
        of_whole = _of_whole(cells, {role: column[role] for role in parts}, measures, whole)
    finalized = _estimated if is_weighted else _finalized
    values = finalized(metric, parts, of_whole, confidence)
    if "currency_low" not in column:
        return values
    mixed = pc.fill_null(
        pc.not_equal(cells.column(column["currency_low"]), cells.column(column["currency_high"])),
        False,
    ).to_numpy()
    blank = [np.where(mixed, np.nan, item) for item in (values.value, values.low, values.high,
                                                        values.numerator)]  # fmt: skip
    note = [MIXED if is_mixed else note for is_mixed, note in zip(mixed, values.note, strict=True)]
    return Values(blank[0], blank[1], blank[2], values.n, blank[3], values.denominator, note)


def _finalized(
    metric: Metric, parts: Mapping[str, Floats], of_whole: Mapping[str, Floats], confidence: float
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
    hits, trials = parts.get("hits", n), of_whole["n"]
    low, high = wilson_interval(hits, trials, confidence=confidence)
    return _values(_divide(hits, trials), low, high, trials, hits, trials)


def _estimated(
    metric: Metric, parts: Mapping[str, Floats], of_whole: Mapping[str, Floats], confidence: float
) -> Values:
    n, weight = of_whole["n"], of_whole["weight"]
    nothing = np.full(len(n), np.nan)
    if metric.finalizer in ("count", "total"):
        total = weight if metric.finalizer == "count" else np.where(n > 0, parts["sum"], np.nan)
        low, high = total_interval(total, parts.get("spread", nothing), confidence=confidence)
        if metric.finalizer == "count":
            # There are at least as many as were seen.
            low = np.maximum(low, n)
        # What was logged in full is known, not estimated.
        low, high = (np.where(weight == n, np.nan, end) for end in (low, high))
        return _values(total, low, high, n, nothing, nothing, weight)
    if metric.finalizer in ("mean", "ratio"):
        per = parts.get("sum_per", weight)
        low, high = ratio_interval(
            n, parts["sum"], per, parts["squares"],
            parts["squares_per"] if metric.finalizer == "ratio" else parts["weight_squares"],
            parts["products"], confidence=confidence,
        )  # fmt: skip
        return _values(_divide(parts["sum"], per), low, high, n, parts["sum"], per, weight)
    is_share = metric.finalizer == "share"
    roles = ("n", "weight", "weight_squares") if is_share else ("hits", "hit_weight", "hit_squares")
    hits, hit_weight, hit_squares = (parts[role] for role in roles)
    size = effective_size(hits, n, hit_weight, weight, hit_squares, of_whole["weight_squares"])
    rate = _divide(hit_weight, weight)
    low, high = wilson_interval(rate * size, size, confidence=confidence)
    return _values(rate, low, high, n, hit_weight, weight, weight)


def _of_whole(
    cells: pa.Table, column: Mapping[str, str], measures: Sequence[Measure], whole: Sequence[str]
) -> dict[str, Floats]:
    totals = merge(cells, whole, measures)
    found = {role: _numbers(totals.column(name)) for role, name in column.items()}
    if not whole:
        return {role: np.full(cells.num_rows, values.sum()) for role, values in found.items()}
    place = {key: index for index, key in enumerate(_rows(totals, whole))}
    places = np.array([place[key] for key in _rows(cells, whole)], dtype=np.int64)
    return {role: values[places] for role, values in found.items()}


def _rows(table: pa.Table, names: Sequence[str]) -> list[tuple[object, ...]]:
    return list(zip(*(table.column(name).to_pylist() for name in names), strict=True))


def _values(
    value: Floats, low: Floats, high: Floats, n: Floats, numerator: Floats, denominator: Floats,
    weight: Floats | None = None,
) -> Values:  # fmt: skip
    is_estimate = np.zeros(len(n), bool) if weight is None else (weight != n) & ~np.isnan(value)
    note = [ESTIMATED if found else None for found in is_estimate]
    return Values(value, low, high, n.astype(np.int64), numerator, denominator, note)


def _divide(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom != 0)


def _numbers(column: pa.ChunkedArray) -> Floats:
    return pc.fill_null(pc.cast(column, pa.float64()), 0.0).to_numpy()
