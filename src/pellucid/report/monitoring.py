"""The sections of a report about what needs attention: incidents, what is unusual and where."""

from __future__ import annotations

from datetime import timedelta

from pellucid.errors import DataError, SpecError
from pellucid.figures.anomalies import anomaly_table, expected_band
from pellucid.figures.incidents import incident_timeline
from pellucid.figures.localized import localized_parts
from pellucid.figures.maturity import arrivals, maturing
from pellucid.figures.quality import performance_over_time
from pellucid.monitor.performance.maturity import Maturity
from pellucid.report.content import Card, Section
from pellucid.report.questions import Asked
from pellucid.windows import DAY, WEEK, Window, midnight

_LEAST_LEARNED = timedelta(days=14)
_JUDGED = timedelta(days=14)
# What nearly all comes on the first day is told by the hour.
_SOON = 0.9


def incidents_section(asked: Asked) -> Section | None:
    """Return the stored incidents that touch the window, or None where there are none."""
    found = [item for item in asked.obs.incidents()
             if item.started_at < asked.window.end and item.last_at >= asked.window.start
             and item.opened_at <= asked.as_of]  # fmt: skip
    if not found:
        return None
    card = Card(
        title="Incidents", subtitle="The costliest first; those over are pale",
        figure=incident_timeline(found, asked.window),
    )  # fmt: skip
    return Section(title="What went wrong", cards=(card,))


def unusual_section(asked: Asked) -> Section | None:
    """Return what stands out against its own past and where the last week changed.

    None in a report on what was known earlier: both know all that was recorded.
    """
    if asked.as_of < asked.obs.latest():
        return None
    cards = [card for card in (_anomalies(asked), _localized(asked)) if card]
    return Section(title="What is unusual", cards=tuple(cards)) if cards else None


def labels_section(asked: Asked) -> Section | None:
    """Return how late outcomes come and how good the scores were, where there are scores."""
    outcome = asked.outcome
    if outcome is None or not outcome.is_predicted:
        return None
    cards = []
    try:
        late = asked.obs.maturity(over=asked.window, where=asked.where, as_of=asked.as_of)
    except SpecError:
        late = None
    if late is not None:
        close, unit = _closer(asked, late)
        cards += [
            Card(title="What young decisions will end at",
                 subtitle="Known so far, and expected with its 95% interval, per day",
                 findings=(close.told,), figure=maturing(late), width="wide"),
            Card(title="How late outcomes come", subtitle=f"Share known after so many {unit}",
                 figure=arrivals(close), width="narrow"),
        ]  # fmt: skip
    found = asked.obs.performance(
        over=asked.window, where=asked.where, grain="1d", as_of=asked.as_of
    )
    cards.append(Card(
        title="How well the model ranks",
        subtitle="AUC per day: on mature labels with its 95% interval, and expected of all",
        findings=(found.told,), figure=performance_over_time(found),
    ))  # fmt: skip
    return Section(title="How late, and how good", cards=tuple(cards))


def _closer(asked: Asked, late: Maturity) -> tuple[Maturity, str]:
    """Return delays by the hour where nearly all outcomes come on the first day, and their unit."""
    first = late.curve.to_pylist()[0]
    known = [first[name] for name in ("positives", "negatives") if first[name] is not None]
    if min(known, default=0.0) <= _SOON:
        return late, "days"
    by_hour = asked.obs.maturity(over=asked.window, where=asked.where, grain="1h",
                                 as_of=asked.as_of)  # fmt: skip
    return by_hour, "hours"


def _anomalies(asked: Asked) -> Card | None:
    first, _ = asked.obs.span()
    end = asked.window.end
    start = max(asked.window.start, end - _JUDGED, midnight(first) + DAY + _LEAST_LEARNED)
    if end - start < DAY:
        return None
    names = ["decision_count", *([asked.rate.name] if asked.rate else [])]
    by = [asked.candidate]
    try:
        found = asked.obs.anomalies(*names, by=by, where=asked.where, over=Window(start, end))
    except DataError:
        return None
    table = anomaly_table(found)
    return Card(
        title="Against their own past",
        subtitle=f"Hours of the last {(end - start).days} days that level, season and chance do "
        "not explain; the largest is drawn",
        findings=found.findings, figure=expected_band(found) if table.rows else None,
    )  # fmt: skip


def _localized(asked: Asked) -> Card | None:
    end = asked.window.end
    week = Window(end - WEEK, end)
    first, last = asked.obs.span()
    is_covered = week.previous.start >= first - timedelta(hours=1)
    if asked.rate is None or not is_covered or end > last + timedelta(days=1):
        return None
    try:
        found = asked.obs.localize(
            asked.rate.name, over=week, versus=week.previous, where=asked.where
        )
    except (DataError, SpecError):
        return None
    return Card(
        title=f"Where {asked.rate.label.lower()} changed",
        subtitle="Last week against the one before; slices and everything else add up",
        findings=(found.told,), figure=localized_parts(found) if found.slices else None,
    )  # fmt: skip
