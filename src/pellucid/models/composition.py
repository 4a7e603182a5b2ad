"""Models made of logged models: how they compose, and one file that holds them all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pellucid.errors import ExplainError
from pellucid.models.archive import pack, unpack


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """A model whose raw score is a sum or a mixture of the raw scores of logged models.

    Attributes
    ----------
    kind : str
        ``sum``, or ``mixture``: a sum in which each part has a weight.
    models : tuple of str
        Model ids, ``name:version``, of parts on one scale.
    weights : tuple of float
        One for each part of a mixture; none of a sum.
    """

    kind: Literal["sum", "mixture"]
    models: tuple[str, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("sum", "mixture"):
            raise ExplainError(f"a composition of kind '{self.kind}'; known: sum, mixture")
        needed = len(self.models) if self.kind == "mixture" else 0
        if not self.models or len(self.weights) != needed:
            raise ExplainError(
                f"a {self.kind} of {len(self.models)} models takes {needed} weights, "
                f"got {len(self.weights)}, and at least one model"
            )
        if not np.isfinite(self.weights).all():
            raise ExplainError(f"a {self.kind} with a weight that is no number: {self.weights}")

    @property
    def factors(self) -> tuple[float, ...]:
        """What each part's raw score is multiplied by."""
        return self.weights or (1.0,) * len(self.models)

    def as_json(self) -> str:
        """Return the text of column `parts` of table `models`."""
        told = {"compose": self.kind, "models": self.models, "weights": self.weights}
        return json.dumps({key: value for key, value in told.items() if value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a composed model.

    Attributes
    ----------
    framework : str
    content : bytes
        Its file.
    factor : float
        What its raw score is multiplied by.
    places : tuple of int
        Where its features stand among those of the whole, in its own order.
    """

    framework: str
    content: bytes
    factor: float
    places: tuple[int, ...]


def encode_parts(parts: Sequence[Part]) -> bytes:
    """Return parts as one file, so that what explains a model later is what was logged."""
    told = [
        {"framework": part.framework, "factor": part.factor, "places": part.places}
        for part in parts
    ]
    files = {
        f"file_{number}": np.frombuffer(part.content, dtype=np.uint8)
        for number, part in enumerate(parts)
    }
    return pack({"parts": np.array(json.dumps(told)), **files})


def decode_parts(content: bytes) -> tuple[Part, ...]:
    """Return parts from their file.

    Raises
    ------
    ExplainError
        If it is not one of parts.
    """
    found = unpack(content, "a composed model")
    try:
        told: list[dict[str, Any]] = json.loads(str(found["parts"]))
        return tuple(
            Part(
                framework=item["framework"], content=found[f"file_{number}"].tobytes(),
                factor=item["factor"], places=tuple(item["places"]),
            )
            for number, item in enumerate(told)
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise ExplainError(f"this is no file of a composed model: {error}") from error
