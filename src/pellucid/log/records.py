"""Live records to column batches: one pass over what callers handed over, bad ones refused.

A column batch is ``{table: {column: list}}``, under the names of the standard record, instants as
whole microseconds since 1970. It is what the redactor reads, the spool stores and the flusher
turns into Arrow, so each value is touched once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Columns = dict[str, list[Any]]
Record = Mapping[str, Any]

DECISION, OUTCOME = "decision", "outcome"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_ERRORS = 20

DECISION_KEYS = frozenset({
    "id", "at", "request_id", "attempt", "dims", "raw", "amount_minor", "currency", "model_id",
    "policy_version", "arm", "cutoffs", "candidates", "layers", "chosen", "propensity",
})  # fmt: skip
CANDIDATE_KEYS = frozenset({
    "id", "features", "raw_score", "probability", "is_eligible", "ineligible_reason", "dims",
    "propensity",
})  # fmt: skip
_DECISION_FIELDS = (
    "decision_id", "decided_at", "request_id", "attempt", "model_id", "policy_version", "arm",
    "amount_minor", "currency", "chosen", "propensity", "chosen_raw_score", "chosen_probability",
    "candidate_count", "eligible_count",
)  # fmt: skip
_CANDIDATE_FIELDS = (
    "decision_id", "decided_at", "candidate_id", "is_eligible", "ineligible_reason", "raw_score",
    "probability", "is_chosen", "propensity",
)  # fmt: skip
_OUTCOME_FIELDS = (
    "decision_id", "candidate_id", "outcome", "value", "outcome_at", "recorded_at", "reason",
    "blame",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a row goes: a table, and the names of its values.

    There is one object for each shape of record, so that rows are gathered by identity and not by
    fifty names.
    """

    table: str
    names: tuple[str, ...]


class RefusedError(Exception):
    """A record that cannot be stored; `reason` never holds a value of it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a spec says about live records.

    Attributes
    ----------
    scale : str
        Which of a candidate's scores the layers' terms are added to.
    repeats : tuple of str
        Decision dimensions that candidate rows carry too.
    candidate_dimensions : tuple of str
        Dimensions of the chosen candidate that decisions carry as ``chosen_<name>``.
    """

    scale: str = "probability"
    repeats: tuple[str, ...] = ()
    candidate_dimensions: tuple[str, ...] = ()


@dataclass(slots=True)
class Batch:
    """Column batches of some records, and what was refused.

    Attributes
    ----------
    tables : dict of str to Columns
        Columns by table.
    records : int
        Records taken.
    refused : Counter of str
        Records refused, by reason.
    refused_places : set of int
        Their places among the records given.
    errors : list of str
        The first refusals, with the record's place in the batch.
    """

    tables: dict[str, Columns] = field(default_factory=dict)
    records: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    refused_places: set[int] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)


def make_batch(records: Iterable[tuple[str, Record]], shape: Shape) -> Batch:
    """Turn records into column batches.

    Parameters
    ----------
    records : iterable of (kind, record)
        Kind is ``decision`` or ``outcome``.

    Returns
    -------
    Batch
        A record that does not fit is left out whole, counted, and never raises.
    """
    batch = Batch()
    rows: dict[Place, list[tuple[Any, ...]]] = {}
    for place, (kind, record) in enumerate(records):
        try:
            found = _READERS[kind](record, shape)
        except RefusedError as refusal:
            _refuse(batch, place, kind, refusal.reason)
            continue
        except Exception as error:  # noqa: BLE001 - whatever a record is, it costs no other one
            _refuse(batch, place, kind, f"malformed ({type(error).__name__})")
            continue
        batch.records += 1
        for where, row in found:
            rows.setdefault(where, []).append(row)
    for where, parts in rows.items():
        _add(batch.tables.setdefault(where.table, {}), where.names, parts)
    return batch


def _refuse(batch: Batch, place: int, kind: str, reason: str) -> None:
    batch.refused_places.add(place)
    batch.refused[f"{kind}: {reason}"] += 1
    if len(batch.errors) < _FIRST_ERRORS:
        batch.errors.append(f"{kind}: {reason}")


