"""Numbers for people: one way to write each kind, in figures, tables and key figures alike."""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo

from pellucid.schema.currencies import minor_decimals

MINUS = "−"
NONE = "–"
_COMPACT_FROM = 1_000_000
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "BRL": "R$", "MXN": "MX$",
            "CAD": "CA$", "AUD": "A$", "KRW": "₩", "VND": "₫", "CNY": "CN¥"}  # fmt: skip


def is_known(value: float | None) -> bool:
    """Return whether there is a number: neither None nor NaN."""
    return value is not None and not math.isnan(value)


def rate(value: float | None, decimals: int = 1) -> str:
    """Return a rate or share of 0 to 1 in percent.

    Examples
    --------
    >>> rate(0.8482), rate(None)
    ('84.8%', '–')
    """
    if value is None or not is_known(value):
        return NONE
    return _unsigned(value * 100, decimals) + "%"


def interval(low: float | None, high: float | None, decimals: int = 1) -> str:
    """Return an interval of rates, such as ``83.9–85.6%``."""
    if low is None or high is None or not (is_known(low) and is_known(high)):
        return NONE
    return f"{_unsigned(low * 100, decimals)}–{_unsigned(high * 100, decimals)}%"


def points(difference: float | None, decimals: int = 1) -> str:
    """Return a difference of two rates in percentage points.

    Examples
    --------
    >>> points(-0.0032), points(-0.0001)
    ('−0.3 pp', '±0.0 pp')
    """
    if difference is None or not is_known(difference):
        return NONE
    return signed(difference * 100, decimals) + " pp"


def relative(change: float | None, decimals: int = 1) -> str:
    """Return a relative change in percent with its sign, such as ``+0.7%``."""
    if change is None or not is_known(change):
        return NONE
    return signed(change * 100, decimals) + "%"


def count(value: float | None, *, is_compact: bool = False) -> str:
    """Return a count with thousands separators; compact only from a million.

    Examples
    --------
    >>> count(66927), count(4_912_000, is_compact=True)
    ('66,927', '4.91M')
    """
    if value is None or not is_known(value):
        return NONE
    if is_compact and abs(value) >= _COMPACT_FROM:
        return _compact(value)
    return _unsigned(value, 0)


def money(amount_minor: float | None, currency: str | None, *, is_compact: bool = False) -> str:
    """Return an amount of minor units as currency text.

    Examples
    --------
    >>> money(28520, "USD"), money(1200, "JPY"), money(491_000_000, "EUR", is_compact=True)
    ('$285.20', '¥1,200', '€4.91M')
    """
    if amount_minor is None or not is_known(amount_minor):
        return NONE
    code = currency or ""
    decimals = minor_decimals(code)
    amount = abs(amount_minor) / 10**decimals
    text = _compact(amount) if is_compact and amount >= _COMPACT_FROM else f"{amount:,.{decimals}f}"
    sign = MINUS if amount_minor < 0 else ""
    return f"{sign}{_SYMBOLS.get(code, f'{code} ' if code else '')}{text}"


def number(value: float | None, decimals: int = 2) -> str:
    """Return a plain number with fixed decimals and a true minus."""
    if value is None or not is_known(value):
        return NONE
    return _unsigned(value, decimals)


def signed(value: float, decimals: int) -> str:
    """Return a number with its sign: a true minus, and ``±`` where it rounds to zero."""
    text = f"{abs(value):,.{decimals}f}"
    if not text.strip("0.,"):
        return "±" + text
    return (MINUS if value < 0 else "+") + text


def log_odds(value: float | None) -> str:
    """Return an additive term in log-odds: signed, two decimals.

    Examples
    --------
    >>> log_odds(0.578), log_odds(-0.18), log_odds(-0.001)
    ('+0.58', '−0.18', '±0.00')
    """
    return NONE if value is None or not is_known(value) else signed(value, 2)


def instant(when: datetime | None, zone: tzinfo = UTC) -> str:
    """Return a time such as ``29 Oct 23:59``; the zone is named once on the page."""
    if when is None:
        return NONE
    local = when.astimezone(zone)
    return f"{local.day} {local:%b %H:%M}"


def day(when: datetime | None, zone: tzinfo = UTC) -> str:
    """Return a day such as ``29 Oct``."""
    if when is None:
        return NONE
    local = when.astimezone(zone)
    return f"{local.day} {local:%b}"


def _unsigned(value: float, decimals: int) -> str:
    text = f"{abs(value):,.{decimals}f}"
    is_negative = value < 0 and text.strip("0.,")
    return MINUS + text if is_negative else text


def _compact(value: float) -> str:
    sign = MINUS if value < 0 else ""
    size = abs(value)
    for limit, suffix in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        # 999,999,999 would round to 1000M: step up where the rounded number no longer fits.
        if size >= limit * 0.9995 or suffix == "M":
            scaled = size / limit
            decimals = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{sign}{scaled:.{decimals}f}{suffix}"
    return f"{sign}{size:,.0f}"
