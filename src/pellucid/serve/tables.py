"""Tables for people as Arrow and Parquet."""

from __future__ import annotations

import io

import pyarrow as pa

from pellucid.figures.table import Table


def arrow_of(table: Table) -> pa.Table:
    """Return a table's raw values: rates 0 to 1, times ISO 8601, compound cells as two columns."""
    records = table.csv_records()
    names: list[str] = []
    for name in records["columns"]:
        count = names.count(name)
        names.append(f"{name} {count + 1}" if count else name)
    columns = list(zip(*records["rows"], strict=True)) or [()] * len(names)
    return pa.table({name: _column(values) for name, values in zip(names, columns, strict=True)})


def parquet_bytes(table: pa.Table) -> bytes:
    """Return a table as a Parquet file."""
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def _column(values: tuple[object, ...]) -> pa.Array:
    known = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in known):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    if any(isinstance(value, float) for value in known):
        return pa.array([None if value is None else float(value) for value in values])  # type: ignore[arg-type]
    return pa.array(values)
