"""An open system: where questions are asked, in a notebook, on a page or from the shell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property

import pyarrow as pa

from pellucid.engine.base import Engine
from pellucid.engine.plan import Scan
from pellucid.engine.sql import instant, reading_span
from pellucid.errors import EngineError, SpecError, StoreError, UnknownNameError
from pellucid.explain.change import ChangeStory, share_change
from pellucid.explain.contrast import Contrast, why
from pellucid.explain.decision import explain_decision
from pellucid.explain.flow import Flow, policy_flow
from pellucid.explain.groups import GroupStory, explain_group
from pellucid.explain.job import attribute_window
from pellucid.explain.records import Records
from pellucid.explain.story import Story
from pellucid.metrics.catalogue import catalogue, pick_metrics
from pellucid.monitor.answer import Answer
from pellucid.monitor.consistency import contradictions
from pellucid.monitor.query import Question, answer, planned
from pellucid.schema.columns import with_declared
from pellucid.schema.files import TableFiles
from pellucid.schema.tables import DECISIONS, SAMPLE_WEIGHT, TABLES
from pellucid.spec.bind import declared_names
from pellucid.spec.system import Metric, Segment, System
from pellucid.store.check import Finding, check_files
from pellucid.store.lake import Lake, systems
from pellucid.store.reader import snapshot, time_span
from pellucid.store.specs import load_system
from pellucid.store.writer import Receipt
from pellucid.windows import Window, parse_window

_READ = {"decision": ("decisions", "outcomes"), "request": ("decisions", "outcomes"),
         "candidate": ("candidates", "decisions")}  # fmt: skip


class Observatory:
    """The records of one system, open for questions.

    Parameters
    ----------
    lake : Lake
        Where the tables are.
    engine : Engine, optional
        DuckDB by default.

    Raises
    ------
    StoreError
        If the store holds no such system.
    """

    def __init__(self, lake: Lake, *, engine: Engine | None = None) -> None:
        self.lake = lake
        self.system: System = load_system(lake)
        self.records = Records(lake)
        self.engine: Engine = engine or self.records.engine

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """Every metric by name."""
        return catalogue(self.system)

    def latest(self) -> datetime:
        """Return the instant of the latest record: where relative windows end by default.

        Raises
        ------
        EngineError
            If nothing is logged yet.
        """
        recorded = time_span(self.lake, "outcomes")
        return max(self.span()[1], recorded[1]) if recorded else self.span()[1]

    def span(self) -> tuple[datetime, datetime]:
        """Return the instants of the first and last decision.

        Raises
        ------
        EngineError
            If nothing is logged yet.
        """
        span = time_span(self.lake, "decisions")
        if span is None:
            raise EngineError(
                f"system '{self.system.name}' has no decisions yet; log some with `pellucid log`"
            )
        return span

    def window(self, over: str | Window, *, as_of: datetime | None = None) -> Window:
        """Return a window: as given, or ``30d`` up to and with the latest decision of `as_of`.

        Raises
        ------
        SpecError
            If the text is not a window.
        """
        if isinstance(over, Window):
            return over
        end = as_of
        if end is None:
            end = self.span()[1] + timedelta(microseconds=1)
        return parse_window(over, as_of=end)

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
            ``30d`` up to the latest decision, ``2026-10-01..2026-11-01`` (end exclusive), or
            several windows, answered in the same scan.
        grain : str
            ``1h``, ``1d`` or ``1w`` (from Monday), in UTC; empty for the window as a whole.
        segments : iterable of str
            Names of segments of the spec, shown beside the whole.
        as_of : datetime, optional
            Nothing recorded later is seen; by default the latest record.
        confidence : float, default 0.95
            Coverage of the intervals.

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
            confidence=confidence,
        )  # fmt: skip
        return self.ask(question)

    def ask(self, question: Question) -> Answer:
        """Answer a question."""
        rows = answer(self.system, question, self.engine, self.files)
        return Answer(rows, question.by, question.metrics, question.as_of)

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
            by=tuple(by), where=where, grain=grain, segments=tuple(chosen), confidence=confidence,
        )  # fmt: skip

    def show(self, question: Question) -> str:
        """Return the queries that would answer a question."""
        scans = planned(self.system, question, self.files)
        return "\n\n".join(self.engine.show(scan) for scan, _, _ in scans)

    def flow(
        self, *, over: str | Window = "30d", where: str = "", as_of: datetime | None = None
    ) -> Flow:
        """Return the traffic by stage of the policy; see `pellucid.explain.flow`.

        Raises
        ------
        ExplainError
            If there are no layers, or no picks were logged.
        """
        return policy_flow(
            self.system, self.engine, self.files,
            window=self.window(over, as_of=as_of), as_of=as_of or self.latest(), where=where,
        )  # fmt: skip

    def explain(self, decision_id: str) -> Story:
        """Return one decision, told in order.

        Stored attributions are used; where there are none and the model's file was logged, they
        are computed now.

        Raises
        ------
        UnknownNameError
            If there is no such decision.
        """
        return explain_decision(self.records, self.system, str(decision_id), as_of=self.latest())

    def why_changed(
        self, candidate: str, *, window: str | Window = "7d", baseline: str | Window = "",
        by: Sequence[str] = (), where: str = "",
    ) -> ChangeStory:  # fmt: skip
        """Split the change of a candidate's traffic share; see `explain.change.share_change`.

        Parameters
        ----------
        window, baseline : str or Window
            By default the last 7 days, and as long right before them.
        by : sequence of str
            Dimensions of the mix; by default the spec's first two.
        where : str
            SQL condition on decisions.
        """
        now = self.window(window)
        before = self.window(baseline) if baseline else now.previous
        return share_change(self.system, self.records, candidate, window=now, baseline=before,
                            by=by, where=where)  # fmt: skip

    def why(
        self, candidate: str, *, not_: str, where: str = "", over: str | Window = "30d"
    ) -> Contrast:
        """Split the mean margin of a candidate over another; see `explain.contrast.why`.

        Attributions of both must be stored: `attribute` first.
        """
        window = self.window(over)
        return why(self.system, self.records, candidate, not_, window=window, where=where)

    def explain_group(
        self, where: str = "", *, by: Sequence[str] = (), versus: str = "",
        candidate: str | None = None, over: str | Window = "30d", baseline: str | Window = "",
    ) -> GroupStory:  # fmt: skip
        """Average stored attributions of a group; see `explain.groups.explain_group`.

        Parameters
        ----------
        where, versus : str
            SQL conditions on decisions: the group, and another to compare it with.
        by : sequence of str
            Dimensions to break it down by.
        candidate : str, optional
            Whose scores; by default of what was picked.
        over, baseline : str or Window
            The period, and another to compare it with.
        """
        return explain_group(
            self.system, self.records, window=self.window(over), where=where, by=by, versus=versus,
            candidate=candidate, baseline=self.window(baseline) if baseline else None,
        )  # fmt: skip

    def latest_decision(self) -> str:
        """Return the id of the latest decision.

        Raises
        ------
        EngineError
            If nothing is logged yet.
        """
        end = self.span()[1]
        last = Window(end, end + timedelta(microseconds=1))
        at = f"decided_at >= {instant(end)}"
        rows = self.records.rows("decisions", where=at, window=last, columns=["decision_id"])
        return str(rows.column("decision_id")[0].as_py())

    def attribute(self, *, over: str | Window = "30d", most_decisions: int = 20_000) -> Receipt:
        """Explain logged candidates and store their attributions.

        Whole decisions are picked by a hash of their id, and their weight is stored. What is
        explained already is left as it is: only decisions before and after it are explained.

        Parameters
        ----------
        most_decisions : int, default 20000
            About how many decisions to explain for each model version; all where there are fewer.

        Raises
        ------
        ExplainError
            If no model file was logged.
        """
        return attribute_window(self.records, self.window(over), most_decisions=most_decisions)

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
        for name in _READ[scan.unit]:
            if name == "outcomes" and not scan.outcomes:
                continue
            start, end = reading_span(scan, name)
            stored = snapshot(self.lake, name, start=start, end=end)
            schema = with_declared(TABLES[name], stored.schema, declared_names(self.system))
            if name == DECISIONS.name and not _stores_weights(stored):
                # An engine is told of weights only where some are stored.
                schema = schema.remove(schema.get_field_index(SAMPLE_WEIGHT))
            found[name] = replace(stored, schema=schema)
        return found


def _stores_weights(decisions: TableFiles) -> bool:
    # A writer adds the column with the first weight that is not 1.
    return bool(decisions.files) and SAMPLE_WEIGHT in decisions.schema.names


def open_system(
    root: str | os.PathLike[str],
    *,
    system: str | None = None,
    storage_options: Mapping[str, str] | None = None,
) -> Observatory:
    """Open a system for questions.

    Parameters
    ----------
    root : str or path
        Root of the lake.
    system : str, optional
        System name; not needed where a local root holds just one.
    storage_options : mapping, optional
        Options for the object store.

    Raises
    ------
    StoreError
        If there is no such system.
    SpecError
        If no system is named and the root holds several.
    """
    if system is None:
        known = systems(root)
        if not known:
            raise StoreError(f"no system is stored at {os.fspath(root)}; check the folder")
        if len(known) > 1:
            raise SpecError("system", [f"{os.fspath(root)} holds {', '.join(known)}: name one"])
        system = known[0]
    return Observatory(Lake.at(root, system, storage_options))
