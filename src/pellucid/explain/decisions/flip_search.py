"""Tries other values of one feature at a time on one decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.explain.attribution import LoadedModel

Floats = NDArray[np.float64]

_MOST_VALUES = 200
_REFINEMENTS = 3
_STEPS = 64


@dataclass(frozen=True, slots=True)
class Search:
    """A decision of c candidates, to be scored again with other features.

    Attributes
    ----------
    model : LoadedModel
    matrix : array of float64, shape (c, features)
    total : array of float64, shape (c,)
        Utilities as logged.
    before : array of float64, shape (c,)
        What the model gives for the matrix, linked.
    chosen : int
    to : int
        -1 for anywhere.
    is_linked : bool
        Whether the policy adds to probabilities of a model that scores in log-odds.
    """

    model: LoadedModel
    matrix: Floats
    total: Floats
    before: Floats
    chosen: int
    to: int
    is_linked: bool

    def picks(self, column: int, whose: Sequence[int], values: Floats) -> NDArray[np.int64]:
        """Return the pick for each value of a feature of some candidates, shape (values,)."""
        changed = np.repeat(self.matrix[None], len(values), axis=0)
        for candidate in whose:
            changed[:, candidate, column] = values
        flat = changed.reshape(-1, self.matrix.shape[1])
        scores = linked_scores(self.model, flat, is_linked=self.is_linked)
        scores = scores.reshape(len(values), -1)
        return np.asarray((self.total + scores - self.before).argmax(axis=1))

    def flips(self, picks: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether picks are what is asked for."""
        return picks == self.to if self.to >= 0 else picks != self.chosen


def linked_scores(model: LoadedModel, matrix: Floats, *, is_linked: bool) -> Floats:
    """Return what a model gives for rows, shape (n,): probabilities where its link is asked for."""
    scores = model.explainer.raw_score(matrix)
    return 1 / (1 + np.exp(-scores)) if is_linked else scores


def feature_flips(
    search: Search, usual: Floats, names: Sequence[str], shared: frozenset[str],
    labels: dict[str, str], fixed: frozenset[str],
) -> list[dict[str, object]]:  # fmt: skip
    """Return for each feature the nearest value that flips the decision, nearest first.

    Parameters
    ----------
    usual : array of float64, shape (m, features)
        The reference population.
    names : sequence of str
        The candidates.
    shared : frozenset of str
        Features of the decision, changed in all of its candidates at once.
    labels : dict of str to str
        Business names.
    fixed : frozenset of str
        Features that are never other for a candidate, which are not tried.

    Returns
    -------
    list of dict
        Rows of `Flips.features`.
    """
    found = []
    everybody = range(len(names))
    for column, feature in enumerate(search.model.features):
        if feature in fixed:
            continue
        sides: list[tuple[Sequence[int], str | None]] = [(everybody, None)]
        if feature not in shared:
            sides = [([place], names[place]) for place in everybody]
        known = usual[:, column]
        seen = np.unique(known[np.isfinite(known)])
        is_category = feature in search.model.categories or len(seen) < 3
        is_whole = bool((seen == np.round(seen)).all())
        best: dict[str, object] | None = None
        for whose, candidate in sides:
            own = float(search.matrix[whose[0], column])
            values = _values(known, own)
            if not len(values):
                continue
            does = search.flips(search.picks(column, whose, values))
            if not does.any():
                continue
            far = _distances(known, own, values, is_category=is_category)
            place = int(np.where(does, far, np.inf).argmin())
            value = float(values[place])
            if not is_category and not is_whole and np.isfinite(own) and np.isfinite(value):
                value = _border(search, column, whose, own, value)
                far[place] = _distances(known, own, np.array([value]), is_category=False)[0]
            pick = search.picks(column, whose, np.array([value]))[0]
            row: dict[str, object] = {
                "feature": feature, "label": labels.get(feature, feature), "candidate": candidate,
                "value": _shown(search.model, feature, own), "pick": names[int(pick)],
                "needed": _shown(search.model, feature, value), "distance": float(far[place]),
            }  # fmt: skip
            if best is None or float(far[place]) < float(str(best["distance"])):
                best = row
        if best is not None:
            found.append(best)
    return sorted(found, key=lambda row: float(str(row["distance"])))


def _values(known: Floats, own: float) -> Floats:
    """Return values to try, from the reference population."""
    values = np.unique(known[np.isfinite(known)])
    if len(values) > _MOST_VALUES:
        values = np.unique(np.quantile(values, np.linspace(0, 1, _MOST_VALUES)))
    if np.isnan(known).any():
        values = np.append(values, np.nan)
    same = (values == own) | (np.isnan(values) & np.isnan(own))
    return np.asarray(values[~same])


def _distances(known: Floats, own: float, values: Floats, *, is_category: bool) -> Floats:
    if is_category or np.isnan(own):
        same = (known[:, None] == values) | (np.isnan(known)[:, None] & np.isnan(values))
        return np.asarray(1 - same.mean(axis=0))
    low, high = np.minimum(values, own), np.maximum(values, own)
    between = ((known[:, None] > low) & (known[:, None] < high)).mean(axis=0)
    # Of those that have the very value half count, so that neighbours too lie apart.
    between += (known[:, None] == values).mean(axis=0) / 2
    return np.where(np.isnan(values), 1.0, between)


def _border(search: Search, column: int, whose: Sequence[int], own: float, value: float) -> float:
    """Return the value nearest to the own one that still flips, on the way to one that does."""
    stays, flips = own, value
    for _ in range(_REFINEMENTS):
        steps = np.linspace(stays, flips, _STEPS + 1)
        does = search.flips(search.picks(column, whose, steps))
        # Rounding aside the last one flips, as it did before.
        first = max(1, int(does.argmax())) if does.any() else _STEPS
        stays, flips = float(steps[first - 1]), float(steps[first])
    return flips


def _shown(model: LoadedModel, feature: str, value: float) -> str:
    if np.isnan(value):
        return "missing"
    values = model.categories.get(feature)
    return values[int(value)] if values else f"{value:.6g}"
