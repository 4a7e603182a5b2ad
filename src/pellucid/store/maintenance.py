"""Keeps tables fast and small: few large files, and none that belong to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deltalake.exceptions import CommitFailedError

from pellucid.errors import ConflictError, StoreError
from pellucid.schema.tables import TABLES
from pellucid.store.check import known_files, log_problem, orphan_files
from pellucid.store.lake import Lake
from pellucid.store.parquet import make_commit_durable, make_files_durable

# Longer than any query or write in flight: neither may lose a file under its feet.
KEEP_REPLACED = timedelta(hours=24)
_MOST_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Compaction:
    """What compaction did to a table.

    Attributes
    ----------
    files_deleted : int
        Files that newer ones replaced.
    files_set_aside : int
        Files of no commit, moved to ``_set_aside``: nothing that might be data is deleted.
    """

    table: str
    files_before: int
    files_after: int
    files_deleted: int
    files_set_aside: int


def compact(lake: Lake, *, keep: timedelta = KEEP_REPLACED) -> list[Compaction]:
    """Join the small files of each table, and clear away files that nothing needs any more.

    Parameters
    ----------
    keep : timedelta, default 24 hours
        Files replaced are deleted, and files left by writers that died set aside, once they are
        older.

    Raises
    ------
    ConflictError
        If writers keep committing in between.
    StoreError
        If the commit log is damaged.
    """
    done = []
    for name in TABLES:
        for _ in range(_MOST_ATTEMPTS):
            delta = lake.open(name)
            if delta is None:
                break
            problem = log_problem(lake, name)
            if problem:
                raise StoreError(f"table '{name}': {problem}")
            before = set(delta.file_uris())
            try:
                delta.optimize.compact()
            except CommitFailedError:
                continue
            if lake.is_local:
                make_files_durable(sorted(set(delta.file_uris()) - before))
                make_commit_durable(lake, TABLES[name], delta.version())
            deleted = delta.vacuum(
                retention_hours=round(keep / timedelta(hours=1)), dry_run=False,
                enforce_retention_duration=False,
            )  # fmt: skip
            lake_table = lake.open(name) or delta
            lake_table.create_checkpoint()
            aside = _set_orphans_aside(lake, name, keep)
            done.append(Compaction(name, len(before), len(delta.file_uris()), len(deleted), aside))
            break
        else:
            raise ConflictError(f"table '{name}': could not compact between other writers' commits")
    return done


def _set_orphans_aside(lake: Lake, name: str, keep: timedelta) -> int:
    delta = lake.open(name)
    if delta is None:
        return 0
    filesystem = lake.filesystem(name)
    before = datetime.now(UTC) - keep
    moved = 0
    for path in orphan_files(filesystem, known_files(delta)):
        if filesystem.get_file_info(path).mtime < before:
            folder = f"_set_aside/{path.rpartition('/')[0]}"
            filesystem.create_dir(folder, recursive=True)
            filesystem.move(path, f"_set_aside/{path}")
            moved += 1
    return moved
