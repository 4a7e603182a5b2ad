"""The series that a check watches, judged, and which of them fail as of a time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from pellucid.monitor.anomalies.series import SeriesSet
from pellucid.monitor.checks.evidence import Evidence, since_when
from pellucid.monitor.incidents.incident import Alert, Kind, Slice
from pellucid.monitor.localize.wording import Units, conditions_text
from pellucid.spec.check import Check
from pellucid.spec.system import Metric
from pellucid.stats.discovery import false_discovery
from pellucid.windows import micros

_BAND = 1.96
_LEAST_POINTS, _LEAST_PART = 0.01, 0.05
# A series that was told stays so until its last hours are as usual as one in thirty.
_STILL = 0.03
# Below, a mean count is told with its decimals.
_SMALL = 100


@dataclass(frozen=True, slots=True)
class Panel:
    """The series of one check, at all of its levels.

    Attributes
    ----------
    check : Check
    metric : Metric
    slices : tuple of Slice
        Dimension and value of each series.
    series : SeriesSet
        History and span in one.
    evidence : Evidence
    start : datetime
        Of the first point.
    step : timedelta
        Length of a point.
    delay : int
        Points after which the outcomes of a point are mature.
    """

    check: Check
    metric: Metric
    slices: tuple[Slice, ...]
    series: SeriesSet
    evidence: Evidence
    start: datetime
    step: timedelta
    delay: int

    def point_at(self, instant: datetime) -> int:
        """Return the last point that can be judged as of an instant; below 0 where there is none.

        A point can be judged once it is over and its outcomes are mature.
        """
        return (instant - self.start) // self.step - 1 - self.delay

    def is_due(self, instant: datetime) -> bool:
        """Whether a point has just become one that can be judged."""
        point = self.point_at(instant)
        is_whole = (instant - self.start) % self.step == timedelta(0)
        return is_whole and 0 <= point < self.evidence.p_values.shape[1]


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the panels found.

    Attributes
    ----------
    failing : tuple of Alert
        What chance does not explain: of these, few are false.
    clear : frozenset of str
        Ids of those that would be false in one of many looks only, were they alone.
    unusual : frozenset of tuple
        Check, subject and slice of every series that is not as usual.
    """

    failing: tuple[Alert, ...]
    clear: frozenset[str]
    unusual: frozenset[Key]


Key = tuple[str, str, Slice]


NOTHING = Looked((), frozenset(), frozenset())


def key_of(alert: Alert) -> Key:
    """Return what an alert is about, whenever it is."""
    return alert.check, alert.subject, alert.slice


def joined(found: Sequence[Looked]) -> Looked:
    """Return what several looks found, as one."""
    return Looked(
        tuple(alert for part in found for alert in part.failing),
        frozenset().union(*(part.clear for part in found)),
        frozenset().union(*(part.unusual for part in found)),
    )


def certain(alerts: Iterable[Alert], unusual: Iterable[Key]) -> Looked:
    """Return what a rule without chance of its own found."""
    failing = tuple(alerts)
    return Looked(failing, frozenset(alert.alert_id for alert in failing), frozenset(unusual))


def look(panels: Sequence[Panel], instant: datetime, *, most_false: float) -> Looked:
    """Return which series fail as of an instant.

    Parameters
    ----------
    panels : sequence of Panel
        Of one grain.
    most_false : float
        Probability with which any of them fails by chance.

    References
    ----------
    Benjamini and Hochberg (1995), as in `pellucid.stats.discovery.false_discovery`: of a look at
    which nothing happened, the share of false finds is the probability of any.
    """
    due = [panel for panel in panels if panel.is_due(instant)]
    if not due:
        return NOTHING
    p_values = [panel.evidence.p_values[:, panel.point_at(instant)] for panel in due]
    flat = np.concatenate(p_values)
    q_values = np.ones(len(flat))
    is_known = np.isfinite(flat)
    q_values[is_known] = false_discovery(flat[is_known])
    failing: list[Alert] = []
    unusual: set[Key] = set()
    start = 0
    for panel, own in zip(due, p_values, strict=True):
        q_value = q_values[start : start + len(own)]
        start += len(own)
        failing += _alerts(panel, np.flatnonzero(q_value <= most_false), instant)
        recent = panel.evidence.recent[:, panel.point_at(instant)]
        unusual |= {(panel.check.name, panel.metric.name, panel.slices[place])
                    for place in np.flatnonzero(recent <= _STILL).tolist()}  # fmt: skip
    # Beside an incident of many series, others pass at a level that they would not pass at alone.
    alone = most_false / max(int(is_known.sum()), 1)
    clear = frozenset(item.alert_id for item in failing if item.p_value <= alone)
    ordered = sorted(failing, key=lambda item: item.p_value)
    return Looked(tuple(ordered), clear, frozenset(unusual))


