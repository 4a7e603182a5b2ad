"""Amounts in units of their own currency."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pellucid.serve.pages.amounts import in_major_units
from pellucid.spec.system import Metric

AMOUNT = Metric(name="amount", finalizer="total", value="amount_minor", value_unit="money")


def rows(**columns) -> pa.Table:
    count = len(next(iter(columns.values())))
    held = {
        "value": [1000.0] * count,
        "low": pa.nulls(count, pa.float64()),
        "high": [2000.0] * count,
    }
    return pa.table(columns | held | {"n": [5] * count})


def test_each_row_is_in_units_of_its_own_currency():
    found = in_major_units(rows(currency=["EUR", "JPY", "KWD", None]), AMOUNT, "")
    assert found.column("value").to_pylist() == [10.0, 1000.0, 1.0, 1000.0]
    assert found.column("high").to_pylist() == [20.0, 2000.0, 2.0, 2000.0]
    assert found.column("low").null_count == 4
    assert found.column("n").to_pylist() == [5] * 4


@pytest.mark.parametrize(("currency", "value"), [("USD", 10.0), ("JPY", 1000.0), ("", 1000.0)])
def test_rows_of_one_currency_are_in_its_units_and_of_none_as_logged(currency, value):
    found = in_major_units(rows(country=["BR"]), AMOUNT, currency)
    assert found.column("value").to_pylist() == [value]


def test_what_is_no_amount_stays_as_it_is():
    rate = Metric(name="rate", finalizer="rate", value="approved", value_unit="share")
    given = rows(country=["BR"])
    assert in_major_units(given, rate, "EUR") is given
