"""pellucid: see through the ML that makes your decisions. Log, monitor and explain them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from pellucid.errors import (
        AdditivityError,
        ConflictError,
        DataError,
        EngineError,
        ExplainError,
        MissingExtraError,
        PellucidError,
        ShapeError,
        SpecError,
        StoreError,
        UnknownNameError,
        UnsupportedError,
    )  # fmt: skip
    from pellucid.explain.traffic.policy import (
        AddToLayer,
        CapShare,
        Cutoff,
        DropLayer,
        ScaleLayer,
    )  # fmt: skip
    from pellucid.log.client import Logger
    from pellucid.log.live import LiveSettings
    from pellucid.log.redact import Redaction
    from pellucid.log.sampling import KeepRate, Sampling
    from pellucid.monitor.answer import Answer
    from pellucid.monitor.comparison import Comparison
    from pellucid.monitor.drift.attributions import AttributionDrift
    from pellucid.monitor.drift.files import drift_of_files
    from pellucid.monitor.drift.report import DriftReport
    from pellucid.monitor.incidents.backtest import Backtest
    from pellucid.monitor.incidents.incident import Incident
    from pellucid.monitor.policy.weak import WeakSegments
    from pellucid.observatory import Observatory
    from pellucid.observatory import open_system as open  # noqa: A004
    from pellucid.spec.check import Channel, Check, Checks, Marker
    from pellucid.spec.codec import read_checks, read_spec
    from pellucid.spec.system import (
        Candidate,
        Column,
        Dimension,
        Feature,
        Layer,
        Metric,
        Outcome,
        Segment,
        System,
    )  # fmt: skip
    from pellucid.windows import Window

_ERRORS = (
    "AdditivityError", "ConflictError", "DataError", "EngineError", "ExplainError",
    "MissingExtraError", "PellucidError", "ShapeError", "SpecError", "StoreError",
    "UnknownNameError", "UnsupportedError",
)  # fmt: skip
_POLICY = ("AddToLayer", "CapShare", "Cutoff", "DropLayer", "ScaleLayer")
_CHECKS = ("Channel", "Check", "Checks", "Marker")
_SPEC = (
    "Candidate", "Column", "Dimension", "Feature", "Layer", "Metric", "Outcome", "Segment",
    "System",
)  # fmt: skip

# Name to (module, attribute): each is imported on first use, so that a service which only logs
# pays for nothing else.
_HOMES: dict[str, tuple[str, str]] = {
    "Logger": ("pellucid.log.client", "Logger"),
    "open": ("pellucid.observatory", "open_system"),
    "Answer": ("pellucid.monitor.answer", "Answer"),
    "AttributionDrift": ("pellucid.monitor.drift.attributions", "AttributionDrift"),
    "Comparison": ("pellucid.monitor.comparison", "Comparison"),
    "DriftReport": ("pellucid.monitor.drift.report", "DriftReport"),
    "drift_of_files": ("pellucid.monitor.drift.files", "drift_of_files"),
    "WeakSegments": ("pellucid.monitor.policy.weak", "WeakSegments"),
    "Observatory": ("pellucid.observatory", "Observatory"),
    "LiveSettings": ("pellucid.log.live", "LiveSettings"),
    "KeepRate": ("pellucid.log.sampling", "KeepRate"),
    "Redaction": ("pellucid.log.redact", "Redaction"),
    "Sampling": ("pellucid.log.sampling", "Sampling"),
    "Window": ("pellucid.windows", "Window"),
    "read_checks": ("pellucid.spec.codec", "read_checks"),
    "read_spec": ("pellucid.spec.codec", "read_spec"),
    "Backtest": ("pellucid.monitor.incidents.backtest", "Backtest"),
    "Incident": ("pellucid.monitor.incidents.incident", "Incident"),
    **{name: ("pellucid.errors", name) for name in _ERRORS},
    **{name: ("pellucid.explain.traffic.policy", name) for name in _POLICY},
    **{name: ("pellucid.spec.system", name) for name in _SPEC},
    **{name: ("pellucid.spec.check", name) for name in _CHECKS},
}

__all__ = [
    "AddToLayer",
    "AdditivityError",
    "Answer",
    "AttributionDrift",
    "Backtest",
    "Candidate",
    "CapShare",
    "Channel",
    "Check",
    "Checks",
    "Column",
    "Comparison",
    "ConflictError",
    "Cutoff",
    "DataError",
    "Dimension",
    "DriftReport",
    "DropLayer",
    "EngineError",
    "ExplainError",
    "Feature",
    "Incident",
    "KeepRate",
    "Layer",
    "LiveSettings",
    "Logger",
    "Marker",
    "Metric",
    "MissingExtraError",
    "Observatory",
    "Outcome",
    "PellucidError",
    "Redaction",
    "Sampling",
    "ScaleLayer",
    "Segment",
    "ShapeError",
    "SpecError",
    "StoreError",
    "System",
    "UnknownNameError",
    "UnsupportedError",
    "WeakSegments",
    "Window",
    "drift_of_files",
    "open",
    "read_checks",
    "read_spec",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pellucid' has no attribute '{name}'")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
