"""Evaluates SQL snippets over Arrow columns: three-valued logic, as SQL has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from pellucid.errors import UnsupportedError
from pellucid.spec.expression import parse

_DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000

_BINARY: dict[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.And: pc.and_kleene, exp.Or: pc.or_kleene,
    exp.EQ: pc.equal, exp.NEQ: pc.not_equal, exp.GT: pc.greater, exp.GTE: pc.greater_equal,
    exp.LT: pc.less, exp.LTE: pc.less_equal,
    exp.Add: pc.add, exp.Sub: pc.subtract, exp.Mul: pc.multiply,
}  # fmt: skip
_UNARY: dict[type[exp.Expr], Callable[[Any], Any]] = {
    exp.Not: pc.invert, exp.Neg: pc.negate, exp.Abs: pc.abs,
    exp.Lower: pc.utf8_lower, exp.Upper: pc.utf8_upper,
    exp.Ln: lambda value: pc.ln(_double(value)), exp.Exp: lambda value: pc.exp(_double(value)),
    exp.Sqrt: lambda value: pc.sqrt(_double(value)),
    exp.Hour: lambda value: _floor(_micros(value), _HOUR_US, 24),
    exp.DayOfWeekIso: lambda value: pc.add(_floor(_micros(value), _DAY_US, 7, shift=3), 1),
}  # fmt: skip


def evaluate(snippet: str, columns: Mapping[str, pa.Array], count: int) -> pa.Array:
    """Return the value of a snippet for each of `count` rows.

    Raises
    ------
    UnsupportedError
        If the snippet uses a node that this engine does not know.
    """
    value = _evaluate(parse(snippet), columns)
    if isinstance(value, pa.Scalar):
        return pa.repeat(value, count)
    return value


def _evaluate(node: exp.Expr, columns: Mapping[str, pa.Array]) -> Any:
    def of(child: exp.Expr) -> Any:
        return _evaluate(child, columns)

    kind = type(node)
    if kind in _BINARY:
        return _BINARY[kind](*_aligned(of(node.this), of(node.expression)))
    if kind in _UNARY:
        return _UNARY[kind](of(node.this))
    if isinstance(node, exp.Paren):
        return of(node.this)
    if isinstance(node, exp.Column):
        return columns[node.name]
    if isinstance(node, (exp.Literal, exp.Boolean, exp.Null)):
        return _constant(node)
    if isinstance(node, exp.Div):
        bottom = _double(of(node.expression))
        return pc.divide(_double(of(node.this)), _null_if_zero(bottom))
    if isinstance(node, exp.Mod):
        left, right = _aligned(of(node.this), of(node.expression))
        quotient = pc.trunc(pc.divide(_double(left), _null_if_zero(_double(right))))
        return pc.subtract(_double(left), pc.multiply(quotient, _double(right)))
    if isinstance(node, exp.Is):
        return _is(of(node.this), node.expression)
    if isinstance(node, exp.Between):
        value = of(node.this)
        above = pc.greater_equal(*_aligned(value, of(node.args["low"])))
        return pc.and_kleene(above, pc.less_equal(*_aligned(value, of(node.args["high"]))))
    if isinstance(node, exp.In):
        value = of(node.this)
        hits = [pc.equal(*_aligned(value, of(item))) for item in node.expressions]
        return reduce(pc.or_kleene, hits)
    if isinstance(node, (exp.Coalesce, exp.Least, exp.Greatest)):
        values = [of(node.this), *(of(item) for item in node.expressions)]
        return _pick(kind, values)
    if isinstance(node, exp.Case):
        return _case(node, of)
    if isinstance(node, exp.If):
        otherwise = of(node.args["false"]) if node.args.get("false") else pa.scalar(None)
        return _choose(of(node.this), of(node.args["true"]), otherwise)
    if isinstance(node, exp.Cast):
        value = of(node.this)
        is_time = node.to.is_type("TIMESTAMPTZ", "TIMESTAMP")
        return pc.cast(value, pa.timestamp("us", tz="UTC")) if is_time else _double(value)
    raise UnsupportedError(
        engine="arrow", what=f"evaluate {kind.__name__}", mend="use the DuckDB engine"
    )


def _constant(node: exp.Expr) -> pa.Scalar:
    if isinstance(node, exp.Null):
        return pa.scalar(None)
    if isinstance(node, exp.Boolean):
        return pa.scalar(bool(node.this))
    if node.is_string:
        return pa.scalar(node.this)
    return pa.scalar(float(node.this) if "." in node.this or "e" in node.this else int(node.this))


def _aligned(left: Any, right: Any) -> tuple[Any, Any]:
    if pa.types.is_null(left.type):
        left = pc.cast(left, right.type)
    if pa.types.is_null(right.type):
        right = pc.cast(right, left.type)
    return left, right


def _is(value: Any, expected: exp.Expr) -> Any:
    if isinstance(expected, exp.Null):
        return pc.is_null(value)
    return pc.fill_null(pc.equal(value, bool(expected.this)), False)


def _pick(kind: type[exp.Expr], values: list[Any]) -> Any:
    if kind is exp.Coalesce:
        return pc.coalesce(*values)
    extreme = pc.min_element_wise if kind is exp.Least else pc.max_element_wise
    return extreme(*values, skip_nulls=True)


def _case(node: exp.Case, of: Callable[[exp.Expr], Any]) -> Any:
    result = of(node.args["default"]) if node.args.get("default") else pa.scalar(None)
    subject = of(node.this) if node.this else None
    for branch in reversed(node.args["ifs"]):
        test = of(branch.this)
        if subject is not None:
            test = pc.equal(*_aligned(subject, test))
        result = _choose(test, of(branch.args["true"]), result)
    return result


def _choose(test: Any, yes: Any, no: Any) -> Any:
    yes, no = _aligned(yes, no)
    return pc.if_else(pc.fill_null(test, False), yes, no)


def _double(value: Any) -> Any:
    return pc.cast(value, pa.float64())


def _null_if_zero(value: Any) -> Any:
    if isinstance(value, pa.Scalar):
        return pa.scalar(None, pa.float64()) if value.as_py() == 0 else value
    return pc.if_else(pc.equal(value, 0.0), pa.scalar(None, pa.float64()), value)


def _micros(value: Any) -> Any:
    return pc.cast(pc.cast(value, pa.timestamp("us", tz="UTC")), pa.int64())


def _floor(micros: Any, length: int, modulus: int, *, shift: int = 0) -> Any:
    # Whole-number floor, right for instants before 1970 too.
    whole = pc.cast(pc.floor(pc.divide(_double(micros), float(length))), pa.int64())
    moved = pc.add(whole, shift)
    turns = pc.cast(pc.floor(pc.divide(_double(moved), float(modulus))), pa.int64())
    return pc.subtract(moved, pc.multiply(turns, modulus))
