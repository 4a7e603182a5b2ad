"""Keeps tables fast and small: few large files, and none that belong to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from deltalake.exceptions import CommitFailedError

from pellucid.errors import ConflictError
from pellucid.schema.tables import TABLES
from pellucid.store.lake import Lake
from pellucid.store.parquet import make_commit_durable, make_files_durable

# Longer than any query or write in flight: neither may lose a file under its feet.
KEEP_REPLACED = timedelta(hours=24)
_MOST_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Compaction:
    """What compaction did to a table."""

    table: str
    files_before: int
    files_after: int
    files_deleted: int


def compact(lake: Lake, *, keep: timedelta = KEEP_REPLACED) -> list[Compaction]:
    """Join the small files of each table, and delete files that nothing needs any more.

    Parameters
    ----------
    keep : timedelta, default 24 hours
        Files replaced, or left by writers that died, are deleted once they are older.

    Raises
    ------
    ConflictError
        If writers keep committing in between.
    """
    done = []
    for name in TABLES:
        for _ in range(_MOST_ATTEMPTS):
            delta = lake.open(name)
            if delta is None:
                break
            before = set(delta.file_uris())
            try:
                delta.optimize.compact()
            except CommitFailedError:
                continue
            if lake.is_local:
                make_files_durable(sorted(set(delta.file_uris()) - before))
                make_commit_durable(lake, TABLES[name], delta.version())
            deleted = delta.vacuum(
                retention_hours=round(keep / timedelta(hours=1)), dry_run=False, full=True,
                enforce_retention_duration=False,
            )  # fmt: skip
            done.append(Compaction(name, len(before), len(delta.file_uris()), len(deleted)))
            break
        else:
            raise ConflictError(f"table '{name}': could not compact between other writers' commits")
    return done
