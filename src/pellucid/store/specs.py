"""System specs in the store: every version is kept in `audit`, and the latest one is in force."""

from __future__ import annotations

import getpass
import hashlib
from datetime import UTC, datetime

import pyarrow as pa

from pellucid.errors import StoreError
from pellucid.schema.arrow import fixed_schema
from pellucid.schema.tables import AUDIT
from pellucid.spec.bind import check_system
from pellucid.spec.codec import fingerprint, from_yaml, to_yaml
from pellucid.spec.system import System
from pellucid.store.lake import Lake
from pellucid.store.reader import read_rows
from pellucid.store.writer import Writer

_KIND = "system"


def save_system(lake: Lake, system: System) -> str:
    """Put a system spec in force, unless it already is; return its fingerprint.

    Raises
    ------
    SpecError
        If the spec is not sound.
    """
    check_system(system)
    mark = fingerprint(system)
    latest = _latest(lake)
    if latest is not None and latest["fingerprint"] == mark:
        return mark
    now = datetime.now(UTC)
    identity = f"{_KIND}:{system.name}:{mark}:{now.isoformat()}"
    row = {
        "change_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "changed_at": now,
        "actor": _user(),
        "kind": _KIND,
        "name": system.name,
        "fingerprint": mark,
        "definition": to_yaml(system),
    }
    Writer(lake).append(AUDIT, pa.Table.from_pylist([row], schema=fixed_schema(AUDIT)))
    return mark


def load_system(lake: Lake) -> System:
    """Return the system spec in force.

    Raises
    ------
    StoreError
        If there is none.
    """
    latest = _latest(lake)
    if latest is None:
        raise StoreError(
            f"no system '{lake.system}' at {lake.root}; write its spec with `pellucid init` and "
            "log with it, or check the name and the folder"
        )
    return from_yaml(latest["definition"], where=f"stored spec of '{lake.system}'")


def _latest(lake: Lake) -> dict[str, str] | None:
    names = ["changed_at", "kind", "fingerprint", "definition"]
    rows = [row for row in read_rows(lake, AUDIT.name, names).to_pylist() if row["kind"] == _KIND]
    return max(rows, key=lambda row: row["changed_at"], default=None)


def _user() -> str:
    try:
        return getpass.getuser()
    except OSError:
        return "unknown"
