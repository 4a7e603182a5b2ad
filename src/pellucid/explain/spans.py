"""A window cut at UTC midnights, so that what is read of each span fits in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from pellucid.explain.records import DAY_SQL, Records, within
from pellucid.windows import Window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_spans(records: Records, table: str, window: Window, *, most_rows: int) -> list[Window]:
    """Return the spans of whole days, in order, that hold what a table has of a window.

    Parameters
    ----------
    most_rows : int
        Rows of a span; a single day may hold more.
    """
    rows = records.query(
        f"SELECT {DAY_SQL} AS day, count(*) AS n FROM {table} WHERE {within(window)} "
        "GROUP BY 1 ORDER BY 1", (table,), window,
    ).to_pylist()  # fmt: skip
    return joined_days(rows, window, most_rows=most_rows)


def joined_days(
    days: Iterable[Mapping[str, int]], window: Window, *, most_rows: int
) -> list[Window]:
    """Return the spans of whole days, in order, that hold no more than some rows each.

    Parameters
    ----------
    days : iterable of mapping
        Those that hold any, in order: ``day`` since 1970 in UTC, and its ``n`` rows.
    most_rows : int
        Rows of a span; a single day may hold more.
    """
    spans: list[Window] = []
    held = 0
    for row in days:
        start = max(window.start, _EPOCH + timedelta(days=row["day"]))
        end = min(window.end, _EPOCH + timedelta(days=row["day"] + 1))
        if spans and held + row["n"] <= most_rows:
            spans[-1] = Window(spans[-1].start, end)
            held += row["n"]
        else:
            spans.append(Window(start, end))
            held = row["n"]
    return spans
