"""Columns that nobody refreshes any more, against a plain loop over rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pellucid.engine.duckdb import DuckDBEngine
from pellucid.monitor.checks.stuck import repeated_sql, stuck_columns
from pellucid.schema.files import TableFiles

START = datetime(2026, 9, 7, tzinfo=UTC)
DAY = timedelta(days=1)


def rows_of(days: int, stuck_from: int) -> list[dict[str, object]]:
    """Return rows of banks whose rate is new each day, until it is not."""
    draw = np.random.default_rng(3)
    rows: list[dict[str, object]] = []
    rates: dict[str, float] = {}
    for day in range(days):
        if day < stuck_from:
            rates = {bank: float(draw.normal()) for bank in "abcde"}
        for number in range(200):
            bank = "abcde"[number % 5]
            rows.append({
                "decided_at": START + day * DAY + timedelta(minutes=number), "bank": bank,
                "rate": rates[bank], "hour": float(number // 60),
                "gap": None if day == 1 else float(draw.normal()),
            })  # fmt: skip
    return rows


def by_hand(rows: list[dict[str, object]], name: str, day: datetime) -> float | None:
    def of(start: datetime) -> list[tuple[object, object]]:
        return [(row["bank"], row[name]) for row in rows
                if start <= row["decided_at"] < start + DAY and row[name] is not None]  # type: ignore[operator]  # fmt: skip

    now, before = of(day), set(of(day - DAY))
    if len(now) < 100 or not before:
        return None
    return sum(pair in before for pair in now) / len(now)


def test_the_repeated_part_is_that_of_a_plain_loop(tmp_path: Path) -> None:
    rows = rows_of(6, stuck_from=4)
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, tmp_path / "rows.parquet")
    files = {"t": TableFiles(table="t", files=(str(tmp_path / "rows.parquet"),),
                             schema=table.schema)}  # fmt: skip
    found = []
    for number in range(6):
        day = START + number * DAY
        sql = repeated_sql("t", ("rate", "hour", "gap"), "bank", day)
        (row,) = DuckDBEngine().query(sql, files).to_pylist()
        assert row == {name: pytest.approx(by_hand(rows, name, day)) for name in row}
        found.append(row)
    assert stuck_columns(found[5], [found[3], found[2]]) == {"rate": 0.0}
    assert stuck_columns(found[3], [found[2]]) == {}


def test_what_repeats_on_every_day_is_not_stuck() -> None:
    assert stuck_columns({"hour": 1.0, "gone": None}, [{"hour": 1.0, "gone": 0.0}]) == {}
    assert stuck_columns({"rate": 1.0}, []) == {}
    assert stuck_columns({"rate": 0.98}, [{"rate": 0.1}]) == {}
