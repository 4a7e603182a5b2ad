"""Many small worlds of routed payments in one lake, logged in full and as a sample of requests.

A world's rows are drawn from the same truth, each world apart, so that one query by `world` gives
as many independent estimates as there are worlds. What is measured depends on the country and the
amount, and so does the keep rate: a sample that forgot its weights would be far off.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from pellucid.spec.system import Candidate, Dimension, Layer, Metric, Outcome, System

START = datetime(2026, 5, 4, tzinfo=UTC)
# The decisions of the day's last hours are too young for their label.
AS_OF = START + timedelta(hours=25)
COUNTRIES = ("BR", "DE", "MX")
ROUTES = ("north", "south", "west")
KEEP_RATES = {("BR", False): 0.1, ("DE", False): 0.3, ("MX", False): 0.6,
              ("BR", True): 0.5, ("DE", True): 0.8, ("MX", True): 1.0}  # fmt: skip
LARGE = 8_000
_APPROVED = np.array([0.6, 0.85, 0.75])
_TIMESTAMP = pa.timestamp("us", tz="UTC")

SYSTEM = System(
    name="worlds",
    dimensions=(Dimension(name="world"), Dimension(name="country")),
    candidate=Candidate(name="route"),
    layers=(Layer(name="fees"),),
    outcomes=(
        Outcome(name="approved", matures_after="8h", rate="approval_rate", is_predicted=True),
        Outcome(name="fee", kind="amount", matures_after="6h"),
    ),
    metrics=(
        Metric(name="approved_amount_rate", unit="request", finalizer="ratio",
               value="amount_minor * approved", per="amount_minor", where="approved_mature",
               value_unit="share"),
    ),
)  # fmt: skip


def make_worlds(seed: int, *, worlds: int, requests: int, retried: float) -> dict[str, pa.Table]:
    """Return `decisions`, `candidates` and `outcomes` of so many worlds.

    Parameters
    ----------
    requests : int
        In each world.
    retried : float
        Share of requests that have a second attempt.
    """
    draw = np.random.default_rng(seed)
    count = worlds * requests
    first = np.arange(count)
    request = np.concatenate([first, first[draw.random(count) < retried]])
    attempt = np.concatenate([np.ones(count, int), np.full(len(request) - count, 2)])
    country = draw.choice(len(COUNTRIES), count, p=[0.5, 0.3, 0.2])[request]
    amount = draw.integers(100, 10_000, count)[request]
    minute = draw.integers(0, 24 * 60 - 10, count)[request] + 7 * (attempt - 1)
    rows = len(request)
    chosen = draw.integers(0, len(ROUTES), rows)
    is_control = draw.random(rows) < 0.05
    picked = np.where(draw.random(rows) < 0.2, (chosen + 1) % len(ROUTES), chosen)
    likely = np.clip(_APPROVED[country] + draw.normal(0, 0.05, rows), 0.01, 0.99)
    ids = np.char.add(np.char.mod("r%d-", request), attempt.astype(str))
    at = _instants(minute)
    names = pa.array(ROUTES)
    route = names.take(pa.array(chosen, mask=draw.random(rows) < 0.02))
    decisions = pa.table({
        "decision_id": ids, "decided_at": at, "request_id": np.char.mod("r%d", request),
        "attempt": attempt, "world": np.char.mod("w%d", request // requests),
        "country": pa.array(COUNTRIES).take(pa.array(country)),
        "arm": np.where(is_control, "control", "ml"), "chosen": route,
        "pick_model": names.take(pa.array(picked, mask=is_control)),
        "pick_fees": names.take(pa.array(chosen, mask=is_control)),
        "chosen_probability": likely, "amount_minor": amount, "currency": ["EUR"] * rows,
    })  # fmt: skip
    return {
        "decisions": decisions,
        "candidates": _candidates(draw, decisions, chosen, country),
        "outcomes": _outcomes(draw, ids, minute, likely, country),
    }


def sample(tables: Mapping[str, pa.Table], salt: bytes) -> dict[str, pa.Table]:
    """Return what a logger stores that keeps requests by a hash of their id: outcomes all."""
    rows = tables["decisions"].select(["request_id", "country", "amount_minor"]).to_pylist()
    rates = [KEEP_RATES[row["country"], row["amount_minor"] > LARGE] for row in rows]
    kept = np.array([
        int.from_bytes(blake2b(row["request_id"].encode(), key=salt, digest_size=8).digest())
        < rate * 2**64
        for row, rate in zip(rows, rates, strict=True)
    ])  # fmt: skip
    weighted = tables["decisions"].append_column("sample_weight", pa.array(1 / np.array(rates)))
    decisions = weighted.filter(pa.array(kept))
    candidates = tables["candidates"]
    inside = pa.compute.is_in(candidates["decision_id"], value_set=decisions["decision_id"])
    return {**tables, "decisions": decisions, "candidates": candidates.filter(inside)}


def _candidates(
    draw: np.random.Generator, decisions: pa.Table, chosen: np.ndarray, country: np.ndarray
) -> pa.Table:
    each = len(ROUTES)
    place = np.repeat(np.arange(decisions.num_rows), each)
    route = np.tile(np.arange(each), decisions.num_rows)
    is_chosen = route == chosen[place]
    is_eligible = is_chosen | (draw.random(len(place)) < 0.6 + 0.1 * country[place])
    return pa.table({
        **{name: decisions.column(name).take(place) for name in ("decision_id", "decided_at")},
        "candidate_id": pa.array(ROUTES).take(pa.array(route)),
        "is_eligible": is_eligible, "is_chosen": is_chosen,
        "raw_score": draw.normal(0.2 * country[place], 1.0),
        # Apart from what is drawn for all else. Nearly independent within a decision, as the
        # intervals of candidates take them.
        "layer_fees": np.random.default_rng(7).normal(-0.1 * country[place], 0.5),
    })  # fmt: skip


def _outcomes(
    draw: np.random.Generator, ids: np.ndarray, minute: np.ndarray, likely: np.ndarray,
    country: np.ndarray,
) -> pa.Table:  # fmt: skip
    parts = []
    values = {
        "approved": (draw.random(len(ids)) < likely).astype(float),
        "fee": draw.gamma(4.0, 0.5 + country),
    }
    for name, value in values.items():
        came = draw.random(len(ids)) < 0.85
        at = _instants(minute[came] + 1)
        parts.append(pa.table({
            "decision_id": ids[came], "outcome": [name] * came.sum(), "value": value[came],
            "outcome_at": at, "recorded_at": at,
        }))  # fmt: skip
    return pa.concat_tables(parts)


def _instants(minute: np.ndarray) -> pa.Array:
    micros = int(START.timestamp()) * 1_000_000 + minute.astype(np.int64) * 60_000_000
    return pa.array(micros).cast(_TIMESTAMP)
