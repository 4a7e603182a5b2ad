"""Refused rows as rows of `quarantine`: whole, with every reason, to be mended and logged again."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.schema.arrow import fixed_schema
from pellucid.schema.fields import Table
from pellucid.schema.tables import QUARANTINE
from pellucid.schema.validate import Validated


def quarantined(table: Table, source: str, checked: Validated, first_row: int) -> pa.Table:
    """Return a batch's refused rows as rows of `quarantine`.

    Parameters
    ----------
    table : Table
        Which they were meant for.
    source : str
        Where they came from.
    first_row : int
        Row number of the batch's first row in the source.
    """
    records = [json.dumps(row, default=str, sort_keys=True) for row in _plain(checked.refused)]
    numbers = (checked.refused_rows + first_row).tolist()
    count = len(records)
    columns = {
        "refusal_id": [
            hashlib.sha256(f"{table.name}|{source}|{number}|{record}".encode()).hexdigest()[:32]
            for number, record in zip(numbers, records, strict=True)
        ],
        "refused_at": [datetime.now(UTC)] * count,
        "table": [table.name] * count,
        "source": [source] * count,
        "row": numbers,
        "reasons": checked.reasons,
        "record": records,
    }
    return pa.table(columns, schema=fixed_schema(QUARANTINE))


def _plain(rows: pa.Table) -> list[dict[str, Any]]:
    columns = {
        # Arrow knows instants that Python's datetime does not: nanoseconds, the year 300,000.
        name: pc.cast(column, pa.string()) if pa.types.is_temporal(column.type) else column
        for name, column in zip(rows.column_names, rows.columns, strict=True)
    }
    names = list(columns)
    values = zip(*(column.to_pylist() for column in columns.values()), strict=True)
    return [dict(zip(names, row, strict=True)) for row in values]
