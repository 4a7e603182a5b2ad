"""The paragraph that tells where a metric is weak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.monitor.localize.wording import Units, conditions_text
from pellucid.monitor.policy.weak_gaps import Gaps, is_distance
from pellucid.monitor.policy.weak_search import MOST_FOUND
from pellucid.spec.system import Metric

Conditions = tuple[tuple[str, str], ...]

_MOST_NAMED = 4
_MOST_OUTSIDE = 2
_WHOLE_FROM = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakSegment:
    """A weak segment, for people; see `pellucid.monitor.policy.weak.WeakSegments`."""

    conditions: Conditions
    without: tuple[Conditions, ...]
    value: float
    baseline: float
    n: int
    baseline_n: int
    change: float
    low: float
    high: float
    shrunk: float
    shrunk_low: float
    shrunk_high: float
    q_value: float
    cost: float

    def __str__(self) -> str:
        outside = ", ".join(conditions_text(part) for part in self.without)
        if len(self.without) > _MOST_OUTSIDE:
            outside = f"{len(self.without)} other weak ones"
        return conditions_text(self.conditions) + (f" (outside {outside})" if outside else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the paragraph says besides the segments.

    Attributes
    ----------
    metric : Metric
    whole : Gaps
        Of everything together, one value each; without a baseline where there are no arms.
    found, judged, too_few : int
        Weak segments, segments judged, and those with too few rows for that.
    depth : int
        Most dimensions of a segment.
    over : str
        The window.
    has_arms : bool
    """

    metric: Metric
    whole: Gaps
    found: int
    judged: int
    too_few: int
    depth: int
    over: str
    has_arms: bool


def told_weak(shown: Sequence[WeakSegment], about: Told) -> str:
    """Return the paragraph."""
    units = Units.of(about.metric)
    told = f"{units.label} is {units.value(float(about.whole.value[0]))}"
    if about.has_arms:
        told += (
            f" where arm = 'ml' and {units.value(float(about.whole.baseline[0]))} where "
            "arm = 'control'"
        )
    dimensions = "one dimension" if about.depth == 1 else f"up to {about.depth} dimensions"
    enough = "enough of both" if about.has_arms else "enough rows"
    told += (
        f" ({about.over}). Of {about.judged:,} segments of {dimensions} with {enough}, "
        f"{_many(about.found)} clearly {'does' if about.found == 1 else 'do'} worse than "
        f"{'the control arm' if about.has_arms else 'the rest'}"
    )
    if shown:
        named = "; ".join(_segment(item, units, about.metric) for item in shown[:_MOST_NAMED])
        more = about.found - len(shown[:_MOST_NAMED])
        lead = ", the most costly first" if about.found > 1 else ""
        told += f"{lead}: {named}{f'; and {more} more' if more else ''}"
    told += "."
    if about.too_few:
        too = "has" if about.too_few == 1 else "have"
        told += f" {about.too_few:,} more {too} too few to be judged."
    return told


def _many(found: int) -> str:
    if not found:
        return "none"
    distinct = "distinct ones" if found > 1 else "distinct one"
    return f"{'at least ' if found == MOST_FOUND else ''}{found} {distinct}"


def _segment(item: WeakSegment, units: Units, metric: Metric) -> str:
    size = f"{item.cost:,.0f}" if item.cost >= _WHOLE_FROM else f"{item.cost:.2g}"
    less = "fewer" if metric.finalizer == "rate" else "less"
    off = " farther off 0" if is_distance(metric) else ""
    return (
        f"{item}, {units.value(item.value)} against {units.value(item.baseline)} (n {item.n:,}): "
        f"{units.amount(item.change)}{off} ({units.amount(item.low)} to {units.amount(item.high)}; "
        f"{units.amount(item.shrunk)} drawn towards others like it), which is "
        f"{size} {less if metric.better == 'up' else 'more'} in all"
    )
