"""An additive model as plain arrays: a sum of tables over one feature, or over two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ExplainError
from pellucid.models.archive import pack, unpack

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """How the values of a feature fall into bins; bin 0 holds missing values.

    Attributes
    ----------
    feature : int
        Index of the feature.
    edges : array of float64
        Of a number: the ascending first values of bins 2, 3, ...; of categories: their codes,
        ascending.
    bins : array of int64, optional
        Of categories: the bin of each code; a category that is not there has the last bin.
    """

    feature: int
    edges: Floats
    bins: NDArray[np.int64] | None = None

    def places(self, rows: Floats, count: int) -> NDArray[np.int64]:
        """Return the bins, of `count`, of rows of shape (n, features)."""
        column = rows[:, self.feature]
        missing = np.isnan(column)
        if self.bins is None:
            return np.where(missing, 0, 1 + np.searchsorted(self.edges, column, side="right"))
        near = np.minimum(np.searchsorted(self.edges, column), max(0, len(self.edges) - 1))
        is_known = self.edges[near] == column if len(self.edges) else np.zeros_like(missing)
        found = self.bins[near] if len(self.edges) else near
        return np.where(missing, 0, np.where(is_known, found, count - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One table of the sum.

    Attributes
    ----------
    axes : tuple of Axis
        One, or two of different features.
    scores : array of float64, shape (bins,) or (bins, bins)
        Added to the raw score; one dimension for each axis.
    weights : array of float64, same shape
        Of the training data, by bin.
    """

    axes: tuple[Axis, ...]
    scores: Floats
    weights: Floats

    def places(self, rows: Floats) -> tuple[NDArray[np.int64], ...]:
        """Return the place in the table of each row, by axis."""
        return tuple(
            axis.places(rows, count)
            for axis, count in zip(self.axes, self.scores.shape, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Additive:
    """A sum of tables.

    Attributes
    ----------
    intercept : float
    terms : tuple of Term
    features : int
        Number of features of a row.
    """

    intercept: float
    terms: tuple[Term, ...]
    features: int

    def raw_score(self, rows: Floats) -> Floats:
        """Return the raw scores of rows, shape (n, features); NaN where a value is missing."""
        total = np.full(len(rows), self.intercept)
        for term in self.terms:
            total += term.scores[term.places(rows)]
        return total


def encode_additive(model: Additive) -> bytes:
    """Return an additive model in NumPy's own format."""
    arrays: dict[str, NDArray] = {
        "intercept": np.array(model.intercept), "features": np.array(model.features),
        "axes": np.array([len(term.axes) for term in model.terms], dtype=np.int64),
    }  # fmt: skip
    for number, term in enumerate(model.terms):
        arrays |= {f"scores_{number}": term.scores, f"weights_{number}": term.weights}
        for side, axis in enumerate(term.axes):
            place = f"{number}_{side}"
            arrays |= {f"feature_{place}": np.array(axis.feature), f"edges_{place}": axis.edges}
            if axis.bins is not None:
                arrays[f"bins_{place}"] = axis.bins
    return pack(arrays)


def decode_additive(content: bytes) -> Additive:
    """Return an additive model from its bytes.

    Raises
    ------
    ExplainError
        If they are not those of an additive model.
    """
    found = unpack(content, "an additive model")
    try:
        terms = tuple(
            Term(
                axes=tuple(_axis(found, f"{number}_{side}") for side in range(int(count))),
                scores=found[f"scores_{number}"], weights=found[f"weights_{number}"],
            )
            for number, count in enumerate(found["axes"])
        )  # fmt: skip
        return Additive(
            intercept=float(found["intercept"]), terms=terms, features=int(found["features"])
        )
    except (KeyError, TypeError) as error:
        raise ExplainError(f"this is no file of an additive model: {error}") from error


def _axis(found: dict[str, NDArray], place: str) -> Axis:
    return Axis(
        feature=int(found[f"feature_{place}"]),
        edges=found[f"edges_{place}"],
        bins=found.get(f"bins_{place}"),
    )
