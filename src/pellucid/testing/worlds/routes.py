"""The routes of a world: who may be used for which payment, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.testing.worlds.incidents import EligibilityRule, FeeChange, Incident
from pellucid.testing.worlds.population import (
    CARD_TYPES,
    COUNTRIES,
    CURRENCIES,
    NETWORKS,
    Payments,
)
from pellucid.testing.worlds.rows import Bools, Codes, Floats, Ints

_EVERYWHERE = tuple(country.code for country in COUNTRIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A processor and the configuration in which it is used.

    Attributes
    ----------
    base : float
        True approval log-odds of an ordinary payment.
    fee_share, fee_fixed : float
        Part of the amount, and euros, per approved payment.
    countries, networks, card_types : tuple of str
        What it serves.
    cap : float
        Largest amount, in euros.
    is_local : bool
        Takes only the country's own currency.
    is_weak : bool
        The guardrail keeps high amounts off it.
    """

    name: str
    processor: str
    configuration: str
    base: float
    fee_share: float
    fee_fixed: float
    countries: tuple[str, ...] = _EVERYWHERE
    networks: tuple[str, ...] = NETWORKS
    card_types: tuple[str, ...] = CARD_TYPES
    cap: float = float("inf")
    is_local: bool = False
    is_weak: bool = False


ROUTES = (
    Route(name="alder-3ds", processor="alder", configuration="3ds", base=1.50,
          fee_share=0.024, fee_fixed=0.12, networks=("network-a", "network-b")),
    Route(name="alder-direct", processor="alder", configuration="direct", base=1.60,
          fee_share=0.027, fee_fixed=0.10),
    Route(name="birch-direct", processor="birch", configuration="direct", base=1.65,
          fee_share=0.025, fee_fixed=0.15, countries=("DE", "FR", "GB", "JP", "US")),
    Route(name="birch-local", processor="birch", configuration="local", base=1.70,
          fee_share=0.012, fee_fixed=0.08, countries=("DE", "FR", "GB"),
          networks=("network-a", "network-b"), is_local=True),
    Route(name="cedar-direct", processor="cedar", configuration="direct", base=1.90,
          fee_share=0.022, fee_fixed=0.14, countries=("BR", "DE", "FR", "GB", "MX", "US"),
          cap=2_000.0),
    Route(name="cedar-network", processor="cedar", configuration="network", base=1.80,
          fee_share=0.026, fee_fixed=0.16, countries=("BR", "FR", "GB", "IN", "MX", "US"),
          networks=("network-a", "network-b")),
    Route(name="dune-local", processor="dune", configuration="local", base=1.80,
          fee_share=0.014, fee_fixed=0.06, countries=("BR", "IN", "JP", "MX"), cap=1_000.0,
          is_local=True, is_weak=True),
    Route(name="elm-direct", processor="elm", configuration="direct", base=1.70,
          fee_share=0.016, fee_fixed=0.10, countries=("DE", "GB", "IN", "JP", "MX", "US"),
          card_types=("credit",), is_weak=True),
)  # fmt: skip
"""In order of name, so that the lowest index, which wins ties, is also the first by name."""

ROUTE_NAMES = tuple(route.name for route in ROUTES)
PROCESSORS = tuple(sorted({route.processor for route in ROUTES}))
CONFIGURATIONS = tuple(sorted({route.configuration for route in ROUTES}))
PROCESSOR_OF_ROUTE: Codes = np.array(
    [PROCESSORS.index(route.processor) for route in ROUTES], dtype=np.int8
)
CONFIGURATION_OF_ROUTE: Codes = np.array(
    [CONFIGURATIONS.index(route.configuration) for route in ROUTES], dtype=np.int8
)
REASONS = (
    "country_not_served",
    "suspended_in_country",
    "network_not_supported",
    "card_type_not_supported",
    "local_currency_only",
    "amount_above_cap",
    "already_tried",
)
"""Why a route is ineligible; the first that applies is logged."""
ELIGIBLE = -1

