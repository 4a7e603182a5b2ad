"""Card numbers among whole arrays of numbers."""

from __future__ import annotations

import functools

import numpy as np

from pellucid.log.redact.cards import LONGEST, SHORTEST, issued_lengths

_POWERS = np.array([10**n for n in range(LONGEST + 1)], dtype=np.uint64)
SMALLEST, BEYOND = 10 ** (SHORTEST - 1), 10**LONGEST


@functools.cache
def _lengths_by_prefix() -> np.ndarray:
    lengths = np.zeros(10_000, dtype=np.uint32)
    for prefix, bits in issued_lengths().items():
        lengths[int(prefix)] = bits
    return lengths


def are_cards(values: np.ndarray) -> np.ndarray:
    """Return which numbers have an issuer's prefix and length, and pass Luhn.

    Parameters
    ----------
    values : array of uint64, shape (n,)
        Of 12 to 19 digits.

    Returns
    -------
    array of bool, shape (n,)
    """
    issued = are_issued(values)
    issued[issued] = _luhn(values[issued])
    return issued


def are_issued(values: np.ndarray) -> np.ndarray:
    """Return which numbers have an issuer's prefix and length; arguments as of `are_cards`."""
    sizes = np.searchsorted(_POWERS, values, side="right")
    prefixes = values // _POWERS[sizes - 4]
    return (_lengths_by_prefix()[prefixes] >> sizes.astype(np.uint32)) & 1 == 1


def _luhn(values: np.ndarray) -> np.ndarray:
    total = np.zeros(len(values), dtype=np.uint64)
    ten, rest = np.uint64(10), values
    for place in range(LONGEST):
        rest, digit = np.divmod(rest, ten)
        if place % 2:
            digit = np.where(digit < 5, digit * 2, digit * 2 - 9)
        total += digit.astype(np.uint64)
    return total % ten == 0


def running_sum(passed: np.ndarray, level: int) -> tuple[int, int]:
    """Return the largest and last value of the sum of passes less failures, kept at 0 or more.

    Examples
    --------
    >>> running_sum(np.array([True, True, False]), 1)
    (3, 2)
    """
    if not len(passed):
        return 0, level
    walk = np.cumsum(np.where(passed, 1, -1)) + level
    above = walk - np.minimum(np.minimum.accumulate(walk), 0)
    return int(above.max()), int(above[-1])
