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
        """Return a window: as given, or ``30d`` up to the end of the hour of the latest decision.

        Whole hours are what roll-ups hold, so that they answer alone.

        Parameters
        ----------
        as_of : datetime, optional
            The window ends with its hour, not with that of the latest decision.

        Raises
        ------
        SpecError
            If the text is not a window.
        """
        if isinstance(over, Window):
            return over
        end = as_of or self.span()[1] + _TICK
        return parse_window(over, as_of=_hour_up(end))


_TICK = timedelta(microseconds=1)


def _hour_up(instant: datetime) -> datetime:
    whole = instant.replace(minute=0, second=0, microsecond=0)
    return whole if whole == instant else whole + timedelta(hours=1)
