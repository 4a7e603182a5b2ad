"""Where one arm does worse than the other: by segment, drawn together, safe for many looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.monitor.comparison import Comparison
from pellucid.monitor.tabular import Tabular
from pellucid.spec.system import Metric
from pellucid.stats.discovery import false_discovery
from pellucid.stats.distributions import normal_tail
from pellucid.stats.shrinkage import shrink
from pellucid.stats.student import half_width

_FEWEST = 30
_FALSE_SHARE = 0.1
_MOST_NAMED = 4
_SIDES = {"arm = 'ml'": "where ML decides", "arm = 'control'": "in the control arm"}


@dataclass(frozen=True, slots=True)
class ArmGap(Tabular):
    """How two arms differ, over all and by segment.

    Attributes
    ----------
    rows : pyarrow.Table
        One row for each segment, the worst first, and one for the whole (``segment`` empty):
        ``dimensions``, ``segment``, ``value``, ``baseline``, ``n``, ``baseline_n``, ``change``,
        ``low``, ``high``; ``shrunk``, ``shrunk_low``, ``shrunk_high`` (drawn towards the other
        segments of its dimensions by as much as chance explains), ``chance_worse`` (that it truly
        does worse), ``q_value``, ``verdict`` (``worse``, ``better``, ``unclear`` or ``too few``).
    told : str
        The finding, as a paragraph.
    """

    rows: pa.Table
    told: str


def arm_gap(comparisons: Sequence[Comparison], metric: Metric) -> ArmGap:
    """Judge every segment of some comparisons of one metric.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Of the same two arms, each broken down by other dimensions.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.

    References
    ----------
    See `pellucid.stats.shrinkage.shrink`. Benjamini, Y. and Hochberg, Y. (1995). Controlling the
    false discovery rate. JRSS B 57(1).
    """
    sign = -1.0 if metric.better == "down" else 1.0
    parts = [_judged(comparison, sign) for comparison in comparisons]
    rows = pa.concat_tables(parts)
    p_value = rows.column("p_value").to_numpy()
    known = ~np.isnan(p_value)
    q_value = np.full(len(p_value), np.nan)
    q_value[known] = false_discovery(p_value[known])
    shrunk = sign * rows.column("shrunk").to_numpy()
    verdicts = [
        "too few" if not is_known else "unclear" if q >= _FALSE_SHARE
        else "worse" if value < 0 else "better"
        for is_known, q, value in zip(known, q_value, shrunk, strict=True)
    ]  # fmt: skip
    rows = rows.drop_columns(["p_value"])
    rows = rows.append_column("q_value", pa.array(q_value, from_pandas=True))
    rows = rows.append_column("verdict", pa.array(verdicts, pa.string()))
    order = np.argsort(np.where(np.isnan(shrunk), np.inf, shrunk), kind="stable")
    rows = rows.take(pa.array(order))
    whole = _whole(comparisons[0], rows.schema)
    return ArmGap(pa.concat_tables([whole, rows]), _told(whole, rows, metric, comparisons[0].names))


def _judged(comparison: Comparison, sign: float) -> pa.Table:
    level = ",".join(comparison.by)
    rows = comparison.rows.filter(pc.equal(comparison.rows.column("level"), level))
    change, low, high = (np.array(rows.column(name).to_pylist(), dtype=np.float64)
                         for name in ("change", "low", "high"))  # fmt: skip
    enough = np.minimum(rows.column("n").to_numpy(), rows.column("baseline_n").to_numpy())
    # The reach towards "no difference": intervals of rates near 0 or 1 are lopsided, and half of
    # the whole would call too many small segments worse.
    error = np.where(change > 0, change - low, high - change) / half_width(1.0, np.inf)
    error[(enough < _FEWEST) | ~(error > 0)] = np.nan
    found = shrink(change, error)
    reach = half_width(1.0, np.inf) * found.errors
    with np.errstate(invalid="ignore", divide="ignore"):
        score = np.abs(change) / error
    named = [
        ", ".join(f"{name} {'(missing)' if row[name] is None else row[name]}"
                  for name in comparison.by)
        for row in rows.to_pylist()
    ]  # fmt: skip
    numbers = {
        "change": change, "low": low, "high": high, "shrunk": found.values,
        "shrunk_low": found.values - reach, "shrunk_high": found.values + reach,
        "chance_worse": normal_tail(sign * found.values / found.errors),
        "p_value": 2 * normal_tail(score),
    }  # fmt: skip
    return pa.table({
        "dimensions": pa.array([level] * len(named), pa.string()),
        "segment": pa.array(named, pa.string()),
        **{name: rows.column(name) for name in ("value", "baseline", "n", "baseline_n")},
        **{name: pa.array(values, pa.float64(), from_pandas=name != "p_value")
           for name, values in numbers.items()},
    })  # fmt: skip


def _whole(comparison: Comparison, schema: pa.Schema) -> pa.Table:
    row = comparison.rows.filter(pc.equal(comparison.rows.column("level"), "")).slice(0, 1)
    columns = {name: row.column(name) for name in
               ("value", "baseline", "n", "baseline_n", "change", "low", "high")}  # fmt: skip
    columns |= {name: pa.array([""], pa.string()) for name in ("dimensions", "segment", "verdict")}
    return pa.table({
        field.name: columns.get(field.name, pa.nulls(1, field.type)) for field in schema
    }, schema=schema)  # fmt: skip


def _told(whole: pa.Table, rows: pa.Table, metric: Metric, names: tuple[str, str]) -> str:
    first = whole.to_pylist()[0]
    label = metric.label or metric.name
    if first["change"] is None:
        return f"{label} cannot be compared: one of {names[0]} and {names[1]} has no values."
    told = (
        f"{label} is {_written(first['value'], metric)} {_side(names[0])} and "
        f"{_written(first['baseline'], metric)} {_side(names[1])}: "
        f"{_change(first, metric, 'change', 'low', 'high')}."
    )
    found = rows.to_pylist()
    judged = [row for row in found if row["verdict"] != "too few"]
    worse = [row for row in judged if row["verdict"] == "worse"]
    told += f" Of {len(judged)} segments with enough of both, {len(worse) or 'none'} clearly "
    told += "does worse" if len(worse) == 1 else "do worse"
    if worse:
        named = [
            f"{row['segment']} ({_change(row, metric, 'shrunk', 'shrunk_low', 'shrunk_high')})"
            for row in worse[:_MOST_NAMED]
        ]  # fmt: skip
        more = len(worse) - len(named)
        told += f": {'; '.join(named)}{f'; and {more} more' if more else ''}"
    return f"{told}."


def _side(condition: str) -> str:
    return _SIDES.get(condition, f"where {condition}")


def _written(value: float, metric: Metric) -> str:
    return f"{value:.1%}" if metric.value_unit == "share" else f"{value:,.4g}"


def _change(row: dict[str, Any], metric: Metric, value: str, low: str, high: str) -> str:
    scale, unit = (100, " pp") if metric.value_unit in ("share", "points") else (1, "")
    parts = [f"{scale * row[name]:+.2f}" for name in (value, low, high) if row[name] is not None]
    said = f"{parts[0]}{unit}" + (f", {parts[1]} to {parts[2]}" if len(parts) == 3 else "")
    return said.replace("-", "−")
