"""Bulk logging: rows in chunks, each validated, stored and acknowledged before the next."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa
from tqdm import tqdm

from pellucid.errors import DataError, UnknownNameError
from pellucid.log.bulk_report import BulkReport
from pellucid.log.preparation import undeclared_as_raw, under_record_names, with_zone
from pellucid.log.quarantine import quarantined
from pellucid.log.redact import Redactor
from pellucid.log.sources import Source, open_source
from pellucid.schema.arrow import fixed_schema
from pellucid.schema.fields import Table
from pellucid.schema.tables import (
    ATTRIBUTIONS,
    AUDIT,
    CANDIDATES,
    DECISIONS,
    OUTCOMES,
    QUARANTINE,
    TRAINING,
)  # fmt: skip
from pellucid.schema.validate import Validated, validate
from pellucid.spec.bind import declared_names
from pellucid.spec.codec import fingerprint
from pellucid.spec.system import System
from pellucid.store.lake import Lake
from pellucid.store.specs import load_system, save_system
from pellucid.store.writer import BatchKey, Writer

LOGGED = {table.name: table for table in (DECISIONS, CANDIDATES, OUTCOMES, ATTRIBUTIONS, TRAINING)}


@dataclass(frozen=True, slots=True)
class BulkLog:
    """The bulk side of a logger: a system, its lake and a writer."""

    system: System
    lake: Lake
    writer: Writer
    is_inferred: bool = False
    redactor: Redactor | None = None

    @classmethod
    def open(
        cls,
        system: System | str,
        root: str | os.PathLike[str],
        storage_options: Mapping[str, str] | None,
        redactor: Redactor | None = None,
    ) -> BulkLog:
        """Open a lake for logging; a spec that is given is put in force."""
        name = system if isinstance(system, str) else system.name
        lake = Lake.at(root, name, storage_options)
        if isinstance(system, str):
            return cls(load_system(lake), lake, Writer(lake), redactor=redactor)
        save_system(lake, system)
        return cls(system, lake, Writer(lake), redactor=redactor)

    @classmethod
    def open_or_infer(
        cls,
        system: System | str,
        root: str | os.PathLike[str],
        storage_options: Mapping[str, str] | None,
        redactor: Redactor | None = None,
    ) -> BulkLog:
        """Open a lake; where it holds no spec of that name, begin to infer one."""
        if isinstance(system, str):
            lake = Lake.at(root, system, storage_options)
            if not lake.has(AUDIT.name):
                _warn_of_inference(system, lake)
                return cls(
                    System(name=system), lake, Writer(lake), is_inferred=True, redactor=redactor
                )
        return cls.open(system, root, storage_options, redactor)

    def under(self, system: System) -> BulkLog:
        """Return the same under another spec."""
        return replace(self, system=system)

    def store_live(self, name: str, rows: pa.Table, key: BatchKey, now: datetime) -> BulkReport:
        """Store rows that a live logger spooled."""
        table = LOGGED[name]
        source = Source(f"live {key.source}:{key.sequence}", key.source, lambda: iter(()), None)
        report = BulkReport(name, source.name)
        rows = undeclared_as_raw(table, rows, self.system, report)
        try:
            self._store(table, source, rows, report, key, now)
        except DataError as error:
            # A batch that can never be stored must not hold up those behind it.
            refused = Validated.all_refused(rows, error.violations)
            # Under a key of its own: rows refused one by one may be in quarantine already.
            every = BatchKey(f"{key.source}:all", key.sequence)
            self._quarantine(table, source, refused, 0, every)
            report.count(refused, 0)
            self.writer.append(table, fixed_schema(table).empty_table(), key=key)
        return report

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
        if self.is_inferred and not self.lake.has(AUDIT.name):
            # Raises: rows in bulk are checked against a spec, and there is none.
            load_system(self.lake)
        table = LOGGED[name]
        source = open_source(frame, batch_id=batch_id)
        report = BulkReport(name, source.name)
        if self.redactor is not None:
            self.redactor.counts.clear()
        with tqdm(total=source.row_count, unit=" rows", unit_scale=True, desc=f"{name:<10}",
                  disable=not progress) as bar:  # fmt: skip
            for sequence, rows in enumerate(source.chunks(), 1):
                self._log_chunk(table, source, sequence, rows, report, timezone)
                bar.update(rows.num_rows)
        for line in source.refused_lines():
            report.refuse_line(self.redactor.text(line) if self.redactor else line)
        if self.redactor is not None:
            report.redacted = dict(self.redactor.counts)
        return report

    def _log_chunk(
        self, table: Table, source: Source, sequence: int, rows: pa.Table, report: BulkReport,
        timezone: str | None,
    ) -> None:  # fmt: skip
        report.read += rows.num_rows
        key = None if source.identity is None else self._batch_key(source, sequence, timezone)
        if key is not None and self.writer.is_committed(table, key):
            report.committed_before += rows.num_rows
            return
        mapped, report.ignored = under_record_names(self.system, table, rows)
        mapped = with_zone(table, mapped, timezone, source.name)
        has_twins = len(set(mapped.column_names)) < mapped.num_columns
        if self.redactor is not None and not has_twins:
            # Before anything looks at a value: an error or a quarantined row must not hold it.
            mapped = self.redactor.arrow(table.name, mapped)
        self._store(table, source, mapped, report, key, datetime.now(UTC))

    def _batch_key(self, source: Source, sequence: int, timezone: str | None) -> BatchKey:
        # The same file under another spec or zone is another batch: rows refused before may fit
        # now, and rows stored before are known by their own keys.
        return BatchKey(f"{source.identity}:{fingerprint(self.system)}:{timezone}", sequence)

    def _store(
        self,
        table: Table,
        source: Source,
        rows: pa.Table,
        report: BulkReport,
        key: BatchKey | None,
        now: datetime,
    ) -> None:
        first_row = report.read - rows.num_rows if report.read else 0
        checked = validate(
            table, rows, names=declared_names(self.system), now=now, where=source.name,
        )  # fmt: skip
        if len(checked.refused_rows):
            # Before the accepted rows: once those are committed, the chunk is not looked at again.
            self._quarantine(table, source, checked, first_row, key)
            report.count(checked, first_row)
        receipt = self.writer.append(table, checked.accepted, key=key)
        report.stored += receipt.stored
        report.duplicates += receipt.duplicates

    def _quarantine(
        self, table: Table, source: Source, checked: Validated, first_row: int,
        key: BatchKey | None,
    ) -> None:  # fmt: skip
        rows = quarantined(table, source.name, checked, first_row)
        own = None if key is None else BatchKey(f"{key.source}:{table.name}", key.sequence)
        self.writer.append(QUARANTINE, rows, key=own)


def _warn_of_inference(system: str, lake: Lake) -> None:
    # Where warnings are errors, one in the background must not cost a record.
    with contextlib.suppress(UserWarning):
        warnings.warn(
            f"no system '{system}' is stored at {lake.root}: its spec is inferred from live "
            "records. Write one (`pellucid init`), above all for labels' maturity.",
            stacklevel=4,
        )
