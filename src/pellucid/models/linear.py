"""A linear model as plain arrays, whichever library trained it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ExplainError
from pellucid.models.archive import pack, unpack

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """An intercept and a weight for each feature; scaling is folded into both.

    Attributes
    ----------
    names : tuple of str
        Of the features.
    intercept : float
        Raw score of a row of zeros.
    weights : array of float64, shape (features,)
    fill : array of float64, shape (features,)
        What a missing value is replaced by; NaN where the model takes none.
    center : array of float64, shape (features,)
        Where the scaled value is 0, such as the training means; zeros where nothing is scaled.
    """

    names: tuple[str, ...]
    intercept: float
    weights: Floats
    fill: Floats
    center: Floats

    def filled(self, rows: Floats) -> Floats:
        """Return rows without missing values, except where the model takes none."""
        return np.where(np.isnan(rows), self.fill, rows)

    def raw_score(self, rows: Floats) -> Floats:
        """Return the raw scores of rows, shape (n, features); NaN where a value is missing."""
        scores: Floats = self.intercept + self.filled(rows) @ self.weights
        return scores


def encode_linear(model: Linear) -> bytes:
    """Return a linear model in NumPy's own format."""
    return pack(
        {
            "names": np.array(model.names, dtype=np.str_),
            "intercept": np.array(model.intercept),
            "weights": model.weights,
            "fill": model.fill,
            "center": model.center,
        }
    )


def decode_linear(content: bytes) -> Linear:
    """Return a linear model from its bytes.

    Raises
    ------
    ExplainError
        If they are not those of a linear model.
    """
    found = unpack(content, "a linear model")
    try:
        weights = found["weights"].astype(np.float64)
        names = tuple(found["names"].tolist())
        if not len(weights) == len(found["fill"]) == len(found["center"]) == len(names):
            raise ExplainError(
                "this is no file of a linear model: its arrays are of unequal length"
            )
        return Linear(
            names=names, intercept=float(found["intercept"]), weights=weights,
            fill=found["fill"].astype(np.float64), center=found["center"].astype(np.float64),
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ExplainError(f"this is no file of a linear model: {error}") from error
