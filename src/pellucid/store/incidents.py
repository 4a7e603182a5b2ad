"""Incidents in the store: every change is kept, and the last one is how an incident stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from pellucid.schema.arrow import fixed_schema
from pellucid.schema.fields import Table
from pellucid.schema.tables import ALERTS, INCIDENTS
from pellucid.store.lake import Lake
from pellucid.store.reader import read_rows
from pellucid.store.writer import BatchKey, Writer

Row = dict[str, Any]


def append_rows(
    lake: Lake, table: Table, rows: Iterable[Row], *, key: BatchKey | None = None
) -> int:
    """Append rows of one of the monitor's tables; return how many are new."""
    found = list(rows)
    if not found:
        return 0
    columns = pa.Table.from_pylist(found, schema=fixed_schema(table))
    return Writer(lake).append(table, columns, key=key).stored


def rows_of(lake: Lake, table: Table) -> list[Row]:
    """Return all rows of one of the monitor's tables, the first ones first."""
    names = [field.name for field in table.fields]
    rows = read_rows(lake, table.name, names)
    return rows.sort_by([(table.time, "ascending")]).to_pylist()


def latest_incidents(lake: Lake) -> list[tuple[Row, list[Row]]]:
    """Return each incident as it stands, with its alerts in the order in which they were raised."""
    latest: dict[str, Row] = {}
    for row in rows_of(lake, INCIDENTS):
        known = latest.get(row["incident_id"])
        if known is None or row["change"] >= known["change"]:
            latest[row["incident_id"]] = row
    alerts: dict[str, list[Row]] = defaultdict(list)
    for row in rows_of(lake, ALERTS):
        alerts[row["incident_id"]].append(row)
    return [(row, alerts[key]) for key, row in latest.items()]
