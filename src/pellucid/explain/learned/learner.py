"""Training a LightGBM model again as it was trained, on other rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import MissingExtraError

Floats = NDArray[np.float64]
Scores = Callable[[Floats], Floats]

# Below it a second thread costs more than it brings.
_THREAD_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Learner:
    """What a model file says of how its model was trained.

    Attributes
    ----------
    parameters : mapping of str to object
        LightGBM's own; seeds among them, so that the same rows give the same model.
    rounds : int
        Trees.
    categorical : tuple of int
        Places of the features that are categories.
    """

    parameters: Mapping[str, Any]
    rounds: int
    categorical: tuple[int, ...]

    def fit(
        self, matrix: Floats, label: Floats, weight: Floats, *, without: Sequence[int] = ()
    ) -> Scores:
        """Train a model; return what gives its raw scores for a matrix, shape (n, features).

        Parameters
        ----------
        matrix : array of float64, shape (n, features)
        label, weight : array of float64, shape (n,)
        without : sequence of int
            Places of features that the model must not see.
        """
        import lightgbm

        hidden = list(without)
        seen = _hide(matrix, hidden)
        threads = 2 if len(matrix) >= _THREAD_ROWS else 1
        parameters = {**self.parameters, "num_threads": threads, "verbosity": -1}
        rows = lightgbm.Dataset(
            seen, label, weight=weight, params=parameters,
            categorical_feature=[place for place in self.categorical if place not in hidden],
        )  # fmt: skip
        booster = lightgbm.train(parameters, rows, num_boost_round=self.rounds)

        def score(other: Floats) -> Floats:
            raw = booster.predict(_hide(other, hidden), raw_score=True, num_threads=threads)
            return np.asarray(raw, dtype=np.float64)

        return score


def lightgbm_learner(content: bytes) -> Learner | None:
    """Return how a LightGBM model file was trained; None if it does not predict a yes or no.

    Raises
    ------
    MissingExtraError
        If LightGBM is not installed.
    """
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtraError(
            package="lightgbm", extra="lightgbm", purpose="training a model again"
        ) from error
    booster = lightgbm.Booster(model_str=content.decode())
    parameters = dict(booster.params)
    if parameters.get("objective") != "binary":
        return None
    categorical = parameters.pop("categorical_feature", None) or []
    parameters.pop("num_iterations", None)
    return Learner(parameters, booster.num_trees(), tuple(int(place) for place in categorical))


def _hide(matrix: Floats, places: Sequence[int]) -> Floats:
    """Return a matrix in which features are the same in all rows, so that no tree splits on them.

    Their columns stay: parameters by place, such as constraints, go on fitting.
    """
    if not places:
        return matrix
    hidden = matrix.copy()
    hidden[:, places] = 0.0
    return hidden
