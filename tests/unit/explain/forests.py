"""Random ensembles, and Shapley values by the definition: the oracle of the kernels."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

import numpy as np

from pellucid.models.assemble import Tree, assemble
from pellucid.models.ensemble import CategorySplit, Ensemble


def random_tree(draw: np.random.Generator, features: int, depth: int, categorical: int) -> Tree:
    """A tree in which features repeat on paths; the last `categorical` features hold categories."""
    nodes: list[list] = []
    categories = {}

    def grow(level: int, cover: float) -> int:
        place = len(nodes)
        nodes.append([-1, 0.0, -1, -1, False, 0.0, cover])
        if level == depth or (level and draw.random() < 0.15):
            nodes[place][5] = draw.normal()
            return place
        feature = int(draw.integers(features))
        share = draw.uniform(0.1, 0.9)
        nodes[place][0] = feature
        nodes[place][4] = bool(draw.random() < 0.5)
        if feature >= features - categorical:
            codes = np.flatnonzero(draw.random(6) < 0.5)
            categories[place] = CategorySplit(codes, go_left=bool(draw.random() < 0.5))
            nodes[place][1] = np.nan
        else:
            nodes[place][1] = float(draw.choice([-1, -0.5, 0, 0.5, 1]))
        nodes[place][2] = grow(level + 1, cover * share)
        nodes[place][3] = grow(level + 1, cover * (1 - share))
        return place

    grow(0, 100.0)
    feature, threshold, left, right, missing, value, cover = (
        np.array(column) for column in zip(*nodes, strict=True)
    )
    return Tree(
        feature=feature, threshold=threshold, left=left, right=right, missing_left=missing,
        value=value, cover=cover, categories=categories,
    )  # fmt: skip


def random_ensemble(
    seed: int, *, features: int = 5, trees: int = 4, depth: int = 5, categorical: int = 2
) -> Ensemble:
    draw = np.random.default_rng(seed)
    grown = [random_tree(draw, features, depth, categorical) for _ in range(trees)]
    return assemble(
        [*grown, Tree.leaf(0.25)], base=-0.5, features=features, precision="float64"
    )  # fmt: skip


def random_rows(seed: int, count: int, *, features: int = 5, categorical: int = 2) -> np.ndarray:
    """Rows on and between thresholds, with unseen categories and missing values."""
    draw = np.random.default_rng(seed)
    rows = draw.choice([-1.5, -1, -0.5, 0, 0.2, 0.5, 1, 2], (count, features)).astype(float)
    for feature in range(features - categorical, features):
        rows[:, feature] = draw.integers(0, 8, count)
    rows[draw.random((count, features)) < 0.15] = np.nan
    return rows


def shapley(value: Callable[[int], np.ndarray], players: int) -> np.ndarray:
    """Shapley values by their definition; `value` takes a coalition's bits."""
    worth = [value(coalition) for coalition in range(2**players)]
    found = np.zeros((len(worth[0]), players))
    for player in range(players):
        for coalition in range(2**players):
            if coalition >> player & 1:
                continue
            size = coalition.bit_count()
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            found[:, player] += weight * (worth[coalition | 1 << player] - worth[coalition])
    return found


def interventional_game(
    ensemble: Ensemble, players: np.ndarray, rows: np.ndarray, reference: np.ndarray
) -> Callable[[int], np.ndarray]:
    """Mean raw score with the coalition's features from the row, the others from a reference."""

    def value(coalition: int) -> np.ndarray:
        given = (coalition >> players) & 1 == 1
        return np.array(
            [ensemble.raw_score(np.where(given, row, reference)).mean() for row in rows]
        )

    return value
