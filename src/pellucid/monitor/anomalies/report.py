"""The anomalies of a run: what stands out, in rows and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from pellucid.monitor.anomalies.find import MOST_FALSE, Finding, band, find
from pellucid.monitor.anomalies.judge import Judged
from pellucid.monitor.anomalies.patterns import Pattern
from pellucid.monitor.tabular import Tabular
from pellucid.spec.system import Metric
from pellucid.windows import Window

_MOST_NAMED = 3
# Below, a mean count is told with its decimals.
_SMALL = 100
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Watched:
    """The series of one metric, judged, and what they are of.

    Attributes
    ----------
    metric : Metric
    segments : tuple of mapping
        Dimensions of each series.
    judged : Judged
    patterns : tuple of Pattern
        Weekdays on which one series differs from the others.
    """

    metric: Metric
    segments: tuple[dict[str, str | None], ...]
    judged: Judged
    patterns: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Anomalies(Tabular):
    """What metrics did that their own past does not explain.

    Attributes
    ----------
    rows : pyarrow.Table
        One row for each event or shift, the largest effect times volume first: ``metric``, the `by`
        dimensions, ``kind`` (``spike``: points that stand out, ``shift``: a level that moved and
        stayed), ``since``, ``until`` (end of its last point), ``start_at`` (of its least likely
        point), ``value``, ``expected``, ``low``, ``high`` (95% band of chance), ``n``,
        ``p_value``, ``q_value``. Of a shift the values are means since it began.
    series : pyarrow.Table
        Points of the series that have rows, for figures: ``metric``, the `by` dimensions,
        ``start_at``, ``value``, ``expected``, ``low``, ``high``.
    patterns : pyarrow.Table
        Weekdays on which one series differs from the others of its metric: ``metric``, the `by`
        dimensions, ``weekday``, ``effect``, ``weeks``, ``weeks_alike``, ``since``, ``p_value``.
    findings : tuple of str
        What was found, in sentences.
    by : tuple of str
    metrics : tuple of Metric
    looked_at, too_little, without_season : int
        Series; those with less than 7 days before the span, which are not judged; those with less
        than 14, which are judged by their level alone.
    """

    rows: pa.Table
    series: pa.Table
    patterns: pa.Table
    findings: tuple[str, ...]
    by: tuple[str, ...]
    metrics: tuple[Metric, ...]
    looked_at: int
    too_little: int
    without_season: int

    @property
    def told(self) -> str:
        """The findings, as a paragraph."""
        return " ".join(self.findings)


def report(watched: Sequence[Watched], by: Sequence[str], window: Window) -> Anomalies:
    """Find what stands out and say so.

    Parameters
    ----------
    watched : sequence of Watched
        All metrics of the run, over the same span.
    window : Window
        The span.
    """
    found = find([item.judged for item in watched])
    judged = [item.judged for item in watched]
    looked_at = sum(len(item.is_enough) for item in judged)
    too_little = sum(int((~item.is_enough).sum()) for item in judged)
    without = sum(int((item.is_enough & ~item.has_season).sum()) for item in judged)
    told = [*_told(found, watched, window, looked_at), *_told_patterns(watched)]
    if too_little:
        told.append(
            f"{too_little:,} of the series had less than 7 days before and were not judged."
        )
    if without:
        told.append(f"{without:,} had less than 14 days before and were judged without a season.")
    return Anomalies(
        _rows(found, watched, by), _series(found, watched, by), _patterns(watched, by),
        tuple(told), tuple(by), tuple(item.metric for item in watched),
        looked_at, too_little, without,
    )  # fmt: skip


def _instant(judged: Judged, point: int) -> datetime:
    day = judged.series.start_on.astype("datetime64[D]").item()
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start + point * timedelta(days=1) / judged.series.points_a_day


def _table(
    columns: dict[str, list[Any]], watched: Sequence[Watched], places: Sequence[tuple[int, int]],
    by: Sequence[str],
) -> pa.Table:  # fmt: skip
    """Return columns with the metric and segment of each row before them."""
    head = {"metric": pa.array([watched[metric].metric.name for metric, _ in places], pa.string())}
    for name in by:
        head[name] = pa.array(
            [watched[metric].segments[series][name] for metric, series in places], pa.string()
        )
    kinds = {"kind": pa.string(), "weekday": pa.string(), "n": pa.int64(), "weeks": pa.int64(),
             "weeks_alike": pa.int64()}  # fmt: skip
    times = dict.fromkeys(("since", "until", "start_at"), pa.timestamp("us", tz="UTC"))
    kinds |= times
    return pa.table(head | {
        name: pa.array(values, kind := kinds.get(name, pa.float64()),
                       from_pandas=pa.types.is_floating(kind))
        for name, values in columns.items()
    })  # fmt: skip


def _rows(found: Sequence[Finding], watched: Sequence[Watched], by: Sequence[str]) -> pa.Table:
    judged = [watched[item.metric].judged for item in found]
    columns: dict[str, list[Any]] = {
        "kind": [item.kind for item in found],
        "since": [_instant(own, item.first) for own, item in zip(judged, found, strict=True)],
        "until": [_instant(own, item.last + 1) for own, item in zip(judged, found, strict=True)],
        "start_at": [_instant(own, item.strongest) for own, item in
                     zip(judged, found, strict=True)],
        **{name: [getattr(item, name) for item in found]
           for name in ("value", "expected", "low", "high")},
        "n": [round(item.n) for item in found],
        **{name: [getattr(item, name) for item in found] for name in ("p_value", "q_value")},
    }  # fmt: skip
    return _table(columns, watched, [(item.metric, item.series) for item in found], by)


def _series(found: Sequence[Finding], watched: Sequence[Watched], by: Sequence[str]) -> pa.Table:
    names = ("start_at", "value", "expected", "low", "high")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    places = []
    for metric, series in dict.fromkeys((item.metric, item.series) for item in found):
        judged = watched[metric].judged
        low, high = band(judged)
        count = judged.expected.shape[1]
        columns["start_at"] += [_instant(judged, point) for point in range(count)]
        parts = (judged.series.values, judged.expected, low, high)
        for name, part in zip(names[1:], parts, strict=True):
            columns[name] += part[series].tolist()
        places += [(metric, series)] * count
    return _table(columns, watched, places, by)


def _patterns(watched: Sequence[Watched], by: Sequence[str]) -> pa.Table:
    found = [(metric, item) for metric, own in enumerate(watched) for item in own.patterns]
    columns: dict[str, list[Any]] = {
        "weekday": [_WEEKDAYS[item.weekday] for _, item in found],
        **{name: [getattr(item, name) for _, item in found]
           for name in ("effect", "weeks", "weeks_alike")},
        "since": [item.begun_on.astype("datetime64[us]").item().replace(tzinfo=UTC)
                  for _, item in found],
        "p_value": [item.p_value for _, item in found],
    }  # fmt: skip
    return _table(columns, watched, [(metric, item.series) for metric, item in found], by)


def _told(
    found: Sequence[Finding], watched: Sequence[Watched], window: Window, looked_at: int
) -> list[str]:
    counted = f"{looked_at:,} series" if looked_at != 1 else "the one series"
    if not found:
        return [f"Nothing stands out in {counted} of {window}."]
    said = [_said(item, watched[item.metric]) for item in found[:_MOST_NAMED]]
    more = len(found) - len(said)
    count = f"{len(found):,} {'anomaly' if len(found) == 1 else 'anomalies'}"
    return [
        f"{count} in {counted} of {window}; of such finds at most {MOST_FALSE:.0%} are expected to "
        "be chance.", *said, *([f"And {more:,} more."] if more else []),
    ]  # fmt: skip


def _said(item: Finding, watched: Watched) -> str:
    name = _name(watched, item.series)
    verb = "rose" if item.value > item.expected else "fell"
    value, expected = (_number(watched.metric, part) for part in (item.value, item.expected))
    since = _when(_instant(watched.judged, item.first))
    grain = "hour" if watched.judged.series.points_a_day > 1 else "day"
    if item.kind == "shift":
        per = f" {'an' if grain == 'hour' else 'a'} {grain}"
        per = per if watched.judged.series.is_volume else ""
        return f"{name} {verb} and stayed: {value}{per} since {since}, {expected} expected."
    points = item.last - item.first + 1
    length = "" if points == 1 else f" ({points} {grain}s from {since})"
    at = _when(_instant(watched.judged, item.strongest))
    return f"{name} {verb} to {value} on {at}, {expected} expected{length}."


def _told_patterns(watched: Sequence[Watched]) -> list[str]:
    said = []
    for own in watched:
        for item in own.patterns[:_MOST_NAMED]:
            sign = "above" if item.effect > 0 else "below"
            size = f"{abs(item.effect):.1%}" if own.judged.series.kind != "value" else (
                _number(own.metric, abs(item.effect)))  # fmt: skip
            said.append(
                f"Each {_WEEKDAYS[item.weekday]}, {_name(own, item.series)}: {size} {sign} the "
                f"others, in {item.weeks_alike} of {item.weeks} weeks."
            )
    return said


def _name(watched: Watched, series: int) -> str:
    segment = watched.segments[series]
    of = ", ".join(f"{name} {value if value is not None else '(missing)'}"
                   for name, value in segment.items())  # fmt: skip
    label = watched.metric.label or watched.metric.name
    return f"{label} of {of}" if of else label


def _number(metric: Metric, value: float) -> str:
    if metric.value_unit == "share":
        return f"{value:.1%}"
    is_whole = metric.finalizer in ("count", "total") and abs(value) >= _SMALL
    return f"{value:,.0f}" if is_whole else f"{value:,.4g}"


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d}" if at.hour == 0 else f"{at:%Y-%m-%d %H:%M}"
