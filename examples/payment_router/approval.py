"""The approval model: LightGBM, trained at start on payments that never were."""

from __future__ import annotations

from datetime import UTC, datetime

import lightgbm
import numpy as np
from numpy.typing import NDArray
from routes import ROUTES, Route

FEATURES = ("amount", "hour", "is_domestic", "is_debit", "route_rate")
TRAINED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_PARAMS = {"objective": "binary", "num_leaves": 7, "num_threads": 1, "deterministic": True,
           "force_row_wise": True, "seed": 7, "verbosity": -1}  # fmt: skip


def features_of(
    route: Route, *, amount_minor: int, country: str, card: str, at: datetime
) -> list[float]:
    """Return the model's inputs for one route, in the order of `FEATURES`."""
    return [amount_minor / 100, at.hour, country == route.home, card == "debit", route.rate]


def train(payments: int = 4000) -> lightgbm.Booster:
    """Train a model; the same one each time, so that every worker has the same."""
    draw = np.random.default_rng(7)
    rates = np.array([route.rate for route in ROUTES])
    rows = np.column_stack([
        draw.lognormal(3.5, 1.0, payments), draw.integers(0, 24, payments),
        draw.random(payments) < 0.5, draw.random(payments) < 0.4, draw.choice(rates, payments),
    ])  # fmt: skip
    labels = draw.random(payments) < _approval(rows)
    data = lightgbm.Dataset(rows, labels, feature_name=list(FEATURES), params=_PARAMS)
    return lightgbm.train(_PARAMS, data, num_boost_round=40)


def _approval(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    amount, hour, is_domestic, is_debit, rate = rows.T
    odds = np.log(rate / (1 - rate)) + 0.5 * is_domestic - 0.4 * is_debit
    return 1 / (1 + np.exp(-(odds - 0.003 * amount - 0.3 * (hour < 6))))