_PREFERENCES = {
    "BR": ("cedar-network", "dune-local", "cedar-direct"),
    "DE": ("cedar-direct", "birch-local", "birch-direct", "elm-direct"),
    "FR": ("cedar-network", "birch-local", "birch-direct"),
    "GB": ("cedar-direct", "elm-direct", "birch-local", "birch-direct"),
    "IN": ("dune-local", "cedar-network", "elm-direct"),
    "JP": ("elm-direct", "dune-local", "birch-direct"),
    "MX": ("cedar-direct", "dune-local", "cedar-network"),
    "US": ("cedar-direct", "elm-direct", "birch-direct", "cedar-network"),
}


def _table(rows: Sequence[str], served: Sequence[tuple[str, ...]]) -> Bools:
    """Return whether each route (column) serves each of `rows`."""
    return np.array([[row in names for names in served] for row in rows])


_SERVES_COUNTRY = _table([item.code for item in COUNTRIES], [route.countries for route in ROUTES])
_SERVES_NETWORK = _table(NETWORKS, [route.networks for route in ROUTES])
_SERVES_CARD = _table(CARD_TYPES, [route.card_types for route in ROUTES])
_CAP = np.array([route.cap for route in ROUTES])
_IS_LOCAL = np.array([route.is_local for route in ROUTES])
_FEE_SHARE = np.array([route.fee_share for route in ROUTES])
_FEE_FIXED = np.array([route.fee_fixed for route in ROUTES])
_LOCAL_CURRENCY = np.array([CURRENCIES.index(item.currency) for item in COUNTRIES], dtype=np.int8)


def _static_ranks() -> NDArray[np.int8]:
    """Return each country's rank of each route under the static rules; 0 is tried first."""
    ranks = np.empty((len(COUNTRIES), len(ROUTES)), dtype=np.int8)
    for row, country in enumerate(COUNTRIES):
        first = _PREFERENCES[country.code]
        listed = (*first, *(name for name in ROUTE_NAMES if name not in first))
        ranks[row] = [listed.index(name) for name in ROUTE_NAMES]
    return ranks


STATIC_RANKS = _static_ranks()


def eligibility(
    payments: Payments, at_us: Ints, tried: NDArray[np.uint8], incidents: Sequence[Incident]
) -> Codes:
    """Return why each route is ineligible, or `ELIGIBLE`.

    Parameters
    ----------
    payments : Payments, n rows
    at_us : array of int64, shape (n,)
        When the attempt is decided, in microseconds since 1970.
    tried : array of uint8, shape (n,)
        Bit r is set where route r was tried for this payment before.
    incidents : sequence of Incident
        Eligibility rules among them apply from their start.

    Returns
    -------
    array of int8, shape (n, n_routes)
        Index into `REASONS`, or `ELIGIBLE`.
    """
    reason = np.full((len(at_us), len(ROUTES)), ELIGIBLE, dtype=np.int8)
    is_foreign = payments.currency != _LOCAL_CURRENCY[payments.country]
    is_tried = (tried[:, None] >> np.arange(len(ROUTES), dtype=np.uint8)) & 1
    reason[is_tried.astype(bool)] = REASONS.index("already_tried")
    reason[payments.amount[:, None] > _CAP] = REASONS.index("amount_above_cap")
    reason[is_foreign[:, None] & _IS_LOCAL] = REASONS.index("local_currency_only")
    reason[~_SERVES_CARD[payments.card_type]] = REASONS.index("card_type_not_supported")
    reason[~_SERVES_NETWORK[payments.network]] = REASONS.index("network_not_supported")
    codes = [country.code for country in COUNTRIES]
    for rule in incidents:
        if isinstance(rule, EligibilityRule):
            hit = rule.covers(at_us) & (payments.country == codes.index(rule.country))
            reason[hit, ROUTE_NAMES.index(rule.route)] = REASONS.index("suspended_in_country")
    reason[~_SERVES_COUNTRY[payments.country]] = REASONS.index("country_not_served")
    return reason


def fee_shares(payments: Payments, at_us: Ints, incidents: Sequence[Incident]) -> Floats:
    """Return the true fee of each route as a share of the amount, shape (n, n_routes)."""
    share = _FEE_SHARE + _FEE_FIXED / payments.amount[:, None]
    for change in incidents:
        if isinstance(change, FeeChange):
            share[change.covers(at_us), ROUTE_NAMES.index(change.route)] *= change.factor
    return share
