"""Where live records end: redacted, and stored in the tables exactly once."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pellucid.errors import SpecError
from pellucid.log.columns import Spooled, joined
from pellucid.log.health import Counts
from pellucid.log.records import Shape

if TYPE_CHECKING:
    import pyarrow as pa

    from pellucid.log.bulk import BulkLog
    from pellucid.log.redact import Redactor
    from pellucid.log.sampling import Sampling
    from pellucid.spec.system import System

_ORDER = ("decisions", "candidates", "outcomes")


def shape_of(system: System) -> Shape:
    """Return what a spec says about live records."""
    return Shape(
        scale=system.policy_scale,
        repeats=system.candidate.repeats,
        candidate_dimensions=tuple(item.name for item in system.candidate.dimensions),
    )


class Sink:
    """The tables of one system, opened on first use: the store may be away when a service starts.

    Parameters
    ----------
    system : System or str
        A spec to put in force, or the name of a stored one; where none is stored, it is inferred.
    root : str
        Root of the lake.
    options : mapping, optional
        Storage options.
    make_redactor : callable, optional
        Makes a redactor; live and bulk logging have one each, since they run in threads of their
        own. None where everything that comes is clean already.
    sampling : Sampling, optional
        Which live decisions are kept.
    """

    def __init__(
        self,
        system: System | str,
        root: str,
        options: Mapping[str, str] | None,
        make_redactor: Callable[[], Redactor] | None = None,
        sampling: Sampling | None = None,
    ) -> None:
        self.system, self.root, self.options = system, root, options
        self._make_redactor = make_redactor
        self._sampling = sampling
        self._redactor: Redactor | None = None
        self._bulk: BulkLog | None = None
        self._outside: Shape | None = None
        self.is_forked = False

    @property
    def name(self) -> str:
        """Name of the system."""
        return self.system if isinstance(self.system, str) else self.system.name

    @property
    def bulk(self) -> BulkLog:
        """The bulk side.

        Raises
        ------
        StoreError
            If the store cannot be reached.
        """
        if self._bulk is None:
            from pellucid.log.bulk import BulkLog

            redactor = self._make_redactor() if self._make_redactor else None
            self._bulk = BulkLog.open_or_infer(self.system, self.root, self.options, redactor)
        return self._bulk

    @property
    def shape(self) -> Shape:
        """What the spec says about live records; the default where it cannot be read yet."""
        system = self.system
        if isinstance(system, str):
            try:
                if self._bulk is None and self.is_forked:
                    return self._shape_from_outside()
                system = self.bulk.system
            except Exception:  # noqa: BLE001 - it is told where records are stored; they wait
                return Shape(sampling=self._sampling)
        return dataclasses.replace(shape_of(system), sampling=self._sampling)

    def _shape_from_outside(self) -> Shape:
        if self._outside is None:
            from pellucid.log.drain import shape_outside

            self._outside = shape_outside(self.name, root=self.root, options=self.options)
        return dataclasses.replace(self._outside, sampling=self._sampling)

    def redact(self, tables: dict[str, pa.Table], counts: Counts) -> dict[str, pa.Table]:
        """Return rows by table fit for disk, and count what was masked."""
        if self._make_redactor is None:
            return tables
        if self._redactor is None:
            self._redactor = self._make_redactor()
        redactor = self._redactor
        before = Counter(redactor.counts)
        clean = {name: redactor.arrow(name, rows) for name, rows in tables.items()}
        found = {
            f"{kind}: {column}": count - before[kind, column]
            for (kind, column), count in redactor.counts.items()
        }
        counts.redact(Counter({name: count for name, count in found.items() if count}))
        return clean

    def store(self, batches: Sequence[Spooled], source: str, sequence: int, counts: Counts) -> None:
        """Store batches under a key, each row once.

        Times count as in the future only if they are later than both clocks: now, and when the
        record was spooled. So a clock that is set back costs no record.

        Raises
        ------
        StoreError
            If the tables cannot be written now; the same call may be made again.
        """
        from pellucid.store.writer import BatchKey

        tables = joined(batch.tables for batch in batches)
        now = max([datetime.now(UTC), *(batch.clock for batch in batches)])
        if self.bulk.is_inferred:
            self._widen(tables)
        key = BatchKey(source, sequence)
        refused: Counter[str] = Counter()
        notes: Counter[str] = Counter()
        for name in _ORDER:
            if name in tables:
                report = self.bulk.store_live(name, tables[name], key, now)
                refused.update({why: count for why, (count, _) in report.violations.items()})
                notes.update(report.notes)
        # Only now: a table that fails has all of them stored, and so counted, again.
        counts.refuse(refused)
        counts.note(notes)
        for reason in refused:
            counts.error(reason)

    def _widen(self, tables: Mapping[str, pa.Table]) -> None:
        from pellucid.log.infer import widened
        from pellucid.store.specs import load_system, save_system

        lake = self.bulk.lake
        # From the stored spec: another process may have widened it meanwhile.
        known = load_system(lake) if lake.has("audit") else self.bulk.system
        system = widened(known, tables)
        try:
            save_system(lake, system)
        except SpecError:
            # A name that cannot be a column is kept as a raw input instead.
            system = known
        self._bulk = self.bulk.under(system)
