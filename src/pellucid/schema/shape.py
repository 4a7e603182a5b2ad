"""The shape of a batch: columns that cannot fit refuse it whole, all of them in one error."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.errors import did_you_mean
from pellucid.schema.arrow import arrow_type, is_text, stored_type
from pellucid.schema.columns import ColumnRule, open_family
from pellucid.schema.conversion import convert
from pellucid.schema.fields import Table


def shape_problems(table: Table, rows: pa.Table, rules: Mapping[str, ColumnRule]) -> list[str]:
    """Return every reason why a batch's columns cannot be stored; none if they can."""
    problems = []
    for name in rows.column_names:
        if rows.column_names.count(name) > 1:
            problems.append(f"{name}: there are two columns of this name; drop one")
            continue
        if name not in rules and open_family(table, name) is None:
            problems.append(
                f"{name}: unknown column{did_you_mean(name, rules)} Declare it in the spec, "
                "map it under `columns`, or prefix it with 'raw_' to keep it for reading."
                if _takes_raw(table)
                else f"{name}: unknown column{did_you_mean(name, rules)}"
            )
            continue
        problems += _type_problem(rules.get(name), table, name, rows.schema.field(name).type)
    for name in table.required:
        spec = table.field(name)
        if name not in rows.column_names and not (spec and spec.default):
            problems.append(f"{name}: this column is required and absent")
    if not problems:
        problems += _unnumbered_attempts(table, rows)
    return list(dict.fromkeys(problems))


def _unnumbered_attempts(table: Table, rows: pa.Table) -> list[str]:
    # A retry that passes for a first attempt would count its payment twice.
    names = rows.column_names
    if table.name != "decisions" or "request_id" not in names or "attempt" in names:
        return []
    requests, _ = convert(rows.column("request_id"), pa.string())
    given = requests.drop_null()
    if pc.count_distinct(given).as_py() == len(given):
        return []
    return [
        "attempt: absent, though requests repeat; log 1 for the first decision on a request, "
        "2 for its first retry, and so on"
    ]


def _takes_raw(table: Table) -> bool:
    return any(family.names == "raw" for family in table.families)


def _type_problem(
    rule: ColumnRule | None, table: Table, name: str, given: pa.DataType
) -> list[str]:
    family = rule.family if rule else open_family(table, name)
    if not _is_plain(given):
        return [f"{name}: {given} cannot be stored; use numbers, text, instants or true/false"]
    if family is not None:
        if stored_type(family, given) is None:
            return [f"{name}: {given} cannot be stored; use numbers, text or true/false"]
        return []
    if rule is None or rule.field is None:
        return []
    value = given.value_type if pa.types.is_dictionary(given) else given
    if rule.field.type.startswith("timestamp") and pa.types.is_date(value):
        return [f"{name}: a date is not an instant; log the time of day and its zone"]
    if rule.field.type.startswith("timestamp") and pa.types.is_timestamp(value):
        if value.tz is None:
            return [
                f"{name}: timestamps have no time zone, so their instant is unknown; "
                "say which zone they are in: timezone='UTC', in the shell --timezone UTC"
            ]
        return []
    wanted = arrow_type(rule.field.type)
    if pa.types.is_nested(value) != pa.types.is_nested(wanted):
        return [f"{name}: expected {rule.field.type}, got {given}"]
    return []


def _is_plain(given: pa.DataType) -> bool:
    value = given.value_type if pa.types.is_dictionary(given) else given
    if pa.types.is_list(value) or pa.types.is_large_list(value):
        value = value.value_type
    return (
        pa.types.is_primitive(value) or pa.types.is_null(value) or pa.types.is_decimal(value)
        or is_text(value)
    )  # fmt: skip
