"""Explainers of models made of models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.errors import ExplainError
from pellucid.explain.explainers.base import (
    Explainer,
    Floats,
    PairExplainer,
    Pairs,
    scored,
    thinned,
)
from pellucid.explain.explainers.coalitions import (
    MOST_EXACT,
    Score,
    exact_values,
    sampled_values,
)
from pellucid.explain.explainers.compose import mixture, pipeline, product, spread, widened

# Rows and reference rows on which an approximation is held against Shapley values.
_CHECKED_ROWS, _CHECKED_REFERENCE = 12, 20
_CHECKED_ORDERS = 10
# Numbers of one block of attributions against single reference rows.
_KEPT_VALUES = 4_000_000


@dataclass(frozen=True, slots=True)
class Placed:
    """A part of a composed model.

    Attributes
    ----------
    explainer : PairExplainer
    places : tuple of int
        Where its features stand among those of the whole, in its own order.
    """

    explainer: PairExplainer
    places: tuple[int, ...]

    def raw_score(self, matrix: Floats) -> Floats:
        """Return the part's scores of rows of the whole."""
        return self.explainer.raw_score(matrix[:, self.places])

    def pairs(self, matrix: Floats, reference: Floats) -> Pairs:
        """Return the part's attributions, by the features of the whole."""
        found = self.explainer.pairs(matrix[:, self.places], reference[:, self.places])
        return widened(found, self.places, matrix.shape[1])


