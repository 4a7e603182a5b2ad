"""What every question stands on: the records of one system, its definitions and its windows."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property

from pellucid.engine.base import Engine
from pellucid.errors import EngineError
from pellucid.explain.records import Records
from pellucid.metrics.catalogue import catalogue
from pellucid.spec.system import Metric, System
from pellucid.store.lake import Lake
from pellucid.store.reader import time_span
from pellucid.store.specs import load_system
from pellucid.windows import Window, parse_window


class Opened:
    """One system, opened; see `Observatory`."""

    def __init__(self, lake: Lake, *, engine: Engine | None = None) -> None:
        self.lake = lake
        self.system: System = load_system(lake)
        self.records = Records(lake)
        self.engine: Engine = engine or self.records.engine

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """Every metric by name."""
        return catalogue(self.system)

    def latest(self) -> datetime:
        """Return the instant of the latest record: where relative windows end by default.

        Raises
        ------
        EngineError
            If nothing is logged yet.
        """
        recorded = time_span(self.lake, "outcomes")
        return max(self.span()[1], recorded[1]) if recorded else self.span()[1]

    def span(self) -> tuple[datetime, datetime]:
        """Return the instants of the first and last decision.

        Raises
        ------
        EngineError
            If nothing is logged yet.
        """
        span = time_span(self.lake, "decisions")
        if span is None:
            raise EngineError(
                f"system '{self.system.name}' has no decisions yet; log some with `pellucid log`"
            )
        return span

    def window(self, over: str | Window, *, as_of: datetime | None = None) -> Window:
        """Return a window: as given, or ``30d`` up to and with the latest decision of `as_of`.

        Raises
        ------
        SpecError
            If the text is not a window.
        """
        if isinstance(over, Window):
            return over
        end = as_of
        if end is None:
            end = self.span()[1] + timedelta(microseconds=1)
        return parse_window(over, as_of=end)
