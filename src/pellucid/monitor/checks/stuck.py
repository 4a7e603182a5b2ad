"""Columns whose values go on unchanged from one day to the next, though they used to be new.

A feature that is no longer refreshed keeps its usual distribution: a bank's approval rate of last
week is as likely as any. What gives it away is that each route, or bank, has the value that it had
the day before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pellucid.engine.sql import instant, quoted
from pellucid.windows import DAY

DAYS_BEFORE = 3
_STUCK, _MOST_REPEATED = 0.99, 0.7
_LEAST_ROWS = 100


def repeated_sql(table: str, columns: Sequence[str], key: str, day: datetime) -> str:
    """Return the query of which part of a day's values the same key had the day before.

    Parameters
    ----------
    columns : sequence of str
        Columns of the table.
    key : str
        Column of what values may be of: a candidate, a bank.
    day : datetime
        Start of a UTC day.

    Returns
    -------
    str
        One row, a column for each: null where a day has few values, or the day before none.
    """
    parts = []
    of = quoted(key)
    for name in columns:
        own = quoted(name)
        before = f"SELECT {of}, {own} FROM {table} WHERE {_within(day - DAY)} AND {own} IS NOT NULL"
        parts.append(
            f"(SELECT CASE WHEN count(*) >= {_LEAST_ROWS} AND EXISTS ({before}) "
            f"THEN avg(CAST(({of}, {own}) IN ({before}) AS DOUBLE)) END "
            f"FROM {table} WHERE {_within(day)} AND {own} IS NOT NULL) AS {own}"
        )
    return f"SELECT {', '.join(parts)}"


def stuck_columns(
    today: Mapping[str, float | None], before: Sequence[Mapping[str, float | None]]
) -> dict[str, float]:
    """Return which columns are stuck, with the largest repeated part of the days before.

    A column is stuck where nearly all of a day's values are those of the day before, and on each of
    the days before that three in ten at least were new.

    Parameters
    ----------
    today : mapping of str to float or None
        By column, the part of the values that were there the day before.
    before : sequence of mapping
        The same of days before.

    Examples
    --------
    >>> stuck_columns({"age": 1.0, "hour": 1.0}, [{"age": 0.1, "hour": 1.0}, {"age": 0.2}])
    {'age': 0.2}
    """
    found = {}
    for name, part in today.items():
        past = [part for part in (day.get(name) for day in before) if part is not None]
        if part is not None and part >= _STUCK and past and max(past) <= _MOST_REPEATED:
            found[name] = max(past)
    return found


def _within(day: datetime) -> str:
    return f"decided_at >= {instant(day)} AND decided_at < {instant(day + DAY)}"
