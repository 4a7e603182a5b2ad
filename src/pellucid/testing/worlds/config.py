"""The settings of a payment world and the timeline that they imply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pellucid.errors import SpecError
from pellucid.testing.worlds.clock import DAY_US, microseconds
from pellucid.testing.worlds.incidents import Incident, demo_incidents

END_AT = datetime(2026, 11, 1, tzinfo=UTC)
STEP_HOURS = 3
MAX_ATTEMPTS = 3
CONTROL_SHARE = 0.05
EXPLORATION = 0.04
HISTORY_EXPLORATION = 0.25
ATTEMPTS_PER_REQUEST = 1.067
"""Measured over seeds; turns the wanted number of decisions into a number of requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldConfig:
    """Settings of a payment world.

    Attributes
    ----------
    decisions : int
        About how many live decisions, each attempt counted; a few percent off.
    seed : int
        The same seed and settings give byte-identical tables.
    history_days, live_days : int
        Days decided by static rules, on which the model is trained; then days decided by it.
    end_at : datetime
        End of the world, exclusive; a UTC midnight.
    incidents : tuple of Incident
        What is planted.
    retrain_every_days : int or None
        Train again on the trailing `history_days` that often; None: never.
    training_decisions : int
        History is thinned to about so many decisions; cap on the records of one training.
    """

    decisions: int = 100_000
    seed: int = 7
    history_days: int = 28
    live_days: int = 28
    end_at: datetime = END_AT
    incidents: tuple[Incident, ...] = ()
    retrain_every_days: int | None = None
    training_decisions: int = 200_000

    @property
    def live_start_at(self) -> datetime:
        """When the model takes over."""
        return self.end_at - timedelta(days=self.live_days)

    @property
    def history_start_at(self) -> datetime:
        """When the simulation begins."""
        return self.live_start_at - timedelta(days=self.history_days)

    @property
    def end_us(self) -> int:
        """End of the world in microseconds since 1970."""
        return microseconds(self.end_at)

    @property
    def live_start_us(self) -> int:
        """`live_start_at` in microseconds since 1970."""
        return self.end_us - self.live_days * DAY_US

    @property
    def history_start_us(self) -> int:
        """`history_start_at` in microseconds since 1970."""
        return self.live_start_us - self.history_days * DAY_US

    @property
    def live_requests(self) -> int:
        """How many payments arrive in the live window."""
        return max(1, round(self.decisions / ATTEMPTS_PER_REQUEST))

    @property
    def history_requests(self) -> int:
        """How many payments arrive in the history window, after thinning."""
        full = self.live_requests * self.history_days / self.live_days
        return max(1, round(min(full, self.training_decisions / ATTEMPTS_PER_REQUEST)))


def build_config(
    *,
    decisions: int,
    seed: int,
    history_days: int,
    live_days: int,
    end_at: datetime,
    incidents: Sequence[Incident] | None,
    retrain_every_days: int | None,
    training_decisions: int,
) -> WorldConfig:
    """Return checked settings, with the demo's incidents where `incidents` is None.

    Raises
    ------
    SpecError
        If a setting is out of range; all problems at once.
    """
    whole = {
        "decisions": decisions, "history_days": history_days, "live_days": live_days,
        "training_decisions": training_decisions,
        "retrain_every_days": 1 if retrain_every_days is None else retrain_every_days,
    }  # fmt: skip
    problems = [
        f"'{name}' must be at least 1; got {value}" for name, value in whole.items() if value < 1
    ]
    if seed < 0:
        problems.append(f"'seed' must be at least 0; got {seed}")
    if end_at.tzinfo is None or microseconds(end_at) % DAY_US:
        problems.append(f"'end_at' must be a UTC midnight, with time zone; got {end_at}")
    if problems:
        raise SpecError("payment world", problems)
    if incidents is None:
        incidents = demo_incidents(
            live_start_at=end_at - timedelta(days=live_days),
            history_days=history_days,
            live_days=live_days,
        )
    return WorldConfig(
        decisions=decisions,
        seed=seed,
        history_days=history_days,
        live_days=live_days,
        end_at=end_at,
        incidents=tuple(incidents),
        retrain_every_days=retrain_every_days,
        training_decisions=training_decisions,
    )
