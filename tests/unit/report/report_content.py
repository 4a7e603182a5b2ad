"""A realistic report without a lake: numbers drawn from a seed, built as a user would build them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from pellucid.figures.arms import arms
from pellucid.figures.attribution import waterfall
from pellucid.figures.candidates import candidate_scores
from pellucid.figures.flow import moves_table, policy_flow
from pellucid.figures.performance import calibration, predicted_against_realised
from pellucid.figures.pivot import heat_table
from pellucid.figures.rates import rate_by, rate_over_time
from pellucid.figures.table import Column, Table
from pellucid.figures.traffic import share_over_time
from pellucid.report.content import (
    Card,
    Definition,
    KeyFigure,
    ReportContent,
    Section,
    Step,
    Story,
)

ROUTES = ("alder-3ds", "alder-direct", "birch-direct", "birch-local", "cedar-direct",
          "cedar-network", "dune-local", "elm-direct")  # fmt: skip
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
        "metric": metric, "segment": "all", "level": level, "start_at": START,
        "end_at": START + timedelta(days=30), "value": value, "low": max(0.0, value - half),
        "high": min(1.0, value + half), "n": n, **keys,
    }  # fmt: skip


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
    rows += [rate_row("eligibility_rate", "country", float(rng.uniform(0.5, 0.7)), 40_000,
                      route=None, country=country) for country in COUNTRIES]  # fmt: skip
    for route in routes:
        rows.append(rate_row("eligibility_rate", "route", float(rng.uniform(0.4, 0.8)), 60_000,
                             route=route, country=None))  # fmt: skip
        for country in COUNTRIES:
            n = 60 if rng.random() < 0.06 else int(rng.integers(900, 9000))
            if rng.random() < 0.12:
                continue
            rows.append(rate_row("eligibility_rate", "route,country", float(rng.beta(4, 2)), n,
                                 route=route, country=country))  # fmt: skip
    return pa.Table.from_pylist(rows)


def arm_rows(rng: np.random.Generator) -> pa.Table:
    rows = [rate_row("approval_rate", "arm", 0.851, 60_310, country=None, arm="ml"),
            rate_row("approval_rate", "arm", 0.826, 6_617, country=None, arm="control")]  # fmt: skip
    for country in COUNTRIES:
        value = float(rng.uniform(0.79, 0.89))
        for arm, n in (("ml", 7400), ("control", int(rng.integers(90, 1200)))):
            shown = value - (0 if arm == "ml" else float(rng.normal(0.022, 0.02)))
            rows.append(rate_row("approval_rate", "country,arm", shown, n,
                                 country=country, arm=arm))  # fmt: skip
    return pa.Table.from_pylist(rows)


def fake_flow(rng: np.random.Generator, routes: tuple[str, ...]) -> FakeFlow:
    stages = STAGES
    moved = (0, 0.135, 0.063, 0.021, 0.025)
    sizes = rng.dirichlet(np.full(len(routes), 4.0)) * 66_927
    current = dict(zip(routes, sizes.astype(int).tolist(), strict=True))
    nodes, links = [], []
    for index, stage in enumerate(stages):
        total = sum(current.values())
        nodes += [{"stage": stage, "candidate": name, "decisions": size, "share": size / total}
                  for name, size in current.items()]  # fmt: skip
        if stage == stages[-1]:
            break
        after = dict.fromkeys(routes, 0)
        pull = rng.dirichlet(np.full(len(routes), 0.6))
        for source, size in current.items():
            spread = rng.multinomial(int(size * moved[index + 1] * rng.uniform(0.3, 1.8)), pull)
            kept = size - int(spread.sum())
            counts = {target: int(n) + (kept if target == source else 0)
                      for target, n in zip(routes, spread, strict=True)}  # fmt: skip
            for target, count in counts.items():
                after[target] += count
                if count:
                    links.append({
                        "stage": stage, "next_stage": stages[index + 1], "source": source,
                        "target": target, "decisions": count, "share": count / total,
                        "is_moved": source != target,
                    })  # fmt: skip
        current = after
    return FakeFlow(stages, pa.Table.from_pylist(nodes), pa.Table.from_pylist(links))


def attribution_rows() -> pa.Table:
    names = (("country_risk", "Country risk", "JP", 0.58), ("bank", "Bank 30-day approval", "0.81", -0.18),
             ("latency", "Issuer latency", "840 ms", 0.17), ("retry", "Retry count", "2", -0.13),
             ("mcc", "Merchant category", "5732", -0.10), ("amount", "Amount", "$18.58", 0.07),
             ("hour", "Hour of day", "23 h", 0.05), ("age", "Card age", "14 d", 0.05),
             ("network", "Network", "network-a", -0.03), ("credit", "Credit card", "yes", 0.02),
             ("seen", "Seen before", "no", 0.013), ("weekday", "Weekday", "Thu", -0.008))  # fmt: skip
    return pa.Table.from_pylist([
        {"feature": f, "label": text, "shown_value": value, "attribution": a}
        for f, text, value, a in names
    ])  # fmt: skip


def candidate_rows(routes: tuple[str, ...]) -> pa.Table:
    rows = []
    for index, route in enumerate(routes):
        barred = index in (3, 6)
        rows.append({
            "candidate": route, "is_eligible": not barred,
            "reason": ("currency not taken", "amount over 1,000 EUR")[index == 6] if barred else None,
            "probability": None if barred else 0.9 - 0.021 * ((index * 5) % 8),
            "layer_fees": None if barred else -0.004 - 0.005 * (index % 4),
            "layer_contract": 0.022 if index == 2 else 0.0, "layer_guardrail": 0.0,
            "is_chosen": route == routes[2],
        })  # fmt: skip
    return pa.Table.from_pylist(rows)


def predicted_rows(rng: np.random.Generator, routes: tuple[str, ...]) -> pa.Table:
    rows = []
    for route in routes:
        n = int(rng.integers(800, 14_000))
        realised = float(rng.uniform(0.79, 0.9))
        row = rate_row("approval_rate", "route", realised, n, route=route)
        rows.append(row | {"predicted": realised + float(rng.normal(0.004, 0.008)),
                           "realised": realised})  # fmt: skip
    return pa.Table.from_pylist(rows)


def bucket_rows(rng: np.random.Generator) -> pa.Table:
    rows = []
    for place in np.linspace(0.45, 0.96, 10):
        realised = float(place) - 0.02 + float(rng.normal(0, 0.008))
        row = rate_row("approval_rate", "", realised, int(rng.integers(400, 9000)))
        rows.append(row | {"predicted": float(place), "realised": realised})
    return pa.Table.from_pylist(rows)


def make_story(routes: tuple[str, ...]) -> Story:
    trail = Table(
        (Column("Stage"), Column("Pick", "candidate"), Column("What it did")),
        (("Model", routes[0], "highest probability, 90.0%"),
         ("Fees", routes[0], "kept: still ahead by 0.4 pp"),
         ("Contract", routes[2], "moved: volume commitment adds 2.2 pp"),
         ("Guardrail", routes[2], "kept: no rule applies")),
        marked=(2,),
    )  # fmt: skip
    outcome = Table(
        (Column("When (UTC)", "time"), Column("What"), Column("Result", "pill"), Column("Amount", "money")),
        ((START + timedelta(days=29, hours=23, minutes=51), "approved", ("Approved", "good"), (1858, "USD")),
         (START + timedelta(days=41, hours=2), "disputed", ("none so far", ""), None)),
    )  # fmt: skip
    return Story(
        heading="One payment, told in order",
        subtitle="A payment whose route a contract changed",
        facts=(("Payment", "pay_0199988"), ("When", "29 Oct 23:51 UTC"), ("Amount", "$18.58"),
               ("Country", "JP"), ("Attempt", "1 of 1"), ("Arm", "ML")),
        steps=(
            Step(title="Who was allowed",
                 sentences=("Eight routes were considered; rules removed two of them.",)),
            Step(title="What the model and the layers made of them",
                 sentences=(f"The model preferred {routes[0]} at 90.0%. Fees cost every route a "
                            f"little, and the contract's volume commitment lifted {routes[2]}.",),
                 figure=candidate_scores(candidate_rows(routes), order=routes)),
            Step(title="Which layer changed the pick",
                 sentences=("One of three layers moved the payment.",), table=trail),
            Step(title=f"Why the model gave {routes[2]} its score",
                 sentences=("Country risk helped most; the bank's recent approvals hurt most.",),
                 figure=waterfall(attribution_rows(), 1.72, 1.72 + 0.505)),
            Step(title="What happened", sentences=("The payment was approved.",), table=outcome),
        ),
    )  # fmt: skip


def make_content(routes: tuple[str, ...] = ROUTES, hostile: str = "") -> ReportContent:
    """Return a report; `hostile` is put into every place where text from data can stand."""
    rng = np.random.default_rng(7)
    routes = (*routes[:-1], hostile) if hostile else routes
    countries = (*COUNTRIES[:-1], hostile) if hostile else COUNTRIES
    flow = fake_flow(rng, routes)
    spark = tuple((0.848 + rng.normal(0, 0.006, 30)).tolist())
    days = daily_rows(rng)
    reasons = Table(
        (Column("Reason"), Column("Candidates removed", "count"), Column("Share", "bar")),
        ((hostile or "currency not taken", 98_210, 0.42), ("amount over the cap", 61_020, 0.26),
         ("network not served", 44_100, 0.19), ("incident rule", 30_400, 0.13)),
    )  # fmt: skip
    sections = (
        Section(title="Over time", subtitle="Daily, in UTC", cards=(
            Card(title="Approval rate over time", width="wide", figure=rate_over_time(days, title="Approval rate"),
                 subtitle="Per day, of payments with mature labels; the band is the 95% interval",
                 findings=("Approval fell to about 81% on 11 and 12 Oct and recovered.",)),
            Card(title="Traffic by route over time", width="narrow", subtitle="Share of decisions per day",
                 figure=share_over_time(traffic_rows(rng, routes), "route", order=routes)),
        )),
        Section(title="Policy flow", subtitle="Where the model wanted to send traffic, and what each layer changed", cards=(
            Card(title="Picks after each stage", subtitle="Pale: left alone. Strong: moved by the layer. Right: change against the model's pick",
                 figure=policy_flow(flow, order=routes)),
            Card(title="Largest moves", subtitle="Decisions that a layer sent elsewhere", table=moves_table(flow)),
        )),
        Section(title="Where it differs", cards=(
            Card(title="Approval by country", width="half", subtitle="Dots with 95% intervals; the tick is the previous period",
                 figure=rate_by(by_rows(rng, "country", countries), "country", title="Approval rate",
                                previous=by_rows(rng, "country", countries))),
            Card(title="Approval by route", width="half", subtitle="Dots with 95% intervals; best first",
                 figure=rate_by(by_rows(rng, "route", routes), "route", title="Approval rate")),
        )),
        Section(title="Eligibility", subtitle="Who was allowed, and why not", cards=(
            Card(title="Eligibility rate by route and country", subtitle="Of the times considered; cells with n under 100 are dimmed",
                 table=heat_table(eligibility_rows(rng, routes), "route", "country", is_candidate=True)),
            Card(title="Why routes were removed", width="wide", subtitle="First rule that removed the candidate", table=reasons),
        )),
        Section(title="ML against control", subtitle="10% of traffic is decided at random without the model", cards=(
            Card(title="Approval of both arms", figure=arms(arm_rows(rng), "country", title="Approval rate"),
                 subtitle="95% intervals; bold colour where the difference is clear of 0",
                 findings=("ML approves 2.5 pp more than control (95% interval 1.5 to 3.5 pp, n control 6,617).",)),
        )),
        Section(title="Predicted against realised", cards=(
            Card(title="By route", width="wide", subtitle="Mean prediction and realised approval of the same payments",
                 figure=predicted_against_realised(predicted_rows(rng, routes), "route", title="Approval rate")),
            Card(title="By prediction", width="narrow", subtitle="Ten buckets; on the dotted line the model is calibrated",
                 figure=calibration(bucket_rows(rng), title="Approval rate")),
        )),
    )  # fmt: skip
    kpis = (
        KeyFigure(label="Decisions", value="66,927", n="61,204 payments", change="+0.7%", sparkline=spark,
                  definition="Decisions made, each attempt counted."),
        KeyFigure(label="Approval rate", value="84.8%", interval="95% interval 84.5–85.1%", n="n 58,310", change="−0.3 pp", sparkline=spark[::-1],
                  definition="Payments approved on any attempt, of those whose labels are mature (2 h)."),
        KeyFigure(label="Processed value", value="€4.91M", n="61,204 payments in EUR", sparkline=spark[:12] + (None,) + spark[13:],
                  definition="Amount of all payments in EUR; currencies are never added."),
        KeyFigure(label="Moved off the model's pick", value="20.9%", interval="95% interval 20.6–21.2%", n="n 66,927", change="±0.0 pp", sparkline=spark,
                  definition="Decisions whose final pick differs from the model's pick."),
    )  # fmt: skip
    return ReportContent(
        title=hostile or "Card routing, October 2026", system=hostile or "card-routing",
        description="Picks the route of each card payment; a model scores routes, and four policy layers may change its pick.",
        period="30 Sep – 29 Oct 2026 (UTC)", as_of="30 Oct 06:00 UTC", made_at="30 Oct 06:12 UTC",
        made_by=hostile or "ops@example", fingerprint="3f9a61c2", kpis=kpis, sections=sections,
        story=make_story(routes), candidates=routes,
        definitions=tuple(Definition(name=k.label.lower().replace(" ", "_"), label=k.label,
                                     meaning=k.definition + hostile) for k in kpis),
    )  # fmt: skip
