"""Appends batches to the tables of a system, each with exactly-once effect.

Two guards, both held by Delta's atomic commit. A *batch key* (source, sequence) is committed with
the batch, so a batch that is sent again is skipped. A *row key* (the table's key within its UTC
day) is checked against what is stored, so a row that is sent again, in whatever batch, is stored
once. Commits are never retried blindly: on a conflict the writer looks at what the other one
stored, and only then tries again.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake import Field as DeltaField
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import (
    AddAction,
    CommitProperties,
    PostCommitHookProperties,
    Transaction,
)

from pellucid.errors import ConflictError, DataError, PellucidError, StoreError
from pellucid.schema.arrow import fixed_schema
from pellucid.schema.fields import Table
from pellucid.schema.tables import DECISIONS, SAMPLE_WEIGHT
from pellucid.store.duplicates import StoredKeys
from pellucid.store.lake import PARTITION, Lake
from pellucid.store.parquet import make_commit_durable, remove_files, write_files

_MOST_ATTEMPTS = 200
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


@dataclass(frozen=True, slots=True)
class BatchKey:
    """Identifies a batch: the n-th of a source. Sequences of one source only grow.

    Attributes
    ----------
    source : str
        For example the SHA-256 of the file that the batch comes from.
    sequence : int
        From 1.
    """

    source: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an append did.

    Attributes
    ----------
    stored : int
        Rows stored now.
    duplicates : int
        Rows left out because their key is stored already or came twice.
    was_committed : bool
        True if the whole batch was committed before, and nothing was done now.
    """

    stored: int
    duplicates: int
    was_committed: bool


