"""State of the policy layers between decisions: volume commitments and the circuit breaker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.testing.worlds.clock import HOUR_US
from pellucid.testing.worlds.health import HealthBook
from pellucid.testing.worlds.population import Payments
from pellucid.testing.worlds.routes import PROCESSOR_OF_ROUTE, PROCESSORS, ROUTES
from pellucid.testing.worlds.rows import Bools, Floats, Ints

COMMITMENTS = {"birch": 0.16, "dune": 0.08}
"""Share of a day's decisions that a processor was promised."""
HIGH_AMOUNT = 500.0
BLOCK = -1.0
_LARGEST_BONUS = 0.06
_GAIN = 0.25
_WATCH_US = 6 * HOUR_US
_OPEN_US = 6 * HOUR_US
_SURPRISE = 5.0
_COLLAPSE = 0.6
_IS_WEAK = np.array([route.is_weak for route in ROUTES])


class ContractDesk:
    """Volume commitments: each day's bonus corrects the shortfall of the day before."""

    def __init__(self) -> None:
        self._committed = np.array([COMMITMENTS.get(name, 0.0) for name in PROCESSORS])
        self._bonus = np.zeros(len(PROCESSORS))
        self._count = np.zeros(len(PROCESSORS))

    def record(self, route: NDArray[np.int8]) -> None:
        """Count today's decisions by the processor that they went to."""
        self._count += np.bincount(PROCESSOR_OF_ROUTE[route], minlength=len(PROCESSORS))

    def open_day(self) -> None:
        """Set the bonuses of the day that begins from the shares of the day before."""
        if self._count.sum() == 0:
            return
        shortfall = self._committed - self._count / self._count.sum()
        bonus = np.clip(self._bonus + _GAIN * shortfall, 0.0, _LARGEST_BONUS)
        self._bonus = np.where(self._committed > 0.0, bonus, 0.0)
        self._count[:] = 0.0

    def bonuses(self) -> Floats:
        """Return what each route's utility gains today, shape (n_routes,)."""
        return self._bonus[PROCESSOR_OF_ROUTE]


class Breaker:
    """Takes a route out for six hours when its observed approvals collapse.

    It sees only what was recorded before the current step, hence reacts with a lag.

    Parameters
    ----------
    health : HealthBook
        What a route's approval rate normally is.
    """

    def __init__(self, health: HealthBook) -> None:
        self._health = health
        self._open_until_us = np.zeros(len(ROUTES), dtype=np.int64)
        self._seen: list[tuple[Ints, NDArray[np.int8], Bools]] = []

    def record(self, recorded_us: Ints, route: NDArray[np.int8], label: Bools) -> None:
        """Note outcomes that will be, or were, recorded at the given instants."""
        self._seen.append((recorded_us, route, label))

    def open_step(self, start_us: int) -> None:
        """Decide which routes are out in the step that begins at `start_us`."""
        if not self._seen:
            return
        columns = [np.concatenate(column) for column in zip(*self._seen, strict=True)]
        fresh = columns[0] >= start_us - _WATCH_US
        recorded_us, route, label = (column[fresh] for column in columns)
        self._seen = [(recorded_us, route, label)]
        known = recorded_us < start_us
        count = np.bincount(route[known], minlength=len(ROUTES))
        approved = np.bincount(route[known & label], minlength=len(ROUTES))
        normal = self._health.route(np.array([start_us]))[0]
        spread = np.sqrt(count * normal * (1.0 - normal))
        is_surprise = approved < normal * count - _SURPRISE * spread
        is_collapse = approved < _COLLAPSE * normal * count
        tripped = is_surprise & is_collapse
        self._open_until_us[tripped] = start_us + _OPEN_US

    def is_open(self, at_us: Ints) -> Bools:
        """Return whether each route is out at each instant, shape (n, n_routes)."""
        return at_us[:, None] < self._open_until_us


def guardrail_terms(payments: Payments, is_open: Bools) -> Floats:
    """Return `BLOCK` where a route is out, or too weak for a high amount; else 0."""
    is_high = payments.amount >= HIGH_AMOUNT
    return np.where(is_open | (is_high[:, None] & _IS_WEAK), BLOCK, 0.0)
