"""Bulk logging: rows in chunks, each validated, stored and acknowledged before the next."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from pellucid.errors import DataError, UnknownNameError
from pellucid.log.sources import Source, open_source
from pellucid.schema.arrow import fixed_schema, is_text
from pellucid.schema.fields import Table
from pellucid.schema.tables import (
    ATTRIBUTIONS,
    CANDIDATES,
    DECISIONS,
    OUTCOMES,
    QUARANTINE,
    TRAINING,
)  # fmt: skip
from pellucid.schema.validate import Validated, validate
from pellucid.spec.bind import declared_names
from pellucid.spec.system import System
from pellucid.store.lake import Lake
from pellucid.store.specs import load_system, save_system
from pellucid.store.writer import BatchKey, Writer

LOGGED = {table.name: table for table in (DECISIONS, CANDIDATES, OUTCOMES, ATTRIBUTIONS, TRAINING)}
_MOST_ROWS_SHOWN = 3


@dataclass(slots=True)
class BulkReport:
    """What became of a source's rows.

    Attributes
    ----------
    table, source : str
        Where to and from where.
    read : int
        Rows read.
    stored : int
        Rows stored by this call.
    duplicates : int
        Rows left out because the same row is stored already.
    refused : int
        Rows put in quarantine.
    committed_before : int
        Rows of batches that an earlier call had committed; they were not looked at again.
    violations : dict of str to (int, list of int)
        For each kind of violation its count and first row numbers in the source.
    """

    table: str
    source: str
    read: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    committed_before: int = 0
    violations: dict[str, tuple[int, list[int]]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        counts = [
            (self.stored, "stored"),
            (self.duplicates, "already stored"),
            (self.committed_before, "committed by an earlier run"),
            (self.refused, "refused, kept in `quarantine`"),
        ]
        shown = ", ".join(f"{count:,} {what}" for count, what in counts if count) or "nothing new"
        return [f"{self.table} from {self.source}: {self.read:,} rows read; {shown}",
                *(f"  {line}" for line in self.violation_lines())]  # fmt: skip

    def violation_lines(self) -> list[str]:
        """Return a line for each kind of violation, most frequent first."""
        lines = []
        ranked = sorted(self.violations.items(), key=lambda item: -item[1][0])
        for reason, (count, rows) in ranked:
            first = ", ".join(f"{row:,}" for row in rows)
            more = ", …" if count > len(rows) else ""
            lines.append(f"{count:,} × {reason} (row {first}{more})")
        return lines

    def raise_for_refused(self) -> None:
        """Raise if any row was refused.

        Raises
        ------
        DataError
            With every kind of violation.
        """
        if self.refused:
            raise DataError(f"{self.table} from {self.source}", self.violation_lines())

    def __str__(self) -> str:
        return "\n".join(self.lines())


@dataclass(frozen=True, slots=True)
class BulkLog:
    """The bulk side of a logger: a system, its lake and a writer."""

    system: System
    lake: Lake
    writer: Writer

    @classmethod
    def open(
        cls,
        system: System | str,
        root: str | os.PathLike[str],
        storage_options: Mapping[str, str] | None,
    ) -> BulkLog:
        """Open a lake for logging; a spec that is given is put in force."""
        name = system if isinstance(system, str) else system.name
        lake = Lake.at(root, name, storage_options)
        if isinstance(system, str):
            return cls(load_system(lake), lake, Writer(lake))
        save_system(lake, system)
        return cls(system, lake, Writer(lake))

    def log(
        self,
        name: str,
        frame: object,
        *,
        batch_id: str | None = None,
        timezone: str | None = None,
        progress: bool = False,
    ) -> BulkReport:
        """Log rows of a table; see `Logger.table`."""
        if name not in LOGGED:
            raise UnknownNameError(kind="table to log to", name=name, known=LOGGED)
        table = LOGGED[name]
        source = open_source(frame, batch_id=batch_id)
        report = BulkReport(name, source.name)
        with tqdm(total=source.row_count, unit=" rows", unit_scale=True, desc=f"{name:<10}",
                  disable=not progress) as bar:  # fmt: skip
            for sequence, rows in enumerate(source.chunks(), 1):
                self._log_chunk(table, source, sequence, rows, report, timezone)
                bar.update(rows.num_rows)
        return report

    def _log_chunk(
        self, table: Table, source: Source, sequence: int, rows: pa.Table, report: BulkReport,
        timezone: str | None,
    ) -> None:  # fmt: skip
        first_row = report.read
        report.read += rows.num_rows
        key = None if source.identity is None else BatchKey(source.identity, sequence)
        if key is not None and self.writer.is_committed(table, key):
            report.committed_before += rows.num_rows
            return
        mapped = _with_zone(table, _mapped(self.system, table, rows), timezone, source.name)
        checked = validate(
            table, mapped, names=declared_names(self.system), now=datetime.now(UTC),
            where=source.name,
        )  # fmt: skip
        if len(checked.refused_rows):
            # Before the accepted rows: once those are committed, the chunk is not looked at again.
            self._quarantine(table, source, checked, first_row, key)
            _count_violations(report, checked, first_row)
        receipt = self.writer.append(table, checked.accepted, key=key)
        report.stored += receipt.stored
        report.duplicates += receipt.duplicates

    def _quarantine(
        self, table: Table, source: Source, checked: Validated, first_row: int,
        key: BatchKey | None,
    ) -> None:  # fmt: skip
        columns = {
            "refused_at": [datetime.now(UTC)] * len(checked.reasons),
            "table": [table.name] * len(checked.reasons),
            "source": [source.name] * len(checked.reasons),
            "row": (checked.refused_rows + first_row).tolist(),
            "reasons": checked.reasons,
            "record": [json.dumps(row, default=str) for row in checked.refused.to_pylist()],
        }
        rows = pa.table(columns, schema=fixed_schema(QUARANTINE))
        own = None if key is None else BatchKey(f"{key.source}:{table.name}", key.sequence)
        self.writer.append(QUARANTINE, rows, key=own)


def _count_violations(report: BulkReport, checked: Validated, first_row: int) -> None:
    report.refused += len(checked.refused_rows)
    for reason, rows in checked.violations.items():
        count, shown = report.violations.get(reason, (0, []))
        room = _MOST_ROWS_SHOWN - len(shown)
        shown = [*shown, *(row + first_row for row in sorted(rows)[:room])]
        report.violations[reason] = (count + len(rows), shown)


def _mapped(system: System, table: Table, rows: pa.Table) -> pa.Table:
    columns = [item for item in system.columns if item.table == table.name]
    # pandas carries its row labels along; they are not data.
    rows = rows.select(
        [i for i, name in enumerate(rows.column_names) if not name.startswith("__index_level")]
    )
    mapping = {item.field: item.source for item in columns if not item.source.startswith("=")}
    absent = [source for source in mapping.values() if source not in rows.column_names]
    # A frame that already has the record's own names needs no mapping.
    if len(absent) == len(mapping):
        return rows
    if absent:
        raise DataError(
            f"{table.name}", [f"{name}: mapped by the spec, absent here" for name in absent]
        )
    mapped = pa.table({to: rows.column(source) for to, source in mapping.items()})
    for item in columns:
        if item.source.startswith("="):
            constant = pa.repeat(pa.scalar(item.source[1:]), rows.num_rows)
            mapped = mapped.append_column(item.field, constant)
    return mapped


def _with_zone(table: Table, rows: pa.Table, timezone: str | None, where: str) -> pa.Table:
    if timezone is None:
        return rows
    for spec in table.fields:
        if spec.role != "time" or spec.name not in rows.column_names:
            continue
        column = rows.column(spec.name)
        try:
            if is_text(column.type):
                column = pc.cast(column, pa.timestamp("us"))
            if pa.types.is_timestamp(column.type) and column.type.tz is None:
                column = pc.assume_timezone(column, timezone)
        except pa.ArrowInvalid as error:
            raise DataError(f"{table.name} from {where}", [f"{spec.name}: {error}"]) from error
        rows = rows.set_column(rows.column_names.index(spec.name), spec.name, column)
    return rows
