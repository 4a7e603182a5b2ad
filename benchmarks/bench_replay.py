"""What replaying the policy costs: shares split into terms, and logged decisions under another."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import payments
import pyarrow as pa
from harness import (
    Meter,
    Report,
    cpu,
    data_folder,
    fresh,
    interleave,
    need_disk,
    parse_options,
    peak,
    progress,
)

import pellucid
from pellucid import Logger
from pellucid.explain.traffic.policy import CapShare, ScaleLayer
from pellucid.explain.traffic.replay import aumann_shapley, replay_shapley
from pellucid.explain.traffic.utilities import Utilities
from pellucid.spec.system import Dimension, Layer, System

DECISIONS, CANDIDATES, TERMS = 100_000, 4, 9
MODEL_TERMS = 6
MOST_CPU_S = 5.0
LOGGED, DAYS = 1_000_000, 28
SPLITS = {"replay_shapley": replay_shapley, "aumann_shapley": aumann_shapley}
LAYERS = ("fees", "guardrail")
SYSTEM = System(
    name="bench", dimensions=(Dimension(name="country"),),
    layers=tuple(Layer(name=name) for name in LAYERS),
)  # fmt: skip
CHANGES = {
    "a layer scaled": (ScaleLayer("fees", 2.0),),
    "a cap of each day": (CapShare(payments.ROUTES[0], 0.05),),
}


def main() -> None:
    options = parse_options(__doc__, rounds=5)
    report = Report("replay", "what does replaying the policy cost?", options.scale == 1)
    count = options.rows(DECISIONS)
    for link in ("identity", "logistic"):
        sides = {name: partial(fresh, split, name, link, count) for name in SPLITS}
        runs = interleave(sides, rounds=options.rounds)
        for name in SPLITS:
            case = f"{name}, {count:,} decisions x {CANDIDATES} x {TERMS} terms, {link} link"
            goal = MOST_CPU_S if name == "replay_shapley" else None
            report.add(case, "CPU s", cpu(runs[name]), most=goal)
            report.add(case, "MiB peak", peak(runs[name]))
    logged = options.rows(LOGGED)
    with data_folder("replay") as folder:
        need_disk(folder, gigabytes=2 * options.scale)
        lake = str(_write_lake(folder / f"lake-{logged}", logged))
        sides = {name: partial(fresh, ask, lake, name) for name in CHANGES}
        runs = interleave(sides, rounds=min(3, options.rounds))
    for name in CHANGES:
        case = f"what_if, {logged:,} decisions x {CANDIDATES}, {name}"
        report.add(case, "CPU s", cpu(runs[name]))
        report.add(case, "MiB peak", peak(runs[name]))
    report.finish()


def split(meter: Meter, name: str, link: str, count: int) -> float:
    """Split the share of a candidate; return how far its parts are from adding up."""
    draw = np.random.default_rng(0)
    base = draw.normal(size=(count, CANDIDATES))
    base[draw.random(base.shape) < 0.1] = -np.inf
    added = draw.normal(scale=0.3, size=(TERMS, count, CANDIDATES))
    is_linked = link == "logistic"
    if is_linked:
        added[MODEL_TERMS:] *= 0.2
    utilities = Utilities(
        tuple("abcd"), tuple(f"t{term}" for term in range(TERMS)), base, added,
        MODEL_TERMS if is_linked else 0, "logistic" if is_linked else "identity",
    )  # fmt: skip
    with meter:
        found = SPLITS[name](utilities, "a")
    missed = abs(found.base_share + found.values.sum() - found.share)
    if missed > 1e-9:
        raise SystemExit(f"{name} misses {missed}")
    return float(missed)


def ask(meter: Meter, lake: str, name: str) -> float:
    """Replay logged decisions under a changed policy."""
    obs = pellucid.open(lake)
    with meter:
        answer = obs.what_if(*CHANGES[name], over=f"{DAYS}d")
    return answer.moved


def _write_lake(root: Path, count: int) -> Path:
    done = root / "complete"
    if done.exists():
        return root
    logger = Logger(SYSTEM, to=root)
    step_us = DAYS * 86_400_000_000 // count
    for block, rows in payments.blocks(count * CANDIDATES):
        made, decided = _block(block, rows, step_us)
        logger.table("candidates", made, batch_id=f"candidates-{block}").raise_for_refused()
        logger.table("decisions", decided, batch_id=f"decisions-{block}").raise_for_refused()
    done.touch()
    progress(f"logged {count:,} decisions")
    return root


def _block(block: int, rows: int, step_us: int) -> tuple[pa.Table, pa.Table]:
    """Return candidates, and decisions whose picks are what their scores and terms make."""
    kept = ["decision_id", "decided_at", "candidate_id", "is_eligible", "raw_score", "probability",
            *(f"layer_{name}" for name in LAYERS)]  # fmt: skip
    made = payments.candidates(block, rows, step_us=step_us).select(kept)
    score = made.column("probability").to_numpy().reshape(-1, CANDIDATES)
    eligible = made.column("is_eligible").to_numpy().reshape(score.shape)
    # One is always there to pick.
    eligible[:, 0] = True
    place = made.schema.get_field_index("is_eligible")
    made = made.set_column(place, "is_eligible", pa.array(eligible.ravel()))
    names = made.column("candidate_id").to_numpy().reshape(score.shape)
    every, total = np.arange(len(score)), np.where(eligible, score, -np.inf)
    picked = {"pick_model": names[every, total.argmax(axis=1)]}
    for name in LAYERS:
        total = total + made.column(f"layer_{name}").to_numpy().reshape(score.shape)
        picked[f"pick_{name}"] = names[every, total.argmax(axis=1)]
    first = made.take(pa.array(every * CANDIDATES))
    return made, pa.table({
        "decision_id": first.column("decision_id"), "decided_at": first.column("decided_at"),
        "model_id": ["approval:1"] * len(every), "arm": ["ml"] * len(every),
        "country": np.array(payments.COUNTRIES)[every % len(payments.COUNTRIES)],
        **picked, "chosen": picked["pick_guardrail"],
    })  # fmt: skip


if __name__ == "__main__":
    main()
