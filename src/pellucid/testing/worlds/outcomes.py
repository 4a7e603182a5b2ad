"""What happens after a decision: approval, its report, corrections, chargebacks, retries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.testing.worlds.clock import DAY_US, HOUR_US
from pellucid.testing.worlds.noise import Stream, lognormal, uniform
from pellucid.testing.worlds.rows import Bools, Codes, Floats, Ints, Rows

MINUTE_US = 60_000_000
MISSING_SHARE = 0.015
CORRECTED_SHARE = 0.003
RETRY_SHARE = 0.5
CHARGEBACK_SHARE = 0.006
NEVER = np.iinfo(np.int64).max

DECLINES = (
    ("insufficient_funds", "customer", 0.38),
    ("do_not_honor", "issuer", 0.30),
    ("issuer_unavailable", "issuer", 0.08),
    ("processor_error", "route", 0.10),
    ("suspected_fraud", "issuer", 0.14),
)
"""Reason of a decline, who is to blame, share of the ordinary declines."""
_REASON = {reason: code for code, (reason, _, _) in enumerate(DECLINES)}


@dataclass(frozen=True, slots=True)
class Results(Rows):
    """What happened to each decision's chosen candidate, and what was recorded of it.

    Instants are microseconds since 1970, `NEVER` where it did not happen. `is_first_right` is
    False where the first record was wrong; the truth is then recorded at `corrected_us`. `reason`
    indexes `DECLINES` and means something only for declines.
    """

    is_approved: Bools
    outcome_us: Ints
    recorded_us: Ints
    is_first_right: Bools
    corrected_us: Ints
    reason: Codes
    chargeback_us: Ints
    chargeback_recorded_us: Ints
    retry_us: Ints

    def known_label(self, at_us: int) -> tuple[Bools, Bools]:
        """Return which labels are known at an instant, and what they are believed to be."""
        is_believed = self.is_first_right | (self.corrected_us <= at_us)
        return self.recorded_us <= at_us, self.is_approved == is_believed


def realise(
    key: NDArray[np.uint64],
    at_us: Ints,
    *,
    chance: Floats,
    chance_without: Floats,
    is_out: Bools,
    is_cross_border: Bools,
    seed: int,
) -> Results:
    """Return what happens to decided attempts.

    One number per attempt decides its approval whatever the route, so that two worlds that
    differ in an incident only differ where that incident matters.

    Parameters
    ----------
    key : array of uint64, shape (n,)
        Identifies the attempt.
    at_us : array of int64, shape (n,)
        When it was decided, in microseconds since 1970.
    chance, chance_without : array of float64, shape (n,)
        True approval probability of the chosen route, with and without incidents; NaN where
        nothing was chosen.
    is_out : array of bool, shape (n,)
        Whether the chosen route has an outage.
    is_cross_border : array of bool, shape (n,)
        Such payments are charged back twice as often.
    seed : int
        Seed of the world.

    Returns
    -------
    Results
        With n rows.
    """
    luck = uniform(key, Stream.APPROVAL, seed)
    is_chosen = ~np.isnan(chance)
    approved = luck < chance
    delay = lognormal(key, Stream.OUTCOME_DELAY, seed, median=2 * MINUTE_US, sigma=1.0)
    outcome_us = np.where(is_chosen, at_us + delay.astype(np.int64), NEVER)
    delay = lognormal(key, Stream.RECORD_DELAY, seed, median=MINUTE_US / 3, sigma=1.0)
    is_recorded = is_chosen & (uniform(key, Stream.MISSING, seed) >= MISSING_SHARE)
    recorded_us = _when(is_recorded, outcome_us, 1 + delay)
    is_wrong = is_recorded & (uniform(key, Stream.CORRECTED, seed) < CORRECTED_SHARE)
    delay = lognormal(key, Stream.CORRECTION_DELAY, seed, median=12 * HOUR_US, sigma=0.7)
    corrected_us = _when(is_wrong, recorded_us, 1 + delay)
    is_caused = ~approved & (luck < chance_without)
    chargeback_us = _chargebacks(key, outcome_us, approved, is_cross_border, seed)
    was_charged = chargeback_us < NEVER
    is_retried = is_chosen & ~approved & (uniform(key, Stream.RETRY, seed) < RETRY_SHARE)
    delay = lognormal(key, Stream.RETRY_DELAY, seed, median=8 * MINUTE_US, sigma=0.9)
    return Results(
        is_approved=approved,
        outcome_us=outcome_us,
        recorded_us=recorded_us,
        is_first_right=~is_wrong,
        corrected_us=corrected_us,
        reason=_reasons(key, is_caused, is_out, seed),
        chargeback_us=chargeback_us,
        chargeback_recorded_us=_when(was_charged, chargeback_us, np.full(len(key), 6.0 * HOUR_US)),
        retry_us=_when(is_retried, outcome_us, MINUTE_US + delay),
    )


def _when(happens: Bools, start_us: Ints, delay_us: Floats) -> Ints:
    """Return start + delay where it happens, else `NEVER`."""
    after = np.zeros_like(start_us)
    np.add(start_us, delay_us.astype(np.int64), out=after, where=happens)
    return np.where(happens, after, NEVER)


def _chargebacks(
    key: NDArray[np.uint64], outcome_us: Ints, approved: Bools, is_cross_border: Bools, seed: int
) -> Ints:
    """Return when each approved payment is charged back, 5 to 59 days later, or `NEVER`."""
    share = CHARGEBACK_SHARE / 1.12 * np.where(is_cross_border, 2.0, 1.0)
    is_charged = approved & (uniform(key, Stream.CHARGEBACK, seed) < share)
    days = 5.0 + 54.0 * uniform(key, Stream.CHARGEBACK_DELAY, seed) ** 1.5
    return _when(is_charged, outcome_us, days * DAY_US)


def _reasons(key: NDArray[np.uint64], is_caused: Bools, is_out: Bools, seed: int) -> Codes:
    """Draw decline reasons; a decline that an incident caused has that incident's reason."""
    cumulative = np.cumsum([share for _, _, share in DECLINES])[:-1]
    reason = np.searchsorted(cumulative, uniform(key, Stream.REASON, seed)).astype(np.int8)
    caused = np.where(is_out, _REASON["processor_error"], _REASON["do_not_honor"])
    return np.where(is_caused, caused, reason).astype(np.int8)
