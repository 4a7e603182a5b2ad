"""Checks a system spec as a whole, and tells the record which columns it declares."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from pellucid.errors import SpecError, did_you_mean
from pellucid.schema.reserved import is_reserved
from pellucid.schema.tables import CANDIDATES, DECISIONS, TABLES
from pellucid.spec.expression import BOOLEAN, NUMBER, problems_in
from pellucid.spec.sources import outcome_columns, source_columns
from pellucid.spec.system import Metric, System
from pellucid.windows import parse_duration

_SYSTEM_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_COLUMN_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FEATURE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NEEDS_VALUE = ("rate", "mean", "ratio", "total")


def check_system(system: System, *, where: str = "") -> System:
    """Return the system if it is sound.

    Raises
    ------
    SpecError
        With every problem: names, clashes, durations, references, expressions.
    """
    problems = [
        *_name_problems(system),
        *_reference_problems(system),
        *_duration_problems(system),
        *_expression_problems(system),
    ]
    if problems:
        raise SpecError(where or f"system '{system.name}'", problems)
    return system


def declared_names(system: System) -> Mapping[str, Mapping[str, str]]:
    """Return the names that the spec gives each column family, with a feature's kind."""
    candidate_dimensions = {item.name: "" for item in system.candidate.dimensions}
    return {
        "features": {feature.name: feature.kind for feature in system.features},
        "layers": {layer.name: "" for layer in system.layers},
        "stages": dict.fromkeys(system.stages, ""),
        "dimensions": dict.fromkeys(system.dimension_names, ""),
        "candidate_dimensions": candidate_dimensions,
        "repeated_dimensions": dict.fromkeys(system.candidate.repeats, ""),
        "cutoffs": dict.fromkeys(system.cutoffs, ""),
        "outcomes": {outcome.name: outcome.kind for outcome in system.outcomes},
    }


def _name_problems(system: System) -> Iterator[str]:
    if not _SYSTEM_NAME.fullmatch(system.name):
        yield f"name: '{system.name}' must be lower-case letters, digits, - and _"
    columns = {
        "dimensions": list(system.dimension_names),
        "candidate.dimensions": [item.name for item in system.candidate.dimensions],
        "layers": [layer.name for layer in system.layers],
        "outcomes": [outcome.name for outcome in system.outcomes],
        "cutoffs": list(system.cutoffs),
        "segments": [segment.name for segment in system.segments],
        "metrics": [metric.name for metric in system.metrics],
    }
    for place, names in columns.items():
        for name in names:
            if not _COLUMN_NAME.fullmatch(name):
                yield f"{place}: '{name}' must be lower-case letters, digits and _"
        yield from _repeats(place, names)
    features = [feature.name for feature in system.features]
    for name in features:
        if not _FEATURE_NAME.fullmatch(name):
            yield f"features: '{name}' must be letters, digits, '_', '.' and '-'"
    yield from _repeats("features", features)
    yield from _clashes(system)


def _repeats(place: str, names: list[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{place}: '{name}' is declared {count} times"


def _clashes(system: System) -> Iterator[str]:
    fixed = {field.name for table in (DECISIONS, CANDIDATES) for field in table.fields}
    taken = dict.fromkeys(fixed, "a field of the record")
    groups = [
        ("dimensions", system.dimension_names),
        ("candidate.dimensions", tuple(item.name for item in system.candidate.dimensions)),
        ("candidate.name", (system.candidate.name,)),
        ("outcomes", tuple(name for item in system.outcomes for name in outcome_columns(item))),
    ]
    for place, names in groups:
        for name in dict.fromkeys(names):
            if is_reserved(name):
                yield f"{place}: '{name}' is used by pellucid's own columns; rename it"
            if name in taken:
                yield f"{place}: '{name}' is already {taken[name]}; rename it"
            taken.setdefault(name, f"declared under {place}")
    if "model" in {layer.name for layer in system.layers}:
        yield "layers: 'model' is the stage before every layer; rename the layer"
    if "all" in {segment.name for segment in system.segments}:
        yield "segments: 'all' is the whole; rename the segment"
    # Column names are compared without regard to case by the tables' format.
    lowered = Counter(feature.name.lower() for feature in system.features)
    for name in (name for name, count in lowered.items() if count > 1):
        spelled = sorted({f.name for f in system.features if f.name.lower() == name})
        if len(spelled) > 1:
            yield f"features: {', '.join(spelled)} differ only by case; rename one"
    rates = Counter(item.rate or f"{item.name}_rate" for item in system.outcomes)
    for name, count in rates.items():
        if count > 1:
            yield f"outcomes: {count} of them have the rate '{name}'; give each its own `rate`"


def _reference_problems(system: System) -> Iterator[str]:
    for name in system.candidate.repeats:
        if name not in system.dimension_names:
            known = did_you_mean(name, system.dimension_names)
            yield f"candidate.repeats: no dimension is called '{name}'{known}"
    for outcome in system.outcomes:
        if outcome.is_predicted and outcome.kind == "amount":
            yield f"outcomes.{outcome.name}: a probability is about a yes/no outcome, not an amount"
    predicted = [outcome.name for outcome in system.outcomes if outcome.is_predicted]
    if len(predicted) > 1:
        yield f"outcomes: {', '.join(predicted)} are all marked is_predicted; at most one may be"
    for column in system.columns:
        if column.table not in TABLES:
            known = did_you_mean(column.table, TABLES)
            yield f"columns: no table is called '{column.table}'{known}"
    fields = Counter((column.table, column.field) for column in system.columns)
    for (table, field), count in fields.items():
        if count > 1:
            yield f"columns.{table}: field '{field}' is mapped {count} times"


def _duration_problems(system: System) -> Iterator[str]:
    for outcome in system.outcomes:
        try:
            parse_duration(outcome.matures_after)
        except SpecError as error:
            for problem in error.problems:
                yield f"outcomes.{outcome.name}.matures_after: '{outcome.matures_after}' {problem}"


def _expression_problems(system: System) -> Iterator[str]:
    decision = source_columns(system, "decision")
    for segment in system.segments:
        for problem in problems_in(segment.where, decision, result=BOOLEAN):
            yield f"segments.{segment.name}: {problem}"
    for metric in system.metrics:
        yield from _metric_problems(system, metric)


def _metric_problems(system: System, metric: Metric) -> Iterator[str]:
    at = f"metrics.{metric.name}"
    known = source_columns(system, metric.unit)
    if metric.finalizer in _NEEDS_VALUE and not metric.value:
        yield f"{at}: a {metric.finalizer} needs `value`"
    if metric.finalizer == "ratio" and not metric.per:
        yield f"{at}: a ratio needs `per`"
    if metric.where:
        for problem in problems_in(metric.where, known, result=BOOLEAN):
            yield f"{at}.where: {problem}"
    family = BOOLEAN if metric.finalizer == "rate" else NUMBER
    for part, text in (("value", metric.value), ("per", metric.per)):
        if text:
            for problem in problems_in(text, known, result=family):
                yield f"{at}.{part}: {problem}"
