"""Live records to column batches: whole batches at a time, bad records refused one by one.

A column batch is ``{table: {column: values}}``, under the names of the standard record, instants
as whole microseconds since 1970.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate, chain, compress, pairwise
from typing import Any

from pellucid.log.gather import Columns, RefusedError, put, repeated, spread, text_of
from pellucid.log.kinds import DECISION, OUTCOME, Record
from pellucid.log.replay import replay
from pellucid.log.sampling import Sampling

Tables = dict[str, Columns]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_ERRORS = 20

DECISION_KEYS = frozenset({
    "id", "at", "request_id", "attempt", "dims", "raw", "amount_minor", "currency", "model_id",
    "policy_version", "arm", "cutoffs", "candidates", "layers", "chosen", "propensity",
    "sample_weight",
})  # fmt: skip
CANDIDATE_KEYS = frozenset({
    "id", "features", "raw_score", "probability", "is_eligible", "ineligible_reason", "dims",
    "propensity",
})  # fmt: skip
_OUTCOME_KEYS = frozenset({
    "decision_id", "outcome", "value", "at", "recorded_at", "reason", "blame",
})  # fmt: skip
_LAYER_KEYS = frozenset({"name", "terms", "picks"})
_PLAIN_DECISION = (
    "attempt", "model_id", "policy_version", "arm", "amount_minor", "currency", "propensity",
)  # fmt: skip
_PLAIN_CANDIDATE = ("ineligible_reason", "raw_score", "probability", "propensity")


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
    sampling : Sampling, optional
        Which decisions are kept.
    """

    scale: str = "probability"
    repeats: tuple[str, ...] = ()
    candidate_dimensions: tuple[str, ...] = ()
    sampling: Sampling | None = None


@dataclass(slots=True)
class Batch:
    """Column batches of some records, and what was refused.

    Attributes
    ----------
    parts : list of Tables
        Columns by table; more than one where bad records split the batch.
    records : int
        Records taken.
    sampled_out : int
        Decisions that sampling left out.
    refused : Counter of str
        Records refused, by reason.
    refused_places : set of int
        Their places among the records given.
    errors : list of str
        The first refusals.
    """

    parts: list[Tables] = field(default_factory=list)
    records: int = 0
    sampled_out: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    refused_places: set[int] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)


def make_batch(records: Sequence[tuple[str, Record]], shape: Shape) -> Batch:
    """Turn records into column batches.

    Parameters
    ----------
    records : sequence of (kind, record)
        Kind is ``decision`` or ``outcome``.

    Returns
    -------
    Batch
        A record that does not fit is left out whole, counted, and never raises.
    """
    batch = Batch()
    for kind in _READERS:
        places = [place for place, (found, _) in enumerate(records) if found == kind]
        if kind == DECISION and shape.sampling is not None:
            kept = [place for place in places if _is_kept(records[place][1], shape.sampling)]
            batch.sampled_out = len(places) - len(kept)
            places = kept
        if places:
            _read(batch, kind, places, [records[place][1] for place in places], shape)
    return batch


def _is_kept(record: Record, sampling: Sampling) -> bool:
    try:
        return sampling.keeps(record)
    except Exception:  # noqa: BLE001 - what is wrong with it is told where it is read
        return True


def _read(
    batch: Batch, kind: str, places: Sequence[int], records: Sequence[Record], shape: Shape
) -> None:
    try:
        batch.parts.append(_READERS[kind](records, shape))
    except RefusedError as refusal:
        reason = refusal.reason
    except Exception as error:  # noqa: BLE001 - whatever a record is, it costs no other one
        reason = f"malformed ({type(error).__name__})"
    else:
        batch.records += len(records)
        return
    if len(records) > 1:
        half = len(records) // 2
        _read(batch, kind, places[:half], records[:half], shape)
        _read(batch, kind, places[half:], records[half:], shape)
        return
    batch.refused_places.add(places[0])
    batch.refused[f"{kind}: {reason}"] += 1
    if len(batch.errors) < _FIRST_ERRORS:
        batch.errors.append(f"{kind}: {reason}")


