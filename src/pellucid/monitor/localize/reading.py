"""From the cells of two windows to leaves: which measures say what of a metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.engine.cells import merge
from pellucid.engine.plan import Scan
from pellucid.errors import SpecError
from pellucid.monitor.finalize import MIXED
from pellucid.monitor.localize.leaves import Counts, Ratios, mean_leaves, rate_leaves
from pellucid.spec.expression import columns
from pellucid.spec.measure import measures_of
from pellucid.spec.system import Metric, System

Floats = NDArray[np.float64]

SIDE = "side"
MISSING = "(missing)"
_EXTREMES = ("smallest", "largest")


@dataclass(frozen=True, slots=True)
class Read:
    """The leaves of a metric in two windows.

    Attributes
    ----------
    dimensions : tuple of str
    values : tuple of list of str
        Of each dimension, by code.
    codes : array of int64, shape (leaves, dimensions)
    leaves : Counts or Ratios
    rows, base_rows : array of int64, shape (leaves,)
        Rows behind each, as stored.
    """

    dimensions: tuple[str, ...]
    values: tuple[list[str], ...]
    codes: NDArray[np.int64]
    leaves: Counts | Ratios
    rows: NDArray[np.int64]
    base_rows: NDArray[np.int64]


def usual_dimensions(system: System, metric: Metric) -> tuple[str, ...]:
    """Return the dimensions to localize a metric over where none are named.

    The declared ones, the candidate with its own, and the arm; not those that the metric is about:
    within one route, or one processor, the share of that route hardly moves.
    """
    own = {name for text in (metric.value, metric.per) if text for name in columns(text)}
    of_candidate = (system.candidate.name, *(item.name for item in system.candidate.dimensions))
    if own & set(of_candidate):
        own |= set(of_candidate)
    names = dict.fromkeys((*system.dimension_names, *of_candidate, "arm"))
    return tuple(name for name in names if name not in own)


def check_metric(system: System, metric: Metric) -> None:
    """Check that a metric's change has parts that add up.

    Raises
    ------
    SpecError
        If the metric is a share.
    """
    if metric.finalizer == "share":
        name = system.candidate.name
        raise SpecError(f"localize '{metric.name}'", [
            f"the shares of all {name}s add up to 100%, so that their change has no parts; name "
            f"one: Metric(name='share_of_it', finalizer='rate', value=\"{name} = '...'\", "
            f"where='{name} IS NOT NULL', value_unit='share')"
        ])  # fmt: skip


def read_leaves(
    metric: Metric, scan: Scan, sides: tuple[pa.Table, pa.Table], dimensions: Sequence[str],
    exposure: float,
) -> Read:  # fmt: skip
    """Return the leaves of a metric.

    Parameters
    ----------
    scan : Scan
        What was asked; its measures are the columns ``m0``, ``m1``, ...
    sides : tuple of pyarrow.Table
        Cells of the window and of the baseline, by the dimensions.
    exposure : float
        Length of the window over that of the baseline.

    Raises
    ------
    SpecError
        If a total goes below 0, or amounts are of several currencies.
    ShapeError
        If a window has no rows.
    """
    names = list(dimensions)
    folded = [merge(cells, names, scan.measures) for cells in sides]
    roles = measures_of(metric, is_weighted=scan.is_weighted)
    check_currency(f"localize '{metric.name}'", metric, scan, folded)
    keys = pa.concat_tables([
        table.select(names).append_column(SIDE, pa.array(np.full(table.num_rows, place)))
        for place, table in enumerate(folded)
    ])  # fmt: skip
    codes, values = coded(keys, names)
    leaf, place = np.unique(codes, axis=0, return_inverse=True)
    side = keys.column(SIDE).to_numpy()
    numbers: list[dict[str, Floats]] = []
    for at, table in enumerate(folded):
        own = place.ravel()[side == at]
        numbers.append({
            role: summed(table.column(f"m{scan.measures.index(measure)}"), own, len(leaf))
            for role, measure in roles.items() if measure.fold not in _EXTREMES
        })  # fmt: skip
    rows, base_rows = (np.rint(item["n"]).astype(np.int64) for item in numbers)
    leaves = _leaves(metric, numbers[0], numbers[1], exposure, is_weighted=scan.is_weighted)
    return Read(tuple(names), values, leaf, leaves, rows, base_rows)


def _leaves(
    metric: Metric, now: dict[str, Floats], base: dict[str, Floats], exposure: float, *,
    is_weighted: bool,
) -> Counts | Ratios:  # fmt: skip
    rows = "weight" if is_weighted else "n"
    if metric.finalizer in ("count", "total"):
        role = rows if metric.finalizer == "count" else "sum"
        if min(now[role].min(initial=0.0), base[role].min(initial=0.0)) < 0:
            raise SpecError(f"localize '{metric.name}'", [
                "its sums go below 0, so that a relative change says nothing; localize its mean"
            ])  # fmt: skip
        weight = now[rows].sum() / max(now["n"].sum(), 1.0)
        noise = (1 + exposure) * weight if metric.finalizer == "count" else 0.0
        return Counts(now[role], base[role] * exposure, float(noise))
    if metric.finalizer == "rate":
        hits = "hit_weight" if is_weighted else "hits"
        each = None
        if is_weighted:
            each = _divide(now["weight_squares"] + base["weight_squares"],
                           now[rows] + base[rows], 1.0)  # fmt: skip
        return rate_leaves(now[hits], now[rows], base[hits], base[rows], weight=each)
    below = "sum_per" if metric.finalizer == "ratio" else rows
    variance = _unit_variance(metric, now, base, below, is_weighted=is_weighted)
    return mean_leaves(now["sum"], now[below], base["sum"], base[below], unit_variance=variance)


def _unit_variance(
    metric: Metric, now: dict[str, Floats], base: dict[str, Floats], below: str, *,
    is_weighted: bool,
) -> Floats:  # fmt: skip
    """Return Σ(x − R·y)² / Σy of both windows' rows in each leaf, R of its own."""
    both = {role: now[role] + base[role] for role in now}
    if metric.finalizer == "ratio":
        squares_per, products = both["squares_per"], both["products"]
    elif is_weighted:
        squares_per, products = both["weight_squares"], both["products"]
    else:
        squares_per, products = both["n"], both["sum"]
    ratio = _divide(both["sum"], both[below], 0.0)
    residual = both["squares"] - 2 * ratio * products + ratio**2 * squares_per
    # One row is no spread; rounding can leave a residual of 0 slightly negative.
    freed = _divide(both["n"], both["n"] - 1, 1.0)
    return _divide(np.maximum(residual, 0.0) * freed, both[below], 0.0)


