"""What the model sees: the feature list, the feature matrix, and its way to and from Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.spec.system import Feature
from pellucid.testing.worlds.clock import HOUR_US, WEEKDAYS, microseconds, weekdays
from pellucid.testing.worlds.health import HealthBook
from pellucid.testing.worlds.incidents import Incident, StaleFeature, UnitChange
from pellucid.testing.worlds.population import CARD_TYPES, COUNTRIES, ISSUERS, NETWORKS, Payments
from pellucid.testing.worlds.routes import PROCESSOR_OF_ROUTE, PROCESSORS, ROUTE_NAMES, ROUTES
from pellucid.testing.worlds.rows import Bools, Floats, Ints

Matrix = NDArray[np.float32]

FEATURES = (
    Feature(name="amount", label="Amount", group="Payment", unit="EUR"),
    Feature(name="hour", label="Hour of day (UTC)", group="Time", unit="h"),
    Feature(name="weekday", label="Day of week (UTC)", kind="category", group="Time"),
    Feature(name="country", label="Card country", kind="category", group="Card"),
    Feature(name="issuer", label="Issuing bank", kind="category", group="Card"),
    Feature(name="network", label="Card network", kind="category", group="Card"),
    Feature(name="card_type", label="Card type", kind="category", group="Card"),
    Feature(name="attempt", label="Attempt number", group="Payment"),
    Feature(name="customer_age_days", label="Age of customer account", group="Customer", unit="d"),
    Feature(name="is_cross_border", label="Cross-border payment", kind="boolean", group="Payment"),
    Feature(name="route", label="Route", kind="category", group="Route"),
    Feature(name="processor", label="Processor", kind="category", group="Route"),
    Feature(name="route_health", label="Route's approval rate, last 3 days", group="Recent health"),
    Feature(name="issuer_health", label="Bank's approval rate, last 3 days", group="Recent health"),
    Feature(name="fee_share", label="Fee as a share of the amount", group="Route"),
)
"""In the model's order."""

FEATURE_NAMES = tuple(feature.name for feature in FEATURES)
CATEGORIES: dict[str, tuple[str, ...]] = {
    "weekday": WEEKDAYS,
    "country": tuple(country.code for country in COUNTRIES),
    "issuer": ISSUERS,
    "network": NETWORKS,
    "card_type": CARD_TYPES,
    "route": ROUTE_NAMES,
    "processor": PROCESSORS,
}
"""Values of each categorical feature; the code that the model is given is the index."""

_COLUMN = {name: column for column, name in enumerate(FEATURE_NAMES)}


def encode(
    table: pa.Table,
    features: Sequence[str],
    categories: Mapping[str, Sequence[str]],
    *,
    prefix: str = "f_",
) -> Floats:
    """Return the matrix that a model is given for logged feature columns.

    Parameters
    ----------
    table : pyarrow.Table, n rows
        Has a column `prefix` + name for each feature.
    features : sequence of str
        Feature names in the model's order.
    categories : mapping of str to sequence of str
        Values of each categorical feature; the code is the index.
    prefix : str, default "f_"
        What the columns' names begin with.

    Returns
    -------
    array of float64, shape (n, n_features), C order
        NaN for null and for a category not listed.

    Examples
    --------
    >>> table = pa.table({"f_route": ["elm-direct", None], "f_amount": [12.5, 3.0]})
    >>> encode(table, ["amount", "route"], {"route": ["dune-local", "elm-direct"]})
    array([[12.5,  1. ],
           [ 3. ,  nan]])
    """
    matrix = np.empty((table.num_rows, len(features)))
    for position, name in enumerate(features):
        column = table[prefix + name]
        if name in categories:
            if pa.types.is_dictionary(column.type):
                column = pc.cast(column, pa.string())
            column = pc.index_in(column, pa.array(list(categories[name]), pa.string()))
        matrix[:, position] = pc.cast(column, pa.float64()).to_numpy()
    return matrix


