"""The roll-ups of a system: which there should be, and how fresh those that are there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa

from pellucid.engine.base import Engine, holds_weights
from pellucid.engine.plan import Scan
from pellucid.engine.sql import quoted
from pellucid.monitor.rollups.build import Refreshed, refresh
from pellucid.monitor.rollups.cells import Fresh, raw_windows, refusal, rolled_cells
from pellucid.monitor.rollups.definition import Rollup, rollup_of
from pellucid.monitor.rollups.sources import Query, touched_hours, unseen
from pellucid.schema.files import TableFiles
from pellucid.spec.sources import physical_column
from pellucid.spec.system import Metric, System, Unit
from pellucid.store.lake import Lake
from pellucid.store.rollups import read_rollup

# With more values a dimension's cells are as many as its rows: it has a level of its own.
_MOST_VALUES = 1000
_SAMPLED_FILES = 30
UNITS: tuple[Unit, ...] = ("decision", "request", "candidate")


@dataclass(frozen=True, slots=True)
class Sources:
    """What roll-ups are made from and read with.

    Attributes
    ----------
    system : System
    lake : Lake
    metrics : tuple of Metric
        The catalogue.
    engine : Engine
        Answers scans from the rows.
    tables : callable
        Every file of each table that a unit reads.
    files : callable
        The files that a scan needs.
    query : callable
        Runs SQL over named files.
    """

    system: System
    lake: Lake
    metrics: tuple[Metric, ...]
    engine: Engine
    tables: Callable[[Unit], Mapping[str, TableFiles]]
    files: Callable[[Scan], Mapping[str, TableFiles]]
    query: Query


def refresh_all(sources: Sources, *, latest: datetime) -> list[Refreshed]:
    """Make the roll-ups of every unit, or bring them up to date.

    Parameters
    ----------
    latest : datetime
        Instant of the latest record.
    """
    done = []
    for unit in UNITS:
        tables = sources.tables(unit)
        rollup = _stored_definition(sources, unit, tables) or _new_definition(sources, unit, tables)
        done.append(refresh(
            sources.system, sources.lake, rollup, sources.engine, tables=tables,
            files=sources.files, query=sources.query, latest=latest,
        ))  # fmt: skip
    return done


class RolledEngine:
    """An engine that answers from roll-ups where they can, and else from the rows."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._definitions: dict[tuple[object, ...], Rollup] = {}
        self.name = sources.engine.name

    def run(self, scan: Scan, tables: Mapping[str, TableFiles]) -> pa.Table:
        """Return the measures of each group."""
        found = self._fresh(scan.unit)
        if found is None or refusal(scan, found):
            return self._sources.engine.run(scan, tables)

        def run(part: Scan) -> pa.Table:
            return self._sources.engine.run(part, self._sources.files(part))

        return rolled_cells(scan, found, query=self._sources.query, run=run)

    def show(self, scan: Scan) -> str:
        """Return what `run` would run on the rows; where there is a roll-up, under what of it."""
        found = self._fresh(scan.unit)
        shown = self._sources.engine.show(scan)
        if found is None:
            return shown
        reason = refusal(scan, found)
        if reason:
            return f"-- not from the hourly roll-up: {reason}\n{shown}"
        raw = ", ".join(f"{window.start:%d %b %H:%M} to {window.end:%d %b %H:%M}"
                        for window in raw_windows(scan, found))  # fmt: skip
        return f"-- from the hourly roll-up; from the rows only {raw or 'nothing'}\n{shown}"

    def _fresh(self, unit: Unit) -> Fresh | None:
        """Return the roll-up of a unit with the hours in which it is behind, or None."""
        sources = self._sources
        stored = read_rollup(sources.lake, unit)
        if stored is None:
            return None
        tables = sources.tables(unit)
        rollup = self._definition(unit, tables, stored.note)
        if stored.note["mark"] != rollup.mark:
            return None
        found = unseen(tables, stored.note["seen"])
        if found.is_rewritten:
            return None
        return Fresh(
            rollup=rollup, files=stored.files,
            stale=touched_hours(unit, found, tables, sources.query),
            latest=datetime.fromisoformat(stored.note["latest"]),
            longest_retry=timedelta(microseconds=stored.note["longest_retry_us"]),
        )  # fmt: skip

    def _definition(
        self, unit: Unit, tables: Mapping[str, TableFiles], note: Mapping[str, list[str]]
    ) -> Rollup:
        key = (unit, holds_weights(tables), *note["by"], "", *note["alone"])
        if key not in self._definitions:
            self._definitions[key] = _definition(self._sources, unit, tables, note)
        return self._definitions[key]


def _stored_definition(
    sources: Sources, unit: Unit, tables: Mapping[str, TableFiles]
) -> Rollup | None:
    """Return the definition with the dimensions of what is stored: they stay once chosen."""
    stored = read_rollup(sources.lake, unit)
    if stored is None:
        return None
    named = {*stored.note.get("by", ()), *stored.note.get("alone", ())}
    if named != set(_dimensions(sources.system)):
        return None
    return _definition(sources, unit, tables, stored.note)


def _definition(
    sources: Sources,
    unit: Unit,
    tables: Mapping[str, TableFiles],
    note: Mapping[str, Iterable[str]],
) -> Rollup:
    return rollup_of(
        sources.system, unit, sources.metrics, by=tuple(note["by"]), alone=tuple(note["alone"]),
        is_weighted=holds_weights(tables),
    )  # fmt: skip


def _new_definition(sources: Sources, unit: Unit, tables: Mapping[str, TableFiles]) -> Rollup:
    names = _dimensions(sources.system)
    counted = _value_counts(sources, tables, names)
    together = tuple(name for name in names if counted[name] <= _MOST_VALUES)
    return _definition(sources, unit, tables, {"by": together, "alone": names})


def _dimensions(system: System) -> tuple[str, ...]:
    return (
        *system.dimension_names, system.candidate.name,
        *(item.name for item in system.candidate.dimensions), "arm", "model_id", "currency",
    )  # fmt: skip


def _value_counts(
    sources: Sources, tables: Mapping[str, TableFiles], names: Iterable[str]
) -> dict[str, int]:
    # Decisions carry every dimension: those of a candidate as what was chosen.
    asked = {name: physical_column(sources.system, "decision", name) for name in names}
    present = set(tables["decisions"].schema.names)
    selected = [f"count(DISTINCT {quoted(column)}) AS {quoted(name)}"
                for name, column in asked.items() if column in present]  # fmt: skip
    if not selected:
        return dict.fromkeys(asked, 0)
    files = tables["decisions"]
    newest = replace(files, files=tuple(sorted(files.files)[-_SAMPLED_FILES:]))
    found = sources.query(f"SELECT {', '.join(selected)} FROM decisions", {"decisions": newest})
    return dict.fromkeys(asked, 0) | found.to_pylist()[0]
