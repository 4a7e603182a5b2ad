"""The explainer of tree ensembles: exact attributions by the pattern tables."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.explain.explainers.base import Floats, Pairs
from pellucid.explain.explainers.tree_pairs import tree_pairs
from pellucid.explain.trees.kernel import Prepared, attribute, prepare
from pellucid.explain.trees.tables import feature_players
from pellucid.models.ensemble import Ensemble


class TreeExplainer:
    """Attributions of a tree ensemble: along its paths, or against a reference population.

    Parameters
    ----------
    ensemble : Ensemble
    library : str
        That trained it, for the record.
    score : callable, optional
        The library's own raw scores of a matrix, shape (n, features), against which sums are
        checked. Without the library the ensemble scores by its own trees; a model that was read
        wrongly then shows in the residual of the logged raw scores.
    """

    def __init__(
        self, ensemble: Ensemble, library: str, score: Callable[[Floats], Floats] | None = None
    ) -> None:
        self._ensemble = ensemble
        self._library = library
        self._score = score or ensemble.raw_score
        self._reference: Floats | None = None
        self._prepared: Prepared | None = None
        self._name = f"{library} trees, path-dependent"

    @property
    def name(self) -> str:
        """What the attributions are, for the record."""
        return self._name

    def set_reference(self, matrix: Floats, described: str) -> None:
        """Attribute against a reference population, shape (m, features), from now on."""
        known = self._reference
        if known is None or not np.array_equal(known, matrix, equal_nan=True):
            # The tables of a population are kept while it stays: they cost far more than a row.
            self._reference, self._prepared = matrix, None
        self._name = f"{self._library} trees, interventional against {described}"

    def attribute(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values, shape (n,), and attributions, shape (n, features)."""
        if self._prepared is None:
            players = feature_players(self._ensemble.features)
            self._prepared = prepare(self._ensemble, players=players, reference=self._reference)
        return np.full(len(matrix), self._prepared.base), attribute(self._prepared, matrix)

    def pairs(self, matrix: Floats, reference: Floats) -> Pairs:
        """Return attributions of rows, shape (n, features), against reference rows."""
        # By its own trees, whose sums the values are: the library may round otherwise.
        return Pairs(
            values=tree_pairs(self._ensemble, matrix, reference),
            scores=self._ensemble.raw_score(matrix),
            reference_scores=self._ensemble.raw_score(reference),
        )

    def raw_score(self, matrix: Floats) -> Floats:
        """Return raw scores, on the scale of the attributions."""
        return self._score(matrix)
