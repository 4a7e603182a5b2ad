"""Answers from the records as they are: counts, rates and fees, aggregates only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from purchases import purchases_by_gap
from routing_records import END, HISTORY, ROUTING, SPLIT, START, Logged

import pellucid
from pellucid.figures import numbers

# Every label is known and mature by then; by default the last hour would count as pending.
AS_OF = datetime(2019, 2, 5, tzinfo=UTC)
ALL_WEEKS = pellucid.Window(START.replace(tzinfo=UTC), END.replace(tzinfo=UTC))
LAST_WEEKS = pellucid.Window(SPLIT.replace(tzinfo=UTC), END.replace(tzinfo=UTC))
BREAKDOWNS = (("psp",), ("country",), ("card",), ("is_3d_secured",), ("psp", "is_3d_secured"),
              ("psp", "card"))  # fmt: skip
_LABELS = {"psp": "PSP", "country": "country", "card": "card", "is_3d_secured": "3-D Secure"}
_LONGEST_GAP_S = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """A titled table with a remark.

    Attributes
    ----------
    title, remark : str
    heads : tuple of str
        Column heads; those after the first `texts` are numbers.
    rows : sequence of tuple of str
    texts : int
        How many leading columns hold text.
    """

    title: str
    remark: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    texts: int = 1


@dataclass(frozen=True, slots=True)
class Systems:
    """Both systems, open, and what was logged to them."""

    history: pellucid.Observatory
    routing: pellucid.Observatory
    logged: Logged


def open_systems(lake: Path, logged: Logged) -> Systems:
    """Open both systems and explain every candidate of the last weeks."""
    routing = pellucid.open(lake, system=ROUTING)
    routing.attribute(over=LAST_WEEKS)
    return Systems(pellucid.open(lake, system=HISTORY), routing, logged)


def whole(systems: Systems) -> Finding:
    """Return the counts and rates of all records."""
    names = ("decision_count", "request_count", "retried_purchases", "success_rate",
             "request_success_rate", "mean_fee", "fee_per_purchase", "fee_per_success")  # fmt: skip
    answer = systems.history.query(*names, over=ALL_WEEKS, as_of=AS_OF)
    labels = {metric.name: metric for metric in answer.metrics}
    rows = []
    for row in answer.rows.to_pylist():
        metric = labels[row["metric"]]
        if metric.finalizer == "count":
            shown = (numbers.count(row["value"]), numbers.NONE)
        elif metric.value_unit == "share":
            shown = (numbers.rate(row["value"], 2), numbers.interval(row["low"], row["high"], 2))
        else:
            shown = (f"{numbers.number(row['value'], 3)} EUR", _span(row))
        rows.append((metric.label, *shown, numbers.count(row["n"])))
    gap = purchases_by_gap(systems.logged.attempts, seconds=_LONGEST_GAP_S)
    remark = (
        "Attempts that agree on clock minute, country and amount are one purchase; no other column "
        "is needed, and adding card or 3-D Secure splits one purchase in two. The rule cuts a "
        f"purchase at the turn of the minute. With at most {_LONGEST_GAP_S} seconds from one "
        "attempt to the next instead, country and amount being equal, there are "
        f"{gap[0]:,} purchases, {gap[1]:,} of them tried again, and "
        f"{numbers.rate(gap[2], 2)} succeed: most likely nearer to the truth. Every other number "
        "here keeps the stated rule."
    )
    return Finding("All records", remark, ("metric", "value", "95% interval", "n"), rows)


def breakdowns(systems: Systems) -> list[Finding]:
    """Return the success rate per PSP, country, card, 3-D Secure, and PSP with 3-D Secure."""
    found = []
    for by in BREAKDOWNS:
        answer = systems.history.query("success_rate", by=by, over=ALL_WEEKS, as_of=AS_OF)
        rows = [
            (*(row[name] for name in by), *rate_cells(row)) for row in answer.finest.to_pylist()
        ]
        heads = tuple(_LABELS[name] for name in by)
        title = f"Success by {' and '.join(heads)}"
        found.append(Finding(title, "", (*heads, "success", "95% interval", "n"), rows, len(by)))
    return found


def amounts(systems: Systems) -> Finding:
    """Return the success rate below and from 200 EUR, and how often Goldcard was used there."""
    names = [segment.name for segment in systems.history.system.segments]
    ask: dict[str, Any] = {"over": ALL_WEEKS, "as_of": AS_OF, "segments": names}
    success = systems.history.query("success_rate", **ask).rows.to_pylist()
    shares = systems.history.query("traffic_share", by=["psp"], **ask).finest.to_pylist()
    rates = {row["segment"]: row for row in success}
    rows = []
    for segment in systems.history.system.segments:
        share = next(row["value"] for row in shares
                     if (row["segment"], row["psp"]) == (segment.name, "Goldcard"))  # fmt: skip
        rows.append((segment.label, *rate_cells(rates[segment.name]), numbers.rate(share)))
    remark = (
        "The source's own notes say that features other than PSP and 3-D Secure carry little. Two "
        "carry more: success falls at about 200 EUR, while the use of Goldcard does not move; and "
        "within a PSP the card counts (above: Moneycard with Visa, Simplecard with Master)."
    )
    heads = ("amount", "success", "95% interval", "n", "share of Goldcard")
    return Finding("Success by amount", remark, heads, rows)


def rate_cells(row: dict[str, Any]) -> tuple[str, str, str]:
    """Return a rate, its interval and n as text."""
    interval = numbers.interval(row["low"], row["high"], 2)
    return numbers.rate(row["value"], 2), interval, numbers.count(row["n"])


def _span(row: dict[str, Any]) -> str:
    return f"{numbers.number(row['low'], 3)} to {numbers.number(row['high'], 3)}"
