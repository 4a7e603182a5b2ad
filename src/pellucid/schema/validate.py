"""Validation of a batch: rows that fit the standard record, and rows refused with every reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.errors import DataError, did_you_mean
from pellucid.schema.arrow import arrow_type, declared_type, is_text, stored_type
from pellucid.schema.columns import ColumnRule, column_rules, open_family
from pellucid.schema.conversion import convert
from pellucid.schema.fields import Field, Table
from pellucid.schema.shape import shape_problems

LONGEST_TEXT_BYTES = 64 * 1024
CLOCK_SKEW = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_UNKNOWN_NAMES = 20


@dataclass(frozen=True, slots=True)
class Validated:
    """A batch, sorted into what fits and what does not.

    Attributes
    ----------
    accepted : pyarrow.Table
        Rows as they are stored.
    refused : pyarrow.Table
        Rows as they came.
    refused_rows : array of int64
        Their row numbers in the batch.
    reasons : list of list of str
        For each refused row every reason.
    violations : dict of str to list of int
        Each kind of violation and the rows that show it.
    """

    accepted: pa.Table
    refused: pa.Table
    refused_rows: np.ndarray
    reasons: list[list[str]]
    violations: dict[str, list[int]]

    @classmethod
    def all_refused(cls, rows: pa.Table, reasons: Sequence[str]) -> Validated:
        """Return a batch of which every row is refused for the same reasons."""
        places = np.arange(rows.num_rows)
        every = {reason: places.tolist() for reason in reasons}
        return cls(rows.slice(0, 0), rows, places, [list(reasons)] * rows.num_rows, every)


@dataclass(slots=True)
class _Findings:
    count: int
    violations: dict[str, list[int]] = field(default_factory=dict)

    def refuse(self, mask: pa.ChunkedArray | pa.Array | np.ndarray, reason: str) -> None:
        if not isinstance(mask, np.ndarray) and not pc.any(mask).as_py():
            return
        bad = mask if isinstance(mask, np.ndarray) else _as_mask(mask)
        rows = np.flatnonzero(bad)
        if len(rows):
            self.violations.setdefault(reason, []).extend(rows.tolist())

    def reasons(self) -> dict[int, list[str]]:
        by_row: dict[int, list[str]] = {}
        for reason, rows in self.violations.items():
            for row in rows:
                by_row.setdefault(row, []).append(reason)
        return dict(sorted(by_row.items()))


def validate(
    table: Table,
    rows: pa.Table,
    *,
    names: Mapping[str, Mapping[str, str]],
    now: datetime,
    where: str,
) -> Validated:
    """Check a batch against a table, convert it to stored types, fill the defaults.

    Parameters
    ----------
    rows : pyarrow.Table
        As the user gave them, columns already under the record's names.
    names : mapping
        Declared names of each column family.
    now : datetime
        Aware; times more than ten minutes later are refused.
    where : str
        Named in errors, for example the file.

    Raises
    ------
    DataError
        If columns are unknown, absent or of an impossible type: nothing of the batch can be
        stored then. All such problems are in the one error.
    """
    rules = column_rules(table, names)
    problems = shape_problems(table, rows, rules)
    if problems:
        raise DataError(f"{table.name} from {where}", problems)
    findings = _Findings(rows.num_rows)
    stored: dict[str, pa.ChunkedArray] = {}
    for name in rows.column_names:
        rule = rules.get(name) or ColumnRule(name, family=open_family(table, name))
        column = _stored_column(rule, rows.column(name), findings)
        if column is not None:
            stored[name] = column
            _check_values(rule, column, findings, now, names)
    _check_together(table, stored, findings, names)
    _fill_defaults(table, stored, rows.num_rows)
    for name in table.required:
        if name in stored:
            absent = pc.is_null(stored[name])
            if name in rows.column_names:
                absent = pc.and_(absent, pc.is_null(rows.column(name)))
            findings.refuse(absent, f"{name} is missing; it is required")
    return _sorted(rows, pa.table(stored), findings)


def _stored_column(
    rule: ColumnRule, column: pa.ChunkedArray, findings: _Findings
) -> pa.ChunkedArray | None:
    if rule.field is not None:
        kind = arrow_type(rule.field.type)
    elif rule.family is not None:
        found = declared_type(rule.kind) or stored_type(rule.family, column.type)
        if found is None or pa.types.is_null(found):
            return None
        kind = found
    converted, bad = convert(column, kind)
    if bad is not None:
        findings.refuse(bad, f"{rule.name} is not a valid {_kind_name(kind)}")
    if rule.family is not None and pa.types.is_floating(kind):
        return _numbers_of_family(rule, converted, findings)
    return converted


def _numbers_of_family(
    rule: ColumnRule, column: pa.ChunkedArray, findings: _Findings
) -> pa.ChunkedArray:
    if _is_finite(column):
        return column
    findings.refuse(pc.is_inf(column), f"{rule.name} is infinite; log a finite number or null")
    # A model sees NaN as missing, so one mark of a missing feature is enough: null.
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _is_finite(column: pa.ChunkedArray) -> bool:
    # The sum of a column is finite only if all its values are; nulls are left out. It is the
    # cheapest of all looks at a column, and nearly always enough.
    total = pc.sum(column).as_py()
    return total is None or math.isfinite(total)


def _check_values(
    rule: ColumnRule,
    column: pa.ChunkedArray,
    findings: _Findings,
    now: datetime,
    names: Mapping[str, Mapping[str, str]],
) -> None:
    name, kind = rule.name, column.type
    if is_text(kind):
        limit = LONGEST_TEXT_BYTES
        too_long = pc.greater(pc.binary_length(column), limit)
        findings.refuse(too_long, f"{name} is longer than {limit // 1024} KiB; shorten it")
    if rule.field is None:
        return
    spec = rule.field
    if pa.types.is_floating(kind) and not _is_finite(column):
        findings.refuse(pc.is_nan(column), f"{name} is NaN; log null for a missing score")
        findings.refuse(pc.is_inf(column), f"{name} is infinite; log a finite number")
    if pa.types.is_timestamp(kind) and rule.name != "refused_at":
        early = pc.less(column, pa.scalar(_EPOCH, kind))
        findings.refuse(early, f"{name} is before 1970; is its unit right?")
        late = pc.greater(column, pa.scalar(now + CLOCK_SKEW, kind))
        findings.refuse(late, f"{name} is in the future; log UTC, and check the clock")
    bounds: tuple[tuple[float | None, Any, str], ...] = (
        (spec.minimum, pc.less, "below"),
        (spec.maximum, pc.greater, "above"),
        (spec.above, pc.less_equal, "not above"),
    )
    for bound, compare, words in bounds:
        if bound is not None:
            bad = compare(column, pa.scalar(bound, kind))
            findings.refuse(bad, f"{name} is {words} {bound:g}; {_range_words(spec)}")
    if spec.choices:
        bad = pc.invert(pc.is_in(column, value_set=pa.array(spec.choices, kind)))
        bad = pc.and_(bad, pc.is_valid(column))
        findings.refuse(bad, f"{name} is not one of {', '.join(spec.choices)}")
    if spec.names:
        known = tuple(names.get(spec.names, {}))
        bad = pc.invert(pc.is_in(column, value_set=pa.array(known, kind)))
        unknown = pc.unique(column.filter(bad)).drop_null()
        others = pc.is_in(column, value_set=unknown.slice(_MOST_UNKNOWN_NAMES))
        findings.refuse(others, f"{name} is not declared in the spec (more such names)")
        for value in unknown.slice(0, _MOST_UNKNOWN_NAMES).to_pylist():
            words = f"{name} '{value[:60]}' is not declared in the spec{did_you_mean(value, known)}"
            findings.refuse(pc.equal(column, value), words)
    if spec.required and is_text(kind):
        empty = pc.equal(pc.binary_length(column), 0)
        findings.refuse(empty, f"{name} is empty; it is required")


def _check_together(
    table: Table,
    stored: Mapping[str, pa.ChunkedArray],
    findings: _Findings,
    names: Mapping[str, Mapping[str, str]],
) -> None:
    if table.name == "outcomes" and {"outcome", "value"} <= stored.keys():
        yes_no = [name for name, kind in names.get("outcomes", {}).items() if kind == "yes_no"]
        is_yes_no = pc.is_in(stored["outcome"], value_set=pa.array(yes_no, pa.string()))
        is_odd = pc.invert(pc.is_in(stored["value"], value_set=pa.array([0.0, 1.0])))
        is_odd = pc.and_(pc.and_(is_yes_no, is_odd), pc.is_valid(stored["value"]))
        findings.refuse(is_odd, "value is not 0 or 1, for a yes/no outcome")
    if table.name == "candidates" and "ineligible_reason" in stored:
        has_reason = pc.is_valid(stored["ineligible_reason"])
        eligible = stored.get("is_eligible")
        both = has_reason if eligible is None else pc.and_(pc.fill_null(eligible, True), has_reason)
        findings.refuse(both, "is_eligible is not false beside an ineligible_reason; drop one")


def _range_words(spec: Field) -> str:
    low, high, above = spec.minimum, spec.maximum, spec.above
    left = f"({above:g}" if above is not None else f"[{low:g}" if low is not None else "(-∞"
    right = f"{high:g}]" if high is not None else "∞)"
    return f"it must lie in {left}, {right}"


def _fill_defaults(table: Table, stored: dict[str, pa.ChunkedArray], count: int) -> None:
    for spec in table.fields:
        if not spec.default:
            continue
        if spec.default in {item.name for item in table.fields}:
            fallback = stored.get(spec.default)
        else:
            fallback = _constant(spec.default, arrow_type(spec.type), count)
        if fallback is None:
            continue
        given = stored.get(spec.name)
        stored[spec.name] = fallback if given is None else pc.coalesce(given, fallback)


def _constant(text: str, kind: pa.DataType, count: int) -> pa.ChunkedArray:
    value = {"true": True, "false": False}.get(text, text)
    scalar = pa.scalar(float(value) if isinstance(value, str) else value).cast(kind)
    return pa.chunked_array([pa.repeat(scalar, count)])


def _sorted(rows: pa.Table, stored: pa.Table, findings: _Findings) -> Validated:
    reasons = findings.reasons()
    refused = np.fromiter(reasons, dtype=np.int64, count=len(reasons))
    if len(refused):
        keep = np.ones(rows.num_rows, dtype=bool)
        keep[refused] = False
        stored = stored.filter(pa.array(keep))
    return Validated(
        accepted=stored,
        refused=rows.take(refused) if len(refused) else rows.slice(0, 0),
        refused_rows=refused,
        reasons=list(reasons.values()),
        violations=findings.violations,
    )


def _as_mask(mask: pa.ChunkedArray | pa.Array) -> np.ndarray:
    filled = pc.fill_null(mask, False)
    whole = filled.combine_chunks() if isinstance(filled, pa.ChunkedArray) else filled
    return whole.to_numpy(zero_copy_only=False)


def _kind_name(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "instant (ISO 8601 with a time zone)"
    if pa.types.is_boolean(kind):
        return "true/false"
    if pa.types.is_integer(kind):
        return "whole number"
    return "number" if pa.types.is_floating(kind) else str(kind)
