"""Random numbers that depend only on seed, stream and row: worlds share them across incidents."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pellucid.testing.worlds.rows import Floats

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


class Stream(IntEnum):
    """What a number is drawn for; one stream never influences another."""

    EXPLORE = 1
    EXPLORE_WHICH = 2
    APPROVAL = 3
    OUTCOME_DELAY = 4
    RECORD_DELAY = 5
    MISSING = 6
    REASON = 7
    RETRY = 8
    RETRY_DELAY = 9
    CORRECTED = 10
    CORRECTION_DELAY = 11
    CHARGEBACK = 12
    CHARGEBACK_DELAY = 13
    TRAINING_SAMPLE = 14


def uniform(key: NDArray[np.uint64], stream: Stream, seed: int) -> Floats:
    """Return numbers in (0, 1) that depend only on `key`, `stream` and `seed`.

    Parameters
    ----------
    key : array of uint64, shape (n,)
        Identifies the row.
    stream : Stream
        What the number is for.
    seed : int
        Seed of the world.

    Returns
    -------
    array of float64, shape (n,)

    References
    ----------
    Steele, G. L., Lea, D., Flood, C. H. (2014). Fast splittable pseudorandom number generators.
    """
    salt = np.uint64((int(stream) * 0xD1B54A32D192ED03 + (seed + 1) * _GOLDEN) & _MASK)
    mixed = _mix(_mix(key * np.uint64(_GOLDEN) + salt) ^ salt)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54


def logistic(log_odds: Floats) -> Floats:
    """Return probabilities for log-odds; NaN stays NaN."""
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))


def lognormal(
    key: NDArray[np.uint64], stream: Stream, seed: int, *, median: float, sigma: float
) -> Floats:
    """Return lognormal numbers with the given median; parameters as in `uniform`.

    References
    ----------
    Box, G. E. P., Muller, M. E. (1958). A note on the generation of random normal deviates.
    """
    radius = np.sqrt(-2.0 * np.log(uniform(key, stream, seed)))
    angle = 2.0 * np.pi * uniform(~key, stream, seed)
    return np.asarray(median * np.exp(sigma * radius * np.cos(angle)))


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return SplitMix64's finalizer of `bits`."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
