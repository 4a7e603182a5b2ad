"""Column batches to Arrow tables, and to and from the bytes that the spool holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pellucid.log.records import Columns

if TYPE_CHECKING:
    import pyarrow as pa

_TIMES = frozenset({"decided_at", "outcome_at", "recorded_at", "observed_at"})


def encode_batch(records: int, tables: Mapping[str, Columns]) -> bytes:
    """Return column batches, and how many records they come from, as MessagePack."""
    import msgspec

    return msgspec.msgpack.encode((records, tables), enc_hook=str)


def decode_batch(payload: bytes) -> tuple[int, dict[str, Columns]]:
    """Return how many records a spooled payload holds, and their column batches."""
    import msgspec

    records, tables = msgspec.msgpack.decode(payload)
    return records, tables


def joined(batches: Iterable[Mapping[str, Columns]]) -> dict[str, Columns]:
    """Return several batches as one; a column that some lack is null there."""
    tables: dict[str, Columns] = {}
    for batch in batches:
        for table, columns in batch.items():
            whole = tables.setdefault(table, {})
            before = len(next(iter(whole.values()), ()))
            count = len(next(iter(columns.values()), ()))
            for name, values in columns.items():
                whole.setdefault(name, [None] * before).extend(values)
            for values in whole.values():
                if len(values) < before + count:
                    values.extend([None] * count)
    return tables


def to_arrow(columns: Columns) -> pa.Table:
    """Return a column batch as an Arrow table.

    A column of mixed types becomes text, so that validation refuses its bad values one by one and
    keeps the good ones.
    """
    import pyarrow as pa

    return pa.table({name: _array(name, values) for name, values in columns.items()})


def _array(name: str, values: list[Any]) -> pa.Array:
    import pyarrow as pa

    try:
        if name in _TIMES:
            return pa.array(values, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        pass
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values])
    return pa.array([None if value is None else str(value) for value in values])
