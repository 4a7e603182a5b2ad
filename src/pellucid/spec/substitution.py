"""Expressions in which some columns are known."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.optimizer.simplify import simplify

from pellucid.spec.expression import parse


def substituted(text: str, known: Mapping[str, bool]) -> str:
    """Return an expression with true/false columns replaced by their values.

    Raises
    ------
    SpecError
        If the text is no expression.
    """
    tree = parse(text).copy().transform(
        lambda node: exp.Boolean(this=known[node.name])
        if isinstance(node, exp.Column) and node.name in known else node
    )  # fmt: skip
    return tree.sql(dialect="duckdb")


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return an expression with some columns under other names.

    Raises
    ------
    SpecError
        If the text is no expression.
    """
    tree = parse(text).copy().transform(
        lambda node: exp.column(exp.to_identifier(names[node.name], quoted=True))
        if isinstance(node, exp.Column) and node.name in names else node
    )  # fmt: skip
    return tree.sql(dialect="duckdb")


def constant(text: str) -> bool | None:
    """Return what a condition picks, whatever the row: all (True), none (False), or it depends.

    Raises
    ------
    SpecError
        If the text is no expression.
    """
    tree = simplify(parse(text).copy(), dialect="duckdb")
    while isinstance(tree, exp.Paren):
        tree = tree.this
    if isinstance(tree, exp.Null):
        return False
    return bool(tree.this) if isinstance(tree, exp.Boolean) else None
