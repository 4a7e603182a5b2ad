"""Proposes a system spec by looking at a table of decisions that a team already has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.errors import DataError
from pellucid.schema.arrow import is_text
from pellucid.schema.reserved import is_reserved
from pellucid.schema.tables import CANDIDATES, DECISIONS
from pellucid.spec.system import Candidate, Column, Dimension, Feature, Outcome, System

_CANDIDATE_WORDS = ("route", "psp", "processor", "gateway", "acquirer", "provider", "candidate",
                    "chosen", "action", "variant", "offer", "decision", "item")  # fmt: skip
_OUTCOME_WORDS = ("approved", "success", "label", "target", "outcome", "converted", "clicked",
                  "click", "default", "fraud", "chargeback", "accepted", "reward",
                  "repaid")  # fmt: skip
_PROBABILITY_WORDS = ("probability", "proba", "score", "prediction", "y_pred_proba")
_TIME_WORDS = ("decided_at", "time", "timestamp", "tmsp", "date", "created", "at")
_REQUEST_WORDS = ("request", "payment", "order", "session")
_MOST_DIMENSION_VALUES = 50
_ENOUGH_ROWS = 30


@dataclass(slots=True)
class Proposal:
    """A proposed spec and what a person should check in it.

    Attributes
    ----------
    system : System
        The spec.
    notes : list of str
        What was guessed from what, and what is still missing.
    """

    system: System
    notes: list[str] = field(default_factory=list)


def propose(sample: pa.Table, *, name: str) -> Proposal:
    """Propose a spec for a table with one row for each decision.

    Parameters
    ----------
    sample : pyarrow.Table
        The first rows of the table, or all of it.
    name : str
        Name of the system.

    Raises
    ------
    DataError
        If the table has no rows, or no column that could be the decisions' time.
    """
    if not sample.num_rows:
        raise DataError("the sample", ["has no rows; give a file with some"])
    left = dict(zip(sample.column_names, sample.columns, strict=True))
    notes: list[str] = []
    decisions: dict[str, str] = {}
    time = _take_time(left, notes)
    decisions["decided_at"] = time
    decisions["decision_id"] = _take_id(left, sample.num_rows, notes)
    request = _take(left, _REQUEST_WORDS, lambda column: not pa.types.is_floating(column.type))
    if request and "attempt" in left:
        decisions["request_id"] = request
        notes.append(f"request_id: '{request}', by its name")
    elif request:
        notes.append(f"'{request}' looks like a request id; to map it, number the attempts too")
    outcome = _take_outcome(left, notes)
    chosen = _take(left, _CANDIDATE_WORDS, lambda column: is_text(_value_type(column)))
    if chosen:
        decisions["chosen"] = chosen
        notes.append(f"chosen: '{chosen}', by its name")
    probability = _take(left, _PROBABILITY_WORDS, _is_probability)
    if probability:
        decisions["chosen_probability"] = probability
        notes.append(f"chosen_probability: '{probability}', by its name and its 0 to 1 values")
    for wanted in ("amount_minor", "currency", "propensity", "attempt"):
        if wanted in left:
            decisions[wanted] = wanted
            del left[wanted]
    dimensions, features = _sort_rest(left)
    return _assembled(name, sample, decisions, outcome, dimensions, features, notes)


def _assembled(
    name: str, sample: pa.Table, decisions: dict[str, str], outcome: str,
    dimensions: list[str], features: list[str], notes: list[str],
) -> Proposal:  # fmt: skip
    taken = {item.name for table in (DECISIONS, CANDIDATES) for item in table.fields}
    renamed: dict[str, str] = {}
    for source in dimensions:
        target = _column_name(source, taken)
        renamed[target] = source
        taken.add(target)
    outcome_name = _column_name(outcome, taken) if outcome else ""
    columns = [Column(table="decisions", field=to, source=source)
               for to, source in {**decisions, **renamed}.items()]  # fmt: skip
    if decisions.get("chosen"):
        shared = {"decision_id": decisions["decision_id"], "decided_at": decisions["decided_at"],
                  "candidate_id": decisions["chosen"], "is_chosen": "=true"}  # fmt: skip
        shared |= {f"f_{_feature_name(item)}": item for item in features}
        columns += [Column(table="candidates", field=to, source=source)
                    for to, source in shared.items()]  # fmt: skip
    if outcome:
        observed = {"decision_id": decisions["decision_id"], "outcome": f"={outcome_name}",
                    "value": outcome, "outcome_at": decisions["decided_at"]}  # fmt: skip
        columns += [Column(table="outcomes", field=to, source=source)
                    for to, source in observed.items()]  # fmt: skip
        notes.append(
            f"outcomes.{outcome_name}.matures_after: 1d is a guess; say when the label is final"
        )
    system = System(
        name=name,
        dimensions=tuple(Dimension(name=to) for to in renamed),
        features=tuple(
            Feature(name=_feature_name(item), kind=_feature_kind(sample.column(item)))
            for item in features
        ),
        candidate=Candidate(name=_candidate_name(decisions, taken | {outcome_name})),
        outcomes=(Outcome(name=outcome_name, matures_after="1d",
                          is_predicted="chosen_probability" in decisions),)
        if outcome else (),
        columns=tuple(columns),
    )  # fmt: skip
    notes.append("layers: none proposed; list the policy's steps in the order in which they act")
    return Proposal(system, notes)


def _take_time(left: dict[str, pa.ChunkedArray], notes: list[str]) -> str:
    times = [name for name, column in left.items() if pa.types.is_timestamp(column.type)]
    if not times:
        times = [name for name, column in left.items() if _holds_instants(column)]
    if not times:
        raise DataError(
            "the sample", ["has no timestamp column; a decision needs the time it was made"]
        )
    picked = min(times, key=lambda name: (_rank(name, _TIME_WORDS), list(left).index(name)))
    column = left.pop(picked)
    notes.append(f"decided_at: '{picked}'")
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        notes.append(f"'{picked}' has no time zone: log with --timezone UTC, or the zone it is in")
    return picked


def _take_id(left: dict[str, pa.ChunkedArray], count: int, notes: list[str]) -> str:
    unique = [
        name for name, column in left.items()
        if not pa.types.is_floating(column.type) and pc.count_distinct(column).as_py() == count
    ]  # fmt: skip
    named = [name for name in unique if "id" in re.split(r"[^a-z]+", name.lower())]
    if not (named or (unique and count >= _ENOUGH_ROWS)):
        raise DataError(
            "the sample",
            ["has no column with a distinct value in each row; add a decision id first"],
        )
    picked = (named or unique)[0]
    del left[picked]
    notes.append(f"decision_id: '{picked}', distinct in each of the {count:,} rows looked at")
    return picked


def _take_outcome(left: dict[str, pa.ChunkedArray], notes: list[str]) -> str:
    picked = _take(left, _OUTCOME_WORDS, _is_binary)
    notes.append(
        f"outcome: '{picked}', by its name and its 0/1 values" if picked
        else "outcomes: none found; add what happens after a decision"
    )  # fmt: skip
    return picked or ""


def _take(left: dict[str, pa.ChunkedArray], words: Iterable[str], fits: object) -> str | None:
    ranked = sorted((_rank(name, tuple(words)), name) for name in left)
    for rank, name in ranked:
        if rank < len(tuple(words)) and callable(fits) and fits(left[name]):
            del left[name]
            return name
    return None


def _rank(name: str, words: tuple[str, ...]) -> int:
    parts = re.split(r"[^a-z]+", name.lower())
    hits = [index for index, word in enumerate(words) if word in parts or word == name.lower()]
    return min(hits, default=len(words))


def _sort_rest(left: dict[str, pa.ChunkedArray]) -> tuple[list[str], list[str]]:
    dimensions, features = [], []
    for name, column in left.items():
        kind = _value_type(column)
        if is_text(kind):
            if pc.count_distinct(column).as_py() <= _MOST_DIMENSION_VALUES:
                dimensions.append(name)
        elif pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
            features.append(name)
    return dimensions, features


def _is_binary(column: pa.ChunkedArray) -> bool:
    kind = _value_type(column)
    if pa.types.is_boolean(kind):
        return True
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return False
    return set(pc.unique(column.drop_null()).to_pylist()) <= {0, 1}


def _is_probability(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_floating(column.type):
        return False
    span = pc.min_max(column).as_py()
    return span["min"] is not None and span["min"] >= 0 and span["max"] <= 1


def _holds_instants(column: pa.ChunkedArray) -> bool:
    if not is_text(column.type):
        return False
    for kind in (pa.timestamp("us", tz="UTC"), pa.timestamp("us")):
        try:
            pc.cast(column, kind)
        except pa.ArrowInvalid:
            continue
        return True
    return False


def _value_type(column: pa.ChunkedArray) -> pa.DataType:
    kind = column.type
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _feature_kind(column: pa.ChunkedArray) -> Literal["boolean", "number"]:
    return "boolean" if pa.types.is_boolean(_value_type(column)) else "number"


def _feature_name(source: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", source)


def _candidate_name(decisions: dict[str, str], taken: set[str]) -> str:
    source = decisions.get("chosen", "candidate")
    return _column_name("candidate" if source == "chosen" else source, taken)


def _column_name(source: str, taken: set[str]) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", source.lower()).strip("_") or "column"
    name = name if name[0].isalpha() else f"c_{name}"
    while name in taken or is_reserved(name):
        name = f"own_{name}"
    return name
