"""Tables: one cell, two forms, for people and for a download."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pellucid.errors import DataError
from pellucid.figures.table import Column, Table, cell_text


@pytest.mark.parametrize(
    ("kind", "cell", "text"),
    [
        ("text", "x", "x"),
        ("count", 1234, "1,234"),
        ("rate", 0.5, "50.0%"),
        ("points", -0.01, "−1.0 pp"),
        ("log_odds", 0.5, "+0.50"),
        ("number", 1.5, "1.50"),
        ("money", (100, "JPY"), "¥100"),
        ("interval", (0.1, 0.2), "10.0–20.0%"),
        ("heat", (0.5, 10), "50.0%"),
        ("pill", ("Approved", "good"), "Approved"),
        ("time", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2 Jan 03:04"),
        ("rate", None, "–"),
    ],
)
def test_cells_are_written_by_kind(kind, cell, text):
    assert cell_text(Column("c", kind), cell) == text


def test_download_holds_raw_values():
    table = Table(
        (
            Column("Route"),
            Column("Rate", "rate"),
            Column("Interval", "interval"),
            Column("Amount", "money"),
            Column("Result", "pill"),
            Column("At", "time"),
        ),
        (
            (
                "a",
                0.123456,
                (0.1, None),
                (100, "EUR"),
                ("ok", "good"),
                datetime(2026, 1, 2, tzinfo=UTC),
            ),
        ),
        total=("All", float("nan"), None, None, None, None),
    )
    assert table.csv_records() == {
        "columns": [
            "Route",
            "Rate",
            "Interval low",
            "Interval high",
            "Amount minor units",
            "Amount currency",
            "Result",
            "At",
        ],
        "rows": [
            ["a", 0.123456, 0.1, None, 100, "EUR", "ok", "2026-01-02T00:00:00+00:00"],
            ["All", None, None, None, None, None, None, None],
        ],
    }


def test_row_of_wrong_length_is_refused():
    with pytest.raises(DataError, match="row 0 of a table"):
        Table((Column("a"), Column("b")), ((1,),))


def test_columns_that_only_lead_somewhere_are_not_values():
    columns = (Column("Name", "link"), Column("n", "count"), Column("", "link"))
    rows = ((("a", "/a"), 3, ("decisions", "/d")),)
    table = Table(columns, rows, total=(("All", ""), 3, None))
    assert table.csv_records() == {"columns": ["Name", "n"], "rows": [["a", 3], ["All", 3]]}
    assert table.of_values.total == (("All", ""), 3)
