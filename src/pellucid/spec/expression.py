"""SQL snippets as definitions: parsed, checked against an allow-list, and typed, all with sqlglot.

A snippet is one scalar expression in DuckDB's dialect over the columns of one source, for example
``amount_minor > 5000 AND country IN ('BR', 'MX')``. No subquery, aggregate, table function or
statement passes, so a snippet can be stored, reviewed and run on any engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types

from pellucid.errors import SpecError, did_you_mean

NUMBER, STRING, BOOLEAN, TIMESTAMP = "number", "string", "boolean", "timestamp"

_SQL_TYPES = {NUMBER: "DOUBLE", STRING: "VARCHAR", BOOLEAN: "BOOLEAN", TIMESTAMP: "TIMESTAMPTZ"}

# What each node needs of its operands; None where the node checks nothing itself.
_NEEDS: dict[type[exp.Expr], str | None] = {
    exp.And: BOOLEAN, exp.Or: BOOLEAN, exp.Not: BOOLEAN,
    exp.Add: NUMBER, exp.Sub: NUMBER, exp.Mul: NUMBER, exp.Div: NUMBER, exp.Mod: NUMBER,
    exp.Neg: NUMBER, exp.Abs: NUMBER, exp.Ln: NUMBER, exp.Exp: NUMBER, exp.Sqrt: NUMBER,
    exp.Lower: STRING, exp.Upper: STRING,
    exp.Hour: TIMESTAMP, exp.DayOfWeekIso: TIMESTAMP,
    exp.EQ: None, exp.NEQ: None, exp.GT: None, exp.GTE: None, exp.LT: None, exp.LTE: None,
    exp.In: None, exp.Between: None, exp.Is: None, exp.Case: None, exp.If: None,
    exp.Coalesce: None, exp.Least: None, exp.Greatest: None,
    exp.Paren: None, exp.Column: None, exp.Identifier: None, exp.Literal: None,
    exp.Boolean: None, exp.Null: None, exp.Cast: None, exp.DataType: None,
}  # fmt: skip
_SAME_FAMILY = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between,
    exp.Coalesce, exp.Least, exp.Greatest,
)  # fmt: skip
_CASTS = {"DOUBLE": NUMBER, "TIMESTAMPTZ": TIMESTAMP, "TIMESTAMP": TIMESTAMP}
_LONGEST, _DEEPEST = 20_000, 200
ALLOWED_FUNCTIONS = (
    "abs", "case", "cast(text as timestamptz)", "coalesce", "exp", "greatest", "hour", "isodow",
    "least", "ln", "lower", "sqrt", "upper",
)  # fmt: skip


@lru_cache(maxsize=4096)
def parse(text: str) -> exp.Expr:
    """Parse one snippet and check it against the allow-list.

    Parameters
    ----------
    text : str
        A scalar SQL expression in DuckDB's dialect.

    Returns
    -------
    sqlglot.exp.Expr
        The tree. It is cached: copy it before changing it.

    Raises
    ------
    SpecError
        If the text does not parse, holds more than one statement, or uses a node or function that
        is not on the allow-list.
    """
    where = f"expression {text!r}"
    if len(text) > _LONGEST or text.count("(") > _DEEPEST:
        raise SpecError("expression", [f"is longer than {_LONGEST} characters, or nested too deep"])
    try:
        trees = sqlglot.parse(text, dialect="duckdb")
    except SqlglotError as error:
        raise SpecError(where, [f"does not parse as SQL: {_first_line(error)}"]) from error
    if len(trees) != 1 or trees[0] is None:
        raise SpecError(where, ["must be exactly one scalar expression"])
    tree = trees[0]
    problems = sorted({problem for node in tree.walk() for problem in _refusals(node)})
    if problems:
        raise SpecError(where, problems)
    return tree


def columns(text: str) -> tuple[str, ...]:
    """Return the names of the columns that a snippet reads, sorted.

    Raises
    ------
    SpecError
        As `parse` does.
    """
    return tuple(sorted({column.name for column in parse(text).find_all(exp.Column)}))


def all_of(*conditions: str) -> str:
    """Return the condition that all of some hold; empty ones hold of every row."""
    present = [condition for condition in conditions if condition]
    if len(present) < 2:
        return "".join(present)
    return " AND ".join(f"({condition})" for condition in present)


def problems_in(
    text: str, known: Mapping[str, str], *, result: str | None = None
) -> tuple[str, ...]:
    """Bind a snippet to columns and return everything that is wrong with it.

    Parameters
    ----------
    text : str
        The snippet.
    known : mapping of str to str
        Column name to family: ``number``, ``string``, ``boolean`` or ``timestamp``.
    result : str, optional
        Family that the whole snippet must have.

    Returns
    -------
    tuple of str
        Empty if the snippet binds.
    """
    try:
        tree = parse(text)
    except SpecError as error:
        return tuple(f"{text!r} {problem}" for problem in error.problems)
    problems = [
        f"{text!r} reads an unknown column '{name}'{did_you_mean(name, known)}"
        for name in columns(text)
        if name not in known
    ]
    if problems:
        return tuple(problems)
    typed = _annotated(tree, known)
    for node in typed.walk():
        problems.extend(f"{text!r}: {problem}" for problem in _mismatches(node))
    family = _family(typed)
    if result is not None and family not in (result, None):
        problems.append(f"{text!r} is a {family}, expected a {result}")
    return tuple(problems)


def _annotated(tree: exp.Expr, known: Mapping[str, str]) -> exp.Expr:
    typed = tree.copy()
    for column in typed.find_all(exp.Column):
        column.type = exp.DataType.build(_SQL_TYPES[known[column.name]])
    return annotate_types(typed, overwrite_types=False, dialect="duckdb")


def _family(node: exp.Expr) -> str | None:
    kind = node.type
    if kind is None or kind.is_type("NULL", "UNKNOWN"):
        return None
    if kind.is_type(*exp.DataType.NUMERIC_TYPES):
        return NUMBER
    if kind.is_type(*exp.DataType.TEXT_TYPES):
        return STRING
    return BOOLEAN if kind.is_type("BOOLEAN") else TIMESTAMP


def _refusals(node: exp.Expr) -> list[str]:
    if isinstance(node, (exp.Column, exp.Identifier)):
        return ["must not name a table: write the bare column"] if node.args.get("table") else []
    if isinstance(node, exp.Cast):
        target = node.to.sql(dialect="duckdb").upper()
        if target not in _CASTS:
            return [f"casts to {target}; allowed: {', '.join(_CASTS)}"]
    if isinstance(node, exp.In) and (node.args.get("query") or not node.expressions):
        return ["needs a non-empty list of values after IN"]
    if isinstance(node, exp.Is) and not isinstance(node.expression, (exp.Null, exp.Boolean)):
        return ["may use IS only with NULL, TRUE or FALSE"]
    if type(node) in _NEEDS:
        return []
    if isinstance(node, (exp.Query, exp.Subquery)):
        return ["must not hold a subquery"]
    if isinstance(node, exp.DDL | exp.DML | exp.Command | exp.Drop):
        return ["must not be a statement"]
    if isinstance(node, exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
        return [f"uses {name.upper()}(); allowed functions: {', '.join(ALLOWED_FUNCTIONS)}"]
    return [f"uses {type(node).__name__}, which is not allowed"]


def _mismatches(node: exp.Expr) -> list[str]:
    need = _NEEDS.get(type(node))
    operands = [child for child in node.iter_expressions() if not isinstance(child, exp.DataType)]
    families = {_family(child) for child in operands} - {None}
    if need is not None and families - {need}:
        wrong = sorted(family for family in families - {need} if family)
        return [f"{_shown(node)} needs a {need}, got a {' and a '.join(wrong)}"]
    if isinstance(node, _SAME_FAMILY) and len(families) > 1:
        return [f"{_shown(node)} mixes a {' and a '.join(sorted(f for f in families if f))}"]
    is_match = isinstance(node.parent, exp.Case) and node.parent.this is not None
    if isinstance(node, exp.If) and not is_match and _family(node.this) not in (BOOLEAN, None):
        return [f"{_shown(node)} needs a condition"]
    return []


def _shown(node: exp.Expr) -> str:
    return f"'{node.sql(dialect='duckdb')}'"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(". ")