def _read_decisions(records: Sequence[Record], shape: Shape) -> Tables:
    count = len(records)
    given = _known(spread(records), DECISION_KEYS)
    empty = [None] * count
    ids, at = _ids(given, "id", count), _instants(given.get("at", empty), "at")
    dims = spread(given.get("dims", ()))
    lists: Sequence[Sequence[Record]] = [item or () for item in given.get("candidates", empty)]
    layers: Sequence[Sequence[Record]] = [item or () for item in given.get("layers", empty)]
    if any(layers):
        lists, layers = _by_text(lists, layers)
    picks = _picks(lists, layers, given.get("arm", empty), shape)
    chosen = _chosen(given.get("chosen", empty), picks)
    columns: Columns = {
        "decision_id": ids,
        "decided_at": at,
        "request_id": [
            request or identity
            for request, identity in zip(given.get("request_id", empty), ids, strict=True)
        ],
        "chosen": chosen,
    }
    columns.update((name, given[name]) for name in _PLAIN_DECISION if name in given)
    if shape.sampling is not None or "sample_weight" in given:
        columns["sample_weight"] = _weights(records, shape.sampling)
    tables: Tables = {"decisions": columns}
    sizes = list(map(len, lists))
    candidates = _candidates(list(chain.from_iterable(lists)), repeated(chosen, sizes))
    if candidates:
        own = spread(candidates.pop("dims", ()))
        features = spread(candidates.pop("features", ()))
        _add_chosen(columns, candidates, own, sizes, shape)
        rows: Columns = {
            "decision_id": repeated(ids, sizes), "decided_at": repeated(at, sizes)
        }  # fmt: skip
        put(rows, candidates)
        put(rows, features, "f_")
        put(rows, own)
        put(rows, _terms(rows["candidate_id"], layers, sizes), "layer_")
        none = [None] * sum(sizes)
        put(rows, {
            name: repeated(dims[name], sizes) if name in dims else none for name in shape.repeats
        })  # fmt: skip
        tables["candidates"] = rows
    put(columns, dims)
    put(columns, spread(given.get("raw", ())), "raw_")
    put(columns, spread(given.get("cutoffs", ())), "cutoff_")
    put(columns, spread(picks), "pick_")
    return tables


def _by_text(
    lists: Sequence[Sequence[Record]], layers: Sequence[Sequence[Record]]
) -> tuple[Sequence[Sequence[Record]], Sequence[Sequence[Record]]]:
    """Return candidates and layers that name candidates by text, as the tables do."""
    acting = list(chain.from_iterable(layers))
    names = chain(
        (item.get("id") for item in chain.from_iterable(lists)),
        chain.from_iterable(layer.get("terms") or () for layer in acting),
        (layer.get("picks") for layer in acting),
    )
    if set(map(type, names)) <= {str, type(None)}:
        return lists, layers
    return [[_named(item, "id") for item in some] for some in lists], [
        [
            _named(layer, "picks")
            | {"terms": {text_of(name): term for name, term in (layer.get("terms") or {}).items()}}
            for layer in some
        ]
        for some in layers
    ]


def _named(item: Record, key: str) -> dict[str, Any]:
    name = item.get(key)
    return dict(item) if name is None else {**item, key: text_of(name)}


def _picks(
    lists: Sequence[Sequence[Record]], layers: Sequence[Sequence[Record]], arms: Sequence[Any],
    shape: Shape,
) -> list[Mapping[str, Any]]:  # fmt: skip
    if not any(layers):
        return []
    _known(dict.fromkeys(chain.from_iterable(chain.from_iterable(layers)), ()), _LAYER_KEYS)
    return [
        replay(some, acting, shape.scale) if acting and arm != "control" else {}
        for some, acting, arm in zip(lists, layers, arms, strict=True)
    ]


