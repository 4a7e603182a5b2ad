"""The routes of a payment, the rules that say which may take it, and the terms of the policy."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EPSILON = 0.05


@dataclass(frozen=True, slots=True)
class Route:
    """A way to have a payment approved.

    Attributes
    ----------
    name, processor : str
    countries : tuple of str
        Of the cards that it takes.
    home : str
        Country in which it is an acquirer.
    most_minor : int
        Largest amount, in minor units.
    fee : float
        Share of the amount.
    rate : float
        Approval rate of the last weeks.
    promised : float
        Added to its utility where volume is promised to it.
    """

    name: str
    processor: str
    countries: tuple[str, ...]
    home: str
    most_minor: int
    fee: float
    rate: float
    promised: float = 0.0


ROUTES = (
    Route("north", "Nordbank", ("BR", "DE", "US"), "DE", 500_000, 0.010, 0.90),
    Route("south", "Sulpay", ("BR", "US"), "BR", 200_000, 0.014, 0.93),
    Route("east", "Ostcard", ("DE", "US"), "DE", 1_000_000, 0.006, 0.84, promised=0.04),
    Route("west", "Westpay", ("BR", "DE", "US"), "US", 50_000, 0.012, 0.91),
)


def why_not(route: Route, country: str, amount_minor: int) -> str | None:
    """Return the rule that keeps a route from a payment; None where it may take it."""
    if country not in route.countries:
        return "country"
    return "amount" if amount_minor > route.most_minor else None


def fees(routes: Sequence[Route]) -> dict[str, float]:
    """Return what the fee layer takes off each route's probability of approval."""
    return {route.name: -route.fee for route in routes}


def promises(routes: Sequence[Route]) -> dict[str, float]:
    """Return what the contract layer adds."""
    return {route.name: route.promised for route in routes}


def explore(utility: Mapping[str, float]) -> tuple[str, str | None, float]:
    """Return the pick, the same again if it was drawn at random, and the pick's propensity."""
    best = max(utility, key=utility.__getitem__)
    share = EPSILON / len(utility)
    if random.random() >= EPSILON:
        return best, None, 1 - EPSILON + share
    drawn = random.choice(list(utility))
    return drawn, drawn, share + (1 - EPSILON) * (drawn == best)
