"""Performance: outcomes on mature labels, and what the model expected."""

from __future__ import annotations

from pellucid.spec.system import Metric, Outcome, System


def performance_metrics(system: System) -> tuple[Metric, ...]:
    """Return the outcome and score metrics of a system."""
    metrics = [
        Metric(
            name="mean_score", label="Mean raw score", unit="candidate", finalizer="mean",
            value="raw_score", where="is_eligible", value_unit=system.score_unit,
            meaning="Mean raw score of the eligible candidates that the model scored.",
        )
    ]  # fmt: skip
    for outcome in system.outcomes:
        metrics += _outcome_metrics(outcome, system)
        if outcome.is_predicted:
            metrics += _predictions(outcome)
    return tuple(metrics)


def rate_name(outcome: Outcome) -> str:
    """Return the name of an outcome's rate metric."""
    return outcome.rate or f"{outcome.name}_rate"


def _outcome_metrics(outcome: Outcome, system: System) -> list[Metric]:
    name, unit = outcome.name, system.unit.capitalize()
    label = outcome.label or name.replace("_", " ").capitalize()
    return [
        *(_amounts(outcome, system) if outcome.kind == "amount" else _rates(outcome, system)),
        Metric(
            name=f"pending_share_{name}", label=f"{label}: pending", unit=system.unit,
            finalizer="rate", value=f"NOT {name}_mature", value_unit="share",
            meaning=f"{unit}s too young for their {name} label to be final.",
        ),
        Metric(
            name=f"missing_share_{name}", label=f"{label}: missing", unit=system.unit,
            finalizer="rate", value=f"{name} IS NULL", where=f"{name}_mature",
            better="down", value_unit="share",
            meaning=f"{unit}s whose {name} label is due but never came.",
        ),
    ]  # fmt: skip


def _rates(outcome: Outcome, system: System) -> list[Metric]:
    name, rate = outcome.name, rate_name(outcome)
    label, due = rate.replace("_", " ").capitalize(), f"{name}_mature AND {name} IS NOT NULL"
    return [
        Metric(
            name=rate, label=label, unit=system.unit, finalizer="rate", value=f"{name} >= 1",
            where=due, better=outcome.better, value_unit="share",
            meaning=f"{system.unit.capitalize()}s with {name}, of those whose label is mature "
            f"({outcome.matures_after}) and known. Pending ones are left out, never negative.",
        ),
        Metric(
            name=f"request_{rate}", label=f"{label} per request", unit="request",
            finalizer="rate", value=f"{name} >= 1", where=due, better=outcome.better,
            value_unit="share",
            meaning=f"Requests with {name} on any attempt, of those whose labels are mature; "
            "a retried request counts once.",
        ),
    ]  # fmt: skip


def _amounts(outcome: Outcome, system: System) -> list[Metric]:
    name = outcome.name
    label, due = name.replace("_", " "), f"{name}_mature"
    return [
        Metric(
            name=f"mean_{name}", label=f"Mean {label}", unit=system.unit, finalizer="mean",
            value=name, where=due, better=outcome.better,
            meaning=f"Mean {label} of a {system.unit} whose value is mature "
            f"({outcome.matures_after}) and known.",
        ),
        Metric(
            name=f"request_mean_{name}", label=f"Mean {label} per request", unit="request",
            finalizer="mean", value=name, where=due, better=outcome.better,
            meaning=f"Mean {label} of a request, summed over its attempts.",
        ),
        Metric(
            name=f"total_{name}", label=f"Total {label}", finalizer="total", value=name,
            where=due, better=outcome.better, meaning=f"Total {label} of all decisions.",
        ),
    ]  # fmt: skip


def _predictions(outcome: Outcome) -> list[Metric]:
    name = outcome.name
    return [
        Metric(
            name="predicted_rate", label="Predicted rate", finalizer="mean",
            value="chosen_probability", where=f"{name}_mature AND {name} IS NOT NULL",
            value_unit="share",
            meaning=f"Mean predicted probability of {name}, over the decisions with mature labels.",
        ),
        Metric(
            name="predicted_minus_realised", label="Predicted minus realised",
            finalizer="mean", value=f"chosen_probability - {name}", where=f"{name}_mature",
            value_unit="points",
            meaning=f"Mean predicted probability of {name} less its realised rate, over the same "
            "decisions with mature labels; 0 where the model is calibrated.",
        ),
    ]  # fmt: skip