def feature_array(matrix: Matrix, name: str) -> pa.Array:
    """Return feature `name` of a matrix of shape (rows, n_features) as it is logged.

    Numbers are float32, categories dictionary-encoded strings, booleans bool; NaN becomes null.
    """
    values = np.ascontiguousarray(matrix[:, _COLUMN[name]])
    is_null = np.isnan(values)
    mask = is_null if is_null.any() else None
    kind = FEATURES[_COLUMN[name]].kind
    if kind == "number":
        return pa.array(values, mask=mask)
    if mask is not None:
        values = np.where(is_null, np.float32(0.0), values)
    if kind == "boolean":
        return pa.array(values != 0.0, mask=mask)
    codes = pa.array(values.astype(np.int8), mask=mask)
    return pa.DictionaryArray.from_arrays(codes, pa.array(CATEGORIES[name], pa.string()))


class FeatureStore:
    """Builds the feature matrix, with the incidents that only the model sees.

    Parameters
    ----------
    incidents : sequence of Incident
        Stale features and unit changes among them apply.
    health : HealthBook
        Daily health of routes and issuers.
    """

    def __init__(self, incidents: Sequence[Incident], health: HealthBook) -> None:
        self._health = health
        self._faults = [item for item in incidents if isinstance(item, StaleFeature | UnitChange)]
        self._frozen: dict[StaleFeature, NDArray[np.float32]] = {}

    def matrix(
        self, payments: Payments, at_us: Ints, attempt: NDArray[np.int8], fee_share: Floats
    ) -> Matrix:
        """Return the features of every candidate, shape (n, n_routes, n_features), float32.

        Rounded to float32 before anything is scored, so that the log holds what was scored.
        """
        matrix = np.empty((len(at_us), len(ROUTES), len(FEATURES)), dtype=np.float32)
        columns = self._payment_columns(payments, at_us, attempt)
        columns["route"] = np.arange(len(ROUTES))
        columns["processor"] = PROCESSOR_OF_ROUTE
        columns["route_health"] = self._health.route(self._known_at("route_health", at_us))
        issuer_known_us = self._known_at("issuer_health", at_us)
        columns["issuer_health"] = self._health.issuer(issuer_known_us, payments.issuer)[:, None]
        columns["fee_share"] = fee_share
        for name, values in columns.items():
            matrix[:, :, _COLUMN[name]] = values
        for fault in self._faults:
            self._apply(fault, matrix, at_us)
        return matrix

    def _payment_columns(
        self, payments: Payments, at_us: Ints, attempt: NDArray[np.int8]
    ) -> dict[str, NDArray[Any]]:
        """Return the features that all candidates of a decision share, each of shape (n, 1)."""
        columns: dict[str, NDArray[Any]] = {
            "amount": payments.amount,
            "hour": at_us // HOUR_US % 24,
            "weekday": weekdays(at_us),
            "country": payments.country,
            "issuer": payments.issuer,
            "network": payments.network,
            "card_type": payments.card_type,
            "attempt": attempt,
            "customer_age_days": payments.customer_age_days,
            "is_cross_border": payments.is_cross_border,
        }
        return {name: values[:, None] for name, values in columns.items()}

    def _known_at(self, feature: str, at_us: Ints) -> Ints:
        """Return the instant whose health is seen: earlier where the feature is frozen."""
        for fault in self._faults:
            is_frozen = isinstance(fault, StaleFeature) and fault.kind == "frozen"
            if is_frozen and fault.feature == feature:
                at_us = np.where(fault.covers(at_us), microseconds(fault.start_at), at_us)
        return at_us

    def _apply(self, fault: StaleFeature | UnitChange, matrix: Matrix, at_us: Ints) -> None:
        """Spoil the rows of `matrix` that `fault` covers, in place."""
        hit = fault.covers(at_us)
        if not hit.any():
            return
        column = _COLUMN[fault.feature]
        if isinstance(fault, UnitChange):
            matrix[hit, :, column] *= np.float32(fault.factor)
        elif fault.kind == "null":
            matrix[hit, :, column] = np.nan
        elif not fault.feature.endswith("_health"):
            first = self._first(fault, matrix, at_us, hit)
            matrix[hit, :, column] = first

    def _first(
        self, fault: StaleFeature, matrix: Matrix, at_us: Ints, hit: Bools
    ) -> NDArray[np.float32]:
        """Return each route's value in the first decision that the incident covered."""
        if fault not in self._frozen:
            row = int(np.argmin(np.where(hit, at_us, np.iinfo(np.int64).max)))
            self._frozen[fault] = matrix[row, :, _COLUMN[fault.feature]].copy()
        return self._frozen[fault]
