"""What can go wrong in a payment world: frozen values, planted by time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pellucid.testing.worlds.clock import DAY_US, HOUR_US, WEEKDAYS, microseconds, weekdays
from pellucid.testing.worlds.rows import Bools, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planted:
    """Base: something that is so from `start_at` on."""

    start_at: datetime

    @property
    def length_us(self) -> int | None:
        """How long it lasts, in microseconds; None: to the end of the world."""
        return None

    def covers(self, at_us: Ints) -> Bools:
        """Return, for instants of shape (n,), whether each lies in the incident."""
        start_us = microseconds(self.start_at)
        inside = at_us >= start_us
        if self.length_us is not None:
            inside &= at_us < start_us + self.length_us
        return inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage(_Planted):
    """A route's approvals collapse for some hours; may lie in the training window."""

    route: str
    hours: float

    @property
    def length_us(self) -> int:
        """How long it lasts, in microseconds."""
        return round(self.hours * HOUR_US)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleFeature(_Planted):
    """The model sees a feature as null, or as it was at the start; the truth does not change."""

    feature: str
    days: float
    kind: Literal["null", "frozen"] = "null"

    @property
    def length_us(self) -> int:
        """How long it lasts, in microseconds."""
        return round(self.days * DAY_US)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerDecline(_Planted):
    """An issuer approves less on every route, by `effect` log-odds (below 0)."""

    issuer: str
    days: float
    effect: float = -1.5

    @property
    def length_us(self) -> int:
        """How long it lasts, in microseconds."""
        return round(self.days * DAY_US)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeChange(_Planted):
    """A route's fees, share and fixed, are multiplied by `factor` from the start on."""

    route: str
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilityRule(_Planted):
    """A route is no longer eligible in a country, with a reason of its own."""

    route: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChange(_Planted):
    """What the model sees of a numeric feature is silently multiplied by `factor`."""

    feature: str = "amount"
    factor: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekdayHabit(_Planted):
    """A route truly approves less on one UTC weekday, every week, by `effect` log-odds (below 0).

    Planted from the start of the history on, it is so in training and live days alike.
    """

    route: str
    weekday: str
    effect: float = -0.8

    def covers(self, at_us: Ints) -> Bools:
        """Return, for instants of shape (n,), whether each lies on such a weekday."""
        since = at_us >= microseconds(self.start_at)
        return since & (weekdays(at_us) == WEEKDAYS.index(self.weekday))


Incident = (
    Outage | StaleFeature | IssuerDecline | FeeChange | EligibilityRule | UnitChange | WeekdayHabit
)


def demo_incidents(
    *, live_start_at: datetime, history_days: int = 28, live_days: int = 28
) -> tuple[Incident, ...]:
    """Return the demo's story: an outage on one training Tuesday, a fee rise halfway in live days.

    The model learns "not on Tuesdays" from the one bad Tuesday and goes on avoiding the route on
    healthy ones.

    Parameters
    ----------
    live_start_at : datetime
        UTC midnight at which the model takes over; training ends there.
    history_days, live_days : int
        Lengths of the two windows, in days.

    Returns
    -------
    tuple of Incident
        The outage is left out where the training window holds no Tuesday.
    """
    live_start_at = live_start_at.astimezone(UTC)
    since_tuesday = (live_start_at.weekday() - 1) % 7 or 7
    weeks_back = 1 if since_tuesday + 7 <= history_days else 0
    days_back = since_tuesday + 7 * weeks_back
    planted: list[Incident] = []
    if days_back <= history_days:
        outage_at = live_start_at - timedelta(days=days_back) + timedelta(hours=5)
        planted.append(Outage(route="cedar-direct", start_at=outage_at, hours=18))
    fees_at = live_start_at + timedelta(days=live_days // 2)
    planted.append(FeeChange(route="elm-direct", start_at=fees_at, factor=1.8))
    return tuple(planted)
