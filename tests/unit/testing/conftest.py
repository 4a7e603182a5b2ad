"""Small payment worlds, simulated once for each worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pellucid.testing.worlds import END_AT, Incident, PaymentWorld, payment_world

ROUTE_COUNT = 8


@lru_cache
def simulate(incidents: tuple[Incident, ...] = (), **settings: Any) -> PaymentWorld:
    """Return a world of two weeks' history and two weeks live, unless told otherwise."""
    chosen = {"decisions": 6_000, "seed": 3, "history_days": 14, "live_days": 14, **settings}
    return payment_world(incidents=incidents, **chosen)


@dataclass(frozen=True)
class View:
    """A world's tables as NumPy arrays; candidates as (n_decisions, n_routes)."""

    world: PaymentWorld

    def decisions(self, name: str) -> np.ndarray:
        """Return a column of decisions."""
        return to_numpy(self.world.tables["decisions"][name])

    def candidates(self, name: str) -> np.ndarray:
        """Return a column of candidates, one row for each decision."""
        return to_numpy(self.world.tables["candidates"][name]).reshape(-1, ROUTE_COUNT)

    def truth(self, name: str) -> np.ndarray:
        """Return a column of the truth, one row for each decision."""
        return getattr(self.world.truth, name).reshape(-1, ROUTE_COUNT)

    @cached_property
    def routes(self) -> np.ndarray:
        """Return the routes in the order of their index."""
        return np.array(self.world.truth.routes, dtype=object)

    def between(self, start_at: datetime, **length: float) -> np.ndarray:
        """Return which decisions lie in the window."""
        decided_at = self.decisions("decided_at")
        start, end = (
            np.datetime64(at.replace(tzinfo=None), "us")
            for at in (start_at, start_at + timedelta(**length))
        )
        return (decided_at >= start) & (decided_at < end)

    @cached_property
    def reported(self) -> dict[str, float]:
        """Return decision id to the last recorded value of `approved`."""
        rows = self.world.tables["outcomes"].to_pylist()
        rows.sort(key=lambda row: row["recorded_at"])
        return {row["decision_id"]: row["value"] for row in rows if row["outcome"] == "approved"}


def to_numpy(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column as NumPy; strings as objects, null as None or NaN."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    return column.to_numpy()


@pytest.fixture(scope="session")
def calm() -> View:
    """Return a world in which nothing was planted."""
    return View(simulate())


@pytest.fixture(scope="session")
def planted() -> Callable[..., View]:
    """Return what simulates a world with the given incidents, or other settings."""
    return lambda *incidents, **settings: View(simulate(incidents, **settings))


@pytest.fixture(scope="session")
def days_before_end() -> Callable[[float], datetime]:
    """Return what gives the instant so many days before the world's end."""
    return lambda days: END_AT - timedelta(days=days)
