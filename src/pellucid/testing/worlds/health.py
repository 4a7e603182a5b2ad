"""Recent approval rates of routes and issuers, as known with delay from recorded outcomes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.testing.worlds.clock import DAY_US
from pellucid.testing.worlds.population import ISSUERS
from pellucid.testing.worlds.routes import ROUTES
from pellucid.testing.worlds.rows import Bools, Floats, Ints

HEALTH_DAYS = 3
_PRIOR_RATE = 0.86
_PRIOR_WEIGHT = 40.0


class HealthBook:
    """Approval rate over the last three complete days, computed each midnight.

    Counted on the day when an outcome became known, so an outage shows the day after. Rounded to
    0.01: a finer value would tell the model which day it is.

    Parameters
    ----------
    start_us : int
        First midnight, in microseconds since 1970.
    days : int
        How many days follow.
    """

    def __init__(self, start_us: int, days: int) -> None:
        self._start_us = start_us
        self._width = len(ROUTES) + len(ISSUERS)
        self._known = np.zeros((days, self._width))
        self._approved = np.zeros((days, self._width))

    def record(
        self, recorded_us: Ints, *, route: NDArray[np.int8], issuer: NDArray[np.int8], label: Bools
    ) -> None:
        """Count outcomes on the days when they became known; later ones are left out."""
        day = (recorded_us - self._start_us) // DAY_US
        keep = day < len(self._known)
        day, label = day[keep], label[keep]
        for entity in (route[keep], len(ROUTES) + issuer[keep].astype(np.int64)):
            cell = day * self._width + entity
            size = self._known.size
            self._known += np.bincount(cell, minlength=size).reshape(self._known.shape)
            approved = np.bincount(cell[label], minlength=size)
            self._approved += approved.reshape(self._known.shape)

    def route(self, at_us: Ints) -> Floats:
        """Return every route's health at each instant, shape (n, n_routes)."""
        return self._rates(at_us)[:, : len(ROUTES)]

    def issuer(self, at_us: Ints, issuer: NDArray[np.int8]) -> Floats:
        """Return the health of each row's issuer at its instant, shape (n,)."""
        rates, place = self._daily(at_us)
        return rates[place, len(ROUTES) + issuer.astype(np.int64)]

    def _rates(self, at_us: Ints) -> Floats:
        """Return the health of routes and issuers at each instant."""
        rates, place = self._daily(at_us)
        return rates[place]

    def _daily(self, at_us: Ints) -> tuple[Floats, NDArray[np.intp]]:
        """Return the rates of each day asked for, and the day's place among them."""
        days, place = np.unique((at_us - self._start_us) // DAY_US, return_inverse=True)
        rates = np.empty((len(days), self._width))
        for row, day in enumerate(days):
            recent = slice(max(0, day - HEALTH_DAYS), max(0, day))
            known = self._known[recent].sum(axis=0) + _PRIOR_WEIGHT
            approved = self._approved[recent].sum(axis=0) + _PRIOR_WEIGHT * _PRIOR_RATE
            rates[row] = np.round(approved / known, 2)
        return rates, place
