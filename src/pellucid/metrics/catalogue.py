"""Every metric of a system by name: built-in ones, then the spec's own."""

from __future__ import annotations

from collections.abc import Iterable

from pellucid.errors import UnknownNameError
from pellucid.metrics.performance import performance_metrics
from pellucid.metrics.policy import policy_metrics
from pellucid.metrics.traffic import traffic_metrics
from pellucid.spec.system import Metric, System


def catalogue(system: System) -> dict[str, Metric]:
    """Return name to metric; a metric of the spec replaces a built-in one of its name."""
    metrics = (
        *traffic_metrics(system),
        *performance_metrics(system),
        *policy_metrics(system),
        *system.metrics,
    )
    return {metric.name: metric for metric in metrics}


def pick_metrics(system: System, names: Iterable[str]) -> tuple[Metric, ...]:
    """Return the metrics of these names, in order.

    Raises
    ------
    UnknownNameError
        For the first name that is not in the catalogue.
    """
    known = catalogue(system)
    picked = []
    for name in names:
        if name not in known:
            raise UnknownNameError(kind="metric", name=name, known=known)
        picked.append(known[name])
    return tuple(picked)
