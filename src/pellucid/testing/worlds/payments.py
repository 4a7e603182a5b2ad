"""The payment world itself: its tables, its models and its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pellucid.spec.system import System
from pellucid.testing.worlds.checks import check_incidents
from pellucid.testing.worlds.clock import DAY_US, HOUR_US
from pellucid.testing.worlds.config import END_AT, STEP_HOURS, WorldConfig, build_config
from pellucid.testing.worlds.incidents import Incident
from pellucid.testing.worlds.layers import Breaker
from pellucid.testing.worlds.model import Examples, TrainedModel, train
from pellucid.testing.worlds.population import draw_payments
from pellucid.testing.worlds.records import (
    HISTORY_NUMBER,
    candidates_table,
    decisions_table,
    outcomes_table,
    training_table,
)
from pellucid.testing.worlds.router import CONTROL, NOTHING, ModelPolicy, StaticPolicy
from pellucid.testing.worlds.routes import ELIGIBLE, ROUTE_NAMES
from pellucid.testing.worlds.rows import Bools, Codes, Floats
from pellucid.testing.worlds.simulate import Block, Simulation
from pellucid.testing.worlds.system import payment_system

if TYPE_CHECKING:
    from lightgbm import Booster

    from pellucid.log.client import Logger


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldTruth:
    """What no observer knows.

    Attributes
    ----------
    approval_probability : array of float64, shape (n_candidates,)
        True approval probability of each row of `candidates`, ineligible ones too.
    approval_without_incidents : array of float64, shape (n_candidates,)
        The same had no incident been planted.
    fee_share : array of float64, shape (n_candidates,)
        True fee as a share of the amount.
    best_route : array of int8, shape (n_decisions,)
        For each row of `decisions`, index into `routes` of the eligible route with the highest
        true approval probability; -1 where none is eligible.
    is_approved : array of bool, shape (n_decisions,)
        What truly happened, reported or not.
    expected_share : dict of str to float
        Route to its share of the decisions outside the control arm, had exploration's dice been
        averaged over.
    routes : tuple of str
        Candidate ids in order of index.
    """

    approval_probability: Floats
    approval_without_incidents: Floats
    fee_share: Floats
    best_route: Codes
    is_approved: Bools
    expected_share: dict[str, float]
    routes: tuple[str, ...] = ROUTE_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentWorld:
    """A simulated card-routing system: what was logged, and what was true.

    Attributes
    ----------
    system : System
        Its spec.
    tables : dict of str to pyarrow.Table
        ``decisions``, ``candidates``, ``outcomes`` and ``training``, as in the standard record.
        The first two are in order of time and aligned: each decision's candidates follow each
        other. The history is only in ``training``.
    models : tuple of (lightgbm.Booster, dict)
        Each model version with its name, version, trained_at, training_start_at,
        training_end_at, features in order, and categories (the code is the index).
    truth : WorldTruth
        What no observer knows.
    incidents : tuple of Incident
        What was planted.
    config : WorldConfig
        The settings and the timeline.
    """

    system: System
    tables: dict[str, pa.Table]
    models: tuple[tuple[Booster, dict[str, Any]], ...]
    truth: WorldTruth
    incidents: tuple[Incident, ...]
    config: WorldConfig

    def log_models(self, log: Logger) -> None:
        """Log the models that decided in this world."""
        for model, facts in self.models:
            log.model(
                model, name=facts["name"], version=facts["version"], trained_at=facts["trained_at"],
                training_window=(facts["training_start_at"], facts["training_end_at"]),
                features=facts["features"], categories=facts["categories"],
            )  # fmt: skip


def payment_world(
    *,
    decisions: int = 100_000,
    seed: int = 7,
    history_days: int = 28,
    live_days: int = 28,
    end_at: datetime = END_AT,
    incidents: Sequence[Incident] | None = None,
    retrain_every_days: int | None = None,
    training_decisions: int = 200_000,
) -> PaymentWorld:
    """Simulate a payment-routing system with known truth.

    Static rules decide the history; a LightGBM model trained on its mature labels, then fees,
    volume commitments, a guardrail and 4% exploration decide the live window, which is what is
    logged. 5% of payments form a control arm decided by the static rules; the model scores them in
    shadow. The propensity of candidate c outside the control arm is
    0.96 [c is the guardrail's pick] + 0.04 / eligible candidates; in it, 1 for the rules' pick.

    Parameters
    ----------
    decisions : int, default 100_000
        About how many decisions are logged, each attempt counted.
    seed : int, default 7
        The same seed and settings give byte-identical tables. Worlds that differ only in
        incidents share their payments and their luck.
    history_days, live_days : int, default 28
        Lengths of the two windows, in days.
    end_at : datetime, default 2026-11-01 00:00 UTC
        End of the world, exclusive; a UTC midnight.
    incidents : sequence of Incident, optional
        What is planted; default `demo_incidents` of this timeline, ``()`` for none.
    retrain_every_days : int, optional
        Train a new version on the trailing `history_days` that often; default never.
    training_decisions : int, default 200_000
        History is thinned to about so many decisions; cap on the records of one training.

    Returns
    -------
    PaymentWorld

    Raises
    ------
    SpecError
        If a setting is out of range, or an incident names something that the world lacks.
    MissingExtraError
        If LightGBM is not installed.

    Examples
    --------
    >>> world = payment_world(decisions=500, history_days=7, live_days=7)
    >>> world.tables["candidates"].num_rows == 8 * world.tables["decisions"].num_rows
    True
    """
    config = build_config(
        decisions=decisions,
        seed=seed,
        history_days=history_days,
        live_days=live_days,
        end_at=end_at,
        incidents=incidents,
        retrain_every_days=retrain_every_days,
        training_decisions=training_decisions,
    )
    check_incidents(config.incidents)
    simulation = Simulation(config)
    pool = _run_history(config, simulation)
    log = _Log(config)
    models = _run_live(config, simulation, pool, log)
    return PaymentWorld(
        system=payment_system(),
        tables=log.tables(models),
        models=tuple((model.booster, model.metadata()) for model in models),
        truth=log.truth(),
        incidents=config.incidents,
        config=config,
    )


def _run_history(config: WorldConfig, simulation: Simulation) -> list[Examples]:
    """Let static rules decide the history; return what a model may be trained on."""
    payments = draw_payments(
        config,
        count=config.history_requests,
        start_us=config.history_start_us,
        days=config.history_days,
        first_number=HISTORY_NUMBER,
    )
    blocks = simulation.run(
        payments,
        StaticPolicy(config.seed),
        start_us=config.history_start_us,
        days=config.history_days,
        step_us=DAY_US,
    )
    return [block.examples() for block in blocks]


def _run_live(
    config: WorldConfig, simulation: Simulation, pool: list[Examples], log: _Log
) -> list[TrainedModel]:
    """Let the model decide the live window into `log`; return the models that were in force."""
    start_us = config.live_start_us
    payments = draw_payments(
        config, count=config.live_requests, start_us=start_us, days=config.live_days, first_number=0
    )
    models = [_train(config, pool, 1, start_us)]
    policy = ModelPolicy(models[0], seed=config.seed, breaker=Breaker(simulation.health))
    blocks = simulation.run(
        payments,
        policy,
        start_us=start_us,
        days=config.live_days,
        step_us=STEP_HOURS * HOUR_US,
    )
    for block in blocks:
        log.append(block)
        if config.retrain_every_days is None:
            continue
        pool.append(block.examples())
        day = int(block.attempts.at_us[-1] - start_us) // DAY_US + 1
        if day % config.retrain_every_days == 0 and day < config.live_days:
            models.append(_train(config, pool, len(models) + 1, start_us + day * DAY_US))
            policy.model = models[-1]
    return models


def _train(config: WorldConfig, pool: list[Examples], version: int, end_us: int) -> TrainedModel:
    """Train on the `history_days` before `end_us`."""
    return train(
        Examples.concat(pool),
        version=version,
        window_us=(end_us - config.history_days * DAY_US, end_us),
        limit=config.training_decisions,
        seed=config.seed,
    )


class _Log:
    """Collects each day's decisions as Arrow, so that never two copies of a world are held."""

    def __init__(self, config: WorldConfig) -> None:
        self._end_us = config.end_us
        self._tables: dict[str, list[pa.Table]] = {
            "decisions": [],
            "candidates": [],
            "outcomes": [],
        }
        self._truth: list[tuple[np.ndarray, ...]] = []
        self._propensity = np.zeros(len(ROUTE_NAMES))

    def append(self, block: Block) -> None:
        """Add a day."""
        self._tables["decisions"].append(decisions_table(block))
        self._tables["candidates"].append(candidates_table(block))
        self._tables["outcomes"].append(outcomes_table(block, end_us=self._end_us))
        eligible = block.reason == ELIGIBLE
        best = np.where(eligible, block.chance, -1.0).argmax(axis=1)
        best = np.where(eligible.any(axis=1), best, NOTHING).astype(np.int8)
        self._truth.append(
            (
                block.chance.ravel(),
                block.chance_without.ravel(),
                block.fee_share.ravel(),
                best,
                block.results.is_approved,
            )
        )
        self._propensity += block.picks.propensity[block.picks.arm != CONTROL].sum(axis=0)

    def tables(self, models: Sequence[TrainedModel]) -> dict[str, pa.Table]:
        """Return the tables; outcomes in order of `recorded_at`."""
        tables = {name: pa.concat_tables(parts) for name, parts in self._tables.items()}
        order = [("recorded_at", "ascending"), ("decision_id", "ascending")]
        tables["outcomes"] = tables["outcomes"].sort_by(order)
        tables["training"] = training_table(models)
        return tables

    def truth(self) -> WorldTruth:
        """Return the truth, aligned with the tables."""
        columns = [np.concatenate(column) for column in zip(*self._truth, strict=True)]
        share = self._propensity / max(self._propensity.sum(), 1.0)
        return WorldTruth(
            approval_probability=columns[0],
            approval_without_incidents=columns[1],
            fee_share=columns[2],
            best_route=columns[3],
            is_approved=columns[4],
            expected_share=dict(zip(ROUTE_NAMES, share.tolist(), strict=True)),
        )
