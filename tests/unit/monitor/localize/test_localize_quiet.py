"""A threshold of quiet periods lets few of them pass, and what was planted all the same."""

from __future__ import annotations

import numpy as np
import pytest
from planted import counts, grid, named, rates

from pellucid.monitor.localize.lattice import make_lattice
from pellucid.monitor.localize.leaves import Counts, Ratios, mean_leaves, rate_leaves
from pellucid.monitor.localize.quiet import quiet_threshold
from pellucid.monitor.localize.scan import localize
from pellucid.monitor.localize.search import Search

LATTICE = make_lattice(grid((6, 5, 4)))
CODES = LATTICE.codes


def test_the_same_seed_gives_the_same_threshold() -> None:
    leaves = rates(CODES, 1, trials=20)
    one, two, other = (quiet_threshold(LATTICE, leaves, seed=seed, periods=19)
                       for seed in (3, 3, 4))  # fmt: skip
    assert one == two != other


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rate", "count", "mean"])
def test_quiet_periods_raise_few_alarms(kind: str) -> None:
    alarms = 0
    for seed in range(40):
        leaves: Counts | Ratios = rates(CODES, seed, trials=12)
        if kind == "count":
            leaves = counts(CODES, seed)
        if kind == "mean":
            leaves = means(seed)
        threshold = quiet_threshold(LATTICE, leaves, seed=seed, periods=59)
        alarms += bool(localize(LATTICE, leaves, Search(threshold=threshold)).found)
    assert alarms <= 4


def means(seed: int) -> Ratios:
    random = np.random.default_rng(seed)
    rows = random.poisson(15, (2, len(CODES))) + 1.0
    level = random.normal(50, 5, len(CODES))
    sums = [part * level + random.normal(0, 10 * np.sqrt(part)) for part in rows]
    variance = np.full(len(CODES), 100.0)
    return mean_leaves(sums[0], rows[0], sums[1], rows[1], unit_variance=variance)


def test_what_was_planted_passes() -> None:
    leaves = rates(CODES, 5, drop=0.25, conditions=((0, 2), (1, 1)), trials=60)
    threshold = quiet_threshold(LATTICE, leaves, seed=5, periods=39)
    assert named(localize(LATTICE, leaves, Search(threshold=threshold))) == [((0, 2), (1, 1))]


def test_leaves_that_spread_wider_need_more() -> None:
    """Rates that wander between the windows raise the noise, not the alarm."""
    random = np.random.default_rng(6)
    sizes = np.full(len(CODES), 400)
    base = np.full(len(CODES), 0.8)
    moved = np.clip(base + random.normal(0, 0.06, len(CODES)), 0, 1)
    leaves = rate_leaves(random.binomial(sizes, moved) * 1.0, sizes * 1.0,
                         random.binomial(sizes, base) * 1.0, sizes * 1.0)  # fmt: skip
    assert leaves.deviations(0.0).spread > 2
    threshold = quiet_threshold(LATTICE, leaves, seed=6, periods=39)
    assert not localize(LATTICE, leaves, Search(threshold=threshold)).found
