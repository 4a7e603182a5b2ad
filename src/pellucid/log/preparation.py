"""A team's own columns under the record's names, and its local times as instants."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.errors import DataError
from pellucid.log.bulk_report import BulkReport
from pellucid.schema.arrow import is_text
from pellucid.schema.columns import column_rules, open_family
from pellucid.schema.fields import Table
from pellucid.spec.bind import declared_names
from pellucid.spec.system import System


def under_record_names(
    system: System, table: Table, rows: pa.Table
) -> tuple[pa.Table, tuple[str, ...]]:
    """Return rows under the record's names, and the source's columns that were left behind.

    A mapped column takes its field's name; another that already has a name of the record keeps it.

    Raises
    ------
    DataError
        If some of the mapped columns are absent.
    """
    columns = [item for item in system.columns if item.table == table.name]
    # pandas carries its row labels along; they are not data.
    rows = rows.select(
        [i for i, name in enumerate(rows.column_names) if not name.startswith("__index_level")]
    )
    mapping = {item.field: item.source for item in columns if not item.source.startswith("=")}
    absent = [source for source in mapping.values() if source not in rows.column_names]
    # A frame that already has the record's own names needs no mapping.
    if len(absent) == len(mapping):
        return rows, ()
    if absent:
        raise DataError(
            f"{table.name}", [f"{name}: mapped by the spec, absent here" for name in absent]
        )
    named = {to: rows.column(source) for to, source in mapping.items()}
    for item in columns:
        if item.source.startswith("="):
            named[item.field] = pa.chunked_array([pa.repeat(item.source[1:], rows.num_rows)])
    rules = column_rules(table, declared_names(system))
    ignored = []
    for name in rows.column_names:
        if name in mapping.values():
            continue
        if name not in named and (name in rules or open_family(table, name) is not None):
            named[name] = rows.column(name)
        else:
            ignored.append(name)
    return pa.table(named), tuple(ignored)


def undeclared_as_raw(table: Table, rows: pa.Table, system: System, report: BulkReport) -> pa.Table:
    """Return live rows with columns that the spec lacks kept as raw inputs, and counted."""
    rules = column_rules(table, declared_names(system))
    renamed = []
    for name in rows.column_names:
        if name in rules or open_family(table, name) is not None:
            renamed.append(name)
            continue
        takes_raw = open_family(table, f"raw_{name}") is not None
        kept = f"kept as raw_{name}" if takes_raw else "left out"
        renamed.append(f"raw_{name}" if takes_raw else "")
        report.note(f"{name} is not declared in the spec; {kept}", rows.num_rows)
    picked = [index for index, name in enumerate(renamed) if name]
    return rows.select(picked).rename_columns([renamed[index] for index in picked])


def with_zone(table: Table, rows: pa.Table, timezone: str | None, where: str) -> pa.Table:
    """Return rows whose local times have become instants.

    A local time that occurs twice, when clocks go back, is taken as the first of the two; one that
    never occurs, when they go forward, as the moment of the change.

    Raises
    ------
    DataError
        If there is no such time zone.
    """
    if timezone is None:
        return rows
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise DataError(f"{table.name} from {where}", [f"no time zone '{timezone}'"]) from error
    for spec in table.fields:
        if spec.role != "time" or spec.name not in rows.column_names:
            continue
        column = rows.column(spec.name)
        if is_text(column.type):
            column = _text_with_zone(column, zone)
        elif pa.types.is_timestamp(column.type) and column.type.tz is None:
            column = pc.assume_timezone(
                column, timezone, ambiguous="earliest", nonexistent="earliest"
            )
        rows = rows.set_column(rows.column_names.index(spec.name), spec.name, column)
    return rows


def _text_with_zone(column: pa.ChunkedArray, zone: ZoneInfo) -> pa.ChunkedArray:
    encoded = column.combine_chunks().dictionary_encode()
    texts = [_instant_text(text, zone) for text in encoded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string()).take(encoded.indices)])


def _instant_text(text: str, zone: ZoneInfo) -> str:
    try:
        at = datetime.fromisoformat(text.strip())
        at = at.replace(tzinfo=zone) if at.tzinfo is None else at
        return at.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        # Left as it is: validation refuses the row and says why.
        return text
