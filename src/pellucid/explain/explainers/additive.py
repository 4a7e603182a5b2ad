"""Additive models: exact attributions from their own tables."""

from __future__ import annotations

import numpy as np

from pellucid.explain.explainers.base import Floats, Pairs
from pellucid.models.additive import Additive, Term


class AdditiveExplainer:
    """Attributions of a sum of tables over one or two features: its Shapley values.

    A table over one feature is that feature's; one over two is split by the game of two players.
    Without a reference population they are against the training data, as the tables hold them.

    Parameters
    ----------
    model : Additive
    library : str
        That trained it, for the record.
    """

    def __init__(self, model: Additive, library: str) -> None:
        self._model = model
        self._library = library
        self._prepare([term.weights for term in model.terms])
        self._name = f"{library} tables, exact against the training data"

    @property
    def name(self) -> str:
        """What the attributions are, for the record."""
        return self._name

    def set_reference(self, matrix: Floats, described: str) -> None:
        """Attribute against a reference population, shape (m, features), from now on."""
        counts = []
        for term in self._model.terms:
            counted = np.zeros(term.scores.shape)
            np.add.at(counted, term.places(matrix), 1.0)
            counts.append(counted)
        self._prepare(counts)
        self._name = f"{self._library} tables, exact against {described}"

    def attribute(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values, shape (n,), and attributions, shape (n, features)."""
        values = np.zeros((len(matrix), self._model.features))
        for term, tables in zip(self._model.terms, self._tables, strict=True):
            places = term.places(matrix)
            for axis, table in zip(term.axes, tables, strict=True):
                values[:, axis.feature] += table[places]
        return np.full(len(matrix), self._base), values

    def pairs(self, matrix: Floats, reference: Floats) -> Pairs:
        """Return attributions of rows, shape (n, features), against reference rows."""
        values = np.zeros((len(matrix), len(reference), self._model.features))
        for term in self._model.terms:
            own = [place[:, None] for place in term.places(matrix)]
            other = term.places(reference)
            change = term.scores[tuple(own)] - term.scores[other]
            if len(own) == 1:
                values[:, :, term.axes[0].feature] += change
            else:
                tilt = term.scores[own[0], other[1]] - term.scores[other[0], own[1]]
                values[:, :, term.axes[0].feature] += (change + tilt) / 2
                values[:, :, term.axes[1].feature] += (change - tilt) / 2
        scores, others = self._model.raw_score(matrix), self._model.raw_score(reference)
        return Pairs(values=values, scores=scores, reference_scores=others)

    def raw_score(self, matrix: Floats) -> Floats:
        """Return raw scores, on the scale of the attributions."""
        return self._model.raw_score(matrix)

    def _prepare(self, counts: list[Floats]) -> None:
        """Make the tables of attributions against rows that fall into bins as counted."""
        self._base = self._model.intercept
        self._tables: list[tuple[Floats, ...]] = []
        for term, counted in zip(self._model.terms, counts, strict=True):
            shares = counted / counted.sum()
            mean = float((shares * term.scores).sum())
            self._base += mean
            self._tables.append(_tables(term, shares, mean))


def _tables(term: Term, shares: Floats, mean: float) -> tuple[Floats, ...]:
    if len(term.axes) == 1:
        return (term.scores - mean,)
    # Means over the reference with one feature given, by that feature's bin.
    first_given = (term.scores @ shares.sum(axis=0))[:, None]
    second_given = shares.sum(axis=1) @ term.scores
    change, tilt = term.scores - mean, first_given - second_given
    return (change + tilt) / 2, (change - tilt) / 2
