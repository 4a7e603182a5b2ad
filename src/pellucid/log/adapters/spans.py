"""What the attributes and events of a span say, as records.

A span is anything with the names of OpenTelemetry's ``ReadableSpan``; nothing is imported for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pellucid.log.gather import RefusedError

PREFIX = "pellucid."
_SYSTEM = "pellucid.system"
_DECISION, _OUTCOME = "pellucid.decision.", "pellucid.outcome."
_CANDIDATE_EVENT, _LAYER_EVENT, _OUTCOME_EVENT = (
    "pellucid.candidate", "pellucid.layer", "pellucid.outcome",
)  # fmt: skip
_EVENTS = (_CANDIDATE_EVENT, _LAYER_EVENT, _OUTCOME_EVENT)
# First part of an attribute's name to the key of the record under which the rest is gathered.
_DECISION_FAMILIES = {"dim": "dims", "raw": "raw", "cutoff": "cutoffs"}
_CANDIDATE_FAMILIES = {"feature": "features", "dim": "dims"}
_CANDIDATE_NAMES = {"eligible": "is_eligible", "reason": "ineligible_reason"}
_LAYER_FAMILIES = {"term": "terms"}
_OUTCOME_KEYS = frozenset(
    {"decision_id", "name", "value", "at", "recorded_at", "reason", "blame"},
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Carried:
    """What a span carries for pellucid.

    Each look at a span's attributes and events takes a lock and a copy, so it is taken once.

    Attributes
    ----------
    attributes : dict
        Under their full names.
    events : list
        In the order in which they were added.
    span : object
        The span.
    """

    attributes: Mapping[str, Any]
    events: Sequence[Any]
    span: Any

    @classmethod
    def by(cls, span: Any) -> Carried | None:
        """Return what a span carries; None for one that has nothing to do with pellucid."""
        given = span.attributes
        attributes = {key: given[key] for key in given if key.startswith(PREFIX)}
        events = [event for event in span.events if event.name.startswith(PREFIX)]
        return cls(attributes, events, span) if attributes or events else None

    @property
    def system(self) -> Any:
        """The system that is meant, where it is said."""
        return self.attributes.get(_SYSTEM)


def decision_of(carried: Carried) -> dict[str, Any] | None:
    """Return the decision that a span carries, as a record; None where it carries none.

    Raises
    ------
    RefusedError
        If something of it was dropped on the way, or is not known.
    """
    _check(carried)
    candidates = _rows(carried, _CANDIDATE_EVENT, _CANDIDATE_FAMILIES)
    layers = _rows(carried, _LAYER_EVENT, _LAYER_FAMILIES)
    given = _under(carried, _DECISION)
    if not given:
        if candidates or layers:
            raise RefusedError("candidates or layers on a span without pellucid.decision.*")
        return None
    record = _gathered(given, _DECISION_FAMILIES)
    record.setdefault("id", _span_id(carried))
    record["at"] = _instant(record.get("at"), carried.span.start_time)
    record["candidates"] = [
        {_CANDIDATE_NAMES.get(key, key): value for key, value in row.items()} for row in candidates
    ]
    record["layers"] = layers
    return record


def outcomes_of(carried: Carried) -> Iterator[dict[str, Any]]:
    """Yield the outcomes that a span carries, as arguments of `Logger.outcome`.

    Raises
    ------
    RefusedError
        If an attribute is not known, or a time cannot be read.
    """
    own = _under(carried, _OUTCOME)
    if own:
        yield _outcome(own, carried.span.start_time)
    decision = _under(carried, _DECISION)
    decided = {"decision_id": decision.get("id", _span_id(carried))} if decision else {}
    for event in carried.events:
        if event.name == _OUTCOME_EVENT:
            yield _outcome({**decided, **(event.attributes or {})}, event.timestamp)


def _outcome(given: Mapping[str, Any], nanoseconds: int) -> dict[str, Any]:
    if not given.keys() <= _OUTCOME_KEYS:
        names = ", ".join(sorted(_OUTCOME_KEYS))
        raise RefusedError(f"an outcome has attributes other than {names}")
    late = given.get("recorded_at")
    return {
        "decision_id": given.get("decision_id"), "outcome": given.get("name"),
        "value": given.get("value"), "at": _instant(given.get("at"), nanoseconds),
        "recorded_at": None if late is None else _instant(late, nanoseconds),
        "reason": given.get("reason"), "blame": given.get("blame"),
    }  # fmt: skip


def _rows(carried: Carried, name: str, families: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        _gathered(event.attributes or {}, families)
        for event in carried.events
        if event.name == name
    ]


def _check(carried: Carried) -> None:
    events, span = carried.events, carried.span
    if not all(
        key.startswith((_DECISION, _OUTCOME)) or key == _SYSTEM for key in carried.attributes
    ) or any(event.name not in _EVENTS for event in events):
        # Its name is not told: it may hold a value.
        raise RefusedError(f"a span has an attribute or event under {PREFIX} that is not known")
    if (
        span.dropped_attributes or span.dropped_events
        or any(event.dropped_attributes for event in events)
    ):  # fmt: skip
        raise RefusedError(
            "the span dropped attributes or events; raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, "
            "OTEL_SPAN_EVENT_COUNT_LIMIT or OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"
        )


def _under(carried: Carried, prefix: str) -> dict[str, Any]:
    return {
        key[len(prefix) :]: value
        for key, value in carried.attributes.items()
        if key.startswith(prefix)
    }


def _gathered(attributes: Mapping[str, Any], families: Mapping[str, str]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for key, value in attributes.items():
        family, dot, name = key.partition(".")
        if dot and family in families:
            record.setdefault(families[family], {})[name] = value
        else:
            record[key] = value
    return record


def _span_id(carried: Carried) -> str:
    context = carried.span.context
    return f"{context.trace_id:032x}-{context.span_id:016x}"


def _instant(text: Any, nanoseconds: int) -> datetime:
    if text is None:
        # Whole microseconds: a float of seconds would be off by some tenths of one.
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise RefusedError("a time is not ISO 8601") from None
