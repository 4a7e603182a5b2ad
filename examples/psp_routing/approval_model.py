"""The approval model: LightGBM on the attempts of the first weeks, the PSP among its features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FEATURES = ("psp", "country", "card", "is_3d_secured", "amount", "hour", "weekday", "attempt")
_TREES = 100
_PARAMS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 100,
    # One value against the rest: there are at most seven.
    "max_cat_to_onehot": len(WEEKDAYS),
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "seed": 7,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class ApprovalModel:
    """A trained model and the order of its categories' codes."""

    booster: lightgbm.Booster
    categories: dict[str, tuple[str, ...]]

    def raw_score(self, features: pa.Table) -> Floats:
        """Return log-odds of success, shape (n,)."""
        matrix = encode(features, self.categories)
        return np.asarray(self.booster.predict(matrix, raw_score=True, num_threads=1))


def features_of(attempts: pa.Table, psp: pa.Array | None = None) -> pa.Table:
    """Return the model's inputs under the names that they are logged by.

    Parameters
    ----------
    attempts : pyarrow.Table, n rows
        As `purchases.read_attempts` returns them.
    psp : array of str, n rows, optional
        The candidate; by default the PSP really used.
    """
    at = attempts.column("decided_at")
    weekday = pa.array(WEEKDAYS, pa.string()).take(pc.day_of_week(at).combine_chunks())
    return pa.table({
        "f_psp": attempts.column("psp") if psp is None else psp,
        "f_country": attempts.column("country"),
        "f_card": attempts.column("card"),
        "f_is_3d_secured": attempts.column("is_3d_secured"),
        "f_amount": pc.cast(attempts.column("amount"), pa.float64()),
        "f_hour": pc.cast(pc.hour(at), pa.float64()),
        "f_weekday": weekday,
        "f_attempt": pc.cast(attempts.column("attempt"), pa.float64()),
    })  # fmt: skip


def encode(features: pa.Table, categories: dict[str, tuple[str, ...]]) -> Floats:
    """Return the matrix that the model takes: codes for categories, shape (n, features)."""
    matrix = np.empty((features.num_rows, len(FEATURES)))
    for index, name in enumerate(FEATURES):
        column = features.column(f"f_{name}")
        if name in categories:
            column = pc.index_in(column, value_set=pa.array(categories[name], pa.string()))
        matrix[:, index] = pc.cast(column, pa.float64()).to_numpy()
    return matrix


def train(attempts: pa.Table) -> ApprovalModel:
    """Train on attempts and their outcomes; the same rows give the same model."""
    features = features_of(attempts)
    categories = {
        "psp": _values(features, "psp"),
        "country": _values(features, "country"),
        "card": _values(features, "card"),
        "weekday": WEEKDAYS,
    }
    rows = lightgbm.Dataset(
        encode(features, categories),
        attempts.column("success").to_numpy(),
        feature_name=list(FEATURES),
        categorical_feature=list(categories),
        params=_PARAMS,
    )
    return ApprovalModel(lightgbm.train(_PARAMS, rows, num_boost_round=_TREES), categories)


def probability_of(raw_score: Floats) -> Floats:
    """Return the logistic function of log-odds."""
    return 1 / (1 + np.exp(-raw_score))


def rank_quality(probability: Floats, success: Floats) -> float:
    """Return the area under the ROC curve: 0.5 for no order at all, 1 for a perfect one."""
    _, place, count = np.unique(probability, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    hits = success == 1
    positive, negative = hits.sum(), (~hits).sum()
    return float((rank[hits].sum() - positive * (positive + 1) / 2) / (positive * negative))


def log_loss(probability: Floats | float, success: Floats) -> float:
    """Return the mean of −ln of the probability given to what happened."""
    return float(-np.mean(np.log(np.where(success == 1, probability, 1 - np.asarray(probability)))))


def _values(features: pa.Table, name: str) -> tuple[str, ...]:
    return tuple(sorted(pc.unique(features.column(f"f_{name}")).to_pylist()))
