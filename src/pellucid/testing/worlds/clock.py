"""Instants as microseconds since 1970, which is what the simulation counts in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pellucid.testing.worlds.rows import Ints

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """Return `at`, which must be aware, as microseconds since 1970 in UTC."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def instant(at_us: int) -> datetime:
    """Return the UTC instant `at_us` microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=int(at_us))


def weekdays(at_us: Ints) -> Ints:
    """Return UTC days of the week, 0 for Monday; 1970 began on a Thursday."""
    return (at_us // DAY_US + 3) % 7
