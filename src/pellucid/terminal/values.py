"""Values of metrics as text, each in its unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pellucid.figures import numbers
from pellucid.spec.system import Metric


def value_cells(metric: Metric, row: Mapping[str, Any]) -> list[str]:
    """Return a value, its interval and n."""
    n = numbers.count(row["n"])
    value, low, high = row["value"], row["low"], row["high"]
    if value is None:
        return [row["note"] or "no data", "", n]
    if metric.value_unit == "share":
        return [numbers.rate(value, 2), numbers.interval(low, high, 2), n]
    if metric.value_unit == "points":
        return [numbers.points(value, 2), _span(low, high, lambda end: numbers.points(end, 2)), n]
    if metric.finalizer == "count":
        return [numbers.count(value), _span(low, high, numbers.count), n]
    currency = f" {row['currency']}" if row.get("currency") else ""
    unit = f"{currency} minor" if metric.value_unit == "money" else ""
    if metric.finalizer == "total":
        return [f"{numbers.count(value)}{unit}", _span(low, high, numbers.count), n]
    return [f"{numbers.number(value, 3)}{unit}",
            _span(low, high, lambda end: numbers.number(end, 3)), n]  # fmt: skip


def _span(low: float | None, high: float | None, write: Callable[[float | None], str]) -> str:
    return "" if low is None else f"{write(low)} to {write(high)}"
