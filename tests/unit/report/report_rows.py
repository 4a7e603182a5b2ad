"""Result tables of a made-up card routing, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

ROUTES = (
    "alder-3ds",
    "alder-direct",
    "birch-direct",
    "birch-local",
    "cedar-direct",
    "cedar-network",
    "dune-local",
    "elm-direct",
)
COUNTRIES = ("DE", "GB", "US", "FR", "JP", "IN", "BR", "MX")
STAGES = ("Model", "Fees", "Contract", "Guardrail", "Exploration")
START = datetime(2026, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class FakeFlow:
    """The shape of a policy flow."""

    stages: tuple[str, ...]
    nodes: pa.Table
    links: pa.Table


def rate_row(metric: str, level: str, value: float, n: int, **keys: object) -> dict[str, object]:
    half = 1.96 * (value * (1 - value) / n) ** 0.5
    return {
        "metric": metric,
        "segment": "all",
        "level": level,
        "start_at": START,
        "end_at": START + timedelta(days=30),
        "value": value,
        "low": max(0.0, value - half),
        "high": min(1.0, value + half),
        "n": n,
        **keys,
    }


def daily_rows(rng: np.random.Generator) -> pa.Table:
    rows = []
    for day in range(30):
        value = 0.848 + rng.normal(0, 0.006) - (0.035 if day in (11, 12) else 0)
        rows.append(
            rate_row("approval_rate", "", value, int(rng.integers(1900, 2500)))
            | {"start_at": START + timedelta(days=day)}
        )
    return pa.Table.from_pylist(rows)


def traffic_rows(rng: np.random.Generator, routes: tuple[str, ...]) -> pa.Table:
    rows = []
    base = np.linspace(2.0, 0.5, len(routes))
    for day in range(30):
        weights = base * np.exp(rng.normal(0, 0.06, len(routes)))
        if day >= 18:
            weights[2] *= 1.6
        for route, share in zip(routes, weights / weights.sum(), strict=True):
            row = rate_row("traffic_share", "route", float(share), 2200, route=route)
            rows.append(row | {"start_at": START + timedelta(days=day)})
    return pa.Table.from_pylist(rows)


def by_rows(rng: np.random.Generator, by: str, names: tuple[str, ...]) -> pa.Table:
    rows = [rate_row("approval_rate", "", 0.848, 66_927, **{by: None})]
    for name in names:
        n = int(rng.integers(300, 16_000))
        rows.append(rate_row("approval_rate", by, float(rng.uniform(0.78, 0.9)), n, **{by: name}))
    return pa.Table.from_pylist(rows)


def eligibility_rows(rng: np.random.Generator, routes: tuple[str, ...]) -> pa.Table:
    rows = [rate_row("eligibility_rate", "", 0.62, 500_000, route=None, country=None)]
    rows += [
        rate_row(
            "eligibility_rate",
            "country",
            float(rng.uniform(0.5, 0.7)),
            40_000,
            route=None,
            country=country,
        )
        for country in COUNTRIES
    ]
    for route in routes:
        rows.append(
            rate_row(
                "eligibility_rate",
                "route",
                float(rng.uniform(0.4, 0.8)),
                60_000,
                route=route,
                country=None,
            )
        )
        for country in COUNTRIES:
            n = 60 if rng.random() < 0.06 else int(rng.integers(900, 9000))
            if rng.random() < 0.12:
                continue
            rows.append(
                rate_row(
                    "eligibility_rate",
                    "route,country",
                    float(rng.beta(4, 2)),
                    n,
                    route=route,
                    country=country,
                )
            )
    return pa.Table.from_pylist(rows)


def arm_rows(rng: np.random.Generator) -> pa.Table:
    rows = [
        rate_row("approval_rate", "arm", 0.851, 60_310, country=None, arm="ml"),
        rate_row("approval_rate", "arm", 0.826, 6_617, country=None, arm="control"),
    ]
    for country in COUNTRIES:
        value = float(rng.uniform(0.79, 0.89))
        for arm, n in (("ml", 7400), ("control", int(rng.integers(90, 1200)))):
            shown = value - (0 if arm == "ml" else float(rng.normal(0.022, 0.02)))
            rows.append(
                rate_row("approval_rate", "country,arm", shown, n, country=country, arm=arm)
            )
    return pa.Table.from_pylist(rows)


def fake_flow(rng: np.random.Generator, routes: tuple[str, ...]) -> FakeFlow:
    stages = STAGES
    moved = (0, 0.135, 0.063, 0.021, 0.025)
    sizes = rng.dirichlet(np.full(len(routes), 4.0)) * 66_927
    current = dict(zip(routes, sizes.astype(int).tolist(), strict=True))
    nodes, links = [], []
    for index, stage in enumerate(stages):
        total = sum(current.values())
        nodes += [
            {"stage": stage, "candidate": name, "decisions": size, "share": size / total}
            for name, size in current.items()
        ]
        if stage == stages[-1]:
            break
        after = dict.fromkeys(routes, 0)
        pull = rng.dirichlet(np.full(len(routes), 0.6))
        for source, size in current.items():
            spread = rng.multinomial(int(size * moved[index + 1] * rng.uniform(0.3, 1.8)), pull)
            kept = size - int(spread.sum())
            counts = {
                target: int(n) + (kept if target == source else 0)
                for target, n in zip(routes, spread, strict=True)
            }
            for target, count in counts.items():
                after[target] += count
                if count:
                    links.append(
                        {
                            "stage": stage,
                            "next_stage": stages[index + 1],
                            "source": source,
                            "target": target,
                            "decisions": count,
                            "share": count / total,
                            "is_moved": source != target,
                        }
                    )
        current = after
    return FakeFlow(stages, pa.Table.from_pylist(nodes), pa.Table.from_pylist(links))


def attribution_rows() -> pa.Table:
    names = (
        ("country_risk", "Country risk", "JP", 0.58),
        ("bank", "Bank 30-day approval", "0.81", -0.18),
        ("latency", "Issuer latency", "840 ms", 0.17),
        ("retry", "Retry count", "2", -0.13),
        ("mcc", "Merchant category", "5732", -0.10),
        ("amount", "Amount", "$18.58", 0.07),
        ("hour", "Hour of day", "23 h", 0.05),
        ("age", "Card age", "14 d", 0.05),
        ("network", "Network", "network-a", -0.03),
        ("credit", "Credit card", "yes", 0.02),
        ("seen", "Seen before", "no", 0.013),
        ("weekday", "Weekday", "Thu", -0.008),
    )
    return pa.Table.from_pylist(
        [
            {"feature": f, "label": text, "shown_value": value, "attribution": a}
            for f, text, value, a in names
        ]
    )


def candidate_rows(routes: tuple[str, ...]) -> pa.Table:
    rows = []
    for index, route in enumerate(routes):
        barred = index in (3, 6)
        rows.append(
            {
                "candidate": route,
                "is_eligible": not barred,
                "reason": ("currency not taken", "amount over 1,000 EUR")[index == 6]
                if barred
                else None,
                "probability": None if barred else 0.9 - 0.021 * ((index * 5) % 8),
                "layer_fees": None if barred else -0.004 - 0.005 * (index % 4),
                "layer_contract": 0.022 if index == 2 else 0.0,
                "layer_guardrail": 0.0,
                "is_chosen": route == routes[2],
            }
        )
    return pa.Table.from_pylist(rows)


def predicted_rows(rng: np.random.Generator, routes: tuple[str, ...]) -> pa.Table:
    rows = []
    for route in routes:
        n = int(rng.integers(800, 14_000))
        realised = float(rng.uniform(0.79, 0.9))
        row = rate_row("approval_rate", "route", realised, n, route=route)
        rows.append(
            row | {"predicted": realised + float(rng.normal(0.004, 0.008)), "realised": realised}
        )
    return pa.Table.from_pylist(rows)


def bucket_rows(rng: np.random.Generator) -> pa.Table:
    rows = []
    for place in np.linspace(0.45, 0.96, 10):
        realised = float(place) - 0.02 + float(rng.normal(0, 0.008))
        row = rate_row("approval_rate", "", realised, int(rng.integers(400, 9000)))
        rows.append(row | {"predicted": float(place), "realised": realised})
    return pa.Table.from_pylist(rows)
