"""The approval model: LightGBM trained on mature labels of chosen candidates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import MissingExtraError
from pellucid.testing.worlds.clock import HOUR_US, instant
from pellucid.testing.worlds.features import CATEGORIES, FEATURE_NAMES, Matrix
from pellucid.testing.worlds.noise import Stream, uniform
from pellucid.testing.worlds.population import Payments
from pellucid.testing.worlds.rows import Floats, Ints, Rows

if TYPE_CHECKING:
    from lightgbm import Booster

    from pellucid.testing.worlds.outcomes import Results

MATURITY_US = 2 * HOUR_US
TREES = 60
_TRAIN_ROWS = 50_000
_SCORE_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Examples(Rows):
    """Chosen candidates that a model may be trained on."""

    payment: Payments
    attempt: NDArray[np.int8]
    at_us: Ints
    route: NDArray[np.int8]
    features: Matrix
    results: Results


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model version with all that it was trained on.

    Attributes
    ----------
    booster : lightgbm.Booster
    version : int
        1 for the first; also the id's last part.
    window_us : tuple of int
        Training window, start inclusive and end exclusive; it was trained at the end.
    examples : Examples
    labels : array of float64
        1 approved, 0 declined, as believed when it was trained.
    """

    booster: Booster
    version: int
    window_us: tuple[int, int]
    examples: Examples
    labels: Floats

    def raw_scores(self, inputs: Matrix) -> Floats:
        """Return log-odds for a matrix of shape (n, n_features)."""
        scores = self.booster.predict(
            inputs, raw_score=True, num_threads=threads(len(inputs), enough=_SCORE_ROWS)
        )
        return np.asarray(scores)

    @property
    def model_id(self) -> str:
        """`name:version`."""
        return f"approval:{self.version}"

    def metadata(self) -> dict[str, Any]:
        """Return what the `models` table wants to know, beside the booster."""
        start_at, end_at = (instant(bound) for bound in self.window_us)
        trained_at: datetime = end_at
        return {
            "name": "approval",
            "version": str(self.version),
            "trained_at": trained_at,
            "training_start_at": start_at,
            "training_end_at": end_at,
            "features": list(FEATURE_NAMES),
            "categories": {name: list(values) for name, values in CATEGORIES.items()},
        }


def threads(row_count: int, *, enough: int) -> int:
    """Return how many threads LightGBM should use; results do not depend on it.

    On small batches a second thread costs more than it brings, and with two test workers on two
    cores, where the threads wait for each other, ten times more.
    """
    return 2 if row_count >= enough else 1


def train(
    pool: Examples, *, version: int, window_us: tuple[int, int], limit: int, seed: int
) -> TrainedModel:
    """Train a model on the mature and observed labels of a window.

    Parameters
    ----------
    pool : Examples
        Chosen candidates, of this window and others.
    version : int
        Version of the model.
    window_us : tuple of int
        Start and end of the training window, in microseconds since 1970.
    limit : int
        Most examples to train on; beyond it a random subset is used.
    seed : int
        Seed of the world.

    Returns
    -------
    TrainedModel

    Raises
    ------
    MissingExtraError
        If LightGBM is not installed.
    """
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtraError(
            package="lightgbm", extra="lightgbm", purpose="a payment world"
        ) from error
    examples, labels = _mature(pool, window_us, limit, seed)
    params = {
        "objective": "binary",
        "num_leaves": 31,
        "learning_rate": 0.1,
        "min_data_in_leaf": max(20, len(labels) // 2_000),
        # One value against the rest: with many-vs-many splits one bad weekday is averaged away.
        "max_cat_to_onehot": len(CATEGORIES["route"]),
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads(len(labels), enough=_TRAIN_ROWS),
        "seed": seed % 2**31,
        "verbosity": -1,
    }
    dataset = lightgbm.Dataset(
        examples.features,
        labels,
        feature_name=list(FEATURE_NAMES),
        categorical_feature=list(CATEGORIES),
        params=params,
    )
    booster = lightgbm.train(params, dataset, num_boost_round=TREES)
    # The binned data set would keep the whole training matrix alive.
    booster.free_dataset()
    return TrainedModel(booster, version, window_us, examples, labels)


def _mature(
    pool: Examples, window_us: tuple[int, int], limit: int, seed: int
) -> tuple[Examples, Floats]:
    """Return the examples of the window that are mature and known at its end, with labels."""
    start_us, end_us = window_us
    is_known, label = pool.results.known_label(end_us)
    usable = is_known & (pool.at_us >= start_us) & (pool.at_us < end_us - MATURITY_US)
    chosen = np.flatnonzero(usable)
    if len(chosen) > limit:
        key = pool.payment.number[chosen] * np.uint64(4) + pool.attempt[chosen].astype(np.uint64)
        draw = uniform(key, Stream.TRAINING_SAMPLE, seed)
        chosen = np.sort(chosen[np.argsort(draw, kind="stable")[:limit]])
    return pool.take(chosen), label[chosen].astype(np.float64)
