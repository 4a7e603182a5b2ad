"""Rows of an answer as regular series."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.monitor.anomalies.series import Floats, Kind, SeriesSet
from pellucid.monitor.anomalies.typical import middle
from pellucid.spec.system import Metric
from pellucid.windows import Window

_KINDS: dict[str, Kind] = {"count": "count", "total": "total", "rate": "rate", "share": "rate"}
_Z = 1.959964
_HOUR = timedelta(hours=1)
POINTS_A_DAY = {"1h": 24, "1d": 1}


def kind_of(metric: Metric) -> Kind:
    """Return how values of a metric vary."""
    return _KINDS.get(metric.finalizer, "value")


def groups_of(rows: pa.Table, by: Sequence[str]) -> tuple[NDArray[np.int64], pa.Table]:
    """Return the place of each row's segment, and the segments: their dimensions, one row each."""
    if not by:
        return np.zeros(rows.num_rows, dtype=np.int64), pa.table({})
    codes = np.zeros(rows.num_rows, dtype=np.int64)
    for name in by:
        encoded = pc.dictionary_encode(rows.column(name).combine_chunks(), null_encoding="encode")
        codes = codes * (len(encoded.dictionary) + 1) + encoded.indices.to_numpy()
    _, first, places = np.unique(codes, return_index=True, return_inverse=True)
    return places, rows.select(list(by)).take(pa.array(first))


def gather(
    metric: Metric,
    rows: pa.Table,
    places: NDArray[np.int64],
    window: Window,
    *,
    count: int,
    grain: str,
    whole_until: datetime,
    pending: tuple[pa.Table, NDArray[np.int64]] | None = None,
) -> SeriesSet:
    """Return the series of a metric, one for each segment of `places`.

    Parameters
    ----------
    rows : pyarrow.Table
        Of the metric alone, by segment and grain.
    places : array of int64, shape (rows,)
        Segment of each row.
    window : Window
        From a midnight.
    count : int
        Segments.
    grain : str
        ``1h`` or ``1d``.
    whole_until : datetime
        When the last bucket that is complete ends: later ones are left out.
    pending : tuple of pyarrow.Table and array, optional
        Part of decisions whose outcome is to come, and the segment of each row.
    """
    points = POINTS_A_DAY[grain]
    days = -((window.start - window.end) // timedelta(days=1))
    shape = (count, days * points)
    slots = _slots(rows, window, points)
    values, n = np.full(shape, np.nan), np.zeros(shape)
    values[places, slots] = _numbers(rows, "value")
    n[places, slots] = np.nan_to_num(_numbers(rows, "n"))
    kind = kind_of(metric)
    if kind == "count":
        # No row is no decision, from a segment's first one on.
        begun = np.maximum.accumulate(np.isfinite(values), axis=1)
        values = np.where(begun & np.isnan(values), 0.0, values)
    errors = None
    if kind == "value":
        errors = np.full(shape, np.nan)
        errors[places, slots] = (_numbers(rows, "high") - _numbers(rows, "low")) / (2 * _Z)
        errors = _at_least_usual(errors, n)
    maturity = None
    if pending is not None:
        maturity = np.ones(shape)
        maturity[pending[1], _slots(pending[0], window, points)] = 1 - np.nan_to_num(
            _numbers(pending[0], "value")
        )
    last = (whole_until - window.start) // (_HOUR * (24 // points))
    values[:, max(last, 0) :] = np.nan
    return SeriesSet(
        kind=kind, values=values, n=n, points_a_day=points, errors=errors, maturity=maturity,
        start_on=np.datetime64(window.start.replace(tzinfo=None), "D"),
    )  # fmt: skip


def _at_least_usual(errors: Floats, n: Floats) -> Floats:
    """Return standard errors that are no smaller than rows of the same series make as many.

    The spread of few rows says little, and seems small where they happen to be alike.
    """
    known = np.where(n > 0, n, np.nan)
    usual = np.sqrt(middle(errors**2 * known)[:, None] / known)
    return np.asarray(np.fmax(errors, usual))


def _slots(rows: pa.Table, window: Window, points: int) -> NDArray[np.int64]:
    step = 86_400_000_000 // points
    start = round((window.start.timestamp()) * 1_000_000)
    at = rows.column("start_at").cast(pa.int64()).to_numpy()
    return np.asarray((at - start) // step, dtype=np.int64)


def _numbers(rows: pa.Table, name: str) -> Floats:
    column = rows.column(name).cast(pa.float64())
    return np.asarray(column.to_numpy(), dtype=np.float64)
