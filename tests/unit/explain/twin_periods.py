"""Two periods of a small router whose every part is known, and their replay by plain loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LinearRegression

from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.spec.system import Candidate, Dimension, Feature, Layer, System
from pellucid.windows import Window

START = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 3
BEFORE = Window(START, START + timedelta(days=DAYS))
AFTER = Window(BEFORE.end, BEFORE.end + timedelta(days=DAYS))
ROUTES = ("north", "south", "west")
COUNTRIES, CARDS = ("BR", "DE", "MX"), ("debit", "credit")
PLAYERS = ("population", "eligibility", "model", "fees")
TIME = pa.timestamp("us", tz="UTC")
Row = dict[str, Any]


@dataclass(frozen=True)
class Period:
    """Who comes, and what they are routed by."""

    decisions: tuple[Row, ...]
    weights: tuple[float, float]
    fees: Mapping[tuple[str, str], float]
    banned: frozenset[tuple[str, str]]


def drawn_period(seed: int, *, count: int = 60) -> Period:
    """Return a period of its own in every part; `decisions` carry what no rule is about."""
    draw = np.random.default_rng(seed)
    shares = draw.dirichlet([9.0] * len(COUNTRIES))
    decisions = tuple(
        {
            "country": str(draw.choice(COUNTRIES, p=shares)), "card": str(draw.choice(CARDS)),
            "day": int(draw.integers(DAYS)), "weight": float(draw.choice([1.0, 2.5, 8.0])),
            "features": draw.normal(size=(len(ROUTES), 2)).tolist(),
            "luck": draw.normal(scale=0.2, size=len(ROUTES)).tolist(),
        }
        for _ in range(count)
    )  # fmt: skip
    fees = {(route, country): float(draw.normal(scale=0.6))
            for route in ROUTES for country in COUNTRIES}  # fmt: skip
    # Of each route one card is left, so that its fees are seen.
    banned = frozenset((route, str(draw.choice(CARDS))) for route in ROUTES[1:]
                       if draw.random() < 0.6)  # fmt: skip
    return Period(decisions, tuple(draw.normal(size=2).tolist()), fees, banned)


def mixed(one: Period, other: Period, taken: Sequence[str]) -> Period:
    """Return a period with the named parts of the other."""
    fields = {"population": "decisions", "eligibility": "banned", "model": "weights",
              "fees": "fees"}  # fmt: skip
    return replace(one, **{fields[name]: getattr(other, fields[name]) for name in taken})


def pick(decision: Mapping[str, Any], policy: Period) -> str:
    """Return the route that a policy sends a decision to."""
    best, most = "", -np.inf
    for place, route in enumerate(ROUTES):
        if (route, decision["card"]) in policy.banned:
            continue
        quality, speed = decision["features"][place]
        value = policy.weights[0] * quality + policy.weights[1] * speed
        value += policy.fees[route, decision["country"]] + decision["luck"][place]
        if value > most:
            best, most = route, value
    return best


def share(period: Period, route: str) -> float:
    """Return a route's share of a period."""
    total = sum(decision["weight"] for decision in period.decisions)
    won = sum(decision["weight"] for decision in period.decisions
              if pick(decision, period) == route)  # fmt: skip
    return won / total


def shapley(before: Period, after: Period, route: str) -> dict[str, float]:
    """Return the mean over all orders in which parts go from before to after."""
    found = dict.fromkeys(PLAYERS, 0.0)
    orders = list(permutations(PLAYERS))
    for order in orders:
        for place, name in enumerate(order):
            with_it = share(mixed(before, after, order[: place + 1]), route)
            found[name] += (with_it - share(mixed(before, after, order[:place]), route)) / len(
                orders
            )
    return found


