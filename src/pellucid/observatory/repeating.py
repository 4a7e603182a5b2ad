"""What checks find of decisions that were made twice: one request and attempt under two ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from pellucid.engine.sql import instant as literal
from pellucid.monitor.checks.panel import NOTHING, Looked, Seen, certain, make_alert
from pellucid.observatory.monitoring import Monitoring
from pellucid.spec.check import Check
from pellucid.stats.intervals import wilson_interval
from pellucid.windows import HOUR, WEEK, Window, hour_of, parse_duration

_DECISIONS = "decisions"
# A request that is decided again is so within hours; none is looked for longer ago.
_BEFORE = WEEK


@dataclass(frozen=True, slots=True)
class DecidedHour:
    """The decisions of an hour.

    Attributes
    ----------
    start : datetime
    n : int
    repeated : int
        Those whose request and attempt another decision id had decided already.
    example : str
        Request of the first of them; empty where there is none.
    """

    start: datetime
    n: int
    repeated: int
    example: str


class Repeating(Monitoring):
    """Looks for decisions that were made twice."""

    def decided_hours(self, checks: Sequence[Check], span: Window) -> tuple[DecidedHour, ...]:
        """Return the hours that looks of a span need; none where no check asks.

        A retry is another attempt, and a record that was logged twice has the same id: neither is
        a repeat.
        """
        lengths = [parse_duration(check.over) for check in checks if check.rule == "duplicates"]
        if not lengths:
            return ()
        start = hour_of(span.start - max(lengths))
        rows = self.records.query(
            _repeated_sql(start, span.end), (_DECISIONS,), Window(start - _BEFORE, span.end)
        )
        return tuple(DecidedHour(**row) for row in rows.to_pylist())

    def look_for_duplicates(
        self, check: Check, hours: Sequence[DecidedHour], instant: datetime
    ) -> Looked:
        """Return whether more decisions than a check allows were made twice, as of a whole hour.

        It fails where their share is certainly above the limit: with its whole 95% interval.
        """
        since = instant - parse_duration(check.over)
        seen = [hour for hour in hours if since <= hour.start and hour.start + HOUR <= instant]
        repeats = [hour for hour in seen if hour.repeated]
        if not repeats:
            return NOTHING
        n, repeated = sum(hour.n for hour in seen), sum(hour.repeated for hour in repeats)
        low, high = (float(end[0]) for end in wilson_interval(
            np.array([float(repeated)]), np.array([float(n)])
        ))  # fmt: skip
        limit, share = check.above or 0.0, repeated / n
        key = (check.name, "request_id", ())
        if low <= limit:
            return Looked((), frozenset(), frozenset({key} if share > limit else ()))
        words = "decision was" if repeated == 1 else "decisions were"
        alert = make_alert(
            check, kind="column", subject="request_id", label="Requests decided twice", where=(),
            since_at=repeats[0].start.astimezone(UTC), raised_at=instant,
            seen=Seen(share, limit, low, high, n),
            why=f"{repeated:,} {words} made again for a request and attempt that another decision "
            f"id had, {share:.2%} of {n:,}, such as request {repeats[0].example}",
        )  # fmt: skip
        return certain([alert], [key])


def _repeated_sql(start: datetime, end: datetime) -> str:
    return (
        "WITH held AS (SELECT decision_id, request_id, attempt, decided_at FROM decisions "
        f"WHERE decided_at >= {literal(start - _BEFORE)} AND decided_at < {literal(end)}), "
        "twice AS (SELECT request_id, attempt, "
        "first(decision_id ORDER BY decided_at, decision_id) AS first_id FROM held "
        "GROUP BY request_id, attempt HAVING count(*) > 1), "
        "judged AS (SELECT decided_at, request_id, "
        "coalesce(first_id <> decision_id, FALSE) AS is_repeat "
        "FROM held LEFT JOIN twice USING (request_id, attempt)) "
        "SELECT date_trunc('hour', decided_at) AS start, count(*) AS n, "
        "count_if(is_repeat) AS repeated, "
        "coalesce(arg_min(request_id, decided_at) FILTER (WHERE is_repeat), '') AS example "
        f"FROM judged WHERE decided_at >= {literal(start)} GROUP BY 1 ORDER BY 1"
    )
