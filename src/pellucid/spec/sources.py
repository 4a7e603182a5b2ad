"""The columns that expressions, filters and breakdowns may name, by unit of analysis."""

from __future__ import annotations

from typing import get_args

from pellucid.errors import UnknownNameError
from pellucid.schema.fields import Field
from pellucid.schema.tables import CANDIDATES, DECISIONS
from pellucid.spec.expression import BOOLEAN, NUMBER, STRING, TIMESTAMP
from pellucid.spec.system import Outcome, System, Unit

_KIND_FAMILIES = {"number": NUMBER, "category": STRING, "boolean": BOOLEAN}


def family_of(field: Field) -> str:
    """Return the expression family of a fixed field."""
    if field.type.startswith("timestamp"):
        return TIMESTAMP
    return {"string": STRING, "bool": BOOLEAN}.get(field.type, NUMBER)


def outcome_columns(outcome: Outcome) -> dict[str, str]:
    """Return the columns that an outcome adds to a decision or request.

    ``<name>``: its latest value, null while unknown; ``<name>_mature``: whether the label is due;
    ``<name>_reason`` and ``<name>_blame``: of the latest observation.
    """
    return {
        outcome.name: NUMBER,
        f"{outcome.name}_mature": BOOLEAN,
        f"{outcome.name}_reason": STRING,
        f"{outcome.name}_blame": STRING,
    }


def decision_columns(system: System) -> dict[str, str]:
    """Return the columns of a decision (or request) and their families, outcomes included."""
    names = {field.name: family_of(field) for field in DECISIONS.fields}
    names |= dict.fromkeys(system.dimension_names, STRING)
    names |= {f"pick_{stage}": STRING for stage in system.stages if system.layers}
    names |= {f"cutoff_{name}": NUMBER for name in system.cutoffs}
    for outcome in system.outcomes:
        names |= outcome_columns(outcome)
    for dimension in system.candidate.dimensions:
        names[dimension.name] = STRING
    names[system.candidate.name] = STRING
    return names


def candidate_columns(system: System) -> dict[str, str]:
    """Return the columns of a candidate and their families, those of its decision included."""
    names = {field.name: family_of(field) for field in CANDIDATES.fields}
    names |= {f"f_{feature.name}": _KIND_FAMILIES[feature.kind] for feature in system.features}
    names |= {f"layer_{layer.name}": NUMBER for layer in system.layers}
    names |= {dimension.name: STRING for dimension in system.candidate.dimensions}
    names |= dict.fromkeys(system.dimension_names, STRING)
    names |= {
        field.name: family_of(field)
        for field in DECISIONS.fields
        if field.name not in names and not field.name.startswith("chosen")
    }
    names[system.candidate.name] = STRING
    return names


def source_columns(system: System, unit: Unit) -> dict[str, str]:
    """Return name to family of every column that a metric of this unit may use.

    Raises
    ------
    UnknownNameError
        If there is no such unit.
    """
    if unit not in get_args(Unit):
        raise UnknownNameError(kind="unit", name=unit, known=get_args(Unit))
    return candidate_columns(system) if unit == "candidate" else decision_columns(system)


def physical_column(system: System, unit: Unit, name: str) -> str:
    """Return the stored column behind a name: a route is `chosen` on a decision.

    Raises
    ------
    UnknownNameError
        If the unit has no such column.
    """
    known = source_columns(system, unit)
    if name not in known:
        raise UnknownNameError(kind=f"column of a {unit}", name=name, known=known)
    if name == system.candidate.name:
        return "candidate_id" if unit == "candidate" else "chosen"
    is_candidate_dimension = name in {item.name for item in system.candidate.dimensions}
    return f"chosen_{name}" if is_candidate_dimension and unit != "candidate" else name
