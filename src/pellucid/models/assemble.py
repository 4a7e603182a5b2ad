"""Trees of one library put together as an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.models.ensemble import CategorySplit, Ensemble


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One tree, nodes numbered from 0, its root; arrays as in `Ensemble`."""

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    cover: NDArray[np.float64]
    categories: Mapping[int, CategorySplit] = field(default_factory=dict)

    @classmethod
    def leaf(cls, value: float) -> Tree:
        """Return a tree of one leaf."""
        none = np.array([-1])
        return cls(
            feature=none, threshold=np.zeros(1), left=none, right=none,
            missing_left=np.zeros(1, dtype=bool), value=np.array([value]), cover=np.ones(1),
        )  # fmt: skip

    def scaled(self, factor: float) -> Tree:
        """Return the tree with its values multiplied."""
        return replace(self, value=self.value * factor)


def assemble(
    trees: Sequence[Tree],
    *,
    base: float,
    features: int,
    precision: Literal["float32", "float64"],
) -> Ensemble:
    """Return trees as one ensemble."""
    sizes = [len(tree.feature) for tree in trees]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    shifted = list(zip(trees, starts[:-1].tolist(), strict=True))

    def joined(name: str, kind: type, *, shift: bool = False) -> NDArray:
        parts = [getattr(tree, name) + (start if shift else 0) for tree, start in shifted]
        return np.concatenate(parts).astype(kind) if parts else np.empty(0, dtype=kind)

    return Ensemble(
        starts=starts, feature=joined("feature", np.int32),
        threshold=joined("threshold", np.float64), left=joined("left", np.int32, shift=True),
        right=joined("right", np.int32, shift=True), missing_left=joined("missing_left", np.bool_),
        value=joined("value", np.float64), cover=joined("cover", np.float64),
        categories={start + node: split for tree, start in shifted
                    for node, split in tree.categories.items()},
        base=base, features=features, precision=precision,
    )  # fmt: skip
