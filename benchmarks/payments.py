"""Rows that look like a card-routing system's, made by the million: for speed, not for truth.

`pellucid.testing.worlds` simulates decisions with a truth to find; this only draws columns of the
same shape. Rows of block i are the same whatever the number of blocks.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.spec.system import Candidate, Dimension, Feature, Layer, Outcome, System

BLOCK_ROWS = 250_000
COUNTRIES = ("DE", "FR", "US", "GB", "BR", "IN", "JP", "NL", "ES", "IT", "PL", "SE", "MX", "CA",
             "AU", "TR", "ZA", "KR", "SG", "AE")  # fmt: skip
NETWORKS = ("visa", "mastercard", "amex", "local")
CARD_TYPES = ("credit", "debit")
ROUTES = tuple(f"{processor}-{way}" for processor in ("alder", "birch", "cedar", "doum")
               for way in ("direct", "3ds", "token"))  # fmt: skip
ISSUERS = tuple(f"issuer-{number:03}" for number in range(200))
FEATURES = tuple(f"x{number:02}" for number in range(14))
LAYERS = ("fees", "guardrail")
SYSTEM = System(
    name="bench",
    dimensions=tuple(
        Dimension(name=name) for name in ("country", "issuer", "network", "card_type")
    ),
    features=tuple(Feature(name=name) for name in FEATURES),
    candidate=Candidate(name="route", dimensions=(Dimension(name="processor"),)),
    layers=tuple(Layer(name=name) for name in LAYERS),
    outcomes=(
        Outcome(name="approved", matures_after="2h", rate="approval_rate", is_predicted=True),
    ),
)
CANDIDATES_EACH = 4
START_US = 1_790_812_800_000_000  # 2026-10-01 00:00 UTC
_HOUR_US = 3_600_000_000
_ID_CHARACTERS = 32


def decisions(block: int, rows: int, *, step_us: int) -> pa.Table:
    """Return `decisions`: 22 columns, `step_us` apart.

    Parameters
    ----------
    block : int
        Number of the block; its rows follow those of the block before.
    rows : int
        How many; at most `BLOCK_ROWS`.
    """
    random = np.random.default_rng((1, block))
    route = random.integers(0, len(ROUTES), rows)
    fees = np.where(random.random(rows) < 0.12, (route + 1) % len(ROUTES), route)
    chosen = np.where(random.random(rows) < 0.04, (fees + 3) % len(ROUTES), fees)
    arm = (random.random(rows) < 0.05).astype(np.int64)
    score = random.normal(1.5, 1.0, rows)
    ids = _ids(block, rows)
    return pa.table({
        "decision_id": ids,
        "decided_at": _instants(_times(block * BLOCK_ROWS, rows, step_us)),
        "request_id": ids,
        "attempt": pa.array(np.ones(rows, dtype=np.int32)),
        "model_id": _names(("approval:1", "approval:2"), (np.arange(rows) % 3 == 0).astype(int)),
        "policy_version": _names(("layers-1",), np.zeros(rows, dtype=np.int64)),
        "arm": _names(("ml", "control"), arm),
        "chosen": _names(ROUTES, chosen),
        "chosen_raw_score": pa.array(score),
        "chosen_probability": pa.array(1 / (1 + np.exp(-score))),
        "propensity": pa.array(np.where(arm == 1, 1.0, 0.96 + 0.04 / CANDIDATES_EACH)),
        "candidate_count": pa.array(np.full(rows, CANDIDATES_EACH, dtype=np.int32)),
        "eligible_count": pa.array(random.integers(1, CANDIDATES_EACH + 1, rows, dtype=np.int32)),
        "amount_minor": pa.array(random.lognormal(8, 1.2, rows).astype(np.int64)),
        "currency": _names(("EUR",), np.zeros(rows, dtype=np.int64)),
        "pick_model": _names(ROUTES, route, arm == 1),
        "pick_fees": _names(ROUTES, fees, arm == 1),
        "pick_guardrail": _names(ROUTES, chosen, arm == 1),
        "country": _names(COUNTRIES, _skewed(random, len(COUNTRIES), rows)),
        "issuer": _names(ISSUERS, _skewed(random, len(ISSUERS), rows)),
        "network": _names(NETWORKS, _skewed(random, len(NETWORKS), rows)),
        "card_type": _names(CARD_TYPES, random.integers(0, 2, rows)),
    })  # fmt: skip


def candidates(block: int, rows: int, *, step_us: int) -> pa.Table:
    """Return `candidates`: 25 columns, of which 19 are floats; four rows a decision."""
    random = np.random.default_rng((2, block))
    count = rows // CANDIDATES_EACH
    place = np.repeat(np.arange(count), CANDIDATES_EACH)
    at = _times(block * BLOCK_ROWS // CANDIDATES_EACH, count, step_us)
    rows = len(place)
    nth = np.tile(np.arange(CANDIDATES_EACH), count)
    route = (np.repeat(random.integers(0, len(ROUTES), count), CANDIDATES_EACH) + nth) % len(ROUTES)
    score = random.normal(1.5, 1.0, rows)
    columns = {
        "decision_id": _ids(block, count).take(pa.array(place)),
        "decided_at": _instants(at[place]),
        "candidate_id": _names(ROUTES, route),
        "is_eligible": pa.array(random.random(rows) < 0.8),
        "raw_score": pa.array(score),
        "probability": pa.array(1 / (1 + np.exp(-score))),
        "is_chosen": pa.array(nth == 0),
        "propensity": pa.array(np.where(nth == 0, 0.97, 0.01)),
    }
    for number, name in enumerate(FEATURES):
        values = random.normal(0, 1, rows)
        # Half of the features are rates and amounts that never repeat, half are counters.
        columns[f"f_{name}"] = pa.array(values if number % 2 else np.round(np.abs(values) * 50))
    for name in LAYERS:
        columns[f"layer_{name}"] = pa.array(random.normal(0, 0.02, rows))
    columns["processor"] = _names([name.partition("-")[0] for name in ROUTES], route)
    return pa.table(columns)


def outcomes(block: int, rows: int, *, step_us: int) -> pa.Table:
    """Return `outcomes` of a block of decisions: 1% without, and 2% corrected the next hour."""
    random = np.random.default_rng((3, block))
    ids = _ids(block, rows)
    at = _times(block * BLOCK_ROWS, rows, step_us) + 1_000_000
    first = np.flatnonzero(random.random(rows) >= 0.01)
    mended = first[random.random(len(first)) < 0.02]
    value = (random.random(rows) < 0.85).astype(np.float64)
    picked = np.concatenate([first, mended])
    corrected = np.concatenate([value[first], 1 - value[mended]])
    recorded = np.concatenate([at[first] + 2_000_000, at[mended] + _HOUR_US])
    count = len(picked)
    return pa.table({
        "decision_id": ids.take(pa.array(picked)),
        "candidate_id": pa.nulls(count, pa.string()),
        "outcome": _names(("approved",), np.zeros(count, dtype=np.int64)),
        "value": pa.array(corrected),
        "outcome_at": _instants(at[picked]),
        "recorded_at": _instants(recorded),
        "reason": _names(("insufficient_funds", "do_not_honor", "suspected_fraud"),
                         random.integers(0, 3, count), corrected == 1),
        "blame": _names(("customer", "issuer"), random.integers(0, 2, count), corrected == 1),
    })  # fmt: skip


def blocks(rows: int) -> list[tuple[int, int]]:
    """Return (block, rows in it) for so many rows in all."""
    starts = range(0, rows, BLOCK_ROWS)
    return [(number, min(BLOCK_ROWS, rows - start)) for number, start in enumerate(starts)]


def _ids(block: int, rows: int) -> pa.Array:
    # As random as UUIDs: 32 hexadecimal digits.
    random = np.random.default_rng((4, block))
    text = random.bytes(rows * _ID_CHARACTERS // 2).hex().encode()
    offsets = np.arange(0, len(text) + 1, _ID_CHARACTERS, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(text))


def _times(first: int, rows: int, step_us: int) -> np.ndarray:
    return START_US + (first + np.arange(rows, dtype=np.int64)) * step_us


def _instants(at_us: np.ndarray) -> pa.Array:
    return pc.cast(pa.array(at_us), pa.timestamp("us", tz="UTC"))


def _names(names: object, codes: np.ndarray, is_null: np.ndarray | None = None) -> pa.Array:
    indices = pa.array(codes.astype(np.int16), mask=is_null)
    values = pa.array(list(names), pa.string())
    return pa.DictionaryArray.from_arrays(indices, values).dictionary_decode()


def _skewed(random: np.random.Generator, levels: int, rows: int) -> np.ndarray:
    weights = 1 / np.arange(1, levels + 1)
    return random.choice(levels, rows, p=weights / weights.sum())
