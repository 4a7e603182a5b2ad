"""How well the best slice does in periods in which nothing moved: when to raise an alarm.

A search that follows an alarm may trust the noise of its leaves. One that is the alarm itself runs
every day, over thousands of slices: its threshold is what the best score stays below in simulated
quiet periods, fitted and searched like the real one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pellucid.monitor.localize.lattice import Lattice
from pellucid.monitor.localize.leaves import SHRUNK, Counts, Ratios
from pellucid.monitor.localize.scan import best_score

Floats = NDArray[np.float64]

PERIODS = 99
LEVEL = 0.98
_MOST_CORRELATED = 0.5
_TINY = 1e-6


def quiet_threshold(
    lattice: Lattice, leaves: Counts | Ratios, *, seed: int, periods: int = PERIODS,
    level: float = LEVEL,
) -> float:  # fmt: skip
    """Return the score that the best slice stays below in quiet periods.

    Both windows are drawn anew around one value a leaf, as wide as leaves spread: hits by a
    beta-binomial law, counts by a gamma law, means by a normal one.

    Parameters
    ----------
    seed : int
        Same seed, same threshold.
    periods : int, default 99
        Simulated.
    level : float, default 0.98
        Part of them whose best score is below.

    Returns
    -------
    float
        For `Search.threshold`.
    """
    random = np.random.default_rng(seed)
    scores = []
    for _ in range(periods):
        drawn: Counts | Ratios
        if isinstance(leaves, Counts):
            drawn = _drawn_counts(random, leaves)
        else:
            drawn = _drawn_rates(random, leaves) if leaves.is_rate else _drawn_means(random, leaves)
        scores.append(best_score(lattice, drawn))
    return float(np.quantile(scores, level, method="higher"))


def _drawn_counts(random: Generator, leaves: Counts) -> Counts:
    moved = leaves.deviations(0.0)
    # Half of the difference's variance is of each side: a gamma law holds mean and variance.
    half = moved.variance / 2
    shape = np.divide(moved.scale**2, half, out=np.ones(len(half)), where=half > 0)
    one, two = (moved.scale * random.gamma(shape) / shape for _ in range(2))
    return replace(leaves, value=one, expected=two)


def _drawn_rates(random: Generator, leaves: Ratios) -> Ratios:
    # Weighted trials tell as much as this many.
    sizes = [np.rint(part / leaves.unit_variance) for part in (leaves.below, leaves.base_below)]
    spread = leaves.deviations(0.0).spread
    many = sizes[0][sizes[0] > 1]
    typical = float(np.median(many)) if len(many) else 2.0
    correlated = min((spread - 1) / max(typical - 1, 1.0), _MOST_CORRELATED)
    hits = [_beta_binomial(random, size, _common(leaves), correlated) for size in sizes]
    return replace(leaves, above=hits[0] * leaves.unit_variance,
                   base_above=hits[1] * leaves.unit_variance,
                   below=sizes[0] * leaves.unit_variance,
                   base_below=sizes[1] * leaves.unit_variance)  # fmt: skip


def _drawn_means(random: Generator, leaves: Ratios) -> Ratios:
    unit = leaves.variances() * leaves.deviations(0.0).spread
    one, two = (
        below * _common(leaves) + random.normal(size=len(below)) * np.sqrt(unit * below)
        for below in (leaves.below, leaves.base_below)
    )
    return replace(leaves, above=one, base_above=two)


def _common(leaves: Ratios) -> Floats:
    """Return the rate of each leaf in both windows, drawn a little to the mean one.

    Of few trials a leaf's own rate is too sure of itself: at 0 or 1 it would never vary.
    """
    above, below = leaves.above + leaves.base_above, leaves.below + leaves.base_below
    common: Floats = (above + SHRUNK * above.sum() / below.sum()) / (below + SHRUNK)
    return common


def _beta_binomial(random: Generator, trials: Floats, rates: Floats, correlated: float) -> Floats:
    chances = rates
    if correlated > 0:
        scale = (1 - correlated) / correlated
        # Where every trial is a hit, or none, there is no beta law.
        inside = np.clip(rates, _TINY, 1 - _TINY)
        chances = random.beta(inside * scale, (1 - inside) * scale)
    return random.binomial(trials.astype(np.int64), chances).astype(np.float64)
