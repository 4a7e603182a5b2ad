"""How far apart candidates must be in general to be told from level."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from pellucid.explain.records import Records, within
from pellucid.explain.traffic.replay import Doubt
from pellucid.explain.traffic.terms import LoggedTerms
from pellucid.windows import Window


class Variation:
    """How far what features make of two candidates varies from decision to decision.

    A base value is a mean over the reference population, the same decisions for every candidate.
    The difference of two is the mean of what the features make of the difference in each decision,
    so its standard error is how far that varies over the root of the population's size: nothing
    where features do the same to all candidates, as then the difference is exact.

    Parameters
    ----------
    features : collection of str
        Terms that are features.
    """

    def __init__(self, features: Collection[str]) -> None:
        self._features = tuple(features)
        self._total = self._weight = 0.0

    def added(self, terms: LoggedTerms) -> None:
        """Take note of explained decisions."""
        utilities = terms.utilities
        own = [place for place, name in enumerate(utilities.terms) if name in self._features]
        made, eligible = utilities.added[own].sum(axis=0), np.isfinite(utilities.base)
        count = eligible.sum(axis=1)
        mean = (made * eligible).sum(axis=1) / np.maximum(count, 1)
        squares = (((made - mean[:, None]) * eligible) ** 2).sum(axis=1)
        rivals = terms.weight * (count > 1)
        self._total += float(rivals @ (squares / np.maximum(count - 1, 1)))
        self._weight += float(rivals.sum())

    def doubt(self, size: int) -> Doubt:
        """Return the doubt of bases over so many reference decisions; none where there are none."""
        known = self._weight and size
        error = math.sqrt(2 * self._total / self._weight / size) if known else 0.0
        return Doubt(error, self._features)


def reference_size(records: Records, windows: Sequence[Window]) -> int:
    """Return the decisions of the smallest reference population of the models that explain.

    0 where one has none, or one that all candidates share.
    """
    names: set[str] = set()
    for window in windows:
        found = records.query(
            f"SELECT DISTINCT model_id FROM attributions WHERE {within(window)}",
            ("attributions",), window,
        )  # fmt: skip
        names |= set(found.column("model_id").to_pylist())
    sizes = []
    for name in names:
        rows = records.reference_rows(name)
        if rows is None or "candidate_id" not in rows.column_names:
            return 0
        candidates = len(rows.column("candidate_id").unique())
        sizes.append(rows.num_rows // max(candidates, 1))
    return min(sizes, default=0)
