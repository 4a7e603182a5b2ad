"""Small tables of leaves with slices that moved."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from pellucid.monitor.localize.lattice import Conditions
from pellucid.monitor.localize.leaves import Counts, Ratios, rate_leaves
from pellucid.monitor.localize.search import Moved

CARDINALITIES = (5, 4, 3)


def grid(cardinalities: tuple[int, ...] = CARDINALITIES) -> np.ndarray:
    count = int(np.prod(cardinalities))
    return np.stack(np.unravel_index(np.arange(count), cardinalities), axis=1).astype(np.int64)


def inside(codes: np.ndarray, conditions: Conditions) -> np.ndarray:
    mask = np.ones(len(codes), dtype=bool)
    for place, value in conditions:
        mask &= codes[:, place] == value
    return mask


def every_slice(codes: np.ndarray, depth: int = 3) -> set[Conditions]:
    places = range(codes.shape[1])
    return {
        tuple((place, int(row[place])) for place in fixed)
        for size in range(1, depth + 1)
        for fixed in combinations(places, size)
        for row in codes
    }


def rates(
    codes: np.ndarray, seed: int, *, drop: float = 0.0, conditions: Conditions = (),
    everyone: float = 0.0, trials: int = 400,
) -> Ratios:  # fmt: skip
    random = np.random.default_rng(seed)
    base = np.clip(random.normal(0.85, 0.04, len(codes)), 0.7, 0.95)
    down = everyone + np.where(inside(codes, conditions), drop, 0.0) if conditions else everyone
    sizes = [random.poisson(trials, len(codes)) for _ in range(2)]
    hits = [random.binomial(sizes[0], base - down), random.binomial(sizes[1], base)]
    sides = [part.astype(np.float64) for part in (hits[0], sizes[0], hits[1], sizes[1])]
    return rate_leaves(*sides)


def counts(
    codes: np.ndarray, seed: int, *, factor: float = 1.0, conditions: Conditions = (),
    everyone: float = 1.0,
) -> Counts:  # fmt: skip
    random = np.random.default_rng(seed)
    level = random.lognormal(6.5, 0.7, len(codes))
    times = everyone * (np.where(inside(codes, conditions), factor, 1.0) if conditions else 1.0)
    return Counts(random.poisson(level * times).astype(np.float64),
                  random.poisson(level).astype(np.float64), 2.0)  # fmt: skip


def named(moved: Moved) -> list[Conditions]:
    return [item.conditions for item in moved.found]
