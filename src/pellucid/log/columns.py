"""Column batches to Arrow tables, and to and from the bytes that the spool holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pellucid.log.gather import Columns, text_of

if TYPE_CHECKING:
    import pyarrow as pa

_TIMES = frozenset({"decided_at", "outcome_at", "recorded_at"})
_NUMBERS = frozenset({int, float})
_DIRECT = frozenset({bool, int, float, str, bytes, Decimal, datetime, date, time, timedelta})
_NUMPY = frozenset({"float64", "float32", "int64", "int32", "bool", "bool_", "str_"})
# Of pandas, which need not be installed.
_MISSING = frozenset({"NAType", "NaTType"})


def to_arrow(columns: Columns) -> pa.Table:
    """Return a column batch as an Arrow table.

    A column of mixed types becomes text, so that validation refuses its bad values one by one and
    keeps the good ones; a nested value becomes JSON. Raises for a value that no column can hold,
    such as text with half of a surrogate pair.
    """
    import pyarrow as pa

    return pa.table({name: _array(name, values) for name, values in columns.items()})


@dataclass(frozen=True, slots=True)
class Spooled:
    """A batch as the spool holds it.

    Attributes
    ----------
    records : int
        Records that it comes from.
    clock : datetime
        When it was spooled, by this machine's clock, which may have been set back since; aware.
    tables : mapping of str to pyarrow.Table
        Rows by table.
    """

    records: int
    clock: datetime
    tables: Mapping[str, pa.Table]


def encode_batch(batch: Spooled) -> bytes:
    """Return a batch as bytes."""
    import msgspec

    streams = {name: _to_stream(rows) for name, rows in batch.tables.items()}
    return msgspec.msgpack.encode((batch.records, batch.clock, streams))


def decode_batch(payload: bytes) -> Spooled:
    """Return a batch from its bytes.

    Raises
    ------
    ValueError
        If the payload is not one that `encode_batch` returned.
    """
    import msgspec
    import pyarrow as pa

    kind = tuple[int, datetime, dict[str, bytes]]
    records, clock, streams = msgspec.msgpack.decode(payload, type=kind)
    tables = {name: pa.ipc.open_stream(data).read_all() for name, data in streams.items()}
    return Spooled(records, clock, tables)


def joined(batches: Iterable[Mapping[str, pa.Table]]) -> dict[str, pa.Table]:
    """Return several batches as one; a column that some lack is null there.

    A column that is text in one of them and of another type elsewhere is text.
    """
    parts: dict[str, list[pa.Table]] = {}
    for batch in batches:
        for name, rows in batch.items():
            parts.setdefault(name, []).append(rows)
    return {name: _concatenated(tables) for name, tables in parts.items()}


def _to_stream(rows: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue().to_pybytes()


def _array(name: str, values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    if name in _TIMES:
        return pa.array(values, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    kinds = _kinds(values)
    if kinds != _NUMBERS and not (len(kinds) <= 1 and all(map(_is_direct, kinds))):
        values = [_plain(value) for value in values]
        kinds = _kinds(values)
    if len(kinds) <= 1 or kinds == _NUMBERS:
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
            if kinds <= _NUMBERS:
                return pa.array([None if value is None else float(value) for value in values])
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _kinds(values: Sequence[Any]) -> set[type]:
    return set(map(type, values)) - {type(None)}


def _is_direct(kind: type) -> bool:
    return kind in _DIRECT or (kind.__module__ == "numpy" and kind.__name__ in _NUMPY)


def _plain(value: Any) -> Any:
    """Return a value as one of the types that Arrow takes as they are, or as text.

    Arrow would make 0 of the float16 0.5 beside an integer, a day of 1970 of an integer beside a
    date, and end the process over a list that holds itself.
    """
    kind = type(value)
    if kind in _DIRECT or value is None:
        return value
    if kind.__name__ in _MISSING:
        return None
    if kind.__module__ == "numpy" and hasattr(value, "tolist") and value.dtype.kind not in "mM":
        return _plain(value.tolist())
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, int):
        return int(value)
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)
    if isinstance(value, Mapping):
        value = dict(value)
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _concatenated(tables: Sequence[pa.Table]) -> pa.Table:
    import pyarrow as pa

    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.concat_tables(_alike(tables), promote_options="permissive")


def _alike(tables: Sequence[pa.Table]) -> list[pa.Table]:
    import pyarrow as pa

    kinds: dict[str, set[pa.DataType]] = {}
    for rows in tables:
        for field in rows.schema:
            if not pa.types.is_null(field.type):
                kinds.setdefault(field.name, set()).add(field.type)
    mixed = {name for name, found in kinds.items() if len(found) > 1 and not _are_numbers(found)}
    return [
        rows.cast(pa.schema([
            pa.field(field.name, pa.string() if field.name in mixed else field.type)
            for field in rows.schema
        ]))
        for rows in tables
    ]  # fmt: skip


def _are_numbers(kinds: set[pa.DataType]) -> bool:
    import pyarrow.types as pt

    return all(pt.is_integer(kind) or pt.is_floating(kind) for kind in kinds)
