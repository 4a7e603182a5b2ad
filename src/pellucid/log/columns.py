"""Column batches to Arrow tables, and to and from the bytes that the spool holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pellucid.log.gather import Columns

if TYPE_CHECKING:
    import pyarrow as pa

_TIMES = frozenset({"decided_at", "outcome_at", "recorded_at"})


def to_arrow(columns: Columns) -> pa.Table:
    """Return a column batch as an Arrow table.

    A column of mixed types becomes text, so that validation refuses its bad values one by one and
    keeps the good ones; a nested value becomes JSON.
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

    try:
        if name in _TIMES:
            return pa.array(values, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
        array = pa.array(values)
        if not pa.types.is_nested(array.type):
            return array
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        kinds = {type(value) for value in values} - {type(None)}
        if kinds <= {int, float}:
            return pa.array([None if value is None else float(value) for value in values])
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: object) -> str:
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
