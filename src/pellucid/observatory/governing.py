"""How healthy the policy is: against the control arm, and against policies that were not run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import numpy as np

from pellucid.engine.plan import make_rows_scan
from pellucid.engine.sql import quoted, rows_statement, snippet
from pellucid.errors import SpecError
from pellucid.metrics.performance import rate_name
from pellucid.monitor.policy.arms import ArmGap, arm_gap
from pellucid.monitor.policy.value import LoggedPicks, PolicyValue, value_of
from pellucid.monitor.policy.weak import (
    CONTROL,
    LOG_LOSS,
    WeakSegments,
    check_asked,
    log_loss,
    weak_dimensions,
    weak_segments,
)
from pellucid.monitor.policy.weak_search import Search
from pellucid.monitor.policy.weak_sums import ARM, read_segments
from pellucid.monitor.query import planned
from pellucid.observatory.judging import Judging, floats_of
from pellucid.schema.files import TableFiles
from pellucid.spec.expression import STRING, all_of, columns, problems_in
from pellucid.spec.sources import source_columns
from pellucid.spec.system import Metric, Outcome
from pellucid.windows import Window

_MOST_VALUES = 50


class Governing(Judging):
    """Questions about the policy as a whole."""

    def versus_control(
        self,
        metric: str = "",
        *,
        by: Sequence[str | Sequence[str]] = (),
        over: str | Window = "30d",
        where: str = "",
        side: str = "arm = 'ml'",
        other: str = "arm = 'control'",
    ) -> ArmGap:
        """Tell where ML does worse than the control arm: by segment, safe for many looks.

        Parameters
        ----------
        metric : str
            By default the rate of the outcome that the model predicts.
        by : sequence of str or of sequences of str
            Dimensions, or combinations of them; by default each of the spec's by itself, with its
            fifty largest values.
        over : str or Window
        where : str
            SQL condition on both arms.
        side, other : str
            SQL conditions of the two arms.

        Returns
        -------
        ArmGap

        Raises
        ------
        UnknownNameError, SpecError
            If a name or expression does not bind.
        EngineError
            If nothing is logged yet.
        MissingExtraError
            If scipy is not installed.
        """
        metric = metric or rate_name(self._predicted())
        asked = [(item,) if isinstance(item, str) else tuple(item) for item in by]
        chosen = asked or [(name,) for name in self.system.dimension_names]
        if not chosen:
            raise SpecError("versus_control", ["has no dimension to break down by; name one"])
        comparisons = [
            self.compare(metric, by=names, over=over, where=where, side=side, other=other,
                         top=_MOST_VALUES)
            for names in chosen
        ]  # fmt: skip
        return arm_gap(comparisons, comparisons[0].metrics[0])

    def weak_segments(
        self,
        metric: str | Metric = "",
        *,
        by: Sequence[str] = (),
        depth: int = 2,
        most: int = 10,
        over: str | Window = "30d",
        where: str = "",
        versus: Literal["control", "rest"] = "control",
    ) -> WeakSegments:
        """Find where ML does worse: the few distinct segments, the most costly first.

        Every combination of up to `depth` dimensions is judged: against the control arm in the same
        segment, or against the rest of all rows. A combination is told only where it is clearly
        weaker than the rest of each wider segment around it, and a wider segment only where it is
        weak beyond what narrower ones explain; no row is in two. At most a tenth of what is found
        is found by chance.

        Parameters
        ----------
        metric : str or Metric
            A rate, mean or ratio with a better direction, from `metrics` or your own; by default
            the rate of the outcome that the model predicts. Of the model's error:
            ``predicted_minus_realised``, the worse the farther off 0, or ``log_loss``.
        by : sequence of str
            Dimensions to combine; by default those of the spec, and versus the rest the candidate
            and its own too. The fifty largest values of each, and all others as one.
        depth : int, default 2
            Most dimensions that a segment fixes: 1 to 3.
        most : int, default 10
            Segments to return.
        over : str or Window
        where : str
            SQL condition on all rows.
        versus : str
            ``control``: rows of arm ``ml`` against those of arm ``control``, in each segment.
            ``rest``: rows in the segment against all others.

        Returns
        -------
        WeakSegments

        Raises
        ------
        UnknownNameError, SpecError
            If a name or expression does not bind, or the metric has no worse direction.
        DataError
            If no row is left, or an arm that is to be compared has none.
        EngineError
            If nothing is logged yet.
        MissingExtraError
            If scipy is not installed.
        """
        if metric == LOG_LOSS and LOG_LOSS not in self.metrics:
            metric = log_loss(self._predicted())
        window = self.window(over)
        (definition,) = self.question(metric or rate_name(self._predicted()), over=window).metrics
        asked = check_asked(definition, by, depth=depth, most=most, versus=versus)
        dimensions = tuple(by) or weak_dimensions(self.system, definition, versus=versus)
        arms = (ARM,) if versus == CONTROL else ()
        question = self.question(definition, by=(*dimensions, *arms), where=where, over=window)
        ((scan, files, _),) = planned(self.system, question, self.files)
        segments = read_segments(
            definition, scan, self._rolled.run(scan, files), dimensions, depth=depth,
            top=_MOST_VALUES, asked=asked,
        )  # fmt: skip
        search = Search(segments, definition, is_weighted=scan.is_weighted)
        return weak_segments(search, most=most, over=f"{window}")

    def policy_value(
        self,
        policy: str = "model",
        *,
        over: str | Window = "30d",
        where: str = "",
        as_of: datetime | None = None,
    ) -> PolicyValue:
        """Tell what another policy would have earned, from the logged propensities.

        Parameters
        ----------
        policy : str
            ``model`` or a layer: the picks after that stage; or static rules, as an SQL expression
            that names a candidate, such as ``CASE WHEN country = 'BR' THEN 'a' ELSE 'b' END``.
        over : str or Window
        where : str
            SQL condition on the decisions.
        as_of : datetime, optional
            Nothing recorded later is seen.

        Returns
        -------
        PolicyValue

        Raises
        ------
        SpecError
            If an expression does not bind, or no outcome is what the model predicts.
        DataError
            If the log cannot tell: without propensities, or where the policy's picks were not
            tried.
        EngineError
            If nothing is logged yet.
        MissingExtraError
            If scipy is not installed.
        """
        outcome = self._predicted()
        window = self.window(over, as_of=as_of)
        pick = f"pick_{policy}" if policy in self.system.stages else policy
        problems = problems_in(pick, source_columns(self.system, "decision"), result=STRING)
        if problems:
            raise SpecError("policy", problems)
        picks = self._picks(outcome, pick, window, where, as_of or self.latest())
        name = f"the pick of {policy}" if policy in self.system.stages else "the given rules"
        return value_of(picks, name=name, outcome=outcome.label or outcome.name)

    def _picks(
        self, outcome: Outcome, pick: str, window: Window, where: str, seen: datetime
    ) -> LoggedPicks:
        known = (
            f"{outcome.name}_mature AND {outcome.name} IS NOT NULL AND chosen IS NOT NULL "
            f"AND propensity > 0 AND ({pick}) IS NOT NULL"
        )
        names = tuple(dict.fromkeys(
            ("decision_id", "decided_at", "chosen", "propensity", outcome.name,
             "chosen_probability", *columns(pick))
        ))  # fmt: skip
        scan = make_rows_scan(self.system, "decision", names, window=window, as_of=seen,
                              where=all_of(where, known))  # fmt: skip
        rows = rows_statement(scan, names)
        sql = (
            f"WITH logged AS (SELECT *, {snippet(pick)} AS pick FROM ({rows})) "
            "SELECT epoch_us(l.decided_at) // 86400000000 AS day, "
            f"CAST(l.{quoted(outcome.name)} AS DOUBLE) AS reward, l.propensity, "
            "l.chosen = l.pick AS is_same, "
            # Where the chances of candidates are not logged, that of the pick itself is known.
            "CASE WHEN l.chosen = l.pick THEN l.propensity WHEN c.is_eligible "
            "THEN coalesce(c.propensity, 0) ELSE 0 END AS chance, "
            "l.chosen_probability AS score, c.probability AS policy_score "
            "FROM logged AS l LEFT JOIN candidates AS c "
            "ON c.decision_id = l.decision_id AND c.candidate_id = l.pick"
        )
        found = self.records.engine.query(sql, {**self.files(scan), **self._candidates(window)})
        numbers = {name: floats_of(found.column(name)) for name in
                   ("reward", "propensity", "chance", "score", "policy_score")}  # fmt: skip
        return LoggedPicks(
            day=found.column("day").to_numpy(), is_same=np.asarray(found.column("is_same")),
            reward=np.minimum(numbers["reward"], 1.0), propensity=numbers["propensity"],
            chance=numbers["chance"], score=numbers["score"],
            policy_score=numbers["policy_score"],
        )  # fmt: skip

    def _candidates(self, window: Window) -> dict[str, TableFiles]:
        names = ("is_eligible", "propensity", "probability")
        scan = make_rows_scan(self.system, "candidate", names, window=window, as_of=self.latest())
        return {"candidates": self.files(scan)["candidates"]}
