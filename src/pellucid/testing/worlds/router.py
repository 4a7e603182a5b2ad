"""Who decides and how: static rules in history and control arm, model and layers live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.testing.worlds.config import EXPLORATION, HISTORY_EXPLORATION
from pellucid.testing.worlds.features import Matrix
from pellucid.testing.worlds.layers import Breaker, ContractDesk, guardrail_terms
from pellucid.testing.worlds.model import TrainedModel
from pellucid.testing.worlds.noise import Stream, logistic, uniform
from pellucid.testing.worlds.population import Payments
from pellucid.testing.worlds.routes import ROUTES, STATIC_RANKS
from pellucid.testing.worlds.rows import Bools, Codes, Floats, Ints, Rows

ARMS = ("ml", "control", "explore")
ML, CONTROL, EXPLORE = (np.int8(code) for code in range(3))
LAYERS = ("fees", "contract", "guardrail", "exploration")
FEE_WEIGHT = 1.0
EXPLORED_BONUS = 3.0
"""Larger than any difference of utilities: probability, fees, contract and guardrail together."""
NOTHING = np.int8(-1)


@dataclass(frozen=True, slots=True)
class Picks(Rows):
    """What was decided, and on what grounds.

    Scores and terms are NaN where a route is ineligible, terms also in the control arm. Picks are
    route indices, `NOTHING` where there is none; one column for the model and one for each layer.
    """

    raw_score: Floats
    terms: Floats
    picks: Codes
    chosen: Codes
    arm: Codes
    propensity: Floats
    model_version: Ints

    @property
    def probability(self) -> Floats:
        """The model's approval probability, shape (n, n_routes)."""
        return logistic(self.raw_score)


@dataclass(frozen=True, slots=True)
class Question:
    """What a policy is given for n attempts."""

    payments: Payments
    key: NDArray[np.uint64]
    at_us: Ints
    features: Matrix
    is_eligible: Bools
    fee_share: Floats


class Policy(Protocol):
    """Decides attempts, batch by batch in order of time."""

    def open_day(self) -> None:
        """Take note that a day begins."""

    def open_step(self, start_us: int) -> None:
        """Take note that a step begins."""

    def decide(self, question: Question) -> Picks:
        """Return the picks."""

    def learn(self, recorded_us: Ints, route: NDArray[np.int8], label: Bools) -> None:
        """Take note of decisions made, and of their outcomes once recorded."""


def static_pick(payments: Payments, is_eligible: Bools) -> Codes:
    """Return the first eligible route of the country's preference list, or `NOTHING`."""
    rank = np.where(is_eligible, STATIC_RANKS[payments.country], np.int8(127))
    return _or_nothing(rank.argmin(axis=1), is_eligible)


def policy_propensity(greedy: Codes, is_eligible: Bools, exploration: float) -> Floats:
    """Return the probability that epsilon-greedy picks each route, shape (n, n_routes)."""
    count = np.maximum(is_eligible.sum(axis=1, keepdims=True), 1)
    is_greedy = np.arange(len(ROUTES)) == greedy[:, None]
    return is_eligible * (exploration / count) + is_greedy * (1.0 - exploration)


def explored_pick(question: Question, exploration: float, seed: int) -> Codes:
    """Return a random eligible route where exploration strikes, else `NOTHING`."""
    eligible = question.is_eligible
    count = eligible.sum(axis=1)
    strikes = uniform(question.key, Stream.EXPLORE, seed) < exploration
    place = (uniform(question.key, Stream.EXPLORE_WHICH, seed) * count).astype(np.int64)
    route = (np.cumsum(eligible, axis=1) > place[:, None]).argmax(axis=1)
    return np.where(strikes & (count > 0), route, NOTHING).astype(np.int8)


def _or_nothing(route: NDArray[np.intp], is_eligible: Bools) -> Codes:
    """Return route indices with `NOTHING` where no route is eligible."""
    return np.where(is_eligible.any(axis=1), route, NOTHING).astype(np.int8)


