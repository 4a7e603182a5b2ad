"""The search for distinct weak segments: the clearest first, its rows taken out, the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.monitor.policy.weak_gaps import Gaps, beyond, gaps_of, is_distance
from pellucid.monitor.policy.weak_sums import Mask, Segments
from pellucid.spec.system import Metric
from pellucid.stats.discovery import false_discovery
from pellucid.stats.distributions import normal_tail

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

FALSE_SHARE = 0.1
# Standard errors by which a segment is clearly weaker than the rest of a wider one.
_CLEARLY = 2.0
# Where all of a segment is weak, what is less than so many times as weak as the rest is no place
# apart: with many rows every part differs a little, and one place would be told as ten.
_TIMES = 3.0
# Probability with which chance alone splits a weak segment in two.
_SPLIT = 0.01
# Beyond so many the answer is that the metric differs everywhere.
MOST_FOUND = 50


@dataclass(frozen=True, slots=True)
class Look:
    """One look at every segment, over the rows that are in no weak one yet.

    Attributes
    ----------
    left : array of bool, shape (leaves,)
        The rows.
    own, other : array of float64, shape (segments + 1, roles)
        Sums of each segment and of what it is compared with.
    gaps : Gaps
        Of all segments but the whole.
    q_value : array of float64, shape (segments,)
        Among all that are judged, at all levels; NaN where one is not.
    """

    left: Mask
    own: Floats
    other: Floats
    gaps: Gaps
    q_value: Floats

    @property
    def is_weak(self) -> Mask:
        """Which segments clearly do worse."""
        weak: Mask = (self.q_value < FALSE_SHARE) & (self.gaps.gap > 0)
        return weak


@dataclass(frozen=True, slots=True)
class Weak:
    """A weak segment, without the rows of those found before it.

    Attributes
    ----------
    segment : int
    without : tuple of int
        Segments found before that share rows with it.
    look : Look
        In which it was found.
    q_value : float
        Of the segment as a whole or of what is left of it, whichever is larger.
    """

    segment: int
    without: tuple[int, ...]
    look: Look
    q_value: float


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched.

    Attributes
    ----------
    segments : Segments
    metric : Metric
    is_weighted : bool
        Whether rows are a sample.
    """

    segments: Segments
    metric: Metric
    is_weighted: bool = False

    @property
    def has_arms(self) -> bool:
        """Whether two arms are compared; else each segment with everything else."""
        return self.segments.leaves.shape[1] > 1

    def gaps(self, side: Floats, other: Floats) -> Gaps:
        """Return the gaps of some pairs of sums."""
        return gaps_of(self.metric, side, other, is_weighted=self.is_weighted)


def find_weak(search: Search) -> tuple[Look, tuple[Weak, ...]]:
    """Return the first look, and the distinct weak segments in the order in which they are found.

    The one with the clearest gap for its depth is taken. It gives way to a wider one if it is not
    clearly weaker than the rest of that, or if that rest is weak too and the segment less than
    three times as weak. It gives way to a narrower one that is clearly weaker than the rest of it,
    by as much, and than that rest and its other condition elsewhere add up to. The rows of what is
    found are taken out of both sides, and what is still weak, as a whole and in what is left of it,
    follows. So what a wide segment owes to a narrow one, or a narrow one to those around it, is
    told once.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995). Controlling the false discovery rate. JRSS B 57(1), with
    one-sided tests. Rows taken out in turn as in `pellucid.monitor.localize.scan`.
    """
    segments = search.segments
    left = np.ones(len(segments.leaves), dtype=bool)
    first = look = look_at(search, left)
    found: list[Weak] = []
    while len(found) < MOST_FOUND:
        is_open = first.is_weak & look.is_weak
        if not is_open.any():
            break
        segment = _settled(search, look, is_open, _clearest(search, look, is_open))
        rows = segments.holds(segment)
        without = tuple(item.segment for item in found
                        if (rows & segments.holds(item.segment)).any())  # fmt: skip
        q_value = max(float(first.q_value[segment]), float(look.q_value[segment]))
        found.append(Weak(segment, without, look, q_value))
        left = left & ~rows
        if not left.any():
            break
        look = look_at(search, left)
    return first, tuple(found)


