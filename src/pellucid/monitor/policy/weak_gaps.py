"""How much worse segments do than what they are compared with, from their sums."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.monitor.finalize import Values, finalize
from pellucid.spec.measure import measures_of
from pellucid.spec.system import Metric
from pellucid.stats.intervals import difference_interval
from pellucid.stats.student import half_width

Floats = NDArray[np.float64]

FEWEST = 30
_Z = half_width(1.0, np.inf)
# What rounding leaves of the spread of values that are all the same is no spread.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Gaps:
    """How segments differ from what they are compared with.

    Attributes
    ----------
    value, baseline : array of float64, shape (k,)
        The metric on both sides.
    n, baseline_n : array of int64, shape (k,)
        Rows.
    volume : array of float64, shape (k,)
        What a gap is lost on each of: trials, rows, or the denominator of a ratio; estimated where
        rows are a sample.
    gap, low, high : array of float64, shape (k,)
        How much worse the segment does, in the metric's unit, and its 95% interval.
    error : array of float64, shape (k,)
        Standard error on the side of the interval where the gap is 0, of a mean or ratio at least
        that of two sides as spread as the wider one; NaN where a side has fewer than 30 rows, or
        there is no spread.
    """

    value: Floats
    baseline: Floats
    n: NDArray[np.int64]
    baseline_n: NDArray[np.int64]
    volume: Floats
    gap: Floats
    low: Floats
    high: Floats
    error: Floats

    @property
    def score(self) -> Floats:
        """How many standard errors worse; NaN where that is not known."""
        return self.gap / self.error


def is_distance(metric: Metric) -> bool:
    """Return whether a metric is best at 0, and the worse the farther off it is."""
    return metric.better == "none" and metric.value_unit == "points"


def gaps_of(metric: Metric, side: Floats, other: Floats, *, is_weighted: bool) -> Gaps:
    """Return the gaps of some pairs of sums.

    Parameters
    ----------
    side, other : array of float64, shape (k, roles)
        Sums of independent rows, in the order of the metric's measures.

    References
    ----------
    See `pellucid.stats.intervals.difference_interval`.
    """
    sides = [_values(metric, sums, is_weighted=is_weighted) for sums in (side, other)]
    own, than = (_worse(metric, values) for values in sides)
    low, high = difference_interval(*own, *than)
    gap = own[0] - than[0]
    error = _error(gap, low, high)
    if metric.finalizer != "rate":
        error = np.maximum(error, _wider_error(sides[0], sides[1]))
    is_enough = np.minimum(sides[0].n, sides[1].n) >= FEWEST
    return Gaps(
        sides[0].value, sides[1].value, sides[0].n, sides[1].n, sides[0].denominator,
        gap, low, high, np.where(is_enough, error, np.nan),
    )  # fmt: skip


def beyond(inner: Gaps, outer: Gaps) -> Gaps:
    """Return by how much gaps are larger than those of other rows, as gaps themselves."""
    low, high = difference_interval(
        inner.gap, inner.low, inner.high, outer.gap, outer.low, outer.high
    )
    gap = inner.gap - outer.gap
    is_known = ~np.isnan(inner.error) & ~np.isnan(outer.error)
    error = np.where(is_known, _error(gap, low, high), np.nan)
    return replace(inner, gap=gap, low=low, high=high, error=error)


def _error(gap: Floats, low: Floats, high: Floats) -> Floats:
    # Near its ends a rate varies to one side only: what counts is how far 0 is on its own side.
    error = np.where(gap > 0, gap - low, high - gap) / _Z
    return np.where(error > _ROUNDING * np.abs(gap), error, np.nan)


def _wider_error(side: Values, other: Values) -> Floats:
    """Return the standard error of a difference of means, were both spread as the wider one.

    Of values with a long tail, a side that by chance has none of the large ones is both off and
    seems sure of it: in worlds where nothing differs up to half of all runs found something.
    """
    spread, per_row = np.zeros(len(side.n)), np.zeros(len(side.n))
    with np.errstate(divide="ignore", invalid="ignore"):
        for values in (side, other):
            own = ((values.high - values.low) / (2 * _Z)) ** 2 * values.n
            spread, per_row = np.fmax(spread, own), per_row + 1 / values.n
        return np.sqrt(spread * per_row)


def _values(metric: Metric, sums: Floats, *, is_weighted: bool) -> Values:
    roles = measures_of(metric, is_weighted=is_weighted)
    # Amounts were checked to be of one currency.
    same = pa.array(np.full(len(sums), ""), pa.string())
    columns, place = {}, 0
    for number, role in enumerate(roles):
        is_text = role.startswith("currency")
        columns[f"m{number}"] = same if is_text else pa.array(sums[:, place])
        place += not is_text
    return finalize(metric, pa.table(columns), list(roles.values()), whole=(),
                    is_weighted=is_weighted)  # fmt: skip


def _worse(metric: Metric, values: Values) -> tuple[Floats, Floats, Floats]:
    """Return values as how bad they are, with their intervals."""
    value, low, high = values.value, values.low, values.high
    is_turned = np.full(len(value), metric.better == "up")
    if is_distance(metric):
        is_turned = value < 0
    return (
        np.where(is_turned, -value, value), np.where(is_turned, -high, low),
        np.where(is_turned, -low, high),
    )  # fmt: skip
