"""Which alerts may have one cause, and which of them is nearest to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pellucid.monitor.incidents.incident import Alert, Cause, Incident, Slice
from pellucid.spec.expression import columns
from pellucid.spec.system import Metric, System

# How a decision is made: what goes wrong at one stage shows at those after it.
LATE, VOLUME, COLUMN, ELIGIBILITY, LAYER, OUTCOME, SCORE, TRAFFIC, OTHER = range(9)
# Part of a column's rows that must have changed for it to be the cause of all that follows.
MOST_ROWS = 0.5
_BEFORE, _TOGETHER = timedelta(hours=6), timedelta(hours=6)
_SPREADS = timedelta(hours=36)
# What was found in the same hours is of one incident, however unsure since when it is.
_AT_ONCE, _SURELY_BEFORE = timedelta(hours=3), timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Stages:
    """The order in which a system's metrics can be the cause of each other.

    Attributes
    ----------
    system : System
    metrics : mapping of str to Metric
    """

    system: System
    metrics: Mapping[str, Metric]

    @property
    def of_candidate(self) -> frozenset[str]:
        """The dimensions of a candidate: decisions move between their values."""
        return frozenset(
            (self.system.candidate.name, *(item.name for item in self.system.candidate.dimensions))
        )

    def stage(self, alert: Alert | Cause) -> int:
        """Return how early in a decision something is; the earlier, the nearer to the cause."""
        if alert.kind == "late":
            return LATE
        if alert.kind == "column":
            # What changed for few rows may be a feature of what went wrong there.
            is_part = isinstance(alert, Alert) and alert.value < MOST_ROWS
            return SCORE if is_part else COLUMN
        metric = self.metrics.get(alert.subject)
        if metric is None:
            return OTHER
        names = {name for text in (metric.value, metric.per, metric.where) if text
                 for name in columns(text)}  # fmt: skip
        value = set(columns(metric.value)) if metric.value else set()
        outcomes = {outcome.name for outcome in self.system.outcomes}
        if names & outcomes:
            return OUTCOME
        if value & {"is_eligible", "ineligible_reason"}:
            return ELIGIBILITY
        if any(name.startswith("layer_") for name in value):
            return LAYER
        if value & {"raw_score", "probability", "chosen_raw_score", "chosen_probability"}:
            return SCORE
        if metric.finalizer == "count" or value <= {"amount_minor"}:
            return self._volume(alert)
        return TRAFFIC

    def _volume(self, alert: Alert | Cause) -> int:
        # More decisions may be more retries, and those of a candidate are traffic.
        is_moved = self.of_candidate & {name for name, _ in alert.slice}
        has_risen = isinstance(alert, Alert) and alert.value > alert.expected
        return TRAFFIC if is_moved or has_risen else VOLUME

    def is_of(self, alert: Alert, incident: Incident) -> bool:
        """Whether an alert may be of an incident: where it is, or downstream of it, and since then.

        What moved at the same stage and elsewhere must have moved at the same time; what is
        downstream may follow within a day and a half.
        """
        cause, own = incident.cause, self.stage(alert)
        ours, theirs = dict(alert.slice), dict(cause.slice)
        differ = {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
        after = _after(alert, incident.started_at)
        at_once = abs(alert.raised_at - incident.opened_at) <= _AT_ONCE
        if after < -(_SURELY_BEFORE if at_once else _BEFORE):
            return False
        if alert.kind == "late" or cause.kind == "late":
            return alert.kind == cause.kind
        # What most rows of changed is of no one place, unless it moved the scores.
        if own == COLUMN and cause.kind == "metric" and self.stage(cause) < SCORE:
            return False
        # What begins later and earlier in a decision is a cause of its own.
        if own < self.stage(cause) and after > _AT_ONCE:
            return False
        # What one candidate loses others gain, and what they gain changes their rates.
        if differ and not (
            differ <= self.of_candidate and (own > self.stage(cause) or own == TRAFFIC)
        ):
            return False
        is_nested = not differ and (ours.keys() <= theirs.keys() or theirs.keys() <= ours.keys())
        if is_nested and (theirs or not ours):
            return True
        return after <= (_SPREADS if own > self.stage(cause) else _TOGETHER)

    def is_nearer(self, alert: Alert, incident: Incident) -> bool:
        """Whether an alert is nearer to the cause than what an incident is put down to.

        It did not begin later, and is of an earlier stage. What is not eligible has no outcomes:
        where those of the same candidate fell, it is tried again less because it failed.
        """
        if _after(alert, incident.started_at) > _AT_ONCE:
            return False
        own, theirs = self.stage(alert), self.stage(incident.cause)
        shared = {name for name, _ in set(alert.slice) & set(incident.cause.slice)}
        is_retried = (own, theirs) == (OUTCOME, ELIGIBILITY) and bool(shared & self.of_candidate)
        return own < theirs or is_retried


def _after(alert: Alert, started_at: datetime) -> timedelta:
    # Columns are looked at by the day: since some time of it.
    if alert.kind == "column" and alert.since_at <= started_at <= alert.raised_at:
        return timedelta(0)
    return alert.since_at - started_at


def lead(alerts: list[Alert], stages: Stages) -> Alert:
    """Return the alert that is nearest to the cause: the earliest stage, then the clearest."""
    return min(alerts, key=lambda item: (stages.stage(item), _rarity(item), item.slice))


def _rarity(alert: Alert) -> float:
    return alert.p_value if alert.p_value == alert.p_value else 0.0


def fits_known(where: Slice, known: Slice) -> bool:
    """Whether a place lies within that of a known incident."""
    own = dict(where)
    return all(own.get(name) == value for name, value in known)
