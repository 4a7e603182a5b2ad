"""What a roll-up was made of, and the hours that what came since touches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.monitor.rollups.definition import HOUR_US
from pellucid.schema.files import TableFiles
from pellucid.spec.system import Unit

READ: dict[Unit, tuple[str, ...]] = {
    "decision": ("decisions", "outcomes"), "request": ("decisions", "outcomes"),
    "candidate": ("candidates", "decisions"),
}  # fmt: skip
Hours = NDArray[np.int64]
Query = Callable[[str, Mapping[str, TableFiles]], pa.Table]
# Enough of a random file name to tell it from a million others.
_NAME_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Unseen:
    """Files that a roll-up has not seen.

    Attributes
    ----------
    new : dict of str to TableFiles
        By table.
    is_rewritten : bool
        Whether files that it has seen are gone without others in their place, so that nothing of
        it can be trusted.
    """

    new: dict[str, TableFiles]
    is_rewritten: bool

    @property
    def is_empty(self) -> bool:
        """Whether the roll-up has seen everything."""
        return not self.is_rewritten and not any(item.files for item in self.new.values())


def names_by_day(tables: Mapping[str, TableFiles]) -> dict[str, dict[str, list[str]]]:
    """Return table to partition to short names of its files, as a note that JSON holds."""
    found: dict[str, dict[str, list[str]]] = {}
    for table, files in tables.items():
        days = found.setdefault(table, {})
        for path in files.files:
            day, name = _short(path)
            days.setdefault(day, []).append(name)
    return found


def unseen(tables: Mapping[str, TableFiles], seen: Mapping[str, Mapping[str, list[str]]]) -> Unseen:
    """Return the files that are not in a note of `names_by_day`.

    Compaction puts new files in the place of old ones: their rows count as new, which costs time
    and changes nothing.
    """
    new, is_rewritten = {}, False
    for table, files in tables.items():
        known = seen.get(table, {})
        fresh = [path for path in files.files
                 if (short := _short(path))[1] not in known.get(short[0], ())]  # fmt: skip
        present: dict[str, set[str]] = {}
        for path in files.files:
            day, name = _short(path)
            present.setdefault(day, set()).add(name)
        changed = {_short(path)[0] for path in fresh}
        is_rewritten |= any(
            set(names) - present.get(day, set()) and day not in changed
            for day, names in known.items()
        )
        new[table] = replace(files, files=tuple(fresh))
    return Unseen(new, is_rewritten)


def touched_hours(
    unit: Unit, found: Unseen, tables: Mapping[str, TableFiles], query: Query
) -> Hours:
    """Return the starts of the hours of decisions that unseen files change, in order.

    Returns
    -------
    array of int64, shape (hours,)
        Microseconds since 1970; every hour that has decisions where files were taken away.
    """
    if found.is_empty:
        return np.zeros(0, dtype=np.int64)
    new = {f"new_{name}": item for name, item in found.new.items()}
    if found.is_rewritten:
        new |= {f"new_{name}": tables[name] for name in ("decisions", "candidates")
                if name in tables}  # fmt: skip
    hour = f"epoch_us(decided_at) // {HOUR_US} * {HOUR_US}"
    if unit == "candidate":
        sql = (
            f"SELECT {hour} AS hour FROM new_candidates UNION "
            f"SELECT {hour} AS hour FROM new_decisions"
        )
        return _hours(query(sql, new))
    late = "SELECT decision_id FROM new_outcomes"
    if unit == "decision":
        sql = (
            f"SELECT {hour} AS hour FROM new_decisions UNION "
            f"SELECT {hour} AS hour FROM decisions WHERE decision_id IN ({late})"
        )
    else:
        sql = (
            "WITH requests AS (SELECT request_id FROM new_decisions UNION "
            f"SELECT request_id FROM decisions WHERE decision_id IN ({late})) "
            f"SELECT DISTINCT {hour} AS hour FROM decisions "
            "WHERE attempt = 1 AND request_id IN (SELECT request_id FROM requests)"
        )
    return _hours(query(sql, {**new, "decisions": tables["decisions"]}))


def longest_retry(found: Unseen, tables: Mapping[str, TableFiles], query: Query) -> int:
    """Return the longest time from first attempt to last of requests in unseen files.

    In microseconds; 0 where no decision is unseen, and so none was retried since.
    """
    new = tables["decisions"] if found.is_rewritten else found.new["decisions"]
    if not new.files:
        return 0
    sql = (
        "SELECT max(last - first) AS longest FROM (SELECT min(epoch_us(decided_at)) AS first, "
        "max(epoch_us(decided_at)) AS last FROM decisions WHERE request_id IN "
        "(SELECT request_id FROM new_decisions) GROUP BY request_id)"
    )
    rows = query(sql, {"decisions": tables["decisions"], "new_decisions": new})
    return rows.column("longest")[0].as_py() or 0


def _hours(found: pa.Table) -> Hours:
    hours = found.column("hour").drop_null().to_numpy().astype(np.int64)
    return np.unique(hours)


def _short(path: str) -> tuple[str, str]:
    pure = PurePosixPath(path)
    return pure.parent.name, pure.stem[-_NAME_LENGTH:]
