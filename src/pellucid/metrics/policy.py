"""Policy: what each layer adds to a candidate, and how often it changed the pick."""

from __future__ import annotations

from pellucid.spec.system import Metric, System


def policy_metrics(system: System) -> tuple[Metric, ...]:
    """Return the layer metrics of a system; none where it has no layers."""
    if not system.layers:
        return ()
    metrics = [
        Metric(
            name="override_rate", label="Moved off the model's pick", finalizer="rate",
            value="chosen <> pick_model", where="pick_model IS NOT NULL AND chosen IS NOT NULL",
            value_unit="share",
            meaning="Decisions whose final pick differs from the model's pick.",
        )
    ]  # fmt: skip
    for before, layer in zip(system.stages, system.layers, strict=False):
        after = layer.name
        metrics.append(
            Metric(
                name=f"override_rate_{after}",
                label=f"Moved by {layer.label or after}",
                finalizer="rate",
                value=f"pick_{after} <> pick_{before}",
                where=f"pick_{before} IS NOT NULL AND pick_{after} IS NOT NULL",
                value_unit="share",
                meaning=f"Decisions whose pick after the {layer.label or after} layer differs "
                "from the pick before it.",
            )
        )
        metrics.append(
            Metric(
                name=f"mean_layer_{after}", label=f"Mean term of {layer.label or after}",
                unit="candidate", finalizer="mean", value=f"layer_{after}", where="is_eligible",
                value_unit=system.policy_scale,
                meaning=f"Mean of what the {layer.label or after} layer adds to the utility of a "
                "candidate, over the eligible ones.",
            )
        )  # fmt: skip
    return tuple(metrics)