def _add(columns: Columns, names: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    before = len(next(iter(columns.values()), ()))
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        if before and name not in columns:
            columns[name] = [None] * before
        columns.setdefault(name, []).extend(values)
    for column in columns.values():
        if len(column) < before + len(rows):
            column.extend([None] * len(rows))


_Found = list[tuple["Place", tuple[Any, ...]]]


def _read_decision(record: Record, shape: Shape) -> _Found:
    _check_keys(record, DECISION_KEYS)
    identity, at = _text_id(record, "id"), _micros(record.get("at"), "at")
    candidates = record.get("candidates") or ()
    layers = record.get("layers") or ()
    picks, terms = _replay(record, candidates, layers, shape.scale)
    chosen = record.get("chosen")
    if chosen is None and picks:
        chosen = picks[-1]
    dims = record.get("dims") or {}
    picked = next((item for item in candidates if item["id"] == chosen), None)
    score = (picked.get("raw_score"), picked.get("probability")) if picked else (None, None)
    eligible = sum(item.get("is_eligible", True) is not False for item in candidates)
    counts = (len(candidates), eligible) if candidates else (None, None)
    raw, cutoffs = record.get("raw") or {}, record.get("cutoffs") or {}
    own = (picked.get("dims") or {}) if picked else {}
    stages = tuple(layer["name"] for layer in layers) if picks else None
    place = _decision_place(
        tuple(dims), tuple(raw), tuple(cutoffs), stages, shape.candidate_dimensions
    )
    row = (
        identity, at, record.get("request_id") or identity, record.get("attempt"),
        record.get("model_id"), record.get("policy_version"), record.get("arm"),
        record.get("amount_minor"), record.get("currency"), chosen, record.get("propensity"),
        *score, *counts, *dims.values(), *raw.values(), *cutoffs.values(), *picks,
        *(own.get(name) for name in shape.candidate_dimensions),
    )  # fmt: skip
    repeated = tuple(dims.get(name) for name in shape.repeats)
    found: _Found = [(place, row)]
    found += [
        _candidate(item, identity, at, chosen, terms, shape.repeats, repeated)
        for item in candidates
    ]
    return found


def _candidate(
    item: Record,
    identity: str,
    at: int,
    chosen: object,
    terms: Mapping[str, Mapping[str, Any]],
    repeats: tuple[str, ...],
    repeated: tuple[Any, ...],
) -> tuple[Place, tuple[Any, ...]]:
    _check_keys(item, CANDIDATE_KEYS)
    name = _text_id(item, "id")
    features, dims = item.get("features") or {}, item.get("dims") or {}
    place = _candidate_place(tuple(features), tuple(dims), tuple(terms), repeats)
    row = (
        identity, at, name, item.get("is_eligible", True), item.get("ineligible_reason"),
        item.get("raw_score"), item.get("probability"), name == chosen, item.get("propensity"),
        *features.values(), *dims.values(), *(given.get(name) for given in terms.values()),
        *repeated,
    )  # fmt: skip
    return place, row


@lru_cache(maxsize=1024)
def _decision_place(
    dims: tuple[str, ...],
    raw: tuple[str, ...],
    cutoffs: tuple[str, ...],
    stages: tuple[str, ...] | None,
    candidate_dimensions: tuple[str, ...],
) -> Place:
    picks = () if stages is None else ("model", *stages)
    return Place("decisions", _checked((
        *_DECISION_FIELDS, *dims, *(f"raw_{name}" for name in raw),
        *(f"cutoff_{name}" for name in cutoffs), *(f"pick_{name}" for name in picks),
        *(f"chosen_{name}" for name in candidate_dimensions),
    )))  # fmt: skip


@lru_cache(maxsize=1024)
def _candidate_place(
    features: tuple[str, ...],
    dims: tuple[str, ...],
    layers: tuple[str, ...],
    repeats: tuple[str, ...],
) -> Place:
    return Place("candidates", _checked((
        *_CANDIDATE_FIELDS, *(f"f_{name}" for name in features), *dims,
        *(f"layer_{name}" for name in layers), *repeats,
    )))  # fmt: skip


def _replay(
    record: Record, candidates: Sequence[Record], layers: Sequence[Record], scale: str
) -> tuple[tuple[Any, ...], dict[str, Mapping[str, Any]]]:
    """Return the pick after the model and after each layer, and each layer's terms."""
    terms = {layer["name"]: layer["terms"] for layer in layers if layer.get("terms")}
    if not layers or record.get("arm") == "control":
        return (), terms
    score = "probability" if scale == "probability" else "raw_score"
    utility = {
        item["id"]: item[score]
        for item in candidates
        if item.get("is_eligible", True) and item.get(score) is not None
    }
    pick = max(utility, key=utility.__getitem__, default=None)
    picks = [pick]
    for layer in layers:
        for name, term in (layer.get("terms") or {}).items():
            if name in utility and term is not None:
                utility[name] += term
        if layer.get("picks") is not None:
            # A layer that picks outright lifts its pick to the top; later terms move from there.
            pick = layer["picks"]
            utility[pick] = max(utility.values(), default=0.0)
        elif utility:
            top = max(utility.values())
            if pick not in utility or utility[pick] < top:
                pick = max(utility, key=utility.__getitem__)
        picks.append(pick)
    return tuple(picks), terms


def _read_outcome(record: Record, _: Shape) -> _Found:
    row = (
        _text_id(record, "decision_id"), record.get("candidate_id"), _text_id(record, "outcome"),
        float(record["value"]), _micros(record.get("at"), "at"),
        _micros(record.get("recorded_at") or record.get("at"), "recorded_at"),
        record.get("reason"), record.get("blame"),
    )  # fmt: skip
    return [(_OUTCOME_PLACE, row)]


_OUTCOME_PLACE = Place("outcomes", _OUTCOME_FIELDS)
_READERS: dict[str, Callable[[Record, Shape], _Found]] = {
    DECISION: _read_decision,
    OUTCOME: _read_outcome,
}


def _check_keys(record: Record, known: frozenset[str]) -> None:
    if not record.keys() <= known:
        # A key may be anything, a card number too: only its count is told.
        extra = len(record.keys() - known)
        raise RefusedError(f"{extra} unknown keys; known: {', '.join(sorted(known))}")


def _checked(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise RefusedError("a name is given twice, or is that of a fixed field")
    if not all(isinstance(name, str) for name in names):
        raise RefusedError("a name is not text")
    return names


def _text_id(record: Record, name: str) -> str:
    value = record.get(name)
    if value is None or value == "":
        raise RefusedError(f"{name} is missing")
    return value if isinstance(value, str) else str(value)


def _micros(at: object, name: str) -> int:
    if not isinstance(at, datetime):
        raise RefusedError(f"{name} is not a datetime")
    if at.tzinfo is None:
        raise RefusedError(f"{name} has no time zone; log datetime.now(UTC)")
    span = at - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