def _alerts(panel: Panel, places: NDArray[np.int64], instant: datetime) -> Iterable[Alert]:
    point = panel.point_at(instant)
    if not len(places):
        return
    firsts = since_when(panel.evidence.scores[places], np.full(len(places), point))
    for place, first in zip(places.tolist(), firsts.tolist(), strict=True):
        alert = _alert(panel, place, first, point, instant)
        if abs(alert.value - alert.expected) >= _least(panel, alert.expected):
            yield alert


def _least(panel: Panel, expected: float) -> float:
    least = panel.check.least
    if panel.series.kind == "rate":
        return _LEAST_POINTS if least is None else least
    return abs(expected) * (_LEAST_PART if least is None else least)


def _alert(panel: Panel, place: int, first: int, last: int, instant: datetime) -> Alert:
    span = slice(first, last + 1)
    values, expected = panel.series.values[place, span], panel.evidence.expected[place, span]
    rows, deviation = panel.series.n[place, span], panel.evidence.deviation[place, span]
    is_known = np.isfinite(values) & np.isfinite(expected)
    weights = np.where(is_known, 1.0 if panel.series.is_volume else np.maximum(rows, 1e-12), 0.0)
    weights = weights / weights.sum()
    value, usual = (float(np.nan_to_num(part) @ weights) for part in (values, expected))
    half = _BAND * float(np.sqrt(np.nan_to_num(deviation) ** 2 @ weights**2))
    own, since = panel.slices[place], panel.start + first * panel.step
    return make_alert(
        panel.check, kind="metric", subject=panel.metric.name,
        label=panel.metric.label or panel.metric.name, where=own, since_at=since, raised_at=instant,
        why=_why(panel, own, value, usual),
        seen=Seen(value, usual, usual - half, usual + half, round(float(rows[is_known].sum())),
                  float(panel.evidence.p_values[place, last])),
    )  # fmt: skip


def _why(panel: Panel, own: Slice, value: float, expected: float) -> str:
    units = Units.of(panel.metric)
    verb = "rose" if value > expected else "fell"
    grain = "an hour" if panel.series.points_a_day > 1 else "a day"
    per = f" {grain}" if panel.series.is_volume else ""
    shown, usual = (
        f"{part:,.3g}" if panel.series.is_volume and max(value, expected) < _SMALL
        else units.value(part)
        for part in (value, expected)
    )  # fmt: skip
    return f"{of_slice(units.label, own)} {verb} to {shown}{per}, {usual} expected"


def of_slice(label: str, own: Slice) -> str:
    """Return what is meant, with where, in words."""
    return f"{label} of {conditions_text(own)}" if own else label


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of what fails; see `Alert`."""

    value: float = math.nan
    expected: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    p_value: float = math.nan


def make_alert(
    check: Check, *, kind: Kind, subject: str, label: str, where: Slice, since_at: datetime,
    raised_at: datetime, why: str, seen: Seen,
) -> Alert:  # fmt: skip
    """Return an alert, named by what it is about and since when."""
    about = f"{check.name}\n{subject}\n{where}\n{micros(since_at)}"
    return Alert(
        alert_id=hashlib.sha256(about.encode()).hexdigest()[:16], check=check.name,
        severity=check.severity, kind=kind, subject=subject, label=label, slice=where,
        since_at=since_at, raised_at=raised_at, value=seen.value, expected=seen.expected,
        low=seen.low, high=seen.high, n=seen.n, p_value=seen.p_value, why=why,
    )  # fmt: skip
