"""The truth: how likely each route is to get a payment approved."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.testing.worlds.clock import DAY_US, HOUR_US
from pellucid.testing.worlds.config import WorldConfig
from pellucid.testing.worlds.incidents import IssuerDecline, Outage, WeekdayHabit
from pellucid.testing.worlds.noise import logistic
from pellucid.testing.worlds.population import (
    CARD_TYPES,
    COUNTRIES,
    COUNTRY_OF_ISSUER,
    ISSUERS,
    NETWORKS,
    Payments,
)
from pellucid.testing.worlds.routes import ROUTE_NAMES, ROUTES
from pellucid.testing.worlds.rows import Bools, Floats, Ints

OUTAGE_EFFECT = -5.0
_RETRY_PENALTY = 1.0
_DRIFT_PERIOD_DAYS = 60.0


class ApprovalLaw:
    """True approval log-odds of every route for every payment; free of noise.

    Route base + country x route + issuer x route + network x route + card type + amount x route +
    hour x route + cross-border x route + customer age + slow issuer drift + retry penalty.

    Parameters
    ----------
    config : WorldConfig
        Its seed draws the interactions; its incidents shift the log-odds.
    """

    def __init__(self, config: WorldConfig) -> None:
        rng = np.random.default_rng([config.seed, 1])
        count = len(ROUTES)
        base = np.array([route.base for route in ROUTES])
        by_country = rng.normal(0.0, 0.30, (len(COUNTRIES), count))
        by_issuer = rng.normal(0.0, 0.25, (len(ISSUERS), count))
        issuer_level = rng.normal(0.0, 0.25, (len(ISSUERS), 1))
        self._issuer = base + by_country[COUNTRY_OF_ISSUER] + by_issuer + issuer_level
        network = rng.normal(0.0, 0.20, (len(NETWORKS), 1, count))
        card = np.array([0.08, -0.12])[:, None] + rng.normal(0.0, 0.10, (len(CARD_TYPES), count))
        self._network = (network + card).reshape(-1, count)
        self._amount = rng.normal(-0.15, 0.08, count)
        peak = rng.uniform(0.0, 2 * np.pi, count)
        self._hour = 0.10 * np.cos(2 * np.pi * np.arange(24)[:, None] / 24 - peak)
        self._cross_border = rng.normal(-0.45, 0.20, count)
        self._drift_size = rng.uniform(0.05, 0.25, len(ISSUERS))
        self._drift_phase = rng.uniform(0.0, 2 * np.pi, len(ISSUERS))
        self._incidents = config.incidents

    def log_odds(self, payments: Payments, at_us: Ints, attempt: NDArray[np.int8]) -> Floats:
        """Return log-odds of approval without incidents, shape (n, n_routes)."""
        days = at_us / DAY_US
        issuer = payments.issuer
        turn = 2 * np.pi * days / _DRIFT_PERIOD_DAYS + self._drift_phase[issuer]
        shared = self._drift_size[issuer] * np.sin(turn) - _RETRY_PENALTY * (attempt - 1)
        shared += 0.10 * np.clip(np.log1p(payments.customer_age_days) - 5.0, -2.0, 2.0)
        odds = self._issuer[issuer]
        odds += self._network[payments.network * len(CARD_TYPES) + payments.card_type]
        odds += self._hour[at_us // HOUR_US % 24]
        odds += np.log(payments.amount / 45.0)[:, None] * self._amount
        odds[payments.is_cross_border] += self._cross_border
        odds += shared[:, None]
        return odds

    def probabilities(
        self, payments: Payments, at_us: Ints, attempt: NDArray[np.int8]
    ) -> tuple[Floats, Floats]:
        """Return true approval probabilities, and what they were without the incidents.

        Parameters
        ----------
        payments : Payments, n rows
        at_us : array of int64, shape (n,)
            When each attempt is decided, in microseconds since 1970.
        attempt : array of int8, shape (n,)
            1 for the first attempt.

        Returns
        -------
        two arrays of float64, shape (n, n_routes)
            In (0, 1).
        """
        odds = self.log_odds(payments, at_us, attempt)
        without = logistic(odds)
        is_shifted = self._shift(odds, payments, at_us)
        return (logistic(odds) if is_shifted else without.copy()), without

    def is_out(self, at_us: Ints, route: NDArray[np.int8]) -> Bools:
        """Return whether the route, an index per row, has an outage at the instant."""
        out = np.zeros(len(at_us), dtype=bool)
        for incident in self._incidents:
            if isinstance(incident, Outage):
                out |= incident.covers(at_us) & (route == ROUTE_NAMES.index(incident.route))
        return out

    def _shift(self, odds: Floats, payments: Payments, at_us: Ints) -> bool:
        """Add the incidents' effects to `odds` in place; return whether there were any."""
        is_shifted = False
        for incident in self._incidents:
            if not isinstance(incident, Outage | IssuerDecline | WeekdayHabit):
                continue
            hit = incident.covers(at_us)
            if isinstance(incident, Outage):
                odds[hit, ROUTE_NAMES.index(incident.route)] += OUTAGE_EFFECT
            elif isinstance(incident, WeekdayHabit):
                odds[hit, ROUTE_NAMES.index(incident.route)] += incident.effect
            else:
                hit &= payments.issuer == ISSUERS.index(incident.issuer)
                odds[hit] += incident.effect
            is_shifted |= bool(hit.any())
        return is_shifted
