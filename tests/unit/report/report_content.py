"""A realistic report without a lake, built as a user would build one."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import report_rows as rows_of
from report_rows import COUNTRIES, ROUTES, START

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


def make_story(routes: tuple[str, ...]) -> Story:
    trail = Table(
        (Column("Stage"), Column("Pick", "candidate"), Column("What it did")),
        (
            ("Model", routes[0], "highest probability, 90.0%"),
            ("Fees", routes[0], "kept: still ahead by 0.4 pp"),
            ("Contract", routes[2], "moved: volume commitment adds 2.2 pp"),
            ("Guardrail", routes[2], "kept: no rule applies"),
        ),
        marked=(2,),
    )
    outcome = Table(
        (
            Column("When (UTC)", "time"),
            Column("What"),
            Column("Result", "pill"),
            Column("Amount", "money"),
        ),
        (
            (
                START + timedelta(days=29, hours=23, minutes=51),
                "approved",
                ("Approved", "good"),
                (1858, "USD"),
            ),
            (START + timedelta(days=41, hours=2), "disputed", ("none so far", ""), None),
        ),
    )
    return Story(
        heading="One payment, told in order",
        subtitle="A payment whose route a contract changed",
        facts=(
            ("Payment", "pay_0199988"),
            ("When", "29 Oct 23:51 UTC"),
            ("Amount", "$18.58"),
            ("Country", "JP"),
            ("Attempt", "1 of 1"),
            ("Arm", "ML"),
        ),
        steps=(
            Step(
                title="Who was allowed",
                sentences=("Eight routes were considered; rules removed two of them.",),
            ),
            Step(
                title="What the model and the layers made of them",
                sentences=(
                    f"The model preferred {routes[0]} at 90.0%. Fees cost every route a "
                    f"little, and the contract's volume commitment lifted {routes[2]}.",
                ),
                figure=candidate_scores(rows_of.candidate_rows(routes), order=routes),
            ),
            Step(
                title="Which layer changed the pick",
                sentences=("One of three layers moved the payment.",),
                table=trail,
            ),
            Step(
                title=f"Why the model gave {routes[2]} its score",
                sentences=("Country risk helped most; the bank's recent approvals hurt most.",),
                figure=waterfall(rows_of.attribution_rows(), 1.72, 1.72 + 0.505),
            ),
            Step(title="What happened", sentences=("The payment was approved.",), table=outcome),
        ),
    )


def make_content(routes: tuple[str, ...] = ROUTES, hostile: str = "") -> ReportContent:
    """Return a report; `hostile` is put into every place where text from data can stand."""
    rng = np.random.default_rng(7)
    routes = (*routes[:-1], hostile) if hostile else routes
    countries = (*COUNTRIES[:-1], hostile) if hostile else COUNTRIES
    flow = rows_of.fake_flow(rng, routes)
    spark = tuple((0.848 + rng.normal(0, 0.006, 30)).tolist())
    days = rows_of.daily_rows(rng)
    reasons = Table(
        (Column("Reason"), Column("Candidates removed", "count"), Column("Share", "bar")),
        (
            (hostile or "currency not taken", 98_210, 0.42),
            ("amount over the cap", 61_020, 0.26),
            ("network not served", 44_100, 0.19),
            ("incident rule", 30_400, 0.13),
        ),
    )
    sections = (
        Section(
            title="Over time",
            subtitle="Daily, in UTC",
            cards=(
                Card(
                    title="Approval rate over time",
                    width="wide",
                    figure=rate_over_time(days, title="Approval rate"),
                    subtitle="Per day, payments with mature labels; the band is the 95% interval",
                    findings=("Approval fell to about 81% on 11 and 12 Oct and recovered.",),
                ),
                Card(
                    title="Traffic by route over time",
                    width="narrow",
                    subtitle="Share of decisions per day",
                    figure=share_over_time(
                        rows_of.traffic_rows(rng, routes), "route", order=routes
                    ),
                ),
            ),
        ),
        Section(
            title="Policy flow",
            subtitle="Where the model wanted to send traffic, and what each layer changed",
            cards=(
                Card(
                    title="Picks after each stage",
                    subtitle="Pale: left alone. Strong: moved by the layer. "
                    "Right: change against the model's pick",
                    figure=policy_flow(flow, order=routes),
                ),
                Card(
                    title="Largest moves",
                    subtitle="Decisions that a layer sent elsewhere",
                    table=moves_table(flow),
                ),
            ),
        ),
        Section(
            title="Where it differs",
            cards=(
                Card(
                    title="Approval by country",
                    width="half",
                    subtitle="Dots with 95% intervals; the tick is the previous period",
                    figure=rate_by(
                        rows_of.by_rows(rng, "country", countries),
                        "country",
                        title="Approval rate",
                        previous=rows_of.by_rows(rng, "country", countries),
                    ),
                ),
                Card(
                    title="Approval by route",
                    width="half",
                    subtitle="Dots with 95% intervals; best first",
                    figure=rate_by(
                        rows_of.by_rows(rng, "route", routes), "route", title="Approval rate"
                    ),
                ),
            ),
        ),
        Section(
            title="Eligibility",
            subtitle="Who was allowed, and why not",
            cards=(
                Card(
                    title="Eligibility rate by route and country",
                    subtitle="Of the times considered; cells with n under 100 are dimmed",
                    table=heat_table(
                        rows_of.eligibility_rows(rng, routes), "route", "country", is_candidate=True
                    ),
                ),
                Card(
                    title="Why routes were removed",
                    width="wide",
                    subtitle="First rule that removed the candidate",
                    table=reasons,
                ),
            ),
        ),
        Section(
            title="ML against control",
            subtitle="10% of traffic is decided at random without the model",
            cards=(
                Card(
                    title="Approval of both arms",
                    figure=arms(rows_of.arm_rows(rng), "country", title="Approval rate"),
                    subtitle="95% intervals; bold colour where the difference is clear of 0",
                    findings=(
                        "ML approves 2.5 pp more than control "
                        "(95% interval 1.5 to 3.5 pp, n control 6,617).",
                    ),
                ),
            ),
        ),
        Section(
            title="Predicted against realised",
            cards=(
                Card(
                    title="By route",
                    width="wide",
                    subtitle="Mean prediction and realised approval of the same payments",
                    figure=predicted_against_realised(
                        rows_of.predicted_rows(rng, routes), "route", title="Approval rate"
                    ),
                ),
                Card(
                    title="By prediction",
                    width="narrow",
                    subtitle="Ten buckets; on the dotted line the model is calibrated",
                    figure=calibration(rows_of.bucket_rows(rng), title="Approval rate"),
                ),
            ),
        ),
    )
    kpis = (
        KeyFigure(
            label="Decisions",
            value="66,927",
            n="61,204 payments",
            change="+0.7%",
            sparkline=spark,
            definition="Decisions made, each attempt counted.",
        ),
        KeyFigure(
            label="Approval rate",
            value="84.8%",
            interval="95% interval 84.5–85.1%",
            n="n 58,310",
            change="−0.3 pp",
            sparkline=spark[::-1],
            definition="Payments approved on any attempt, of those whose labels are mature (2 h).",
        ),
        KeyFigure(
            label="Processed value",
            value="€4.91M",
            n="61,204 payments in EUR",
            sparkline=(*spark[:12], None, *spark[13:]),
            definition="Amount of all payments in EUR; currencies are never added.",
        ),
        KeyFigure(
            label="Moved off the model's pick",
            value="20.9%",
            interval="95% interval 20.6–21.2%",
            n="n 66,927",
            change="±0.0 pp",
            sparkline=spark,
            definition="Decisions whose final pick differs from the model's pick.",
        ),
    )
    return ReportContent(
        title=hostile or "Card routing, October 2026",
        system=hostile or "card-routing",
        description="Picks the route of each card payment; a model scores routes, "
        "and four policy layers may change its pick.",
        period="30 Sep – 29 Oct 2026 (UTC)",
        as_of="30 Oct 06:00 UTC",
        made_at="30 Oct 06:12 UTC",
        made_by=hostile or "ops@example",
        fingerprint="3f9a61c2",
        kpis=kpis,
        sections=sections,
        story=make_story(routes),
        candidates=routes,
        definitions=tuple(
            Definition(
                name=k.label.lower().replace(" ", "_"),
                label=k.label,
                meaning=k.definition + hostile,
            )
            for k in kpis
        ),
    )
