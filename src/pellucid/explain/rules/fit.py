"""A short list of rules that picks as the policy does, fitted as a classification tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.engine.sql import quoted, text
from pellucid.errors import MissingExtraError
from pellucid.explain.rules.cells import MISSING, Cells

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEAST_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: of these decisions, the first of these candidates that is eligible.

    Attributes
    ----------
    allowed : tuple of (tuple of int or None)
        For each dimension the places of its values that the rule is about; None for all.
    order : tuple of int
        Places of all candidates, the one picked most often when eligible first.
    """

    allowed: tuple[tuple[int, ...] | None, ...]
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Leaf:
    """Values allowed of each dimension, the cells that have them, and the order of candidates."""

    allowed: list[frozenset[int]]
    rows: NDArray[np.bool_]
    order: tuple[int, ...]


def fit_rules(cells: Cells, *, most: int) -> list[Rule]:
    """Fit at most so many rules; each decision falls under exactly one.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.

    References
    ----------
    Breiman, L. et al. (1984). Classification and Regression Trees; grown best first, each split one
    value against the rest.
    """
    try:
        from sklearn.tree import DecisionTreeClassifier
    except ImportError as error:
        raise MissingExtraError(
            package="scikit-learn", extra="rules", purpose="finding rules"
        ) from error
    columns = [(place, value) for place, values in enumerate(cells.values)
               for value in range(len(values))]  # fmt: skip
    # A column without a second value splits nothing, and a tree wants at least one column.
    matrix = np.column_stack([
        cells.codes[:, place] == value for place, value in columns
    ] or [np.zeros(len(cells.pick), dtype=bool)])  # fmt: skip
    every = [frozenset(range(len(values))) for values in cells.values]
    rows = np.ones(len(cells.pick), dtype=bool)
    if most < 2 or len(np.unique(cells.pick)) < 2:
        leaves = [_Leaf(every, rows, _order(cells, cells))]
    else:
        tree = DecisionTreeClassifier(
            max_leaf_nodes=most, min_weight_fraction_leaf=_LEAST_SHARE, random_state=0
        ).fit(matrix, cells.pick, sample_weight=cells.weight)
        leaves = _leaves(tree.tree_, 0, _Leaf(every, rows, ()), cells, columns)
    # Most traffic first.
    leaves.sort(key=lambda leaf: -float(cells.weight[leaf.rows].sum()))
    return [
        Rule(
            tuple(None if own == whole else tuple(sorted(own))
                  for own, whole in zip(leaf.allowed, every, strict=True)), leaf.order,
        ) for leaf in leaves
    ]  # fmt: skip


def rule_of(rules: Sequence[Rule], cells: Cells) -> Ints:
    """Return the rule that each cell falls under, shape (n,).

    A value that no rule was fitted on falls where the values that none of its splits name go.
    """
    found = np.full(len(cells.pick), -1)
    for number, rule in enumerate(rules):
        fits = np.ones(len(cells.pick), dtype=bool)
        for place, allowed in enumerate(rule.allowed):
            if allowed is not None:
                fits &= np.isin(cells.codes[:, place], allowed)
        found = np.where((found < 0) & fits, number, found)
    return found


def picks_of(rules: Sequence[Rule], cells: Cells) -> Ints:
    """Return what the rules pick in each cell, shape (n,): never one that is not eligible."""
    number = rule_of(rules, cells)
    found = np.zeros(len(cells.pick), dtype=np.int64)
    for place, rule in enumerate(rules):
        own = number == place
        order = np.array(rule.order)
        found[own] = order[cells.eligible[own][:, order].argmax(axis=1)]
    return found


def condition(rule: Rule, cells: Cells) -> str:
    """Return a rule's decisions as a SQL condition that any `where` takes; empty for all."""
    parts = []
    for place, names, is_in in _named(rule, cells):
        column, known = quoted(cells.dimensions[place]), [text(n) for n in names if n != MISSING]
        own = []
        if len(known) == 1:
            own.append(f"{column} {'=' if is_in else '<>'} {known[0]}")
        elif known:
            own.append(f"{column} {'IN' if is_in else 'NOT IN'} ({', '.join(known)})")
        if MISSING in names:
            own.append(f"{column} IS {'NULL' if is_in else 'NOT NULL'}")
        elif not is_in and MISSING in cells.values[place]:
            # In SQL a null is in no list, and not out of it either.
            own.append(f"{column} IS NULL")
        joint = " AND " if MISSING in names and not is_in else " OR "
        parts.append(own[0] if len(own) == 1 else f"({joint.join(own)})")
    return " AND ".join(parts)


def words(rule: Rule, cells: Cells, labels: Mapping[str, str]) -> str:
    """Return a rule's decisions for people; "everything else" where it names nothing."""
    parts = []
    for place, names, is_in in _named(rule, cells):
        shown = [name if name != MISSING else "missing" for name in names]
        listed = shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"
        name = cells.dimensions[place]
        parts.append(f"{labels.get(name, name)} {'' if is_in else 'not '}{listed}")
    return ", ".join(parts) or "everything"


def _named(rule: Rule, cells: Cells) -> Iterator[tuple[int, list[str], bool]]:
    """Yield each dimension's place, values to name, and whether they are in or left out."""
    for place, allowed in enumerate(rule.allowed):
        if allowed is None:
            continue
        others = sorted(set(range(len(cells.values[place]))) - set(allowed))
        is_in = len(allowed) <= len(others)
        yield place, [cells.values[place][n] for n in (allowed if is_in else others)], is_in


def _leaves(
    nodes: Any, node: int, own: _Leaf, cells: Cells, columns: Sequence[tuple[int, int]]
) -> list[_Leaf]:
    """Return the leaves below a node, two of them as one where that costs no right pick."""
    here = _Leaf(own.allowed, own.rows, _order(cells.only(own.rows), cells))
    left, right = int(nodes.children_left[node]), int(nodes.children_right[node])
    if left < 0:
        return [here]
    place, value = columns[int(nodes.feature[node])]
    has_value = cells.codes[:, place] == value
    found = []
    for child, values, rows in (
        (left, own.allowed[place] - {value}, own.rows & ~has_value),
        (right, own.allowed[place] & {value}, own.rows & has_value),
    ):
        allowed = [*own.allowed[:place], values, *own.allowed[place + 1 :]]
        found += _leaves(nodes, child, _Leaf(allowed, rows, ()), cells, columns)
    if len(found) == 2 and _right(here, cells) >= sum(_right(leaf, cells) for leaf in found):
        return [here]
    return found


def _right(leaf: _Leaf, cells: Cells) -> float:
    """Return the decisions of a leaf in which its order picks as the policy does."""
    own = cells.only(leaf.rows)
    order = np.array(leaf.order)
    return float(own.weight @ (order[own.eligible[:, order].argmax(axis=1)] == own.pick))


def _order(own: Cells, cells: Cells) -> tuple[int, ...]:
    """Return candidates by how often each is picked when eligible; those never seen last."""
    count = len(cells.candidates)
    picked = np.bincount(own.pick, own.weight, count)
    allowed = own.weight @ own.eligible
    rate = np.divide(picked, allowed, out=np.zeros(count), where=allowed > 0)
    overall = np.bincount(cells.pick, cells.weight, count)
    return tuple(np.lexsort((-overall, -picked, -rate)).tolist())
