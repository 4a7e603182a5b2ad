"""The policy against control and against others, and where it is weak, as text."""

from __future__ import annotations

from pellucid.figures import numbers
from pellucid.monitor.localize.wording import Units
from pellucid.monitor.policy.arms import ArmGap
from pellucid.monitor.policy.value import PolicyValue
from pellucid.monitor.policy.weak import WeakSegments
from pellucid.terminal.tables import shown, text_table

_MOST = 30
_MOST_OUTSIDE = 2


def gap_text(found: ArmGap) -> str:
    """Return the gap of two arms as its paragraph and the segments, the worst first."""
    heads = ["segment", "value", "baseline", "gap", "drawn together", "95% interval",
             "chance it is worse", "n", "baseline n", "verdict"]  # fmt: skip
    rows = [
        [shown(row["segment"]) or "(all)", numbers.rate(row["value"]),
         numbers.rate(row["baseline"]), _points(row["change"]), _points(row["shrunk"]),
         _span(row["shrunk_low"], row["shrunk_high"]), numbers.rate(row["chance_worse"], 0),
         numbers.count(row["n"]), numbers.count(row["baseline_n"]), row["verdict"]]
        for row in found.rows.slice(0, _MOST).to_pylist()
    ]  # fmt: skip
    table = text_table(heads, rows, right=heads[1:-1])
    more = found.rows.num_rows - _MOST
    rest = f"\n… and {more} more: --format csv" if more > 0 else ""
    return f"{shown(found.told)}\n\n{table}{rest}"


def weak_text(found: WeakSegments) -> str:
    """Return the weak segments as their paragraph and a row each, the most costly first."""
    units = Units.of(found.metric)
    heads = ["segment", "outside of", "value", "baseline", "gap", "95% interval", "drawn together",
             "q", "n", "baseline n", "cost"]  # fmt: skip
    rows = [
        [shown(row["segment"]), _outside(shown(row["without"])), units.value(row["value"]),
         units.value(row["baseline"]), units.amount(row["change"]),
         f"{units.amount(row['low'])} to {units.amount(row['high'])}", units.amount(row["shrunk"]),
         f"{row['q_value']:.2g}", numbers.count(row["n"]), numbers.count(row["baseline_n"]),
         f"{row['cost']:,.4g}"]
        for row in found.rows.to_pylist()
    ]  # fmt: skip
    table = text_table(heads, rows, right=heads[2:]) if rows else ""
    return f"{shown(found.told)}\n\n{table}".rstrip()


def value_text(found: PolicyValue) -> str:
    """Return a policy's value as its paragraph and each estimate."""
    heads = ["estimate", "value", "95% interval", "against logged", "95% interval "]
    rows = [
        [row["method"], numbers.rate(row["value"], 2), numbers.interval(row["low"], row["high"], 2),
         _points(row["difference"]), _span(row["difference_low"], row["difference_high"])]
        for row in found.rows.to_pylist()
    ]  # fmt: skip
    return f"{shown(found.told)}\n\n{text_table(heads, rows, right=heads[1:])}"


def _outside(without: str) -> str:
    count = without.count("; ") + 1
    return f"{count} other weak ones" if count > _MOST_OUTSIDE else without


def _points(value: float | None) -> str:
    return "" if value is None else numbers.points(value, 2)


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None else f"{_points(low)} to {_points(high)}"
