"""Checks that a system can start with, from its spec alone."""

from __future__ import annotations

from pellucid.metrics.performance import rate_name
from pellucid.spec.check import Check, Checks
from pellucid.spec.system import System


def propose_checks(system: System) -> Checks:
    """Return the checks of a system that nobody has written any for.

    Outcome rates and volume by every dimension, outcomes also by candidate; traffic, eligibility,
    scores and layers by candidate; what is missing of outcomes; the distributions of features;
    whether records come, and once.
    """
    dimensions, candidate = system.dimension_names, system.candidate.name
    found = [
        Check(name="decisions_come", rule="late", after="3h", severity="critical",
              note="No decisions are logged: look at the service and at its spool."),
        Check(name="decided_once", rule="duplicates",
              note="One request and attempt has two decisions: customers may be charged twice."),
        Check(name="volume", metric="decision_count", by=dimensions),
    ]  # fmt: skip
    for outcome in system.outcomes:
        if outcome.kind == "yes_no":
            found.append(Check(
                name=f"{rate_name(outcome)}_holds", metric=rate_name(outcome),
                by=(candidate, *dimensions),
                severity="critical" if outcome.is_predicted else "warn",
            ))  # fmt: skip
        found.append(Check(name=f"{outcome.name}_comes", metric=f"missing_share_{outcome.name}"))
    found += [
        Check(name="traffic", metric="traffic_share", by=(candidate,)),
        # A retry may not use what failed: that is no rule that changed.
        Check(name="eligibility", metric="eligibility_rate", where="attempt = 1",
              by=(candidate, *(f"{candidate},{name}" for name in system.candidate.repeats))),
        Check(name="scores", metric="mean_score", by=(candidate,)),
    ]  # fmt: skip
    found += [
        Check(name=f"layer_{layer.name}", metric=f"mean_layer_{layer.name}", by=(candidate,))
        for layer in system.layers if layer.kind == "penalty"
    ]  # fmt: skip
    found += [
        Check(name=f"moved_by_{layer.name}", metric=f"override_rate_{layer.name}")
        for layer in system.layers
    ]
    if system.features:
        found.append(Check(name="features", rule="drift", columns=("feature",)))
    return Checks(checks=tuple(found))
