"""What stands out: metrics against their own past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.errors import DataError, SpecError
from pellucid.monitor.anomalies.gather import POINTS_A_DAY, gather, groups_of
from pellucid.monitor.anomalies.judge import judge
from pellucid.monitor.anomalies.patterns import weekday_patterns
from pellucid.monitor.anomalies.report import Anomalies, Watched, report
from pellucid.observatory.monitoring import Monitoring
from pellucid.spec.system import Metric
from pellucid.windows import DAY, Window, midnight, parse_duration

# A last bucket that records reach all but the end of is whole.
_WHOLE_SHARE = 0.02


class Spotting(Monitoring):
    """Questions about what is unusual."""

    def anomalies(
        self,
        *metrics: str | Metric,
        by: Sequence[str] = (),
        where: str = "",
        over: str | Window = "14d",
        history: str = "8w",
        grain: str = "1h",
        holidays: Sequence[date] = (),
    ) -> Anomalies:
        """Tell what metrics did that their own past does not explain.

        Each series, a metric of a segment, is compared with what its past 8 weeks foretell of each
        hour or day: its level and its season, with as much chance as it has shown. The share of
        false finds is held over all series of the run.

        Parameters
        ----------
        *metrics : str or Metric
            Names from `metrics`, or definitions of your own.
        by : sequence of str
            Dimensions: a series for each segment.
        where : str
            SQL condition on the rows.
        over : str or Window, default "14d"
            The span that is judged, in whole UTC days.
        history : str, default "8w"
            How far before it to learn from; two weeks or more for a season.
        grain : str, default "1h"
            ``1h`` or ``1d``.
        holidays : sequence of date, optional
            UTC days that are neither learned from nor judged.

        Returns
        -------
        Anomalies

        Raises
        ------
        UnknownNameError, SpecError
            If a name or expression does not bind, or the grain is neither an hour nor a day.
        DataError
            If there are no rows to break down.
        EngineError
            If nothing is logged yet.
        MissingExtraError
            If scipy is not installed.
        """
        if not metrics:
            raise SpecError("anomalies", ["needs a metric, such as 'approval_rate'"])
        if grain not in POINTS_A_DAY:
            raise SpecError("anomalies", [f"grain {grain!r} is not 1h or 1d"])
        span = self.window(over)
        first, last = self.span()
        judged_from = midnight(span.start)
        start = min(max(midnight(judged_from - parse_duration(history)), midnight(first)),
                    judged_from)  # fmt: skip
        question = self.question(
            *metrics, by=by, where=where, over=Window(start, span.end), grain=grain
        )
        pending = {metric.name: self._pending(metric) for metric in question.metrics}
        asked = dict.fromkeys([*question.metrics, *(item for item in pending.values() if item)])
        rows = self.query(
            *asked, by=by, where=where, over=Window(start, span.end), grain=grain
        ).finest
        places, segments = groups_of(rows, by)
        named = tuple(segments.to_pylist()) if by else ({},)
        if not named:
            raise DataError("anomalies", [
                f"no rows from {Window(start, span.end)}{f' where {where}' if where else ''}; "
                "widen the window or the condition"
            ])  # fmt: skip
        days = [np.datetime64(day) for day in holidays]
        last_days = -((judged_from - span.end) // DAY)
        until = whole_until(span.end, last, grain)
        watched = []
        for metric in question.metrics:
            own, at = _of(rows, places, metric)
            other = pending[metric.name]
            series = gather(
                metric, own, at, Window(start, span.end), count=len(named), grain=grain,
                whole_until=until,
                pending=_of(rows, places, other) if other else None,
            )  # fmt: skip
            found = judge(series, last_days=last_days, holidays=days)
            watched.append(Watched(metric, named, found, weekday_patterns(series)))
        return report(watched, by, span)

    def _pending(self, metric: Metric) -> Metric | None:
        """Return the metric of how many decisions' outcomes are to come, where one counts them."""
        for outcome in self.system.outcomes:
            if f"{outcome.name}_mature" in f"{metric.where} {metric.value} {metric.per}":
                return self.metrics.get(f"pending_share_{outcome.name}")
        return None


def _of(
    rows: pa.Table, places: NDArray[np.int64], metric: Metric
) -> tuple[pa.Table, NDArray[np.int64]]:
    is_own = pc.equal(rows.column("metric"), metric.name)
    return rows.filter(is_own), places[is_own.to_numpy()]


def whole_until(end: datetime, last: datetime, grain: str) -> datetime:
    """Return the end of the last bucket that records fill."""
    length = DAY / POINTS_A_DAY[grain]
    reach = min(end, last + length * _WHOLE_SHARE)
    return midnight(reach) + (reach - midnight(reach)) // length * length
