"""Verifies the files of a store: every committed file is there, whole, and holds what it says."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
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
        orphans = orphan_files(filesystem, {action["path"] for action in actions})
        if orphans:
            findings.append(
                Finding("warn", name, f"{len(orphans):,} files belong to no commit (left by a "
                        "writer that died, or replaced); readers never see them: "
                        "`pellucid compact` removes them")
            )  # fmt: skip
    return findings


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
            file = pq.ParquetFile(source)
            rows = sum(batch.num_rows for batch in file.iter_batches())
    except (OSError, pa.ArrowInvalid) as error:
        return f"{path} cannot be read: {str(error).splitlines()[0]}; restore it from a backup"
    if rows != expected:
        return f"{path} holds {rows:,} rows, committed as {expected:,}; restore it from a backup"
    return None