def _chosen(given: Sequence[Any], picks: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """Return the final picks: as given, else what the last layer left."""
    if picks:
        given = [
            list(stages.values())[-1] if pick is None and stages else pick
            for pick, stages in zip(given, picks, strict=True)
        ]
    return [pick if pick is None else text_of(pick) for pick in given]


def _weights(records: Sequence[Record], sampling: Sampling | None) -> list[float]:
    """Return the sample weights: the callers' own, and the inverse of the keep rate here."""
    given = [record.get("sample_weight") for record in records]
    return [
        (1.0 if weight is None else float(weight)) / (sampling.rate_of(record) if sampling else 1)
        for weight, record in zip(given, records, strict=True)
    ]


def _candidates(items: Sequence[Record], chosen: Sequence[Any]) -> Columns:
    """Return the columns of candidates; ``features`` and ``dims`` as they came."""
    if not items:
        return {}
    given = _known(spread(items), CANDIDATE_KEYS)
    ids = _ids(given, "id", len(items))
    columns: Columns = {
        "candidate_id": ids,
        "is_eligible": [
            is_eligible is None or is_eligible
            for is_eligible in given.get("is_eligible", [None] * len(items))
        ],
        "is_chosen": [own == pick for own, pick in zip(ids, chosen, strict=True)],
    }
    columns.update((name, given[name]) for name in _PLAIN_CANDIDATE if name in given)
    columns.update((name, given[name]) for name in ("features", "dims") if name in given)
    return columns


def _add_chosen(
    columns: Columns, candidates: Columns, own: Columns, sizes: Sequence[int], shape: Shape
) -> None:
    is_chosen, eligible = candidates["is_chosen"], candidates["is_eligible"]
    counts = [size or None for size in sizes]
    columns["candidate_count"] = columns["eligible_count"] = counts
    if False in eligible:
        bounds = pairwise([0, *accumulate(sizes)])
        columns["eligible_count"] = [sum(eligible[a:b]) if b > a else None for a, b in bounds]
    owners = repeated(range(len(sizes)), sizes)
    place = dict(zip(compress(owners, is_chosen), compress(range(len(owners)), is_chosen),
                     strict=True))  # fmt: skip
    places = [place.get(owner) for owner in range(len(sizes))]
    found = {f"chosen_{name}": candidates.get(name) for name in ("raw_score", "probability")}
    found |= {f"chosen_{name}": own.get(name) for name in shape.candidate_dimensions}
    put(columns, {
        name: [None if at is None else values[at] for at in places]
        for name, values in found.items()
        if values is not None
    })  # fmt: skip


def _terms(
    names: Sequence[str], layers: Sequence[Sequence[Record]], sizes: Sequence[int]
) -> Columns:
    if not any(layers):
        return {}
    acting = [
        {layer["name"]: layer["terms"] for layer in some if layer.get("terms")} for some in layers
    ]
    return spread([
        {layer: terms.get(name) for layer, terms in given.items()}
        for name, given in zip(names, repeated(acting, sizes), strict=True)
    ])  # fmt: skip


def _read_outcomes(records: Sequence[Record], _: Shape) -> Tables:
    count = len(records)
    given = _known(spread(records), _OUTCOME_KEYS)
    empty = [None] * count
    at = given.get("at", empty)
    recorded = [
        late or early for late, early in zip(given.get("recorded_at", empty), at, strict=True)
    ]
    return {"outcomes": {
        "decision_id": _ids(given, "decision_id", count),
        "outcome": _ids(given, "outcome", count),
        "value": [float(value) for value in given.get("value", empty)],
        "outcome_at": _instants(at, "at"),
        "recorded_at": _instants(recorded, "recorded_at"),
        "reason": given.get("reason", empty),
        "blame": given.get("blame", empty),
    }}  # fmt: skip


_READERS: dict[str, Callable[[Sequence[Record], Shape], Tables]] = {
    DECISION: _read_decisions,
    OUTCOME: _read_outcomes,
}


def _known(columns: Columns, known: frozenset[str]) -> Columns:
    if not columns.keys() <= known:
        # A key may be anything, a card number too: only its count is told.
        extra = len(columns.keys() - known)
        raise RefusedError(f"{extra} unknown keys; known: {', '.join(sorted(known))}")
    return columns


def _ids(columns: Columns, name: str, count: int) -> list[str]:
    values = columns.get(name, [None] * count)
    if None in values or "" in values:
        raise RefusedError(f"{name} is missing")
    return [value if type(value) is str else text_of(value) for value in values]


def _instants(values: Sequence[Any], name: str) -> list[int]:
    return [_micros(value, name) for value in values]


def _micros(at: object, name: str) -> int:
    if not isinstance(at, datetime):
        raise RefusedError(f"{name} is not a datetime")
    if at.tzinfo is None:
        raise RefusedError(f"{name} has no time zone; log datetime.now(UTC)")
    span = at - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
