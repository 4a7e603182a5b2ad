"""Numbers that could be card numbers, found in a column at a few nanoseconds per value."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from pellucid.log.redact.cards import LONGEST, SHORTEST, is_card, is_issued

EXACT = 2**53

# Card numbers lie between 5e11 and 1e19. Doubles of 2^33 up to 2^65 have 0x42 or 0x43, negative
# ones 0xC2 or 0xC3, as their highest byte; NaN and infinity have others.
_SMALLEST = 10.0 ** (SHORTEST - 1)


def may_hold_large(values: Sequence[object]) -> bool | None:
    """Return whether any number is as large as a card number; None if not all are numbers."""
    try:
        # The cheapest fold over a list that cannot cancel; NaN and infinity are not below.
        if math.hypot(*values) < _SMALLEST:  # type: ignore[arg-type]
            return False
        top = struct.pack(f"<{len(values)}d", *values)[7::8]
    except (struct.error, OverflowError, TypeError, ValueError):
        return None
    return 0x42 in top or 0x43 in top or 0xC2 in top or 0xC3 in top


def looks_like_card(value: object, digits: str) -> bool:
    """Return whether a whole number's digits are a card number's.

    A double beyond 2^53 has lost its last digits, and with them Luhn: issuer and length decide.
    """
    if isinstance(value, float) and abs(value) >= EXACT:
        return is_issued(digits)
    return is_card(digits)


def digits_of(value: object, *, shortest: int = SHORTEST, longest: int = LONGEST) -> str:
    """Return the digits of a whole number that has so many; else an empty string."""
    try:
        whole = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return ""
    if whole != value:
        return ""
    digits = str(abs(whole)) if abs(whole) < 10**LONGEST else ""
    return digits if shortest <= len(digits) <= longest else ""
