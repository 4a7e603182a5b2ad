"""The columns that a batch for a table may have, given a system's spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from pellucid.schema.arrow import arrow_type, declared_type
from pellucid.schema.fields import ANY, Family, Field, Table


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What a column must be: a fixed field, or a member of a family."""

    name: str
    field: Field | None = None
    family: Family | None = None
    kind: str = ""


def column_rules(table: Table, names: Mapping[str, Mapping[str, str]]) -> dict[str, ColumnRule]:
    """Return the rule of every column that the spec allows in a table.

    Parameters
    ----------
    names : mapping
        For each family's `names`, the names that the spec declares and the kind of each:
        ``number``, ``category``, ``boolean``, or empty for the family's own type.
    """
    rules = {field.name: ColumnRule(field.name, field=field) for field in table.fields}
    for family in table.families:
        for name, kind in names.get(family.names, {}).items():
            column = family.prefix + name
            # An attribution of a category is a number: only a family of any type follows kinds.
            own = kind if family.type == ANY else ""
            rules.setdefault(column, ColumnRule(column, family=family, kind=own))
    return rules


def with_declared(table: Table, schema: pa.Schema, names: Mapping[str, Mapping[str, str]]) -> (
    pa.Schema
):  # fmt: skip
    """Return a stored schema with every column that the spec declares and nobody has logged yet."""
    for name, rule in column_rules(table, names).items():
        if name in schema.names:
            continue
        if rule.field is not None:
            kind = arrow_type(rule.field.type)
        else:
            named = rule.family.type if rule.family and rule.family.type != ANY else "float64"
            kind = declared_type(rule.kind) or arrow_type(named)
        schema = schema.append(pa.field(name, kind))
    return schema


def open_family(table: Table, column: str) -> Family | None:
    """Return the family that takes a column the spec does not name, or None.

    New features and raw inputs may appear at any time: a batch that brings one adds a column.
    """
    for family in table.families:
        if family.names in ("features", "raw") and column.startswith(family.prefix):
            return family
    return None
