"""Where a metric is weak: the few distinct segments that do worse, and what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pellucid.errors import SpecError
from pellucid.monitor.localize.lattice import DEPTH
from pellucid.monitor.localize.reading import usual_dimensions
from pellucid.monitor.localize.wording import conditions_text
from pellucid.monitor.policy.weak_gaps import is_distance
from pellucid.monitor.policy.weak_search import Look, Search, Weak, find_weak
from pellucid.monitor.policy.weak_story import Told, WeakSegment, told_weak
from pellucid.monitor.policy.weak_sums import ARM, Segments
from pellucid.monitor.tabular import Tabular
from pellucid.spec.sources import source_columns
from pellucid.spec.system import Metric, Outcome, System
from pellucid.stats.shrinkage import shrink
from pellucid.stats.student import half_width

CONTROL, REST = "control", "rest"
LOG_LOSS = "log_loss"
_FINALIZERS = ("rate", "mean", "ratio")
_LEAST_CHANCE = 1e-15


@dataclass(frozen=True, slots=True)
class WeakSegments(Tabular):
    """The distinct segments in which a metric is worse than in what they are compared with.

    Attributes
    ----------
    rows : pyarrow.Table
        One row for each, the most costly first: ``segment``; the dimensions, null where they are
        free; ``without`` (weak segments whose rows are left out of this one, so that no row is in
        two; where the rest is what it is compared with, those found before are no part of that
        either); ``value``, ``baseline``, ``n``, ``baseline_n``; ``change`` (value less baseline; of
        a metric that is best at 0, of their sizes) with its 95% interval ``low`` and ``high``;
        ``shrunk``, ``shrunk_low``, ``shrunk_high`` (drawn towards the other segments of its
        dimensions by as much as chance explains); ``q_value``; ``cost`` (the change over all of the
        segment's rows, such as approvals that were lost; above 0).
    metric : Metric
    looked_at : int
        Segments judged, at all levels.
    told : str
        The finding, as a paragraph.
    """

    rows: pa.Table
    metric: Metric
    looked_at: int
    told: str


def check_asked(metric: Metric, by: Sequence[str], *, depth: int, most: int, versus: str) -> str:
    """Check what is asked of weak segments; return what errors name.

    Raises
    ------
    SpecError
        With every problem.
    """
    problems = []
    if not 1 <= depth <= DEPTH:
        problems.append(f"depth {depth} is not 1 to {DEPTH}")
    if most < 1:
        problems.append(f"most {most} is not at least 1")
    if versus not in (CONTROL, REST):
        problems.append(f"versus '{versus}' is neither '{CONTROL}' nor '{REST}'")
    if versus == CONTROL and ARM in by:
        problems.append("compares the arms, so `by` cannot have 'arm'; leave it out")
    if metric.finalizer not in _FINALIZERS:
        problems.append(
            f"is of rates, means and ratios, which a segment has for itself; '{metric.name}' is a "
            f"{metric.finalizer}"
        )
    elif metric.better == "none" and not is_distance(metric):
        problems.append(
            f"cannot know which way '{metric.name}' is worse; set `better` of its definition"
        )
    asked = f"weak_segments '{metric.name}'"
    if problems:
        raise SpecError(asked, problems)
    return asked


def weak_dimensions(system: System, metric: Metric, *, versus: str) -> tuple[str, ...]:
    """Return the dimensions to search where none are named.

    Against the control arm those of the request alone: which candidate an arm picked is its own
    doing, so that decisions with the same pick are not alike in both.

    Raises
    ------
    SpecError
        If there is none.
    """
    known = source_columns(system, metric.unit)
    names = [name for name in usual_dimensions(system, metric) if name in known and name != ARM]
    if versus == CONTROL:
        names = [name for name in names if name in system.dimension_names]
    if not names:
        raise SpecError("weak_segments", ["has no dimension to search; name some in `by`"])
    return tuple(names)


def log_loss(outcome: Outcome) -> Metric:
    """Return the log loss of the model's probabilities of an outcome as a metric.

    Examples
    --------
    >>> log_loss(Outcome(name="approved", matures_after="2h")).better
    'down'
    """
    name = outcome.name
    chance = f"CASE WHEN {name} >= 1 THEN chosen_probability ELSE 1 - chosen_probability END"
    return Metric(
        name=LOG_LOSS, label="Log loss", finalizer="mean", value=f"-ln(greatest({chance}, "
        f"{_LEAST_CHANCE}))", where=f"{name}_mature AND {name} IS NOT NULL", better="down",
        meaning=f"Mean of -ln of the probability given to what happened of {name}, over decisions "
        "with mature labels.",
    )  # fmt: skip


def weak_segments(search: Search, *, most: int, over: str) -> WeakSegments:
    """Find the weak segments of what is searched, and tell them.

    Parameters
    ----------
    most : int
        Segments to return, those that cost most.
    over : str
        The window, in words.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.

    References
    ----------
    See `pellucid.monitor.policy.weak_search.find_weak` and `pellucid.stats.shrinkage.shrink`.
    """
    first, found = find_weak(search)
    told = [_told_of(search, item) for item in found]
    told.sort(key=lambda item: -item.cost)
    whole = search.gaps(first.own[-1:], first.other[-1:])
    judged = int((~np.isnan(first.q_value)).sum())
    story = told_weak(told[:most], Told(
        metric=search.metric, whole=whole, found=len(told), judged=judged,
        too_few=int(_too_few(search.segments, first).sum()), over=over,
        depth=search.segments.parents.shape[1], has_arms=search.has_arms,
    ))  # fmt: skip
    rows = _rows(told[:most], search.segments.dimensions)
    return WeakSegments(rows, search.metric, judged, story)


def _too_few(segments: Segments, look: Look) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    rows = look.own[:, 0]
    is_new = (rows[segments.parents] != rows[:-1, None]).all(axis=1)
    return is_new & np.isnan(look.gaps.error)


def _told_of(search: Search, weak: Weak) -> WeakSegment:
    segments, gaps, at = search.segments, weak.look.gaps, weak.segment
    place = segments.cuboid(at)
    siblings = slice(int(segments.starts[place]), int(segments.starts[place + 1]))
    is_judged = ~np.isnan(weak.look.q_value[siblings])
    drawn = shrink(gaps.gap[siblings], np.where(is_judged, gaps.error[siblings], np.nan))
    own = at - siblings.start
    shrunk, reach = float(drawn.values[own]), half_width(float(drawn.errors[own]), np.inf)
    # Gaps are how much worse; a metric that should be high changes the other way.
    sign = -1.0 if search.metric.better == "up" else 1.0
    low, high = sorted((sign * float(gaps.low[at]), sign * float(gaps.high[at])))
    conditions = segments.conditions(at)
    return WeakSegment(
        conditions=conditions,
        without=tuple(
            tuple(pair for pair in segments.conditions(item) if pair not in conditions)
            for item in weak.without
        ),
        value=float(gaps.value[at]), baseline=float(gaps.baseline[at]), n=int(gaps.n[at]),
        baseline_n=int(gaps.baseline_n[at]), change=sign * float(gaps.gap[at]), low=low, high=high,
        shrunk=sign * shrunk, shrunk_low=sign * shrunk - reach, shrunk_high=sign * shrunk + reach,
        q_value=weak.q_value, cost=float(gaps.gap[at] * gaps.volume[at]),
    )  # fmt: skip


def _rows(found: Sequence[WeakSegment], dimensions: Sequence[str]) -> pa.Table:
    columns = {"segment": pa.array([conditions_text(item.conditions) for item in found],
                                   pa.string())}  # fmt: skip
    columns |= {name: pa.array([dict(item.conditions).get(name) for item in found], pa.string())
                for name in dimensions}  # fmt: skip
    without = [[conditions_text(part) for part in item.without] for item in found]
    columns["without"] = pa.array(["; ".join(parts) for parts in without], pa.string())
    for name in ("value", "baseline", "n", "baseline_n", "change", "low", "high", "shrunk",
                 "shrunk_low", "shrunk_high", "q_value", "cost"):  # fmt: skip
        kind = pa.int64() if name in ("n", "baseline_n") else pa.float64()
        columns[name] = pa.array([getattr(item, name) for item in found], kind, from_pandas=True)
    return pa.table(columns)
