"""The simulation: attempts are decided step by step, and come back as retries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.testing.worlds.approval import ApprovalLaw
from pellucid.testing.worlds.clock import DAY_US
from pellucid.testing.worlds.config import MAX_ATTEMPTS, WorldConfig
from pellucid.testing.worlds.features import FeatureStore, Matrix
from pellucid.testing.worlds.health import HealthBook
from pellucid.testing.worlds.model import Examples
from pellucid.testing.worlds.outcomes import Results, realise
from pellucid.testing.worlds.population import Payments
from pellucid.testing.worlds.router import NOTHING, Picks, Policy, Question
from pellucid.testing.worlds.routes import ELIGIBLE, eligibility, fee_shares
from pellucid.testing.worlds.rows import Codes, Floats, Ints, Rows

NUMBER_BITS = np.uint64(2)
"""An attempt's key is the payment's number, shifted by so many bits, plus the attempt."""


@dataclass(frozen=True, slots=True)
class Attempts(Rows):
    """Attempts to be decided; bit r of `tried` is set where route r was tried before."""

    place: Ints
    attempt: Codes
    at_us: Ints
    tried: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Block(Rows):
    """Decided attempts with everything that was known and everything that was true."""

    payment: Payments
    attempts: Attempts
    features: Matrix
    reason: Codes
    fee_share: Floats
    chance: Floats
    chance_without: Floats
    picks: Picks
    results: Results

    def has_choice(self) -> NDArray[np.bool_]:
        """Return which decisions chose a route."""
        return self.picks.chosen != NOTHING

    def examples(self) -> Examples:
        """Return the chosen candidates, to be trained on."""
        rows = np.flatnonzero(self.has_choice())
        chosen = self.picks.chosen[rows]
        return Examples(
            self.payment.take(rows),
            self.attempts.attempt[rows],
            self.attempts.at_us[rows],
            chosen,
            self.features[rows, chosen],
            self.results.take(rows),
        )


class Simulation:
    """Runs payments through a policy and the truth.

    Parameters
    ----------
    config : WorldConfig
        Settings; all incidents apply wherever they lie.
    """

    def __init__(self, config: WorldConfig) -> None:
        self._config = config
        self._law = ApprovalLaw(config)
        days = config.history_days + config.live_days
        self.health = HealthBook(config.history_start_us, days)
        self._store = FeatureStore(config.incidents, self.health)

    def run(
        self, payments: Payments, policy: Policy, *, start_us: int, days: int, step_us: int
    ) -> Iterator[Block]:
        """Decide all payments and their retries; yield each day's decisions in order of time.

        Parameters
        ----------
        payments : Payments
            Sorted by arrival, all inside the window.
        policy : Policy
            Decides; is told of days, steps and outcomes.
        start_us : int
            First midnight, in microseconds since 1970.
        days : int
            Length of the window; retries due later are dropped.
        step_us : int
            Length of a step; a whole number of them makes a day.

        Yields
        ------
        Block
            One for each day.
        """
        waiting = _first_attempts(payments, 0, 0)
        for day_us in range(start_us, start_us + days * DAY_US, DAY_US):
            policy.open_day()
            blocks: list[Block] = []
            for step_start_us in range(day_us, day_us + DAY_US, step_us):
                policy.open_step(step_start_us)
                step_end_us = step_start_us + step_us
                low, high = np.searchsorted(payments.at_us, [step_start_us, step_end_us])
                waiting = Attempts.concat([waiting, _first_attempts(payments, low, high)])
                while (is_due := waiting.at_us < step_end_us).any():
                    block = self._decide(payments, waiting.take(is_due), policy)
                    retries = self._retries(block)
                    waiting = Attempts.concat([waiting.take(~is_due), retries])
                    blocks.append(block)
            if blocks:
                day = Block.concat(blocks)
                yield day.take(np.argsort(day.attempts.at_us, kind="stable"))

    def _decide(self, payments: Payments, attempts: Attempts, policy: Policy) -> Block:
        """Decide a batch of attempts and draw what happens to them."""
        mine = payments.take(attempts.place)
        at_us = attempts.at_us
        key = (mine.number << NUMBER_BITS) + attempts.attempt.astype(np.uint64)
        fee_share = fee_shares(mine, at_us, self._config.incidents)
        reason = eligibility(mine, at_us, attempts.tried, self._config.incidents)
        features = self._store.matrix(mine, at_us, attempts.attempt, fee_share)
        question = Question(mine, key, at_us, features, reason == ELIGIBLE, fee_share)
        picks = policy.decide(question)
        chance, without = self._law.probabilities(mine, at_us, attempts.attempt)
        rows, chosen = np.arange(len(at_us)), picks.chosen
        is_nothing = chosen == NOTHING
        results = realise(
            key,
            at_us,
            chance=np.where(is_nothing, np.nan, chance[rows, chosen]),
            chance_without=np.where(is_nothing, np.nan, without[rows, chosen]),
            is_out=self._law.is_out(at_us, chosen),
            is_cross_border=mine.is_cross_border,
            seed=self._config.seed,
        )
        self._tell(mine, picks, results, policy)
        return Block(mine, attempts, features, reason, fee_share, chance, without, picks, results)

    def _tell(self, payments: Payments, picks: Picks, results: Results, policy: Policy) -> None:
        """Tell health book and policy what was chosen, and what will be recorded of it."""
        made = picks.chosen != NOTHING
        route, recorded_us = picks.chosen[made], results.recorded_us[made]
        label = (results.is_approved == results.is_first_right)[made]
        self.health.record(recorded_us, route=route, issuer=payments.issuer[made], label=label)
        policy.learn(recorded_us, route, label)

    def _retries(self, block: Block) -> Attempts:
        """Return the retries of declined attempts that have a route left to try."""
        left = (block.reason == ELIGIBLE).sum(axis=1) > 1
        again = left & (block.results.retry_us < self._config.end_us)
        again &= block.attempts.attempt < MAX_ATTEMPTS
        attempts = block.attempts.take(again)
        chosen = block.picks.chosen[again].astype(np.uint8)
        return Attempts(
            attempts.place,
            (attempts.attempt + 1).astype(np.int8),
            block.results.retry_us[again],
            attempts.tried | np.left_shift(np.uint8(1), chosen),
        )


def _first_attempts(payments: Payments, low: int, high: int) -> Attempts:
    """Return the first attempts of the payments at places `low` to `high`, end exclusive."""
    count = high - low
    return Attempts(
        np.arange(low, high, dtype=np.int64),
        np.ones(count, dtype=np.int8),
        payments.at_us[low:high],
        np.zeros(count, dtype=np.uint8),
    )
