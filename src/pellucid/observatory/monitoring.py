"""What is measured: metrics over any breakdown, the policy's flow, and the state of the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.plan import Scan
from pellucid.engine.sql import reading_span
from pellucid.errors import SpecError, UnknownNameError
from pellucid.metrics.catalogue import pick_metrics
from pellucid.monitor.answer import Answer
from pellucid.monitor.comparison import OTHER, SIDE, Comparison, compare_answers
from pellucid.monitor.consistency import contradictions
from pellucid.monitor.query import WHOLE, Question, answer_together, planned
from pellucid.monitor.rollups.build import Refreshed
from pellucid.monitor.rollups.sources import READ
from pellucid.monitor.rollups.upkeep import RolledEngine, Sources, refresh_all
from pellucid.observatory.opened import Opened
from pellucid.schema.columns import with_declared
from pellucid.schema.files import TableFiles
from pellucid.schema.tables import DECISIONS, SAMPLE_WEIGHT, TABLES
from pellucid.spec.bind import declared_names
from pellucid.spec.system import Metric, Segment, Unit
from pellucid.store.check import Finding, check_files
from pellucid.store.reader import snapshot
from pellucid.windows import Window


class Monitoring(Opened):
    """Questions that metrics answer."""

    def query(
        self,
        *metrics: str | Metric,
        by: Sequence[str] = (),
        where: str = "",
        over: str | Window | Sequence[str | Window] = "30d",
        grain: str = "",
        segments: Iterable[str] = (),
        as_of: datetime | None = None,
        confidence: float = 0.95,
        top: int | None = None,
    ) -> Answer:
        """Compute metrics, broken down, with an interval and n on each and exact totals.

        Parameters
        ----------
        *metrics : str or Metric
            Names from `metrics`, or definitions of your own.
        by : sequence of str
            Dimensions, for example ``["country", "route"]``.
        where : str
            SQL condition, for example ``amount_minor > 5000``.
        over : str, Window or a sequence of them
            ``30d`` up to the latest hour, ``2026-10-01..2026-11-01`` (end exclusive), or
            several windows, answered in the same scan.
        grain : str
            ``1h``, ``1d`` or ``1w`` (from Monday), in UTC; empty for the window as a whole.
        segments : iterable of str
            Names of segments of the spec, shown beside the whole.
        as_of : datetime, optional
            Nothing recorded later is seen; by default the latest record.
        confidence : float, default 0.95
            Coverage of the intervals.
        top : int, optional
            Values of each dimension to show, those with most rows of the first metric; the rest is
            added up under ``other (23 values)``, so totals stay exact.

        Returns
        -------
        Answer

        Raises
        ------
        UnknownNameError, SpecError
            If a name or expression does not bind.
        EngineError
            If nothing is logged yet.
        """
        question = self.question(
            *metrics, by=by, where=where, over=over, grain=grain, segments=segments, as_of=as_of,
            confidence=confidence, top=top,
        )  # fmt: skip
        return self.ask(question)

    def ask(self, question: Question) -> Answer:
        """Answer a question."""
        return self.ask_together([question])[0]

    def ask_together(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer questions about the same rows, which are read once for all of them.

        Parameters
        ----------
        questions : sequence of Question
            Over the same windows, under the same condition and segments, as of the same instant;
            one may have a grain where another has none.

        Raises
        ------
        SpecError
            If they are about different rows.
        """
        found = answer_together(self.system, questions, self._rolled, self.files)
        return [
            Answer(rows, question.by, question.metrics, question.as_of)
            for rows, question in zip(found, questions, strict=True)
        ]

    def compare(
        self,
        *metrics: str | Metric,
        by: Sequence[str] = (),
        where: str = "",
        over: str | Window = "7d",
        versus: str | Window = "",
        side: str = "",
        other: str = "",
        top: int | None = None,
        confidence: float = 0.95,
    ) -> Comparison:
        """Compare metrics between two windows, or two parts of one.

        Parameters
        ----------
        *metrics : str or Metric
            Names from `metrics`, or definitions of your own.
        by : sequence of str
            Dimensions to break down by.
        where : str
            SQL condition on the rows of both sides.
        over : str or Window
            The window that is asked about.
        versus : str or Window
            The baseline window; by default the one of the same length before, and with `other` the
            same one.
        side, other : str
            SQL conditions, or names of segments of the spec: what is asked about, and what it is
            compared with, such as ``arm = 'ml'`` and ``arm = 'control'``. With `side` alone,
            everything else.
        top : int, optional
            As of `query`.
        confidence : float, default 0.95
            Coverage of the intervals.

        Returns
        -------
        Comparison

        Raises
        ------
        UnknownNameError, SpecError
            If a name or expression does not bind, or there are no two sides.
        EngineError
            If nothing is logged yet.
        """
        conditions = self._sides(side, other)
        window = self.window(over)
        default = window if conditions else window.previous
        baseline = self.window(versus) if versus else default
        windows = [window] if window == baseline else [window, baseline]
        if len(windows) > 1 and baseline.start < window.end and window.start < baseline.end:
            raise SpecError("compare", [
                f"compares {window} with {baseline}, which overlap: decisions would count on both "
                "sides"
            ])  # fmt: skip
        asked = self.question(*metrics, by=by, where=where, over=windows, top=top,
                              confidence=confidence)  # fmt: skip
        asked = replace(asked, segments=tuple(
            Segment(name=name, where=condition) for name, condition in conditions.items()
        ))  # fmt: skip
        answer = self.ask(asked)
        rows = answer.rows
        parts = []
        for own, name in ((window, SIDE), (baseline, OTHER)):
            time = rows.schema.field("start_at").type
            picked = pc.and_(pc.equal(rows.column("start_at"), pa.scalar(own.start, time)),
                             pc.equal(rows.column("end_at"), pa.scalar(own.end, time)))  # fmt: skip
            segment = name if conditions else WHOLE
            parts.append(rows.filter(pc.and_(picked, pc.equal(rows.column("segment"), segment))))
        names = (side or f"{window}", other or ("everything else" if side else f"{baseline}"))
        return compare_answers(
            parts[0], parts[1], answer, names,
            same_length=window.end - window.start == baseline.end - baseline.start,
        )  # fmt: skip

    def _sides(self, side: str, other: str) -> dict[str, str]:
        """Return the conditions of both sides by name; none where they are windows."""
        if other and not side:
            raise SpecError("compare", ["has `other` and no `side`; name what is compared with it"])
        if not side:
            return {}
        known = {segment.name: segment.where for segment in self.system.segments}
        one = known.get(side, side)
        rest = known.get(other, other) or f"NOT coalesce(({one}), FALSE)"
        return {SIDE: one, OTHER: rest}

    def question(
        self,
        *metrics: str | Metric,
        by: Sequence[str] = (),
        where: str = "",
        over: str | Window | Sequence[str | Window] = "30d",
        grain: str = "",
        segments: Iterable[str] = (),
        as_of: datetime | None = None,
        confidence: float = 0.95,
        top: int | None = None,
    ) -> Question:
        """Return the question that `query` would answer, as a value."""
        known = {segment.name: segment for segment in self.system.segments}
        chosen: list[Segment] = []
        for name in segments:
            if name not in known:
                raise UnknownNameError(kind="segment", name=name, known=known)
            chosen.append(known[name])
        overs = [over] if isinstance(over, (str, Window)) else list(over)
        problems = [] if overs else ["needs a window, such as over='30d'"]
        if not 0 < confidence < 1:
            problems.append(f"confidence {confidence} is not between 0 and 1")
        if as_of is not None and (not isinstance(as_of, datetime) or as_of.tzinfo is None):
            problems.append(f"as_of {as_of!r} is not a datetime with a time zone")
        if top is not None and (isinstance(top, bool) or not isinstance(top, int) or top < 1):
            problems.append(f"top {top} is not at least 1, and whole")
        if problems:
            raise SpecError("query", problems)
        definitions = [
            item if isinstance(item, Metric) else pick_metrics(self.system, [item])[0]
            for item in metrics
        ]
        return Question(
            metrics=tuple(definitions),
            windows=tuple(self.window(item, as_of=as_of) for item in overs),
            as_of=as_of or self.latest(),
            by=tuple(by), where=where, grain=grain, segments=tuple(chosen),
            confidence=confidence, top=top,
        )  # fmt: skip

    def show(self, question: Question) -> str:
        """Return the queries that would answer a question."""
        scans = planned(self.system, question, self.files)
        return "\n\n".join(self._rolled.show(scan) for scan, _, _ in scans)

    def roll_up(self) -> list[Refreshed]:
        """Bring the hourly roll-ups up to date, which `query` reads wherever they can answer.

        Only hours that records changed since the last time are read: those of new decisions, and
        those whose outcomes came late or were corrected. Answers are the same with and without;
        hours that changed and are not rolled up yet are read from the rows.

        Returns
        -------
        list of Refreshed
            One for each unit.

        Raises
        ------
        EngineError
            If nothing is logged yet.
        """
        return refresh_all(self._sources, latest=self.latest())

    @cached_property
    def _rolled(self) -> RolledEngine:
        return RolledEngine(self._sources)

    @property
    def _sources(self) -> Sources:
        return Sources(
            system=self.system, lake=self.lake, metrics=tuple(self.metrics.values()),
            engine=self.engine, tables=self._tables, files=self.files,
            query=self.records.engine.query,
        )  # fmt: skip

    def _tables(self, unit: Unit) -> dict[str, TableFiles]:
        return {name: self._as_read(snapshot(self.lake, name)) for name in READ[unit]}

    def _as_read(self, stored: TableFiles) -> TableFiles:
        """Return files with every column that may be asked for."""
        schema = with_declared(TABLES[stored.table], stored.schema, declared_names(self.system))
        if stored.table == DECISIONS.name and not _stores_weights(stored):
            # An engine is told of weights only where some are stored.
            schema = schema.remove(schema.get_field_index(SAMPLE_WEIGHT))
        return replace(stored, schema=schema)

    def check(self) -> list[Finding]:
        """Verify the store: every file whole, and no record against another.

        Raises
        ------
        StoreError
            If a table cannot be opened.
        """
        findings = check_files(self.lake)
        if any(finding.severity == "error" for finding in findings):
            return findings

        def query(sql: str, tables: tuple[str, ...]) -> pa.Table:
            files = {name: snapshot(self.lake, name) for name in tables}
            return self.records.engine.query(sql, files)

        is_sample = _stores_weights(snapshot(self.lake, DECISIONS.name))
        for severity, table, count, examples, words in contradictions(
            query, self.lake.has, is_sample=is_sample
        ):
            shown = ", ".join(examples) + (", …" if count > len(examples) else "")
            findings.append(Finding(severity, table, f"{count:,} {words} ({shown})"))
        return findings

    def files(self, scan: Scan) -> Mapping[str, TableFiles]:
        """Return the files that a scan needs, pruned to its days."""
        found = {}
        for name in READ[scan.unit]:
            if name == "outcomes" and not scan.outcomes:
                continue
            start, end = reading_span(scan, name)
            found[name] = self._as_read(snapshot(self.lake, name, start=start, end=end))
        return found


def _stores_weights(decisions: TableFiles) -> bool:
    # A writer adds the column with the first weight that is not 1.
    return bool(decisions.files) and SAMPLE_WEIGHT in decisions.schema.names
