"""What a report asks, in the terms of any system."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.figures.tokens import candidate_order
from pellucid.metrics.performance import rate_name
from pellucid.monitor.answer import sample_note
from pellucid.monitor.query import Question, answer
from pellucid.observatory import Observatory
from pellucid.spec.expression import all_of
from pellucid.spec.system import Metric, Outcome, Segment
from pellucid.windows import Window

_BUCKETS = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """A system, a window, and the questions of a report about them.

    Attributes
    ----------
    window : Window
        What the report is about, clipped to the records.
    previous : Window or None
        The window of the same length before it; None unless records cover it.
    as_of : datetime
        With the knowledge of when.
    where : str
        SQL condition on all rows.
    """

    obs: Observatory
    window: Window
    previous: Window | None
    as_of: datetime
    where: str = ""

    @property
    def candidate(self) -> str:
        """What a candidate is called."""
        return self.obs.system.candidate.name

    @property
    def dimension(self) -> str | None:
        """The dimension that the report breaks down by: the spec's first."""
        names = self.obs.system.dimension_names
        return names[0] if names else None

    @property
    def outcome(self) -> Outcome | None:
        """The outcome that the report is about: the predicted one, else the first."""
        outcomes = self.obs.system.outcomes
        return next((item for item in outcomes if item.is_predicted), next(iter(outcomes), None))

    @property
    def rate(self) -> Metric | None:
        """The rate metric of the outcome."""
        return self.obs.metrics[rate_name(self.outcome)] if self.outcome else None

    @property
    def order(self) -> tuple[str, ...]:
        """Every candidate, in the order that fixes its colour."""
        rows = self.rows("decision_count", by=[self.candidate])
        found = rows.filter(pc.equal(rows.column("level"), self.candidate))
        sizes = {
            row[self.candidate]: row["value"]
            for row in found.to_pylist()
            if row[self.candidate] is not None
        }
        return candidate_order(sizes)

    @property
    def note(self) -> str:
        """How to read the report where decisions are a sample; else empty."""
        return sample_note(self.rows("decision_count"))

    def rows(
        self, *metrics: str, by: list[str] | None = None, grain: str = "", where: str = "",
        window: Window | None = None, top: int | None = None,
    ) -> pa.Table:  # fmt: skip
        """Return the rows of a query over the window, or another."""
        return self.obs.query(
            *metrics, by=by or [], grain=grain, where=all_of(self.where, where),
            over=window or self.window, as_of=self.as_of, top=top,
        ).rows  # fmt: skip

    def by_prediction(self) -> pa.Table | None:
        """Return predicted and realised rates by tenth of the predicted probability."""
        if self.outcome is None or not self.outcome.is_predicted or self.rate is None:
            return None
        edges = [index / _BUCKETS for index in range(_BUCKETS + 1)]
        segments = tuple(
            Segment(name=f"tenth_{index}", where=f"chosen_probability >= {low} AND "
                    f"chosen_probability {'<=' if high == 1 else '<'} {high}")
            for index, (low, high) in enumerate(pairwise(edges))
        )  # fmt: skip
        question = Question(
            metrics=(self.obs.metrics["predicted_rate"], _per_decision(self.rate)),
            windows=(self.window,), as_of=self.as_of, segments=segments, where=self.where,
        )  # fmt: skip
        rows = answer(self.obs.system, question, self.obs.engine, self.obs.files)
        return joined(rows.filter(pc.not_equal(rows.column("segment"), "all")), "segment",
                      self.rate.name)  # fmt: skip

    def by_candidate(self) -> pa.Table | None:
        """Return predicted and realised rates of each candidate."""
        if self.outcome is None or not self.outcome.is_predicted or self.rate is None:
            return None
        question = Question(
            metrics=(self.obs.metrics["predicted_rate"], _per_decision(self.rate)),
            windows=(self.window,), as_of=self.as_of, by=(self.candidate,), where=self.where,
        )  # fmt: skip
        rows = answer(self.obs.system, question, self.obs.engine, self.obs.files)
        finest = rows.filter(pc.equal(rows.column("level"), self.candidate))
        return joined(finest, self.candidate, self.rate.name)


def ask(
    obs: Observatory, *, over: str | Window, as_of: datetime | None = None, where: str = ""
) -> Asked:
    """Return the questions of a report over a window, clipped to what was recorded.

    Raises
    ------
    EngineError
        If nothing was logged.
    """
    known = as_of or obs.latest()
    first, last = obs.span()
    asked = obs.window(over, as_of=as_of or _next_midnight(last))
    start = max(asked.start, first)
    window = Window(start, max(asked.end, start + timedelta(microseconds=1)))
    before = Window(asked.start - (asked.end - asked.start), asked.start)
    # A half-empty previous period would give a change of +90% that means nothing.
    starts_in_time = before.start >= first - timedelta(hours=1)
    is_covered = starts_in_time and asked.end <= last + timedelta(days=1)
    return Asked(obs, window, before if is_covered else None, known, where)


def _next_midnight(instant: datetime) -> datetime:
    # A report on days ends with a whole day: a cut one would look like a fall in traffic.
    return instant.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def joined(rows: pa.Table, key: str, rate: str) -> pa.Table:
    """Return predicted and realised rates side by side, one row for each key with labels."""
    found: dict[str, dict[str, object]] = {}
    for row in rows.to_pylist():
        if row["value"] is None or row[key] is None:
            continue
        entry = found.setdefault(row[key], {key: row[key]})
        if row["metric"] == rate:
            entry |= {"realised": row["value"], "low": row["low"], "high": row["high"],
                      "n": row["n"]}  # fmt: skip
        else:
            entry["predicted"] = row["value"]
    whole = [entry for _, entry in sorted(found.items()) if {"realised", "predicted"} <= set(entry)]
    kinds = [(key, pa.string()), *((name, pa.float64()) for name in
             ("predicted", "realised", "low", "high")), ("n", pa.int64())]  # fmt: skip
    return pa.Table.from_pylist(whole, schema=pa.schema(kinds))


def _per_decision(rate: Metric) -> Metric:
    # A prediction is about one attempt, so its rate is too, whatever the headline's unit.
    return Metric(
        name=rate.name, finalizer="rate", value=rate.value, where=rate.where, value_unit="share"
    )