def look_at(search: Search, left: Mask) -> Look:
    """Judge every segment over the rows that are left.

    Those with fewer than 30 rows on a side are not judged, nor those with the same rows as one of
    fewer conditions, such as a bank within its only country.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    segments = search.segments
    sums = segments.summed(left)
    own = sums[:, 0]
    other = sums[:, 1] if search.has_arms else own[-1] - own
    found = search.gaps(own[:-1], other[:-1])
    rows = sums[:, :, 0].sum(axis=1)
    parents = segments.parents
    is_same = ((rows[parents] == rows[:-1, None]) & (parents >= 0)).any(axis=1)
    score = np.where(is_same, np.nan, found.score)
    is_judged = ~np.isnan(score)
    p_value = normal_tail(score[is_judged])
    if is_distance(search.metric):
        # The side on which it is off was looked at too.
        p_value = np.minimum(2 * p_value, 1.0)
    q_value = np.full(len(score), np.nan)
    if is_judged.any():
        q_value[is_judged] = false_discovery(p_value)
    return Look(left, own, other, found, q_value)


def _clearest(search: Search, look: Look, is_open: Mask) -> int:
    """Return the segment with the clearest gap, less what the largest of its depth has by chance.

    So one wide place is not told as several narrow ones that cross it.
    """
    cuboids, starts = search.segments.lattice.cuboids, search.segments.starts
    depths = np.repeat([len(item.dimensions) for item in cuboids], np.diff(starts))
    judged = np.bincount(depths[~np.isnan(look.q_value)], minlength=int(depths.max()) + 1)
    gain = look.gaps.score**2 - 2 * np.log(np.maximum(judged, 1))[depths]
    return int(np.where(is_open, gain, -np.inf).argmax())


def _settled(search: Search, look: Look, is_open: Mask, segment: int) -> int:
    """Return the segment that tells what this one shows, neither too wide nor too narrow."""
    seen = {segment}
    while True:
        following = _wider(search, look, is_open, segment)
        if following is None:
            following = _narrower(search, look, is_open, segment)
        if following is None or following in seen:
            return segment
        seen.add(following)
        segment = following


def _wider(search: Search, look: Look, is_open: Mask, segment: int) -> int | None:
    """Return the clearest wider segment that this one is not clearly weaker than the rest of."""
    parents = search.segments.parents[segment]
    parents = parents[(parents >= 0) & (parents < search.segments.count)]
    parents = parents[is_open[parents]]
    if not len(parents):
        return None
    weaker, rest = _against_rest(search, look, np.full(len(parents), segment), parents)
    return _best(look, parents[~_is_clear(weaker, rest)])


def _narrower(search: Search, look: Look, is_open: Mask, segment: int) -> int | None:
    """Return the clearest narrower segment that stands out from the rest of this one."""
    inner, added = _parts(search.segments, segment, search.segments.holds(segment) & look.left)
    # A bank within its only country is that bank.
    is_nested = np.logical_and(*(side[inner, 0] == side[added, 0]
                                 for side in (look.own, look.other)))  # fmt: skip
    inner = np.where(is_nested, added, inner)
    is_kept = is_open[inner]
    inner, added, is_nested = inner[is_kept], added[is_kept], is_nested[is_kept]
    if not len(inner):
        return None
    weaker, rest = _against_rest(search, look, inner, np.full(len(inner), segment))
    both = _beyond_both(search, look, weaker, segment, inner, added)
    # That its condition does better elsewhere explains nothing.
    apart = np.where(is_nested, weaker.score, np.minimum(weaker.score, both))
    is_judged = ~np.isnan(apart)
    is_apart = np.zeros(len(inner), dtype=bool)
    is_apart[is_judged] = false_discovery(normal_tail(apart[is_judged])) < _SPLIT
    return _best(look, inner[is_apart & _is_clear(weaker, rest)])


def _is_clear(weaker: Gaps, rest: Gaps) -> Mask:
    """Return which segments are clearly weaker than the rest, and by far where that is weak too."""
    is_far = weaker.gap >= (_TIMES - 1) * rest.gap
    clear: Mask = (weaker.score > _CLEARLY) & (is_far | (rest.score < _CLEARLY))
    return clear


def _parts(segments: Segments, segment: int, rows: Mask) -> tuple[Places, Places]:
    """Return the segments of one condition more, and those of that condition alone."""
    cuboids = segments.lattice.cuboids
    own = set(cuboids[segments.cuboid(segment)].dimensions)
    alone = dict(zip((item.dimensions for item in cuboids), segments.places, strict=False))
    inner, added = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for cuboid, places in zip(cuboids, segments.places, strict=False):
        more = set(cuboid.dimensions) - own
        if len(cuboid.dimensions) == len(own) + 1 and len(more) == 1:
            found, first = np.unique(places[rows], return_index=True)
            inner.append(found)
            added.append(alone[tuple(more)][rows][first])
    return np.concatenate(inner), np.concatenate(added)


def _best(look: Look, segments: Places) -> int | None:
    return int(segments[look.gaps.score[segments].argmax()]) if len(segments) else None


def _against_rest(search: Search, look: Look, inner: Places, outer: Places) -> tuple[Gaps, Gaps]:
    """Return how much weaker segments are than the rest of wider ones, and how weak that rest is.

    Where segments are compared with everything else, the rest of a wider one is compared with what
    is outside that.
    """
    rest = look.own[outer] - look.own[inner]
    if not search.has_arms:
        return search.gaps(look.own[inner], rest), search.gaps(rest, look.other[outer])
    within = search.gaps(rest, look.other[outer] - look.other[inner])
    return beyond(search.gaps(look.own[inner], look.other[inner]), within), within


def _beyond_both(
    search: Search, look: Look, weaker: Gaps, segment: int, inner: Places, added: Places
) -> Floats:
    """Return by how many standard errors segments are weaker than two wider ones add up to.

    Parameters
    ----------
    weaker : Gaps
        Of the segments against the rest of the one wider segment.
    segment : int
        That segment.
    added : array of int64, shape (k,)
        The others: of the condition that each has more.
    """
    elsewhere = look.own[added] - look.own[inner]
    if search.has_arms:
        than = look.other[added] - look.other[inner]
    else:
        # What is in neither of the two.
        than = look.other[added] - (look.own[segment] - look.own[inner])
    return beyond(weaker, search.gaps(elsewhere, than)).score
