"""Any function of rows: Shapley values of groups of its features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.errors import ExplainError
from pellucid.explain.explainers.base import Floats, Pairs, scored, thinned
from pellucid.explain.explainers.coalitions import (
    MOST_EXACT,
    Estimate,
    Score,
    exact_values,
    sampled_values,
    scores_of,
)
from pellucid.explain.trees.tables import feature_players
from pellucid.spec.system import System


class CallableExplainer:
    """Attributions of any function: exact for at most 10 groups of features, else sampled.

    Parameters
    ----------
    score : callable
        Takes rows of shape (n, features), returns their scores, shape (n,). Attributions are on
        the scale of these scores.
    library : str, default "function"
        What the function is, for the record.
    groups : sequence of sequence of int, optional
        Features that count as one, such as the columns of a one-hot encoding, by index; the others
        count alone. What a group is given is spread equally over its features: read their sum.
    most_reference : int, default 100
        Rows drawn from a larger reference population. All is exact against the drawn ones.
    orders : int, default 2
        Pairs of sampled orders for each row and drawn reference row, if there are too many groups.
    """

    def __init__(
        self,
        score: Score,
        *,
        library: str = "function",
        groups: Sequence[Sequence[int]] = (),
        most_reference: int = 100,
        orders: int = 2,
    ) -> None:
        self._score = score
        self._library = library
        self._groups = tuple(map(tuple, groups))
        self._most_reference = most_reference
        self._orders = orders
        self._reference: Floats | None = None
        self._name = f"{library}, no reference population yet"

    @property
    def name(self) -> str:
        """What the attributions are, for the record."""
        return self._name

    def set_reference(self, matrix: Floats, described: str) -> None:
        """Attribute against a reference population, shape (m, features), from now on."""
        has_score = np.isfinite(scores_of(self._score, matrix))
        kept, named = scored(matrix, has_score, described)
        self._reference, named = thinned(kept, self._most_reference, named)
        count = int(feature_players(matrix.shape[1], self._groups).max()) + 1
        how = (
            "exact"
            if count <= MOST_EXACT
            else f"sampled ({self._orders} orders and reverses a reference row)"
        )
        self._name = f"{self._library}, {how} over {count} groups against {named}"

    def attribute(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values, shape (n,), and attributions, shape (n, features)."""
        found = self.estimate(matrix)
        return np.full(len(matrix), found.base), found.values

    def estimate(self, matrix: Floats) -> Estimate:
        """Return attributions with their standard errors, both by feature.

        Raises
        ------
        ExplainError
            If there is no reference population yet, or the function returns no such scores.
        """
        if self._reference is None:
            raise ExplainError(
                f"{self._library}: attributions of a function need a reference population; store "
                "one with obs.attribute(...), or give it with set_reference(matrix, described)"
            )
        return self._against(matrix, self._reference)

    def pairs(self, matrix: Floats, reference: Floats) -> Pairs:
        """Return attributions of rows, shape (n, features), against reference rows."""
        single = [self._against(matrix, row[None]) for row in reference]
        return Pairs(
            values=np.stack([found.values for found in single], axis=1),
            scores=self.raw_score(matrix), reference_scores=self.raw_score(reference),
        )  # fmt: skip

    def raw_score(self, matrix: Floats) -> Floats:
        """Return the function's scores."""
        return scores_of(self._score, matrix)

    def _against(self, matrix: Floats, reference: Floats) -> Estimate:
        players = feature_players(matrix.shape[1], self._groups)
        if players.max() < MOST_EXACT:
            found = exact_values(self._score, matrix, reference, players)
        else:
            found = sampled_values(self._score, matrix, reference, players, orders=self._orders)
        size = np.bincount(players)[players]
        return Estimate(
            found.base, found.values[:, players] / size, found.errors[:, players] / size
        )


def declared_groups(system: System, features: Sequence[str]) -> list[list[int]]:
    """Return the indices of features that a system declares to be of one group, by group.

    Parameters
    ----------
    features : sequence of str
        In the model's order.
    """
    group_of = {feature.name: feature.group for feature in system.features if feature.group}
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(features):
        if name in group_of:
            groups.setdefault(group_of[name], []).append(index)
    return list(groups.values())