def influences(before: Period, after: Period, route: str, side: int) -> np.ndarray:
    """Return what each decision of a side adds to each part, before averaging."""
    decisions = (before, after)[side].decisions
    found = np.zeros((len(decisions), len(PLAYERS)))
    orders = list(permutations(PLAYERS))
    for order in orders:
        for place, name in enumerate(order):
            for sign, taken in ((1, order[: place + 1]), (-1, order[:place])):
                if ("population" in taken) != bool(side):
                    continue
                policy = mixed(before, after, taken)
                hits = [pick(decision, policy) == route for decision in decisions]
                found[:, PLAYERS.index(name)] += sign * np.array(hits, dtype=float) / len(orders)
    return found


def twin_system() -> System:
    return System(
        name="twins", score_unit="raw", policy_scale="raw",
        dimensions=(Dimension(name="country"), Dimension(name="card")),
        features=(Feature(name="quality"), Feature(name="speed")),
        candidate=Candidate(name="route", dimensions=(Dimension(name="processor"),)),
        layers=(Layer(name="fees", label="Fees"), Layer(name="luck", label="Luck"),
                Layer(name="desk", label="Desk", kind="external")),
    )  # fmt: skip


def records(
    before: Period, after: Period, *, desk: Mapping[str, str], reason: str | None
) -> tuple[list[Row], list[Row]]:
    """Return rows of decisions and candidates; `desk` overrides the picks of some decisions."""
    decisions, candidates = [], []
    for side, (window, period) in enumerate(((BEFORE, before), (AFTER, after))):
        for number, decision in enumerate(period.decisions):
            name, at = f"d{side}-{number}", window.start + timedelta(days=decision["day"], hours=1)
            best = pick(decision, period)
            decisions.append({
                "decision_id": name, "decided_at": at, "model_id": f"m:{side}", "arm": "ml",
                "chosen": desk.get(name, best), "pick_model": best, "pick_fees": best,
                "pick_luck": best, "pick_desk": desk.get(name, best),
                "country": decision["country"], "card": decision["card"],
                "sample_weight": decision["weight"],
            })  # fmt: skip
            for place, route in enumerate(ROUTES):
                is_eligible = (route, decision["card"]) not in period.banned
                quality, speed = decision["features"][place]
                score = period.weights[0] * quality + period.weights[1] * speed
                fee = period.fees[route, decision["country"]]
                candidates.append({
                    "decision_id": name, "decided_at": at, "candidate_id": route,
                    "processor": route[0], "is_eligible": is_eligible,
                    "ineligible_reason": None if is_eligible else reason,
                    "raw_score": score if is_eligible else None,
                    "layer_fees": fee if is_eligible else None,
                    "layer_luck": decision["luck"][place], "f_quality": quality,
                    "f_speed": speed,
                })  # fmt: skip
    return decisions, candidates


def twins(
    root: Path, before: Period, after: Period, *, desk: Mapping[str, str] | None = None,
    reason: str | None = None, models: Sequence[int] = (0, 1),
    control: Sequence[Row] = (),
) -> Observatory:  # fmt: skip
    """Log both periods, and the files of their models."""
    log = Logger(twin_system(), to=root)
    for side in models:
        log_model(log, side, (before, after)[side].weights)
    decisions, candidates = records(before, after, desk=desk or {}, reason=reason)
    for name, rows in (("decisions", [*decisions, *control]), ("candidates", candidates)):
        log.table(name, columns_of(rows)).raise_for_refused()
    return open_system(root)


def log_model(log: Logger, side: int, weights: Sequence[float]) -> None:
    """Log a linear model of the first features, as many as there are weights."""
    model = LinearRegression()
    model.coef_, model.intercept_, model.n_features_in_ = np.array(weights), 0.0, len(weights)
    log.model(model, name="m", version=str(side), trained_at=START,
              features=["quality", "speed"][: len(weights)])  # fmt: skip


def columns_of(rows: Sequence[Row], *, without: Sequence[str] = ()) -> pa.Table:
    kinds = {"decided_at": TIME, "ineligible_reason": pa.string(), "model_id": pa.string()}
    return pa.table({
        key: pa.array([row[key] for row in rows], kinds.get(key))
        for key in rows[0] if key not in without
    })  # fmt: skip
