"""Worlds with known truth: simulated systems whose logs and secrets are both at hand."""

from pellucid.testing.worlds.config import END_AT, WorldConfig
from pellucid.testing.worlds.features import encode
from pellucid.testing.worlds.incidents import (
    EligibilityRule,
    FeeChange,
    Incident,
    IssuerDecline,
    Outage,
    StaleFeature,
    UnitChange,
    WeekdayHabit,
    demo_incidents,
)
from pellucid.testing.worlds.payments import PaymentWorld, WorldTruth, payment_world
from pellucid.testing.worlds.system import payment_system

__all__ = [
    "DEMO_INCIDENTS",
    "END_AT",
    "EligibilityRule",
    "FeeChange",
    "Incident",
    "IssuerDecline",
    "Outage",
    "PaymentWorld",
    "StaleFeature",
    "UnitChange",
    "WeekdayHabit",
    "WorldConfig",
    "WorldTruth",
    "demo_incidents",
    "encode",
    "payment_system",
    "payment_world",
]

DEMO_INCIDENTS = demo_incidents(live_start_at=WorldConfig().live_start_at)
"""The demo's story on the default timeline."""