def check_currency(asked: str, metric: Metric, scan: Scan, folded: Sequence[pa.Table]) -> None:
    """Check that amounts are of one currency.

    Parameters
    ----------
    asked : str
        What the error names.
    folded : sequence of pyarrow.Table
        Cells, with the measures of the scan as ``m0``, ``m1``, ...

    Raises
    ------
    SpecError
        If they are of several.
    """
    roles = measures_of(metric, is_weighted=scan.is_weighted)
    if "currency_low" not in roles:
        return
    names = (f"m{scan.measures.index(roles[role])}" for role in ("currency_low", "currency_high"))
    found = (pc.unique(table.column(name)).to_pylist() for name in names for table in folded)
    if len({currency for values in found for currency in values if currency is not None}) > 1:
        raise SpecError(asked, [f"{MIXED} with `where`"])


def coded(keys: pa.Table, names: Sequence[str]) -> tuple[NDArray[np.int64], tuple[list[str], ...]]:
    """Return the values of columns as codes, shape (rows, columns), and the values by code.

    A missing value is one of its own.
    """
    columns_of, values = [], []
    for name in names:
        texts = pc.fill_null(pc.cast(keys.column(name), pa.string()), MISSING)
        known = sorted(pc.unique(texts).to_pylist())
        columns_of.append(pc.index_in(texts, pa.array(known, pa.string())).to_numpy())
        values.append(known)
    return np.stack(columns_of, axis=1).astype(np.int64), tuple(values)


def _divide(above: Floats, below: Floats, otherwise: float) -> Floats:
    return np.divide(above, below, out=np.full(len(above), otherwise), where=below > 0)


def summed(column: pa.ChunkedArray, places: NDArray[np.int64], count: int) -> Floats:
    """Return the sums of a measure at each of so many places."""
    numbers = pc.fill_null(pc.cast(column, pa.float64()), 0.0).to_numpy()
    return np.bincount(places, numbers, count).astype(np.float64)
