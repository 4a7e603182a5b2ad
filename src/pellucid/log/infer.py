"""A spec by inference, for a service that logs before anyone has written one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pyarrow as pa
import pyarrow.types as pt

from pellucid.schema.tables import CANDIDATES, DECISIONS
from pellucid.spec.system import Dimension, Feature, Layer, Outcome, System

_PREFIXES = ("pick_", "raw_", "cutoff_", "chosen_", "layer_", "f_")
_GUESSED_MATURITY = "1d"


def widened(system: System, tables: Mapping[str, pa.Table]) -> System:
    """Return the spec with every name that a batch brings and it lacks.

    Layers keep the order in which the batch gives them; outcomes get a guessed maturity of a day.
    """
    none = pa.table({})
    decisions = tables.get("decisions", none).column_names
    candidates = tables.get("candidates", none).schema
    considered = candidates.names
    fixed = {field.name for table in (DECISIONS, CANDIDATES) for field in table.fields}
    plain = [name for name in decisions if name not in fixed and not name.startswith(_PREFIXES)]
    own = [name for name in considered if name not in fixed and not name.startswith(_PREFIXES)]
    layers = [name.removeprefix("pick_") for name in decisions if name.startswith("pick_")]
    layers += [name.removeprefix("layer_") for name in considered if name.startswith("layer_")]
    found = tables["outcomes"].column("outcome").unique() if "outcomes" in tables else ()
    outcomes = sorted(map(str, found))
    features = [
        Feature(name=name.removeprefix("f_"), kind=_kind(kind))
        for name, kind in zip(considered, candidates.types, strict=True)
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
            [Outcome(name=name, matures_after=_GUESSED_MATURITY) for name in outcomes],
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


def _kind(kind: pa.DataType) -> Literal["number", "category", "boolean"]:
    if pt.is_boolean(kind):
        return "boolean"
    is_number = pt.is_null(kind) or pt.is_integer(kind) or pt.is_floating(kind)
    return "number" if is_number else "category"