class StaticPolicy:
    """History: static rules with much exploration, so that the model can learn.

    Parameters
    ----------
    seed : int
        Seed of the world.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def open_day(self) -> None:
        """Do nothing: the rules have no memory."""

    def open_step(self, start_us: int) -> None:
        """Do nothing: the rules have no memory."""

    def learn(self, recorded_us: Ints, route: NDArray[np.int8], label: Bools) -> None:
        """Do nothing: the rules have no memory."""

    def decide(self, question: Question) -> Picks:
        """Return the rules' picks, or explored ones."""
        eligible = question.is_eligible
        static = static_pick(question.payments, eligible)
        explored = explored_pick(question, HISTORY_EXPLORATION, self._seed)
        is_explored = explored != NOTHING
        nothing = np.full(eligible.shape, np.nan)
        return Picks(
            raw_score=nothing,
            terms=np.empty((len(static), 0)),
            picks=np.empty((len(static), 0), dtype=np.int8),
            chosen=np.where(is_explored, explored, static),
            arm=np.where(is_explored, EXPLORE, CONTROL),
            propensity=policy_propensity(static, eligible, HISTORY_EXPLORATION),
            model_version=np.zeros(len(static), dtype=np.int64),
        )


class ModelPolicy:
    """Live: model, fees, contract, guardrail, exploration; beside it the control arm.

    Parameters
    ----------
    model : TrainedModel
        In force; may be replaced between days.
    seed : int
        Seed of the world.
    breaker : Breaker
        Circuit breaker of the guardrail.
    """

    def __init__(self, model: TrainedModel, *, seed: int, breaker: Breaker) -> None:
        self.model = model
        self._seed = seed
        self._breaker = breaker
        self._contract = ContractDesk()

    def open_day(self) -> None:
        """Set the day's contract bonuses."""
        self._contract.open_day()

    def open_step(self, start_us: int) -> None:
        """Let the breaker look at what became known."""
        self._breaker.open_step(start_us)

    def learn(self, recorded_us: Ints, route: NDArray[np.int8], label: Bools) -> None:
        """Tell contract and breaker about decisions made."""
        self._contract.record(route)
        self._breaker.record(recorded_us, route, label)

    def decide(self, question: Question) -> Picks:
        """Return the picks of the model and its layers, and of the control arm."""
        eligible = question.is_eligible
        control = question.payments.is_control
        raw_score = self._score(question)
        explored = explored_pick(question, EXPLORATION, self._seed)
        terms = self._terms(question, explored)
        picks = _layer_picks(logistic(raw_score), terms, eligible)
        propensity = policy_propensity(picks[:, -2], eligible, EXPLORATION)
        static = static_pick(question.payments, eligible)
        is_static = np.arange(len(ROUTES)) == static[:, None]
        terms[control] = np.nan
        terms[~eligible] = np.nan
        picks[control] = NOTHING
        arm = np.where(explored != NOTHING, EXPLORE, ML)
        return Picks(
            raw_score=raw_score,
            terms=terms,
            picks=picks,
            chosen=np.where(control, static, picks[:, -1]),
            arm=np.where(control, CONTROL, arm),
            propensity=np.where(control[:, None], is_static, propensity),
            model_version=np.full(len(static), self.model.version),
        )

    def _score(self, question: Question) -> Floats:
        """Return raw scores of eligible candidates; NaN elsewhere."""
        eligible = question.is_eligible
        raw_score = np.full(eligible.shape, np.nan)
        if eligible.any():
            raw_score[eligible] = self.model.raw_scores(question.features[eligible])
        return raw_score

    def _terms(self, question: Question, explored: Codes) -> Floats:
        """Return each layer's terms, shape (n, n_routes, n_layers)."""
        is_open = self._breaker.is_open(question.at_us)
        terms = np.empty((*question.is_eligible.shape, len(LAYERS)))
        terms[:, :, 0] = -FEE_WEIGHT * question.fee_share
        terms[:, :, 1] = self._contract.bonuses()
        terms[:, :, 2] = guardrail_terms(question.payments, is_open)
        is_explored = np.arange(len(ROUTES)) == explored[:, None]
        terms[:, :, 3] = np.where(is_explored, EXPLORED_BONUS, 0.0)
        return terms


def _layer_picks(probability: Floats, terms: Floats, is_eligible: Bools) -> Codes:
    """Return the best route after the model and after each layer; ties go to the first."""
    utility = np.where(is_eligible, probability, -np.inf)
    picks = np.empty((len(utility), 1 + terms.shape[2]), dtype=np.int8)
    picks[:, 0] = _or_nothing(utility.argmax(axis=1), is_eligible)
    for layer in range(terms.shape[2]):
        utility = utility + terms[:, :, layer]
        picks[:, layer + 1] = _or_nothing(utility.argmax(axis=1), is_eligible)
    return picks
