"""Half-open UTC time windows, durations and grains."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pellucid.errors import SpecError

_MOST_UNITS = 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Arithmetic on what is read must stay within what a datetime can hold.
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)
GRAINS = ("1h", "1d", "1w")
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
FOUR_WEEKS = 4 * WEEK
_UNITS = {"m": timedelta(minutes=1), "h": HOUR, "d": DAY, "w": WEEK}


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The half-open span [start, end) of `decided_at`.

    Attributes
    ----------
    start, end : datetime
        Aware, in UTC; start before end.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, instant in (("start", self.start), ("end", self.end)):
            if instant.tzinfo is None:
                raise SpecError("window", [f"{name} {instant} has no time zone; add +00:00"])
        if self.start >= self.end:
            raise SpecError("window", [f"start {self.start} is not before end {self.end}"])

    def __str__(self) -> str:
        return f"{_said(self.start)} to {_said(self.end)}"

    @property
    def previous(self) -> Window:
        """The window of the same length that ends where this one starts."""
        return Window(self.start - (self.end - self.start), self.start)


def micros(instant: datetime) -> int:
    """Return an instant as whole microseconds since 1970, as Arrow stores it."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def instant_of(micros_since_1970: int) -> datetime:
    """Return the instant of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros_since_1970)


def hour_of(instant: datetime) -> datetime:
    """Return the whole hour at or before an instant, in UTC."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def midnight(instant: datetime) -> datetime:
    """Return the start of the UTC day."""
    return hour_of(instant).replace(hour=0)


def _said(instant: datetime) -> str:
    utc = instant.astimezone(UTC)
    return f"{utc:%Y-%m-%d}" if utc.hour == utc.minute == 0 else f"{utc:%Y-%m-%d %H:%M}"


def spanning(windows: Iterable[Window]) -> Window:
    """Return the smallest window around all of some."""
    every = tuple(windows)
    return Window(min(window.start for window in every), max(window.end for window in every))


def parse_duration(text: str) -> timedelta:
    """Parse a duration such as ``90m``, ``2h``, ``30d`` or ``8w``.

    Raises
    ------
    SpecError
        If the text is not a whole number and a unit.
    """
    match = re.fullmatch(r"(\d+)([mhdw])", text)
    if match is None or int(match[1]) == 0:
        raise SpecError(
            f"duration {text!r}", ["must be a positive whole number and m, h, d or w, such as 30d"]
        )
    if int(match[1]) > _MOST_UNITS:
        raise SpecError(f"duration {text!r}", ["is longer than any record is old"])
    return int(match[1]) * _UNITS[match[2]]


def parse_instant(text: str) -> datetime:
    """Parse an ISO 8601 instant or date; a date is its midnight in UTC.

    Raises
    ------
    SpecError
        If the text is not ISO 8601, is a time of day without a zone, or lies outside of the years
        1900 to 2299.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise SpecError(
            f"instant {text!r}", ["is not ISO 8601, such as 2026-10-01 or 2026-10-01T06:00Z"]
        ) from error
    if instant.tzinfo is None:
        if len(text) > len("2026-10-01"):
            raise SpecError(f"instant {text!r}", ["has no time zone; add Z for UTC"])
        instant = instant.replace(tzinfo=UTC)
    if not _EARLIEST <= instant < _LATEST:
        raise SpecError(f"instant {text!r}", ["lies outside of the years 1900 to 2299"])
    return instant.astimezone(UTC)


def parse_window(text: str, *, as_of: datetime) -> Window:
    """Parse ``30d`` (the span that ends at `as_of`) or ``2026-10-01..2026-11-01``.

    Parameters
    ----------
    text : str
        A duration, or two instants or dates joined by ``..``; the end is exclusive.
    as_of : datetime
        Where a duration ends; aware.

    Raises
    ------
    SpecError
        If the text is neither form, or the window is empty.
    """
    if ".." in text:
        start, _, end = text.partition("..")
        return Window(parse_instant(start.strip()), parse_instant(end.strip()))
    length = parse_duration(text)
    if length > as_of - _EARLIEST:
        raise SpecError(f"window {text!r}", [f"begins before the year 1900, from {as_of}"])
    return Window(as_of - length, as_of)
