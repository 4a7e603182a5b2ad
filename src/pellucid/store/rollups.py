"""Roll-ups in the store: cells by UTC day, replaced day by day, with a note of what made them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, CommitProperties, PostCommitHookProperties
from pyarrow import fs

from pellucid.errors import StoreError
from pellucid.schema.files import TableFiles
from pellucid.store.lake import PARTITION, Lake
from pellucid.store.maintenance import KEEP_REPLACED

_NOTE = "pellucid_note"
_CONFIGURATION = {
    "delta.dataSkippingNumIndexedCols": "0",
    # A commit's note lists files: only the last is ever read.
    "delta.logRetentionDuration": "interval 1 days",
}
_CHECKPOINT_EVERY = 20
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


@dataclass(frozen=True, slots=True)
class StoredRollup:
    """A roll-up as it is stored.

    Attributes
    ----------
    version : int
        Of its table; a replacement of days states which one it knew.
    note : dict
        As given with the last replacement.
    files : TableFiles
        One file for each day.
    by_day : dict of str to str
        ISO date to path.
    """

    version: int
    note: dict[str, Any]
    files: TableFiles
    by_day: dict[str, str]


def read_rollup(lake: Lake, name: str) -> StoredRollup | None:
    """Return a roll-up as it is now, or None where there is none."""
    delta = _open(lake, name)
    if delta is None:
        return None
    actions = pa.table(delta.get_add_actions(flatten=True))
    days = actions.column(f"partition.{PARTITION}").to_pylist()
    prefix = f"{lake.uri(_folder(name))}/" if lake.is_local else ""
    by_day = {day: prefix + path for day, path in
              zip(days, actions.column("path").to_pylist(), strict=True)}  # fmt: skip
    last = delta.history(1)[0]
    schema = pa.schema([field for field in pa.schema(delta.schema().to_arrow())
                        if field.name != PARTITION])  # fmt: skip
    files = TableFiles(
        table="rollup", files=tuple(by_day[day] for day in sorted(by_day)), schema=schema,
        filesystem=None if lake.is_local else lake.filesystem(_folder(name)), is_uniform=True,
    )  # fmt: skip
    return StoredRollup(delta.version(), json.loads(last.get(_NOTE, "{}")), files, by_day)


def replace_days(
    lake: Lake,
    name: str,
    days: Mapping[str, Sequence[pa.Table]],
    *,
    schema: pa.Schema,
    note: Mapping[str, Any],
    known: int | None,
) -> bool:
    """Replace the cells of days, all of them or none.

    Parameters
    ----------
    days : mapping of str to sequence of pyarrow.Table
        ISO date to its cells; each table is a row group of the day's file.
    schema : pyarrow.Schema
        Of the cells. A table of another schema is started anew.
    note : mapping
        Anything that JSON holds: what the cells were made of.
    known : int or None
        Version of the table that the caller read; None where there was none.

    Returns
    -------
    bool
        False where somebody else replaced days in between: nothing was stored.

    Raises
    ------
    StoreError
        If the store cannot be written.
    """
    try:
        delta = _open(lake, name)
        if (delta.version() if delta is not None else None) != known:
            return False
        if delta is None:
            delta = _create(lake, name, schema)
        is_new = pa.schema(delta.schema().to_arrow()).remove(
            delta.schema().to_arrow().names.index(PARTITION)
        ) != schema  # fmt: skip
        filesystem = lake.filesystem(_folder(name))
        actions = [_write(filesystem, day, parts) for day, parts in days.items()
                   if sum(part.num_rows for part in parts)]  # fmt: skip
        filters = None if is_new else [(PARTITION, "in", sorted(days))]
        delta.create_write_transaction(
            actions, mode="overwrite", partition_by=[PARTITION], partition_filters=filters,
            schema=schema.append(pa.field(PARTITION, pa.string())),
            commit_properties=CommitProperties(
                custom_metadata={_NOTE: json.dumps(note)}, max_commit_retries=0
            ),
            post_commithook_properties=_NO_HOOKS,
        )  # fmt: skip
    except CommitFailedError:
        return False
    except OSError as error:
        raise StoreError(f"roll-up '{name}' cannot be written now: {error}") from error
    _tidy(lake, name)
    return True


def _folder(name: str) -> str:
    return f"rollups/{name}"


def _open(lake: Lake, name: str) -> DeltaTable | None:
    uri = lake.uri(_folder(name))
    if not DeltaTable.is_deltatable(uri, storage_options=lake.options):
        return None
    return DeltaTable(uri, storage_options=lake.options)


def _create(lake: Lake, name: str, schema: pa.Schema) -> DeltaTable:
    lake.filesystem(_folder(name))
    return DeltaTable.create(
        lake.uri(_folder(name)), schema=schema.append(pa.field(PARTITION, pa.string())),
        partition_by=[PARTITION], mode="ignore", configuration=_CONFIGURATION,
        storage_options=lake.options,
    )  # fmt: skip


def _write(filesystem: fs.FileSystem, day: str, parts: Sequence[pa.Table]) -> AddAction:
    path = f"{PARTITION}={day}/{uuid.uuid4().hex}.parquet"
    filesystem.create_dir(f"{PARTITION}={day}", recursive=True)
    with (
        filesystem.open_output_stream(path) as sink,
        pq.ParquetWriter(
            sink, parts[0].schema, compression="zstd", compression_level=1, store_schema=False
        ) as writer,
    ):
        for part in parts:
            writer.write_table(part)
    rows = sum(part.num_rows for part in parts)
    return AddAction(
        path=path, size=filesystem.get_file_info(path).size, partition_values={PARTITION: day},
        modification_time=0, data_change=True, stats=json.dumps({"numRecords": rows}),
    )  # fmt: skip


def _tidy(lake: Lake, name: str) -> None:
    delta = _open(lake, name)
    if delta is None or delta.version() % _CHECKPOINT_EVERY:
        return
    delta.create_checkpoint()
    delta.cleanup_metadata()
    delta.vacuum(
        retention_hours=round(KEEP_REPLACED.total_seconds() / 3600), dry_run=False,
        enforce_retention_duration=False,
    )  # fmt: skip
