"""Small random records of three candidates with stored attributions, and their brute force."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Dimension, Feature, Layer, System

START = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = ("x", "y", "z")
FEATURES = ("amount", "bank")
LAYERS = ("fees", "cap")
TIME = pa.timestamp("us", tz="UTC")
Rows = list[dict[str, Any]]


def contest_system(scale: str) -> System:
    return System(
        name="contest", policy_scale=scale,  # type: ignore[arg-type]
        dimensions=(Dimension(name="country"), Dimension(name="card")),
        features=(Feature(name="amount", label="Amount"), Feature(name="bank", kind="category")),
        candidate=Candidate(name="route", label="Route"),
        layers=(Layer(name="fees", label="Fees"), Layer(name="cap", label="Daily cap")),
    )  # fmt: skip


def contest_rows(seed: int, *, count: int = 120, days: int = 4) -> dict[str, Rows]:
    """Return rows of the tables, and of ``pairs``: everything of a candidate in one dict."""
    draw = np.random.default_rng(seed)
    decisions, candidates, attributions = [], [], []
    for number in range(count):
        at = START + timedelta(days=int(draw.integers(days)), minutes=int(draw.integers(1440)))
        weight = None if draw.random() < 0.2 else float(draw.choice([1.0, 2.5, 8.0]))
        own = []
        for name in NAMES:
            base, bars = float(draw.normal(1, 0.2)), draw.normal(size=2).astype(np.float32)
            left = float(draw.normal(scale=0.01))
            raw = base + float(bars.astype(float).sum()) + left
            own.append({
                "decision_id": f"d{number}", "decided_at": at, "candidate_id": name,
                "is_eligible": bool(draw.random() < 0.8), "raw_score": raw,
                "probability": 1 / (1 + np.exp(-raw)), "is_chosen": False,
                "layer_fees": float(draw.normal(scale=0.1)),
                "layer_cap": None if draw.random() < 0.3 else float(draw.normal(scale=0.1)),
            })  # fmt: skip
            if number % 10:
                attributions.append({
                    "decision_id": f"d{number}", "decided_at": at, "candidate_id": name,
                    "model_id": "m:1", "output_scale": "log_odds", "base_value": base,
                    "raw_score": raw, "residual": left, "sample_weight": weight,
                    "explainer": "own", "a_amount": bars[0], "a_bank": bars[1],
                })  # fmt: skip
        shadow = [dict(row, model_id="shadow:1", base_value=9.0, a_amount=np.float32(7.0))
                  for row in attributions[-3:] if row["decision_id"] == f"d{number}"]  # fmt: skip
        candidates += own
        attributions += shadow if number % 3 == 0 else []
        allowed = [row["candidate_id"] for row in own if row["is_eligible"]]
        is_control = draw.random() < 0.15
        picks = [str(draw.choice(allowed)) for _ in range(4)] if allowed else [None] * 4
        for row in own:
            row["is_chosen"] = row["candidate_id"] == picks[3]
        decisions.append({
            "decision_id": f"d{number}", "decided_at": at, "model_id": "m:1", "chosen": picks[3],
            "arm": "control" if is_control else "ml",
            "pick_model": None if is_control else picks[0],
            "pick_fees": None if is_control or draw.random() < 0.1 else picks[1],
            "pick_cap": None if is_control else picks[3 if draw.random() < 0.8 else 2],
            "country": str(draw.choice(["BR", "DE"])), "card": str(draw.choice(["on", "off"])),
        })  # fmt: skip
    return {"decisions": decisions, "candidates": candidates, "attributions": attributions}


def contest(
    root: Path, rows: dict[str, Rows], *, scale: str = "probability", system: System | None = None
) -> Observatory:
    log = Logger(system or contest_system(scale), to=root)
    for name, of_table in rows.items():
        if of_table:
            kinds = {"decided_at": TIME, "sample_weight": pa.float64(), "layer_cap": pa.float64(),
                     "chosen": pa.string(), "model_id": pa.string(), "pick_model": pa.string(),
                     "pick_fees": pa.string(), "pick_cap": pa.string(), "a_amount": pa.float32(),
                     "a_bank": pa.float32()}  # fmt: skip
            columns = {
                key: pa.array([row[key] for row in of_table], kinds.get(key)) for key in of_table[0]
            }
            log.table(name, pa.table(columns)).raise_for_refused()
    return open_system(root)


def mean_and_error(
    values: np.ndarray, weights: np.ndarray, days: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted means, and errors by leaving days out; of one day, of independent rows."""
    mean = np.average(values, axis=0, weights=weights)
    every = np.unique(days)
    if len(every) < 2:
        count = len(values)
        influence = weights[:, None] * (values - mean) / weights.sum()
        return mean, np.sqrt(count / (count - 1) * (influence**2).sum(axis=0))
    moved = means_without(values, weights, days, every) - mean
    return mean, np.sqrt((len(every) - 1) / len(every) * (moved**2).sum(axis=0))


def means_without(
    values: np.ndarray, weights: np.ndarray, days: np.ndarray, every: np.ndarray
) -> np.ndarray:
    """Return the weighted means as each day of some is left out."""
    return np.array([
        np.average(values[days != day], axis=0, weights=weights[days != day]) for day in every
    ])  # fmt: skip


def unnamed(rows: dict[str, Rows]) -> dict[str, Rows]:
    """Return rows in which half of the decisions name no model, and a second one explained all."""
    decisions = [
        row | ({"model_id": None} if place % 2 else {})
        for place, row in enumerate(rows["decisions"])
    ]
    own = [row for row in rows["attributions"] if row["model_id"] == "m:1"]
    # First by name, and worse.
    others = [
        row | {"model_id": "a:1", "base_value": row["base_value"] + 3, "residual": -3.0}
        for row in own
    ]
    return rows | {"decisions": decisions, "attributions": [*others, *own]}
