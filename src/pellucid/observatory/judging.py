"""How good the model's scores are: measured on mature labels, expected before them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.plan import make_rows_scan
from pellucid.engine.sql import instant, quoted, rows_statement, text
from pellucid.errors import SpecError, UnknownNameError
from pellucid.monitor.performance.maturity import Maturity, cohorts_of, maturity_of
from pellucid.monitor.performance.performance import (
    Performance,
    Scored,
    calibrator_of,
    performance_of,
    reliability_of,
)
from pellucid.monitor.performance.story import told_performance
from pellucid.observatory.monitoring import Monitoring
from pellucid.spec.expression import all_of
from pellucid.spec.system import Outcome
from pellucid.windows import FOUR_WEEKS, Window, micros, parse_duration

_MICRO = timedelta(microseconds=1)
_COHORTS = {"1h": "hour", "1d": "day"}


class Judging(Monitoring):
    """Questions about the quality of scores."""

    def performance(
        self,
        *,
        over: str | Window = "30d",
        baseline: str | Window = "",
        where: str = "",
        grain: str = "",
        as_of: datetime | None = None,
    ) -> Performance:
        """Measure the model on mature labels, and tell what to expect where there are none yet.

        Parameters
        ----------
        over : str or Window
        baseline : str or Window
            Where to learn how scores turn into outcomes, for what is expected; by default the 28
            days before.
        where : str
            SQL condition on the decisions.
        grain : str
            ``1h``, ``1d`` or ``1w``: each bucket too.
        as_of : datetime, optional
            Nothing recorded later is seen.

        Returns
        -------
        Performance

        Raises
        ------
        SpecError
            If no outcome of the spec is what the model predicts, or an expression does not bind.
        EngineError
            If nothing is logged yet.
        MissingExtraError
            If scipy is not installed.
        """
        outcome = self._predicted()
        window = self.window(over, as_of=as_of)
        before = self.window(baseline) if baseline else Window(window.start - FOUR_WEEKS,
                                                               window.start)  # fmt: skip
        seen = as_of or self.latest()
        scored = self._scored(outcome, window, where, seen)
        prior = self._scored(outcome, before, where, seen)
        rows = performance_of(scored, _buckets(window, grain), calibrator_of(prior))
        reliability = reliability_of(scored)
        label = outcome.label or outcome.name
        return Performance(rows, reliability, told_performance(rows, reliability, outcome=label))

    def maturity(
        self,
        outcome: str = "",
        *,
        over: str | Window = "30d",
        where: str = "",
        grain: str = "1d",
        as_of: datetime | None = None,
    ) -> Maturity:
        """Tell how late an outcome comes, and what the rates of young decisions will end at.

        Decisions that never have the outcome are no part of its rate; those that may still have it
        are forecast from how older ones came in, each kind by itself.

        Parameters
        ----------
        outcome : str
            Name of a yes-or-no outcome; by default the one that the model predicts.
        over : str or Window
        where : str
            SQL condition on the decisions.
        grain : str
            Length of a cohort, and of a step of delay: ``1h`` or ``1d``.
        as_of : datetime, optional
            Nothing recorded later is seen.

        Returns
        -------
        Maturity

        Raises
        ------
        UnknownNameError
            If there is no such outcome.
        SpecError
            If it is not yes or no, an expression does not bind, or no outcome is known yet.
        EngineError
            If nothing is logged yet.
        """
        asked = self._predicted() if not outcome else self._outcome(outcome)
        if asked.kind != "yes_no":
            raise SpecError("maturity", [f"is of yes-or-no outcomes; '{asked.name}' is an amount"])
        if grain not in _COHORTS:
            raise SpecError("maturity", [f"has no grain '{grain}'; one of 1h, 1d"])
        window = self.window(over, as_of=as_of)
        seen = as_of or self.latest()
        matures = parse_duration(asked.matures_after)
        # How outcomes come in is learned from cohorts that have had their time.
        learned = Window(window.start - max(3 * matures, FOUR_WEEKS), window.end)
        rows = self._arrivals(asked, learned, where, seen)
        cohorts = cohorts_of(rows, parse_duration(grain) // _MICRO, seen=micros(seen),
                             matures=matures // _MICRO)  # fmt: skip
        if cohorts is None:
            raise SpecError("maturity", [f"needs outcomes: no '{asked.name}' is known in {window}"])
        label = asked.label or asked.name
        return maturity_of(*cohorts, label=label, unit=_COHORTS[grain], since=window.start)

    def _outcome(self, name: str) -> Outcome:
        known = {outcome.name: outcome for outcome in self.system.outcomes}
        if name not in known:
            raise UnknownNameError(kind="outcome", name=name, known=known)
        return known[name]

    def _arrivals(self, outcome: Outcome, window: Window, where: str, seen: datetime) -> pa.Table:
        """Return each decision's time, its outcome's value, and when that was first recorded."""
        names = ("decision_id", "decided_at", outcome.name)
        scan = make_rows_scan(self.system, "decision", names, window=window, as_of=seen,
                              where=where)  # fmt: skip
        rows = rows_statement(scan, names)
        sql = (
            f"SELECT epoch_us(decided_at) AS decided, {quoted(outcome.name)} AS value, first "
            f"FROM ({rows}) LEFT JOIN (SELECT decision_id, min(epoch_us(recorded_at)) AS first "
            f"FROM outcomes WHERE outcome = {text(outcome.name)} "
            f"AND recorded_at <= {instant(seen)} GROUP BY 1) USING (decision_id)"
        )
        return self.records.engine.query(sql, self.files(scan))

    def _predicted(self) -> Outcome:
        for outcome in self.system.outcomes:
            if outcome.is_predicted:
                return outcome
        raise SpecError("performance", [
            "no outcome of the spec is what the model predicts; set `is_predicted` on one"
        ])  # fmt: skip

    def _scored(self, outcome: Outcome, window: Window, where: str, as_of: datetime) -> Scored:
        cutoffs = [f"cutoff_{name}" for name in self.system.cutoffs]
        names = [
            "decided_at",
            "chosen_probability",
            outcome.name,
            f"{outcome.name}_mature",
            *cutoffs,
        ]
        scan = make_rows_scan(self.system, "decision", names, window=window, as_of=as_of,
                              where=all_of(where, "chosen_probability IS NOT NULL"))  # fmt: skip
        rows = self.records.engine.query(rows_statement(scan, names), self.files(scan))
        is_mature = np.asarray(rows.column(f"{outcome.name}_mature"))
        value = floats_of(rows.column(outcome.name))
        labels = np.where(is_mature, np.where(np.isnan(value), np.nan, value >= 1), np.nan)
        return Scored(
            pc.cast(rows.column("decided_at"), pa.int64()).to_numpy(),
            floats_of(rows.column("chosen_probability")), labels, ~is_mature,
            {name.removeprefix("cutoff_"): floats_of(rows.column(name)) for name in cutoffs},
        )  # fmt: skip


def floats_of(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a column as numbers, NaN where it has none."""
    return pc.fill_null(pc.cast(column, pa.float64()), np.nan).to_numpy()


def _buckets(window: Window, grain: str) -> list[tuple[int, int]]:
    start, end = micros(window.start), micros(window.end)
    if not grain:
        return [(start, end)]
    length = parse_duration(grain) // _MICRO
    # Weeks begin on Monday; 1970 began on a Thursday.
    offset = 4 * 86_400_000_000 if grain == "1w" else 0
    first = (start - offset) // length * length + offset
    edges: Sequence[int] = range(first, end, length)
    return [(start, end), *((max(edge, start), min(edge + length, end)) for edge in edges)]
