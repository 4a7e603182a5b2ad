"""What explainers of tree ensembles share: exact attributions by the pattern tables."""

from __future__ import annotations

import numpy as np

from pellucid.explain.explainers.base import Floats
from pellucid.explain.trees.kernel import Prepared, attribute, prepare
from pellucid.explain.trees.tables import feature_players
from pellucid.models.ensemble import Ensemble


class TreeAttributions:
    """Attributions of a tree ensemble: along its paths, or against a reference population.

    Parameters
    ----------
    ensemble : Ensemble
    library : str
        That trained it, for the record.
    """

    def __init__(self, ensemble: Ensemble, library: str) -> None:
        self._ensemble = ensemble
        self._library = library
        self._reference: Floats | None = None
        self._prepared: Prepared | None = None
        self.name = f"{library} trees, path-dependent"

    def set_reference(self, matrix: Floats, described: str) -> None:
        """Attribute against a reference population, shape (m, features), from now on."""
        self._reference, self._prepared = matrix, None
        self.name = f"{self._library} trees, interventional against {described}"

    def values(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values, shape (n,), and attributions, shape (n, features)."""
        if self._prepared is None:
            players = feature_players(self._ensemble.features)
            self._prepared = prepare(self._ensemble, players=players, reference=self._reference)
        return np.full(len(matrix), self._prepared.base), attribute(self._prepared, matrix)


class EnsembleExplainer:
    """Attributions of an ensemble that needs no library: it scores by its own trees.

    A model that was read wrongly shows in the residual of the logged raw scores.
    """

    def __init__(self, ensemble: Ensemble, library: str) -> None:
        self._ensemble = ensemble
        self._trees = TreeAttributions(ensemble, library)

    @property
    def name(self) -> str:
        """What the attributions are, for the record."""
        return self._trees.name

    def set_reference(self, matrix: Floats, described: str) -> None:
        """Attribute against a reference population from now on."""
        self._trees.set_reference(matrix, described)

    def attribute(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values and attributions, on the scale of the ensemble's values."""
        return self._trees.values(matrix)

    def raw_score(self, matrix: Floats) -> Floats:
        """Return raw scores, on the same scale."""
        return self._ensemble.raw_score(matrix)
