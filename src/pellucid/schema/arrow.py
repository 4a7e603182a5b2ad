"""Arrow types and schemas of the standard record."""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa

from pellucid.schema.fields import ANY, Family, Table

_TYPES = {
    "string": pa.string(), "bool": pa.bool_(), "int32": pa.int32(), "int64": pa.int64(),
    "float32": pa.float32(), "float64": pa.float64(),
    "timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC"),
    "list<item: string>": pa.list_(pa.string()),
}  # fmt: skip


def arrow_type(name: str) -> pa.DataType:
    """Return the Arrow type that a field names."""
    return _TYPES[name]


@lru_cache(maxsize=64)
def fixed_schema(table: Table) -> pa.Schema:
    """Return the Arrow schema of a table's fixed fields, in order."""
    return pa.schema([(field.name, arrow_type(field.type)) for field in table.fields])


def stored_type(family: Family, given: pa.DataType) -> pa.DataType | None:
    """Return the type in which a family's column is stored, or None if `given` does not fit.

    Numbers of families without a type of their own are stored as float64, whatever their width:
    a feature that is whole today and fractional tomorrow must not change its column's type.
    """
    value = given.value_type if pa.types.is_dictionary(given) else given
    if family.type != ANY:
        return arrow_type(family.type)
    if pa.types.is_boolean(value):
        return pa.bool_()
    if pa.types.is_integer(value) or pa.types.is_floating(value) or pa.types.is_decimal(value):
        return pa.float64()
    if is_text(value):
        return pa.string()
    if pa.types.is_null(value):
        return pa.null()
    return None


def declared_type(kind: str) -> pa.DataType | None:
    """Return the type in which a feature of a declared kind is stored; None for no kind."""
    kinds = {"number": pa.float64(), "category": pa.string(), "boolean": pa.bool_()}
    return kinds.get(kind)


def is_text(given: pa.DataType) -> bool:
    """Whether a type holds text."""
    return (
        pa.types.is_string(given) or pa.types.is_large_string(given)
        or pa.types.is_string_view(given)
    )  # fmt: skip