class Writer:
    """Appends to the tables of one system; one for each thread or process, many at a time."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._stored: dict[str, StoredKeys] = {}
        self._durable_to: dict[str, int] = {}

    def is_committed(self, table: Table, key: BatchKey) -> bool:
        """Whether the batch is in the table."""
        delta = self._lake.open(table.name)
        return delta is not None and _is_committed(delta, key)

    def append(self, table: Table, rows: pa.Table, *, key: BatchKey | None = None) -> Receipt:
        """Append rows; return once they are durable and visible, all of them or none.

        Parameters
        ----------
        table : Table
            Where to.
        rows : pyarrow.Table
            Validated rows. Columns that the table lacks are added to it; rows stored before read
            as null there.
        key : BatchKey, optional
            The same key twice changes nothing the second time.

        Returns
        -------
        Receipt

        Raises
        ------
        DataError
            If a column's type differs from the one stored.
        ConflictError
            If other writers commit first, again and again.
        StoreError
            If the store cannot be read or written; nothing of the batch is left behind.
        """
        written: list[AddAction] = []
        try:
            return self._append(table, _without_ones(table, rows), key, written)
        except (OSError, pa.ArrowException, DeltaError) as error:
            _discard(self._lake, table, written)
            if isinstance(error, PellucidError):
                raise
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise StoreError(f"table '{table.name}' cannot be written now: {first}") from error

    def _append(
        self, table: Table, rows: pa.Table, key: BatchKey | None, written: list[AddAction]
    ) -> Receipt:
        stored_keys = self._stored.setdefault(table.name, StoredKeys(table))
        filesystem = self._lake.filesystem(table.name)
        new_count = -1
        for attempt in range(_MOST_ATTEMPTS):
            delta = self._open_for(table, rows.schema)
            if written and _holds(delta, written):
                # Our own commit landed, though its acknowledgement was lost.
                self._make_durable(table, delta.version())
                return self._done(stored_keys, written, rows, new_count)
            if key is not None and _is_committed(delta, key):
                _discard(self._lake, table, written)
                return Receipt(stored=0, duplicates=0, was_committed=True)
            rows = _as_stored(table, rows, delta)
            new = stored_keys.first_seen(rows, filesystem, _paths(delta))
            if np.count_nonzero(new) != new_count:
                # Another writer stored some of the rows: what was written for them is void.
                _discard(self._lake, table, written)
                written.clear()
                fresh = rows if new.all() else rows.filter(pa.array(new))
                new_count = fresh.num_rows
                written += write_files(self._lake, table, fresh) if new_count else []
            if not written and key is None:
                return Receipt(stored=0, duplicates=rows.num_rows, was_committed=False)
            if self._commit(table, delta, written, key):
                return self._done(stored_keys, written, rows, new_count)
            time.sleep(random.uniform(0, 0.01 * min(attempt + 1, 20)))  # noqa: S311
        raise ConflictError(
            f"table '{table.name}': {_MOST_ATTEMPTS} commits lost to other writers; "
            "use fewer writers or larger batches"
        )

    def _done(
        self, stored_keys: StoredKeys, written: list[AddAction], rows: pa.Table, new_count: int
    ) -> Receipt:
        stored_keys.remember(action.path for action in written)
        left_out = rows.num_rows - new_count
        return Receipt(stored=new_count, duplicates=left_out, was_committed=False)

    def _commit(
        self, table: Table, delta: DeltaTable, actions: list[AddAction], key: BatchKey | None
    ) -> bool:
        transactions = [Transaction(key.source, key.sequence)] if key else None
        properties = CommitProperties(max_commit_retries=0, app_transactions=transactions)
        version = delta.version() + 1
        try:
            delta.create_write_transaction(
                actions,
                mode="append",
                schema=delta.schema(),
                partition_by=[PARTITION],
                commit_properties=properties,
                # A checkpoint that fails would fail a commit that has landed: `compact` makes them.
                post_commithook_properties=_NO_HOOKS,
            )
        except CommitFailedError:
            return False
        self._make_durable(table, version)
        return True

    def _make_durable(self, table: Table, version: int) -> None:
        since = self._durable_to.get(table.name, -1) + 1
        make_commit_durable(self._lake, table, version, since=since)
        self._durable_to[table.name] = version

    def _open_for(self, table: Table, schema: pa.Schema) -> DeltaTable:
        delta = self._lake.open(table.name)
        if delta is None:
            columns = {field.name: field.type for field in [*fixed_schema(table), *schema]}
            if table.name == DECISIONS.name and SAMPLE_WEIGHT not in schema.names:
                del columns[SAMPLE_WEIGHT]
            known = {name: kind for name, kind in columns.items() if not pa.types.is_null(kind)}
            delta = self._lake.create(table, pa.schema(list(known.items())))
            delta = self._lake.open(table.name) or delta
        for _ in range(_MOST_ATTEMPTS):
            present = set(delta.schema().to_arrow().names)
            missing = [
                DeltaField.from_arrow(field)
                for field in schema
                if field.name not in present and not pa.types.is_null(field.type)
            ]
            if not missing:
                return delta
            try:
                delta.alter.add_columns(missing)
            except DeltaError:
                time.sleep(random.uniform(0, 0.05))  # noqa: S311
            delta = self._lake.open(table.name) or delta
        raise ConflictError(f"table '{table.name}': new columns lost to other writers")


def _without_ones(table: Table, rows: pa.Table) -> pa.Table:
    # Weights that are all 1 are left out: so the table has the column once it holds a sample, and
    # a reader learns from its schema alone that there is nothing to weight.
    if table.name != DECISIONS.name or SAMPLE_WEIGHT not in rows.column_names:
        return rows
    is_sample = pc.any(pc.not_equal(rows.column(SAMPLE_WEIGHT), 1.0)).as_py()
    return rows if is_sample else rows.drop_columns([SAMPLE_WEIGHT])


def _holds(delta: DeltaTable, written: list[AddAction]) -> bool:
    return {action.path for action in written} <= set(_paths(delta))


def _discard(lake: Lake, table: Table, written: list[AddAction]) -> None:
    """Remove files that no commit refers to; where that cannot be known, leave them."""
    if not written or not lake.is_local:
        # On an object store a late answer may still commit them.
        return
    try:
        delta = lake.open(table.name)
        committed = set(_paths(delta)) if delta is not None else set()
    except (OSError, DeltaError, pa.ArrowException):
        return
    remove_files(lake, table, [action for action in written if action.path not in committed])


def _is_committed(delta: DeltaTable, key: BatchKey) -> bool:
    last = delta.transaction_version(key.source)
    return last is not None and last >= key.sequence


def _paths(delta: DeltaTable) -> list[str]:
    return pa.table(delta.get_add_actions()).column("path").to_pylist()


def _as_stored(table: Table, rows: pa.Table, delta: DeltaTable) -> pa.Table:
    stored = pa.schema(delta.schema().to_arrow())
    columns, problems = {}, []
    for name in stored.names:
        if name == PARTITION or name not in rows.column_names:
            continue
        column, kind = rows.column(name), stored.field(name).type
        if column.type != kind:
            try:
                column = column.cast(kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                problems.append(
                    f"{name} is {column.type}, stored as {kind}: log it under a new name, or cast"
                )
        columns[name] = column
    if problems:
        raise DataError(f"table '{table.name}'", problems)
    return pa.table(columns)
