"""What stands out among all points of all series of a run, as few events as there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pellucid.monitor.anomalies.judge import Judged
from pellucid.monitor.anomalies.series import Bools, Floats
from pellucid.monitor.anomalies.shifts import begun
from pellucid.stats.discovery import false_discovery

MOST_FALSE = 0.1
# Alone, a point needs so many times the evidence (-log p) of the least that is told.
_ALONE = 2.0
_NEAR = 2
_LEAST_SHIFT_DAYS = 3
_LEAST_SHIFT = 1.0
_BAND = 1.96


@dataclass(frozen=True, slots=True)
class Finding:
    """A series that did what its past does not explain.

    Attributes
    ----------
    metric, series : int
        Places of the metric and of the series.
    kind : str
        ``spike``: points that stand out; ``shift``: a level that moved and stayed.
    first, last, strongest : int
        Points of the span: of an event its first, last and least likely; of a shift the first of
        the new level, and the last of the span.
    value, expected, low, high : float
        Of the strongest point, with the 95% band of chance; of a shift, means since its begin.
    n : float
        Rows behind the value.
    p_value, q_value : float
        Of the strongest point or of the shift; share of false finds among those as clear.
    weight : float
        Rows that differ from what was expected: effect times volume.
    """

    metric: int
    series: int
    kind: Literal["spike", "shift"]
    first: int
    last: int
    strongest: int
    value: float
    expected: float
    low: float
    high: float
    n: float
    p_value: float
    q_value: float
    weight: float


def find(judged: Sequence[Judged], *, most_false: float = MOST_FALSE) -> tuple[Finding, ...]:
    """Return what stands out in a run, the largest effect times volume first.

    The share of false finds is held over all points of all series, and over all shifts. A point is
    told if another on the same side is within two of it (2 of 3), or if alone it has twice the
    evidence that is needed. Points of a level that moved are told as the shift.

    Parameters
    ----------
    most_false : float, default 0.1
        Share of false finds.
    """
    q_values = _adjusted([item.p_values for item in judged])
    shift_q = _adjusted([item.shift_p_values[:, None] for item in judged])
    needed = _needed(judged, q_values, most_false)
    found: list[Finding] = []
    for metric, item in enumerate(judged):
        shifts = dict(_shifts(metric, item, shift_q[metric][:, 0], most_false))
        is_told = told_points(item.p_values, _side(item), needed)
        for place, first, last in _events(is_told, _side(item)):
            shift = shifts.get(place)
            if shift is not None and last >= shift.first - 1:
                continue
            found.append(_spike(metric, item, q_values[metric], place, first, last))
        found += shifts.values()
    return tuple(sorted(found, key=lambda item: (-item.weight, item.p_value)))


def told_points(p_values: Floats, side: Floats, most: float) -> Bools:
    """Return which points are told: 2 of 3 on one side, or one far beyond.

    Parameters
    ----------
    p_values, side : array of float64, shape (series, points)
        `side`: 1 above what is expected, -1 below.
    most : float
        Largest p-value that counts.
    """
    is_beyond = p_values <= most
    told = p_values <= most**_ALONE
    for own in (-1, 1):
        here = is_beyond & (side == own)
        for step in range(1, _NEAR + 1):
            pair = here[:, step:] & here[:, :-step]
            told[:, step:] |= pair
            told[:, :-step] |= pair
    return told


def _needed(judged: Sequence[Judged], q_values: Sequence[Floats], most_false: float) -> float:
    """Return the p-value up to which the share of false finds is held; 0 where nothing is found."""
    found = sum(int((q_value <= most_false).sum()) for q_value in q_values)
    known = sum(int(np.isfinite(item.p_values).sum()) for item in judged)
    return most_false * found / max(known, 1)


def _adjusted(p_values: Sequence[Floats]) -> list[Floats]:
    """Return q-values of all p-values at once; 1 where there is none."""
    flat = np.concatenate([item.ravel() for item in p_values] or [np.empty(0)])
    q_values = np.ones(len(flat))
    is_known = np.isfinite(flat)
    q_values[is_known] = false_discovery(flat[is_known])
    ends = np.cumsum([item.size for item in p_values])[:-1]
    return [part.reshape(item.shape) for part, item in
            zip(np.split(q_values, ends), p_values, strict=True)]  # fmt: skip


def _side(item: Judged) -> Floats:
    return np.sign(np.nan_to_num(item.series.values - item.expected))


def _events(is_told: Bools, side: Floats) -> Iterator[tuple[int, int, int]]:
    """Yield the series, first and last point of each event: told points near each other."""
    for place in np.flatnonzero(is_told.any(axis=1)).tolist():
        points = np.flatnonzero(is_told[place])
        apart = (np.diff(points) > _NEAR) | (np.diff(side[place, points]) != 0)
        for event in np.split(points, np.flatnonzero(apart) + 1):
            yield place, int(event[0]), int(event[-1])


def _spike(
    metric: int, item: Judged, q_values: Floats, place: int, first: int, last: int
) -> Finding:
    span = slice(first, last + 1)
    p_values = item.p_values[place, span]
    at = first + int(np.nanargmin(p_values))
    # Of equally rare points, the one that is farthest off.
    ties = first + np.flatnonzero(p_values <= item.p_values[place, at])
    off = np.abs(item.series.values[place] - item.expected[place])
    at = int(ties[np.argmax(off[ties])])
    low, high = band(item)
    return Finding(
        metric, place, "spike", first, last, at, float(item.series.values[place, at]),
        float(item.expected[place, at]), float(low[place, at]), float(high[place, at]),
        float(item.series.n[place, at]), float(item.p_values[place, at]),
        float(q_values[place, at]), _weight(item, place, span, item.expected),
    )  # fmt: skip


def band(item: Judged) -> tuple[Floats, Floats]:
    """Return the ends of the 95% band of chance of each point."""
    low = item.expected - _BAND * item.deviation
    high = item.expected + _BAND * item.deviation
    if item.series.kind == "rate":
        return np.maximum(low, 0.0), np.minimum(high, 1.0)
    return (np.maximum(low, 0.0), high) if item.series.is_volume else (low, high)


def _weight(item: Judged, place: int, span: slice, expected: Floats) -> float:
    off = np.abs(item.series.values - expected)[place, span]
    rows = item.series.n[place, span]
    if item.series.kind == "count":
        rows = np.ones_like(off)
    elif item.series.kind != "rate":
        off = off / np.maximum(np.maximum(np.abs(expected[place, span]), off), 1e-300)
    return float(np.nansum(off * rows))


def _shifts(
    metric: int, item: Judged, q_values: Floats, most_false: float
) -> Iterator[tuple[int, Finding]]:
    for place in np.flatnonzero(q_values <= most_false).tolist():
        scores = item.shift_scores[place]
        day = int(begun(scores[None])[0])
        after = scores[day:][np.isfinite(scores[day:])]
        middle = float(np.median(after)) if len(after) else 0.0
        # A day that stood out is an event; a level is what days stay at, to the last.
        stays = len(after) >= _LEAST_SHIFT_DAYS and np.sign(after[-2:]).sum() == 2 * np.sign(middle)
        if not stays or abs(middle) < _LEAST_SHIFT:
            continue
        first = _refined(item, place, day)
        span = slice(first, None)
        known = np.isfinite(item.series.values[place, span] - item.frozen[place, span])
        weights = np.where(known, item.series.n[place, span] if item.series.kind == "rate" else 1.0,
                           0.0)  # fmt: skip
        value, expected = (
            float(np.average(np.nan_to_num(part[place, span]), weights=weights))
            for part in (item.series.values, item.frozen)
        )
        half = abs(value - expected) / max(abs(middle), 1e-12) * _BAND
        count = item.series.n[place, span]
        yield place, Finding(
            metric, place, "shift", first, item.expected.shape[1] - 1, first, value, expected,
            expected - half, expected + half, float(np.nansum(np.where(known, count, 0.0))),
            float(item.shift_p_values[place]), float(q_values[place]),
            _weight(item, place, span, item.frozen),
        )  # fmt: skip


def _refined(item: Judged, place: int, day: int) -> int:
    """Return the point at which a level moved, within a day of the day that it did."""
    points = item.series.points_a_day
    if points == 1:
        return day
    off = item.series.values[place] - item.frozen[place]
    scores = off / item.deviation[place]
    start = max(0, day - 1) * points
    return start + int(begun(scores[None, start : (day + 2) * points])[0])
