"""An open system: where questions are asked, in a notebook, on a page or from the shell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any

import pyarrow as pa

from pellucid.engine.base import Engine
from pellucid.engine.duckdb import DuckDBEngine
from pellucid.engine.plan import Scan
from pellucid.engine.sql import instant, reading_span, text
from pellucid.errors import EngineError, ExplainError, UnknownNameError
from pellucid.explain.attribution import LoadedModel, attribute, load_model
from pellucid.explain.flow import Flow, policy_flow
from pellucid.explain.story import Story, make_story
from pellucid.metrics.catalogue import catalogue, pick_metrics
from pellucid.monitor.query import Question, answer, plan
from pellucid.schema.files import TableFiles
from pellucid.schema.tables import MODELS
from pellucid.spec.system import Metric, Segment, System
from pellucid.store.artifacts import load_artifact
from pellucid.store.lake import Lake, systems
from pellucid.store.reader import read_rows, snapshot, time_span
from pellucid.store.specs import load_system
from pellucid.store.writer import Receipt, Writer
from pellucid.windows import Window, parse_duration, parse_window

_TABLES = {"decision": ("decisions", "outcomes"), "request": ("decisions", "outcomes"),
           "candidate": ("candidates", "decisions")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query.

    Attributes
    ----------
    rows : pyarrow.Table
        One row for each metric, group and level; see `pellucid.monitor.query.answer`.
    by : tuple of str
        The dimensions asked for.
    metrics : tuple of Metric
        Their definitions.
    as_of : datetime
        With the knowledge of when.
    """

    rows: pa.Table
    by: tuple[str, ...]
    metrics: tuple[Metric, ...]
    as_of: datetime

    @property
    def finest(self) -> pa.Table:
        """The rows broken down by every dimension."""
        level = pa.compute.equal(self.rows.column("level"), ",".join(self.by))
        return self.rows.filter(level)

    @property
    def totals(self) -> pa.Table:
        """The rows of every coarser level, up to the whole."""
        level = pa.compute.not_equal(self.rows.column("level"), ",".join(self.by))
        return self.rows.filter(level)

    def to_arrow(self) -> pa.Table:
        """Return all rows."""
        return self.rows

    def to_pandas(self) -> Any:
        """Return all rows as a pandas frame, where pandas is installed."""
        return self.rows.to_pandas()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.rows.__arrow_c_stream__(requested_schema)


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
        self._duckdb = DuckDBEngine()
        self.engine: Engine = engine or self._duckdb
        self._models: dict[str, LoadedModel | None] = {}

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
        spans = [time_span(self.lake, name) for name in ("decisions", "outcomes")]
        ends = [span[1] for span in spans if span]
        if not ends or spans[0] is None:
            raise EngineError(
                f"system '{self.system.name}' has no decisions yet; log some with `pellucid log`"
            )
        return max(ends)

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
            self.latest()
            span = time_span(self.lake, "decisions")
            end = span[1] + timedelta(microseconds=1) if span else datetime.now(UTC)
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
        rows = answer(self.system, question, self.engine, self._files)
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
        return "\n\n".join(self.engine.show(scan) for scan in plan(self.system, question))

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
            self.system, self.engine, self._files,
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
        by_id = f"decision_id = {text(decision_id)}"
        found = self.rows("decisions", where=by_id).to_pylist()
        if not found:
            sample = self.rows("decisions", columns=["decision_id"], limit=5)
            known = sample.column("decision_id").to_pylist()
            raise UnknownNameError(kind="decision", name=decision_id, known=known)
        decision = found[0]
        day = Window(decision["decided_at"], decision["decided_at"] + timedelta(microseconds=1))
        candidates = self.rows("candidates", where=by_id, window=day)
        attributions = self.rows("attributions", where=by_id, window=day)
        if not attributions.num_rows:
            attributions = self._attributions(decision, candidates)
        after = Window(day.start - timedelta(days=1), datetime.max.replace(tzinfo=UTC))
        request = f"request_id = {text(decision['request_id'])}"
        near = Window(day.start - timedelta(days=7), day.start + timedelta(days=7))
        attempts = self.rows(
            "decisions", where=request, window=near,
            columns=["decision_id", "attempt", "chosen", "decided_at"],
        )  # fmt: skip
        outcomes = self.rows("outcomes", where=by_id, window=after)
        return make_story(self.system, decision, candidates, attributions, outcomes, attempts)

    def attribute(self, *, over: str | Window = "30d", most_decisions: int = 20_000) -> Receipt:
        """Explain logged candidates and store their attributions.

        Whole decisions are picked by a hash of their id, so the same ones whenever it runs, and
        their weight is stored. What is stored already is left as it is.

        Parameters
        ----------
        most_decisions : int, default 20000
            About how many decisions to explain for each model version; all where there are fewer.

        Raises
        ------
        ExplainError
            If no model file was logged.
        """
        window = self.window(over)
        total = Receipt(0, 0, False)
        writer = Writer(self.lake)
        counts = self._duckdb.query(
            "SELECT model_id, count(*) AS decisions FROM decisions "
            f"WHERE {_within(window)} AND model_id IS NOT NULL GROUP BY model_id",
            {"decisions": snapshot(self.lake, "decisions", start=window.start, end=window.end)},
        ).to_pylist()
        known = [row for row in counts if self._model(row["model_id"]) is not None]
        if not known:
            raise ExplainError("no model file was logged; log it with log.model(...)")
        for row in known:
            keep_rate = min(1.0, most_decisions / row["decisions"])
            rows = self._scored(row["model_id"], window, keep_rate)
            model = self._model(row["model_id"])
            if model is None or not rows.num_rows:
                continue
            values = attribute(model, rows, sample_weight=1 / keep_rate)
            receipt = writer.append(_table("attributions"), values)
            total = Receipt(
                total.stored + receipt.stored, total.duplicates + receipt.duplicates, False
            )
        return total

    def rows(
        self,
        table: str,
        *,
        where: str = "",
        window: Window | None = None,
        columns: Sequence[str] = (),
        limit: int | None = None,
    ) -> pa.Table:
        """Return stored rows; `where` is SQL made by pellucid, never by a user."""
        start, end = (window.start, window.end) if window else (None, None)
        files = snapshot(self.lake, table, start=start, end=end)
        selected = ", ".join(f'"{name}"' for name in columns) or "*"
        condition = f" WHERE {where}" if where else ""
        bound = f" LIMIT {limit}" if limit is not None else ""
        return self._duckdb.query(f"SELECT {selected} FROM {table}{condition}{bound}",
                                  {table: files})  # fmt: skip

    def _files(self, scan: Scan) -> Mapping[str, TableFiles]:
        found = {}
        for name in _TABLES[scan.unit]:
            start, end = reading_span(scan, name)
            found[name] = snapshot(self.lake, name, start=start, end=end)
        return found

    def _attributions(self, decision: Mapping[str, Any], candidates: pa.Table) -> pa.Table | None:
        model = self._model(decision.get("model_id"))
        if model is None or not candidates.num_rows:
            return None
        scored = candidates.filter(pa.compute.is_valid(candidates.column("raw_score")))
        return attribute(model, scored) if scored.num_rows else None

    def _scored(self, model_id: str, window: Window, keep_rate: float) -> pa.Table:
        files = partial(snapshot, self.lake, start=window.start, end=window.end)
        kept = f"hash(d.decision_id) / 18446744073709551616.0 < {keep_rate!r}"
        return self._duckdb.query(
            "SELECT c.* FROM candidates AS c SEMI JOIN (SELECT decision_id FROM decisions AS d "
            f"WHERE d.model_id = {text(model_id)} AND {_within(window)} AND {kept}) AS d "
            f"ON d.decision_id = c.decision_id WHERE c.raw_score IS NOT NULL AND "
            f"{_within(window)}",
            {name: files(name) for name in ("candidates", "decisions")},
        )

    def _model(self, model_id: str | None) -> LoadedModel | None:
        if model_id is None:
            return None
        if model_id not in self._models:
            names = [field.name for field in MODELS.fields]
            rows = {row["model_id"]: row for row in read_rows(self.lake, "models", names)
                    .to_pylist()}  # fmt: skip
            row = rows.get(model_id)
            loaded = None
            if row is not None and row["artifact_uri"]:
                content = load_artifact(
                    self.lake, row["artifact_uri"], sha256=row["artifact_sha256"]
                )
                loaded = load_model(row, content)
            self._models[model_id] = loaded
        return self._models[model_id]


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
    UnknownNameError
        If no system is named and the root does not hold exactly one.
    """
    if system is None:
        known = systems(root)
        if len(known) != 1:
            raise UnknownNameError(kind="system (name one of several)", name="", known=known)
        system = known[0]
    return Observatory(Lake.at(root, system, storage_options))


def _within(window: Window) -> str:
    return f"decided_at >= {instant(window.start)} AND decided_at < {instant(window.end)}"


def _table(name: str) -> Any:
    from pellucid.schema.tables import TABLES

    return TABLES[name]


__all__ = ["Answer", "Observatory", "open_system", "parse_duration"]
