"""Policy: how often each layer changed the pick."""

from __future__ import annotations

from pellucid.spec.system import Metric, System


def policy_metrics(system: System) -> tuple[Metric, ...]:
    """Return the override metrics of a system; none where it has no layers."""
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
    return tuple(metrics)
