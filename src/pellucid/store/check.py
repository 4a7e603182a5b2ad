"""Verifies the files of a store: every committed file is there, whole, and holds what it says."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyarrow import fs

from pellucid.schema.tables import TABLES
from pellucid.store.lake import Lake


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check found.

    Attributes
    ----------
    severity : str
        ``ok``, ``warn`` or ``error``.
    table : str
        Where.
    what : str
        What was found, with counts and examples, and the mend.
    """

    severity: str
    table: str
    what: str


def check_files(lake: Lake) -> list[Finding]:
    """Read every committed file of a system and compare it with the commit log.

    Raises
    ------
    StoreError
        If a table cannot be opened at all.
    """
    findings = []
    for name in TABLES:
        delta = lake.open(name)
        if delta is None:
            continue
        damage = log_problem(lake, name)
        if damage:
            findings.append(Finding("error", name, damage))
        actions = pa.table(delta.get_add_actions(flatten=True)).to_pylist()
        filesystem = lake.filesystem(name)
        problems = [
            problem for action in actions
            if (problem := _file_problem(filesystem, action["path"], action["num_records"]))
        ]  # fmt: skip
        findings += [Finding("error", name, problem) for problem in problems]
        rows = sum(action["num_records"] for action in actions)
        if not problems:
            findings.append(Finding("ok", name, f"{rows:,} rows in {len(actions):,} files, whole"))
        orphans = orphan_files(filesystem, known_files(delta))
        if orphans:
            findings.append(
                Finding("warn", name, f"{len(orphans):,} files belong to no commit, as a writer "
                        "that died leaves them; readers never see them, and `pellucid compact` "
                        "sets those older than a day aside")
            )  # fmt: skip
    return findings


def log_problem(lake: Lake, name: str) -> str:
    """Return what is wrong with a table's commit log, or an empty string.

    A commit that a power cut emptied, or that someone removed, would read as if its rows had
    never been stored.
    """
    log = lake.filesystem(f"{name}/_delta_log")
    entries = log.get_file_info(fs.FileSelector("", allow_not_found=True))
    commits = sorted(
        (int(entry.base_name.removesuffix(".json")), entry.size)
        for entry in entries
        if entry.base_name.endswith(".json") and entry.base_name[:-5].isdigit()
    )
    mend = "restore `_delta_log` from a backup before anything else is written"
    empty = [version for version, size in commits if not size]
    if empty:
        return f"commit {empty[0]} of its log is empty, so rows are missing; {mend}"
    versions = [version for version, _ in commits]
    gaps = [after for before, after in pairwise(versions) if after != before + 1]
    return f"commit {gaps[0] - 1} of its log is gone, so rows are missing; {mend}" if gaps else ""


def known_files(delta: DeltaTable) -> set[str]:
    """Return the files of a table that a commit refers to, replaced ones included."""
    current = set(pa.table(delta.get_add_actions()).column("path").to_pylist())
    replaced = delta.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
    return current | set(replaced)


def orphan_files(filesystem: fs.FileSystem, committed: set[str]) -> list[str]:
    """Return data files that no commit refers to."""
    found = filesystem.get_file_info(fs.FileSelector("", recursive=True, allow_not_found=True))
    paths = [info.path.lstrip("/") for info in found if info.type == fs.FileType.File]
    return [
        path for path in paths
        if path.endswith(".parquet") and path not in committed and not path.startswith("_")
    ]  # fmt: skip


def _file_problem(filesystem: fs.FileSystem, path: str, expected: int) -> str | None:
    try:
        with filesystem.open_input_file(path) as source:
            file = pq.ParquetFile(source, page_checksum_verification=True)
            rows = sum(batch.num_rows for batch in file.iter_batches())
    except (OSError, pa.ArrowInvalid) as error:
        return f"{path} cannot be read: {str(error).splitlines()[0]}; restore it from a backup"
    if rows != expected:
        return f"{path} holds {rows:,} rows, committed as {expected:,}; restore it from a backup"
    return None
