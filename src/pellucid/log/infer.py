"""A spec by inference, for a service that logs before anyone has written one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pellucid.log.records import Columns
from pellucid.schema.tables import CANDIDATES, DECISIONS
from pellucid.spec.system import Dimension, Feature, Layer, Outcome, System

_PREFIXES = ("pick_", "raw_", "cutoff_", "chosen_", "layer_", "f_")
_GUESSED_MATURITY = "1d"


def widened(system: System, tables: Mapping[str, Columns]) -> System:
    """Return the spec with every name that a batch brings and it lacks.

    Layers keep the order in which the batch gives them; outcomes get a guessed maturity of a day.
    """
    decisions, candidates = tables.get("decisions", {}), tables.get("candidates", {})
    fixed = {field.name for table in (DECISIONS, CANDIDATES) for field in table.fields}
    plain = [name for name in decisions if name not in fixed and not name.startswith(_PREFIXES)]
    own = [name for name in candidates if name not in fixed and not name.startswith(_PREFIXES)]
    layers = [name.removeprefix("pick_") for name in decisions if name.startswith("pick_")]
    layers += [name.removeprefix("layer_") for name in candidates if name.startswith("layer_")]
    outcomes = set(tables.get("outcomes", {}).get("outcome", ()))
    features = [
        Feature(name=name.removeprefix("f_"), kind=_kind(values))
        for name, values in candidates.items()
        if name.startswith("f_")
    ]
    candidate_dimensions = [Dimension(name=name) for name in own if name not in plain]
    return dataclasses.replace(
        system,
        dimensions=_with(system.dimensions, [Dimension(name=name) for name in plain]),
        features=_with(system.features, features),
        layers=_with(system.layers, [Layer(name=name) for name in layers if name != "model"]),
        outcomes=_with(
            system.outcomes,
            [Outcome(name=name, matures_after=_GUESSED_MATURITY) for name in sorted(outcomes)],
        ),
        cutoffs=tuple(dict.fromkeys([
            *system.cutoffs,
            *(n.removeprefix("cutoff_") for n in decisions if n.startswith("cutoff_")),
        ])),
        candidate=dataclasses.replace(
            system.candidate,
            dimensions=_with(system.candidate.dimensions, candidate_dimensions),
        ),
    )  # fmt: skip


def _with(known: tuple[Any, ...], found: Iterable[Any]) -> tuple[Any, ...]:
    by_name = {item.name: item for item in known}
    for item in found:
        by_name.setdefault(item.name, item)
    return tuple(by_name.values())


def _kind(values: list[object]) -> Literal["number", "category", "boolean"]:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {bool} and kinds:
        return "boolean"
    return "number" if kinds <= {int, float, bool} else "category"
