"""A model as what is stored of it: a file that cannot run code, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A model file and what is known of it.

    Log one with ``log.model(file, ...)`` for a framework that has an explainer, and whose models
    `log.model` does not take by themselves: ONNX as bytes, or a framework whose explainer another
    package registers.

    Attributes
    ----------
    framework : str
        Names the explainer, such as ``onnx``.
    content : bytes
        In a format that cannot run code when it is loaded.
    features : tuple of str
        In the model's order.
    scale : str
        Of the scores that are explained; ``log_odds``, ``raw`` or ``probability``.
    suffix : str
        Of the stored file.
    importances : mapping of str to float
        By feature.
    categories : mapping of str to sequence of str
        For each categorical feature its values, in the order of their codes.
    """

    framework: str
    content: bytes
    features: tuple[str, ...]
    scale: Literal["log_odds", "raw", "probability"]
    suffix: str = ".bin"
    importances: Mapping[str, float] = field(default_factory=dict)
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