class SumExplainer:
    """Attributions of a weighted sum of models: as exact as those of its parts.

    Parameters
    ----------
    parts : sequence of (Explainer, places, factor)
        Each with the places of its features among those of the whole, and what its score is
        multiplied by.
    """

    def __init__(self, parts: Sequence[tuple[Explainer, tuple[int, ...], float]]) -> None:
        self._parts = tuple(parts)

    @property
    def name(self) -> str:
        """What the attributions are, for the record."""
        told = (f"{factor:g} × ({part.name})" for part, _, factor in self._parts)
        return "sum of " + " + ".join(told)

    def set_reference(self, matrix: Floats, described: str) -> None:
        """Attribute against a reference population, shape (m, features), from now on."""
        for part, places, _ in self._parts:
            part.set_reference(matrix[:, places], described)

    def attribute(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values, shape (n,), and attributions, shape (n, features)."""
        base, values = np.zeros(len(matrix)), np.zeros(matrix.shape)
        for part, places, factor in self._parts:
            own_base, own = part.attribute(matrix[:, places])
            base += factor * own_base
            values[:, places] += factor * own
        return base, values

    def pairs(self, matrix: Floats, reference: Floats) -> Pairs:
        """Return attributions of rows, shape (n, features), against reference rows.

        Raises
        ------
        ExplainError
            If the explainer of a part does not attribute against single reference rows.
        """
        found = []
        for part, places, _ in self._parts:
            if not isinstance(part, PairExplainer):
                raise ExplainError(
                    f"a part, {part.name}, has no attributions against single reference rows; "
                    "its explainer needs a method pairs(matrix, reference)"
                )
            found.append(Placed(part, places).pairs(matrix, reference))
        return mixture(found, [factor for _, _, factor in self._parts])

    def raw_score(self, matrix: Floats) -> Floats:
        """Return raw scores, on the scale of the attributions."""
        scores = [factor * part.raw_score(matrix[:, at]) for part, at, factor in self._parts]
        return np.sum(scores, axis=0)


class ComposedExplainer:
    """Attributions of a composition that are approximate, with a measure of how much.

    Sums are exact, against at most `most_reference` rows drawn from the reference population. With
    it, `error` is measured: the mean distance from Shapley values on some of its rows.

    Parameters
    ----------
    kind : str
        What it is, for the record.
    pairs : callable
        Attributions of rows against reference rows.
    score : callable
        The whole model's scores of rows.
    most_reference : int, default 100
    """

    def __init__(
        self,
        kind: str,
        pairs: Callable[[Floats, Floats], Pairs],
        score: Score,
        *,
        most_reference: int = 100,
    ) -> None:
        self._kind, self._pairs, self._score = kind, pairs, score
        self._most_reference = most_reference
        self._reference: Floats | None = None
        self._name = f"{kind}, no reference population yet"
        self.error = np.nan

    @property
    def name(self) -> str:
        """What the attributions are, for the record, with their error."""
        return self._name

    def set_reference(self, matrix: Floats, described: str) -> None:
        """Attribute against a reference population from now on, and measure the error."""
        kept, named = scored(matrix, np.isfinite(self._score(matrix)), described)
        self._reference, named = thinned(kept, self._most_reference, named)
        rows, size = self._measure(self._reference)
        self._name = (
            f"{self._kind}, approximate (off by {self.error:.2g} on average of {rows} rows, where "
            f"the mean size is {size:.2g}) against {named}"
        )

    def attribute(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values, shape (n,), and attributions, shape (n, features).

        Raises
        ------
        ExplainError
            If there is no reference population yet.
        """
        if self._reference is None:
            raise ExplainError(
                f"{self._kind}: its attributions need a reference population; store one with "
                "obs.attribute(...), or give it with set_reference(matrix, described)"
            )
        base, values = np.empty(len(matrix)), np.empty(matrix.shape)
        block = max(1, _KEPT_VALUES // (len(self._reference) * matrix.shape[1]))
        for start in range(0, len(matrix), block):
            cell = slice(start, start + block)
            base[cell], values[cell] = self._pairs(matrix[cell], self._reference).averaged()
        return base, values

    def pairs(self, matrix: Floats, reference: Floats) -> Pairs:
        """Return attributions of rows, shape (n, features), against reference rows."""
        return self._pairs(matrix, reference)

    def raw_score(self, matrix: Floats) -> Floats:
        """Return raw scores, on the scale of the attributions."""
        return self._score(matrix)

    def _measure(self, reference: Floats) -> tuple[int, float]:
        """Set the error; return the rows that it was measured on, and the mean size of values."""
        rows, others = reference[-_CHECKED_ROWS:], reference[:_CHECKED_REFERENCE]
        players = np.arange(reference.shape[1])
        if len(players) <= MOST_EXACT:
            true = exact_values(self._score, rows, others, players)
        else:
            true = sampled_values(self._score, rows, others, players, orders=_CHECKED_ORDERS)
        _, found = self._pairs(rows, others).averaged()
        self.error = float(np.abs(found - true.values).mean())
        return len(rows), float(np.abs(true.values).mean())


def product_explainer(first: Placed, second: Placed) -> ComposedExplainer:
    """Return the explainer of the product of two models."""
    return ComposedExplainer(
        "product of two models",
        lambda rows, others: product(first.pairs(rows, others), second.pairs(rows, others)),
        lambda rows: first.raw_score(rows) * second.raw_score(rows),
    )


def pipeline_explainer(
    head: PairExplainer, stages: Sequence[Placed], direct: Sequence[int] = ()
) -> ComposedExplainer:
    """Return the explainer of a model that reads the scores of others.

    Parameters
    ----------
    head : PairExplainer
        Of a model whose inputs are the stages' scores, then features that it reads itself.
    stages : sequence of Placed
    direct : sequence of int
        Features that the head reads itself, in its order.
    """

    def read(rows: Floats, scores: Sequence[Floats]) -> Floats:
        return np.column_stack([*scores, rows[:, list(direct)]])

    def pairs(rows: Floats, others: Floats) -> Pairs:
        found = [stage.pairs(rows, others) for stage in stages]
        own = head.pairs(
            read(rows, [stage.scores for stage in found]),
            read(others, [stage.reference_scores for stage in found]),
        )
        return spread(pipeline(own, found, direct), found)

    def score(rows: Floats) -> Floats:
        return head.raw_score(read(rows, [stage.raw_score(rows) for stage in stages]))

    return ComposedExplainer(f"pipeline of {len(stages)} stages", pairs, score)
