"""Incidents, runs and backtests, as text."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.figures import numbers
from pellucid.monitor.incidents.backtest import Backtest, Tuned
from pellucid.monitor.incidents.incident import Incident
from pellucid.monitor.notices.wording import cost_text
from pellucid.terminal.tables import shown, text_table

_MOST_ALERTS = 12


def incidents_text(incidents: Sequence[Incident]) -> str:
    """Return a line for each incident, the costliest first."""
    if not incidents:
        return "No incident."
    heads = ["id", "state", "severity", "since", "found", "checks", "what", "cost", "owner"]
    body = [
        [item.incident_id, item.state, item.severity, f"{item.started_at:%Y-%m-%d %H:%M}",
         f"{item.opened_at:%Y-%m-%d %H:%M}", numbers.count(len(item.alerts)), shown(item.title),
         shown(cost_text(item.stake)) if item.stake else "", shown(item.owner)]
        for item in incidents
    ]  # fmt: skip
    return text_table(heads, body, right=["checks"])


def incident_text(item: Incident) -> str:
    """Return an incident whole: its cause, its cost and the checks that failed."""
    lines = [
        shown(item.title),
        f"{item.state}, {item.severity}; since {item.started_at:%Y-%m-%d %H:%M} UTC, found "
        f"{item.opened_at:%Y-%m-%d %H:%M}, last seen {item.last_at:%Y-%m-%d %H:%M}.",
        f"Probable cause: {shown(item.cause.told)}",
    ]
    if item.stake:
        lines.append(f"Cost: {shown(cost_text(item.stake))}.")
    if item.markers:
        lines.append(f"Shortly before: {shown(', '.join(item.markers))}.")
    if item.owner or item.note:
        lines.append(f"Owner: {shown(item.owner) or 'nobody'}; by {shown(item.actor)}"
                     f"{': ' + shown(item.note) if item.note else ''}.")  # fmt: skip
    heads = ["check", "since", "what", "n", "p"]
    body = [
        [shown(alert.check), f"{alert.since_at:%Y-%m-%d %H:%M}", shown(alert.why),
         numbers.count(alert.n), "" if alert.p_value != alert.p_value else f"{alert.p_value:.1e}"]
        for alert in item.alerts[:_MOST_ALERTS]
    ]  # fmt: skip
    more = len(item.alerts) - _MOST_ALERTS
    rest = f"\nand {more} more" if more > 0 else ""
    return "\n".join(lines) + f"\n\n{text_table(heads, body, right=['n', 'p'])}{rest}"


def backtest_text(found: Backtest) -> str:
    """Return what checks would have found, with how much was looked at."""
    count = len(found.incidents)
    said = (
        f"{count or 'No'} incident{'' if count == 1 else 's'} in {found.window} "
        f"({found.a_week:.1f} a week), from {found.looks:,} looks at {found.series:,} series of "
        f"{len(found.checks.checks)} checks."
    )
    return said if not count else f"{said}\n\n{incidents_text(found.incidents)}"


def tuned_text(found: Tuned) -> str:
    """Return what each budget of false incidents would have found."""
    heads = ["false a week", "incidents", "a week", "known", "found", "hours to find"]
    body = [
        [f"{row['false_a_week']:g}", numbers.count(row["incidents"]), f"{row['a_week']:.1f}",
         numbers.count(row["known"]), numbers.count(row["found"]),
         numbers.NONE if row["first_found"] is None else f"{row['first_found']:.0f}"]
        for row in found.rows.to_pylist()
    ]  # fmt: skip
    return f"{text_table(heads, body, right=heads)}\n\n{shown(found.told)}"
