"""Stage 1, recurrence: the policy's shares by candidate and day, and which losses recur."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from pellucid.explain.records import DAY_SQL, Records, within
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.stats.recurrence import DAYS, recurrences, weekly_contrasts
from pellucid.windows import DAY, Window

Floats = NDArray[np.float64]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Smaller losses are real at times, but nobody would act on them.
LEAST_LOSS = 0.02
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 1970 began on a Thursday.
_FIRST_WEEKDAY = 3
# 0 for Monday.
WEEKDAY_SQL = f"(({DAY_SQL} + {_FIRST_WEEKDAY}) % {DAYS})"


@dataclass(frozen=True, slots=True)
class Loss:
    """Traffic that a candidate loses on one day of the week, every week.

    Attributes
    ----------
    candidate : str
    weekday : int
        0 for Monday; days are UTC days.
    window : Window
        Whole weeks from the one in which it begins.
    effect : float
        Share on that weekday less the mean of the other six days of the week, below 0; shares are
        of the policy's decisions in which the candidate was eligible.
    weeks, weeks_alike : int
        Weeks in the window, and those in which the share was less.
    p_value : float
        Adjusted for all candidates, weekdays and beginnings.
    """

    candidate: str
    weekday: int
    window: Window
    effect: float
    weeks: int
    weeks_alike: int
    p_value: float


def weekday_of(day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return days of the week, 0 for Monday, of days since 1970."""
    return (day + _FIRST_WEEKDAY) % DAYS


def midnight(day: int) -> datetime:
    """Return the instant at which a day since 1970 begins, UTC."""
    return _EPOCH + day * DAY


def recurring_losses(records: Records, window: Window, *, most_p: float) -> tuple[Loss, ...]:
    """Return what candidates lose on one weekday, every week; least p-value first.

    The control arm is left out, and with it what no model decided. Shares are of the decisions in
    which a candidate was eligible, so that no rule of eligibility looks like a preference. Weeks
    are blocks of seven whole days that end with the window; a candidate counts that was eligible on
    each of them. What recurs is looked for in log-odds of the shares, in which a small candidate
    can lose as much as a large one; losses are told in shares.

    Parameters
    ----------
    most_p : float
        Most adjusted p-value.
    """
    last = (window.end - _EPOCH) // DAY
    days = (last - -((_EPOCH - window.start) // DAY)) // DAYS * DAYS
    first = last - days
    if days <= 0:
        return ()
    span = Window(midnight(first), midnight(last))
    candidates, chosen, eligible = _counts(records, span, first, days)
    whole = np.flatnonzero((eligible > 0).all(axis=1))
    weekly = (-1, days // DAYS, DAYS)
    chosen, eligible = chosen[whole].reshape(weekly), eligible[whole].reshape(weekly)
    # Half a decision more on both sides, so that none and all have log-odds too.
    odds = np.log((chosen + 0.5) / (eligible - chosen + 0.5))
    shares = weekly_contrasts(chosen / eligible)
    losses = []
    for found in recurrences(odds, most_p=most_p):
        own = shares[found.series, found.first_week :, found.weekday]
        if own.mean() <= -LEAST_LOSS:
            losses.append(Loss(
                candidates[whole[found.series]], int(weekday_of(np.array(first + found.weekday))),
                Window(midnight(first + DAYS * found.first_week), span.end), float(own.mean()),
                found.weeks, int((own < 0).sum()), found.p_value,
            ))  # fmt: skip
    return tuple(losses)


def _counts(
    records: Records, window: Window, first: int, days: int
) -> tuple[list[str], Floats, Floats]:
    """Return candidates, and decisions that chose and that might have chosen each, by day."""
    weight = f"coalesce({SAMPLE_WEIGHT}, 1)"
    rows = records.query(
        f"WITH d AS (SELECT decision_id, {weight} AS w FROM decisions "
        f"WHERE {within(window)} AND arm IS DISTINCT FROM 'control') "
        f"SELECT {DAY_SQL} - {first} AS day, candidate_id, "
        "CAST(sum(w) AS DOUBLE) AS eligible, "
        "CAST(coalesce(sum(w) FILTER (is_chosen), 0) AS DOUBLE) AS chosen "
        f"FROM candidates JOIN d USING (decision_id) WHERE is_eligible AND {within(window)} "
        "GROUP BY 1, 2",
        ("decisions", "candidates"),
        window,
    )
    names = rows.column("candidate_id").to_pylist()
    candidates = sorted(set(names))
    place = np.array([candidates.index(name) for name in names], dtype=np.int64)
    counts = np.zeros((2, len(candidates), days))
    day = rows.column("day").to_numpy()
    for kind, name in enumerate(("chosen", "eligible")):
        counts[kind, place, day] = rows.column(name).to_numpy()
    return candidates, counts[0], counts[1]
