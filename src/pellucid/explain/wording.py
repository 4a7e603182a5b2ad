"""Words and numbers that the paragraphs at the head of answers share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pellucid.stats.student import half_width
from pellucid.windows import Window

MINUS = "−"
# Fewer decisions than these are answered, and said to be few.
MINIMUM = 30


def signed(value: float, scale: str) -> str:
    """Return an amount with its sign: in percentage points where the scale is ``probability``.

    Examples
    --------
    >>> signed(-0.0321, "probability"), signed(0.5, "log_odds")
    ('−3.2 pp', '+0.50')
    """
    is_points = scale == "probability"
    size = f"{abs(100 * value):.1f}" if is_points else f"{abs(value):.2f}"
    sign = "±" if not size.strip("0.") else MINUS if value < 0 else "+"
    return f"{sign}{size}{' pp' if is_points else ''}"


def give_or_take(error: float, scale: str, degrees: float) -> str:
    """Return the half width of the 95% interval in brackets; empty where it is not known.

    Parameters
    ----------
    error, degrees : float
        Standard error, and the degrees of freedom that it is known with.
    """
    if math.isnan(error):
        return ""
    return f" (give or take {signed(half_width(error, degrees), scale).lstrip('+±')})"


def percent(share: float) -> str:
    """Return a share of 0 to 1 in percent."""
    return f"{100 * share:.1f}%"


def span(window: Window) -> str:
    """Return a window in words: days where it begins and ends at midnights."""
    ends = (window.start, window.end)
    is_days = all((at.hour, at.minute, at.second) == (0, 0, 0) for at in ends)
    shape = "%Y-%m-%d" if is_days else "%Y-%m-%d %H:%M"
    return f"{window.start:{shape}} to {window.end:{shape}} UTC"


def listed(parts: Sequence[str]) -> str:
    """Return parts joined as in a sentence.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *rest, last = parts
    return f"{', '.join(rest)} and {last}" if rest else last


def decisions(count: float) -> str:
    """Return a number of decisions, weighted or not."""
    return f"{count:,.0f} decision{'' if round(count) == 1 else 's'}"


def estimated(side: Mapping[str, float]) -> str:
    """Return what an estimate stands on; empty where every decision is stored and explained.

    Parameters
    ----------
    side : mapping
        With ``n`` stored and explained, and ``decisions`` that they stand for.
    """
    if side["decisions"] <= side["n"] * 1.001:
        return ""
    return f", all estimated from {side['n']:,.0f} that were explained"
