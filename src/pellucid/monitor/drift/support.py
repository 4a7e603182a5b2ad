"""Two profiles of a column over a support that both have, coarse enough to compare."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ShapeError
from pellucid.monitor.profiles.profile import Binning, Profile

Floats = NDArray[np.float64]
MISSING, UNSEEN, OTHER = "(missing)", "(unseen before)", "(other)"
OUTSIDE = "(outside the former range)"
# As many bins as METHODS' noise floor was measured with; more would only add noise.
COARSE_BINS = 20
_MOST_LEVELS = 200


@dataclass(frozen=True, slots=True)
class Support:
    """Counts of the window and of the baseline over the same bins.

    Attributes
    ----------
    names : tuple of str
        Of the bins: values of a category, or the span of a bin; the last one is what is missing.
    counts, baseline : array of float64, shape (bins,)
    """

    names: tuple[str, ...]
    counts: Floats
    baseline: Floats


def shared_support(profile: Profile, baseline: Profile) -> Support:
    """Return both profiles over bins that hold about as much of the baseline each.

    Of a category the largest values of the baseline, the rest of them as one, and what the baseline
    never had; what is missing is a bin of its own.

    Raises
    ------
    ShapeError
        If the profiles are not counted in the same way.
    """
    if profile.binning != baseline.binning:
        raise ShapeError("profiles are counted over other bins: they cannot be compared")
    if baseline.binning.kind == "category":
        return _levels(profile, baseline)
    edges = coarse_edges(baseline)
    used = np.flatnonzero(baseline.counts)
    within = slice(used[0], used[-1] + 1) if len(used) else slice(0, len(baseline.counts))
    sides = []
    for item in (profile, baseline):
        inside = np.zeros_like(item.counts)
        inside[within] = item.counts[within]
        bins = np.add.reduceat(inside, edges[:-1])
        outside = item.counts.sum() - inside.sum()
        sides.append(np.array([*bins, outside, item.nulls], dtype=np.float64))
    names = (*_spans(baseline.binning, edges), OUTSIDE, MISSING)
    counts, before = sides
    if not counts[-2]:
        names, counts, before = (*names[:-2], MISSING), np.delete(counts, -2), np.delete(before, -2)
    return Support(names, counts, before)


def coarse_edges(baseline: Profile) -> NDArray[np.int64]:
    """Return where coarse bins begin among the fine ones, and the end; each about as full.

    What lies outside of the range of the bins goes with the first and the last one.
    """
    total = np.cumsum(baseline.counts)
    wanted = total[-1] * np.arange(1, COARSE_BINS) / COARSE_BINS
    places = np.searchsorted(total, wanted)
    # A fine bin that holds much by itself is cut off on both sides.
    heavy = places[baseline.counts[places] * COARSE_BINS >= total[-1]]
    inner = np.unique(np.concatenate([places + 1, heavy]))
    inner = inner[inner > 0]
    edges, held = [0], 0
    for edge in inner.tolist():
        # A bin without rows of the baseline would only tell of noise.
        if held < total[edge - 1] < total[-1]:
            edges.append(edge)
            held = total[edge - 1]
    return np.array([*edges, len(total)])


def _spans(binning: Binning, edges: NDArray[np.int64]) -> list[str]:
    """Return the span of each coarse bin; the outer ones have no end."""
    inner = edges[1:-1] - 1
    if not len(inner):
        return ["any value"]
    if binning.kind == "whole":
        starts = (np.arange(binning.bins) + round(binning.low + 0.5))[inner].tolist()
        spans = [f"{low:,}" if high - low == 1 else f"{low:,} to {high - 1:,}"
                 for low, high in pairwise(starts)]  # fmt: skip
        return [f"{starts[0] - 1:,} or less", *spans, f"{starts[-1]:,} or more"]
    cuts = [f"{edge:.4g}" for edge in binning.edges[inner]]
    spans = [f"{low} to {high}" for low, high in pairwise(cuts)]
    return [f"below {cuts[0]}", *spans, f"{cuts[-1]} or more"]


def _levels(profile: Profile, baseline: Profile) -> Support:
    ranked = sorted(baseline.levels.items(), key=lambda item: (-item[1], item[0]))
    top = dict(ranked[:_MOST_LEVELS])
    rest = baseline.levels.keys() - top.keys()
    names = [*top, OTHER, UNSEEN, MISSING]
    before = [*top.values(), sum(baseline.levels[name] for name in rest), 0, baseline.nulls]
    now = [*(profile.levels.get(name, 0) for name in top),
           sum(profile.levels.get(name, 0) for name in rest),
           sum(count for name, count in profile.levels.items() if name not in baseline.levels),
           profile.nulls]  # fmt: skip
    counts, prior = np.array(now, dtype=np.float64), np.array(before, dtype=np.float64)
    # The last bin stays: what is missing is asked for whether it is there or not.
    used = (counts + prior > 0) | (np.arange(len(names)) == len(names) - 1)
    return Support(
        tuple(name for name, is_used in zip(names, used, strict=True) if is_used),
        counts[used], prior[used],
    )  # fmt: skip
