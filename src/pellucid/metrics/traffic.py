"""Traffic: how much was decided, where it went, and what was eligible."""

from __future__ import annotations

from pellucid.spec.system import Metric, System


def traffic_metrics(system: System) -> tuple[Metric, ...]:
    """Return the traffic metrics of a system."""
    candidate = (system.candidate.label or system.candidate.name).lower()
    return (
        Metric(
            name="decision_count", label="Decisions", finalizer="count", value_unit="count",
            meaning="Decisions made, each attempt counted.",
        ),
        Metric(
            name="request_count", label="Requests", unit="request", finalizer="count",
            value_unit="count",
            meaning="Requests decided about; a retried request counts once.",
        ),
        Metric(
            name="traffic_share", label="Traffic share", finalizer="share",
            where="chosen IS NOT NULL", value_unit="share",
            meaning=f"Decisions that went to the {candidate}, as a share of all decisions of the "
            "same segment that picked one.",
        ),
        Metric(
            name="candidate_count", label="Candidates", unit="candidate", finalizer="count",
            value_unit="count",
            meaning=f"Times that a {candidate} was considered in a decision.",
        ),
        Metric(
            name="eligibility_rate", label="Eligibility rate", unit="candidate",
            finalizer="rate", value="is_eligible", value_unit="share",
            meaning=f"How often the {candidate} was allowed, of the times it was considered.",
        ),
        Metric(
            name="pick_rate_when_eligible", label="Pick rate when eligible", unit="candidate",
            finalizer="rate", value="is_chosen", where="is_eligible", value_unit="share",
            meaning=f"How often the {candidate} was picked, of the times it was allowed.",
        ),
        Metric(
            name="amount", label="Amount", unit="request", finalizer="total",
            value="amount_minor", value_unit="money",
            meaning="Amount of all requests, a retried request counted once; "
            "never added over currencies.",
        ),
        Metric(
            name="mean_amount", label="Mean amount", unit="request", finalizer="mean",
            value="amount_minor", value_unit="money",
            meaning="Mean amount of a request, a retried request counted once.",
        ),
    )  # fmt: skip
