"""A small routing service with an outage and a feature that goes stale, for tests of checks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

import pellucid

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 9, 7, tzinfo=UTC)
DAYS, A_DAY = 25, 960
END = START + DAYS * DAY
OUTAGE_AT, OUTAGE_HOURS = START + 22 * DAY + 10 * HOUR, 10
STALE_AT = START + 23 * DAY
ROUTES, COUNTRIES = ("north", "south", "west"), ("BR", "DE", "FR", "MX")


def system() -> pellucid.System:
    return pellucid.System(
        name="watched",
        dimensions=(pellucid.Dimension(name="country"),),
        features=(pellucid.Feature(name="load"),),
        candidate=pellucid.Candidate(name="route", repeats=("country",)),
        outcomes=(pellucid.Outcome(name="approved", label="Approvals", matures_after="2h",
                                   rate="approval_rate", is_predicted=True),),
    )  # fmt: skip


def make_lake(root: Path, *, seed: int = 5, a_day: int = A_DAY) -> None:
    """Log 25 days: for ten hours of the 23rd `north` fails, from the 24th on `load` is null."""
    draw = np.random.default_rng(seed)
    count = DAYS * a_day
    at_us = np.sort(draw.integers(0, DAYS * 86_400_000_000, count))
    route, country = draw.integers(3, size=count), draw.integers(4, size=count)
    outage = round((OUTAGE_AT - START) / timedelta(microseconds=1))
    is_out = (route == 0) & (at_us >= outage) & (at_us < outage + OUTAGE_HOURS * 3_600_000_000)
    approved = draw.random(count) < np.where(is_out, 0.05, 0.9 - 0.03 * country)
    ids = pa.array([f"d{number}" for number in range(count)])
    decided = pa.array(at_us + round(START.timestamp() * 1e6)).cast(pa.timestamp("us", tz="UTC"))
    chosen = pa.array(ROUTES).take(pa.array(route))
    amount = draw.integers(500, 5000, count)
    log = pellucid.Logger(system(), to=root)
    log.table("decisions", pa.table({
        "decision_id": ids, "request_id": ids, "attempt": np.ones(count, dtype=np.int64),
        "decided_at": decided, "country": pa.array(COUNTRIES).take(pa.array(country)),
        "chosen": chosen, "amount_minor": amount, "currency": pa.array(["EUR"] * count),
    })).raise_for_refused()  # fmt: skip
    load = draw.normal(10, 2, count)
    stale = at_us >= round((STALE_AT - START) / timedelta(microseconds=1))
    log.table("candidates", pa.table({
        "decision_id": ids, "decided_at": decided, "candidate_id": chosen,
        "country": pa.array(COUNTRIES).take(pa.array(country)),
        "is_eligible": np.ones(count, dtype=bool), "is_chosen": np.ones(count, dtype=bool),
        "raw_score": draw.normal(size=count), "f_load": pa.array(load, mask=stale),
    })).raise_for_refused()  # fmt: skip
    log.table("outcomes", pa.table({
        "decision_id": ids, "outcome": pa.array(["approved"] * count),
        "value": approved.astype(np.float64), "outcome_at": decided, "recorded_at": decided,
    })).raise_for_refused()  # fmt: skip
