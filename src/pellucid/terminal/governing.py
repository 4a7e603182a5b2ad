"""The policy against control and against others, as text."""

from __future__ import annotations

from pellucid.figures import numbers
from pellucid.monitor.policy.arms import ArmGap
from pellucid.monitor.policy.value import PolicyValue
from pellucid.terminal.tables import shown, text_table

_MOST = 30


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


def value_text(found: PolicyValue) -> str:
    """Return a policy's value as its paragraph and each estimate."""
    heads = ["estimate", "value", "95% interval", "against logged", "95% interval "]
    rows = [
        [row["method"], numbers.rate(row["value"], 2), numbers.interval(row["low"], row["high"], 2),
         _points(row["difference"]), _span(row["difference_low"], row["difference_high"])]
        for row in found.rows.to_pylist()
    ]  # fmt: skip
    return f"{shown(found.told)}\n\n{text_table(heads, rows, right=heads[1:])}"


def _points(value: float | None) -> str:
    return "" if value is None else numbers.points(value, 2)


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None else f"{_points(low)} to {_points(high)}"
