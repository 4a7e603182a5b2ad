"""Weighted means of many columns with day-clustered errors, from sums that DuckDB makes by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.stats.student import Spread, pooled

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DaySums:
    """Sums of k columns over weighted rows, by day.

    Attributes
    ----------
    day : array of int64, shape (days,)
    n : array of float64, shape (days,)
        Rows stored.
    weight, square : array of float64, shape (days,)
        Sums of w and of w².
    first, cross, second : array of float64, shape (days, k)
        Sums of w x, of w² x and of w² x².
    """

    day: NDArray[np.int64]
    n: Floats
    weight: Floats
    square: Floats
    first: Floats
    cross: Floats
    second: Floats

    @property
    def means(self) -> Floats:
        """Weighted means, shape (k,)."""
        return np.asarray(self.first.sum(axis=0) / self.weight.sum())

    @property
    def errors(self) -> Floats:
        """Standard errors of the means, shape (k,); NaN where there is one row.

        Days are drawn, not rows: what happens to a day happens to all its decisions. On a single
        day rows are taken as independent.
        """
        if len(self.day) > 1:
            return clustered([self.influence]).errors
        n, means = self.n.sum(), self.means
        if n < 2:
            return np.full(len(means), np.nan)
        spread = (self.second - 2 * means * self.cross + means**2 * self.square[:, None]).sum(0)
        return np.asarray(np.sqrt(n / (n - 1) * np.maximum(spread, 0.0)) / self.weight.sum())

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the errors: of days, or on a single day of rows."""
        return float(max(len(self.day) if len(self.day) > 1 else self.n.sum(), 2) - 1)

    @property
    def influence(self) -> Floats:
        """How far the means move as each day is left out, shape (days, k); see `left_out`."""
        own = self.weight[:, None]
        return left_out(self.first - self.means * own, own)


def left_out(added: Floats, weight: Floats) -> Floats:
    """Return how far weighted means move as each day is left out, scaled as `clustered` takes it.

    Where days weigh the same, it is what each adds to the means. A day that has most of the weight,
    beside a part of another, draws the mean to itself: what it adds seems to be nothing, and only
    leaving it out tells how little is known.

    Parameters
    ----------
    added : array of float64, shape (days, k)
        Sums of w (x - mean).
    weight : array of float64, shape (days, 1) or (days, k)

    References
    ----------
    MacKinnon, J. G., Nielsen, M. Ø. and Webb, M. D. (2023). Cluster-robust inference: A guide to
    empirical practice. Journal of Econometrics 232(2), section 3.1 (the cluster jackknife).
    """
    count, total = len(added), weight.sum(axis=0)
    rest = np.broadcast_to(total - weight, added.shape)
    # All the weight on one day leaves nothing that could be told of others.
    moved = np.divide(added, rest, out=np.zeros_like(added), where=rest > 1e-12 * total)
    return moved * (count - 1) / count


def clustered(influences: Sequence[Floats]) -> Spread:
    """Return the spread of means by how far each day moves them, of independent sets of days.

    References
    ----------
    Cameron, A. C. and Miller, D. L. (2015). A practitioner's guide to cluster-robust inference.
    Journal of Human Resources 50(2), equation 11, with the correction G / (G - 1), and G - 1
    degrees of freedom (section VI.D).
    """
    parts = [len(own) / (len(own) - 1) * (own**2).sum(axis=0) for own in influences]
    return pooled(parts, [len(own) - 1 for own in influences])


def difference_spread(one: DaySums, other: DaySums, *, is_same_window: bool) -> Spread:
    """Return the spread of the difference of two sets of k means.

    Parameters
    ----------
    is_same_window : bool
        Whether both are about the same days, so that what a day does to both cancels.
    """
    if min(len(one.day), len(other.day)) < 2:
        return pooled([one.errors**2, other.errors**2], [one.degrees, other.degrees])
    if not is_same_window:
        return clustered([one.influence, other.influence])
    days = np.union1d(one.day, other.day)
    added = np.zeros((len(days), one.first.shape[1]))
    for sign, own in ((1, one), (-1, other)):
        # Scaled as of the days of both.
        scale = (1 - 1 / len(days)) / (1 - 1 / len(own.day))
        added[np.searchsorted(days, own.day)] += sign * scale * own.influence
    return clustered([added])


def day_sums_sql(values: Sequence[str], weight: str) -> list[str]:
    """Return the aggregates that `day_sums` reads, for a query grouped by ``day``."""
    sums = [f"count(*) AS n, sum({weight}) AS weight, sum({weight} * {weight}) AS square"]
    for place, value in enumerate(values):
        sums.append(f"sum({weight} * {value}) AS first_{place}")
        sums.append(f"sum({weight} * {weight} * {value}) AS cross_{place}")
        sums.append(f"sum({weight} * {weight} * {value} * {value}) AS second_{place}")
    return sums


def sums_by_day(values: Floats, weight: Floats, day: NDArray[np.int64]) -> DaySums:
    """Return the sums of columns, shape (n, k), over n weighted rows and their days."""
    days, place = np.unique(day, return_inverse=True)

    def added(rows: Floats) -> Floats:
        total = np.zeros((len(days), *rows.shape[1:]))
        np.add.at(total, place, rows)
        return total

    own = weight[:, None]
    return DaySums(
        days, added(np.ones(len(day))), added(weight), added(weight**2),
        added(own * values), added(own**2 * values), added(own**2 * values**2),
    )  # fmt: skip


def joined(parts: Sequence[DaySums]) -> DaySums:
    """Return the sums of days that lie apart as one."""
    return DaySums(*(
        np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(DaySums)
    ))  # fmt: skip


def day_sums(rows: pa.Table, count: int) -> DaySums:
    """Return the sums of `count` columns from rows that may hold several for one day."""
    days, place = np.unique(rows.column("day").to_numpy(), return_inverse=True)

    def added(name: str) -> Floats:
        values = rows.column(name).to_numpy().astype(np.float64)
        return np.bincount(place, values, len(days)).astype(np.float64)

    def stacked(name: str) -> Floats:
        columns = [added(f"{name}_{index}") for index in range(count)]
        return np.stack(columns, axis=1) if columns else np.zeros((len(days), 0))

    return DaySums(days, added("n"), added("weight"), added("square"), stacked("first"),
                   stacked("cross"), stacked("second"))  # fmt: skip
