"""How far rules pick as the policy does: by rule, by candidate, and by value of a dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.explain.rules.cells import Cells
from pellucid.explain.rules.fit import Rule, condition, picks_of, rule_of, words

Floats = NDArray[np.float64]


def rules_table(rules: Sequence[Rule], early: Cells, labels: Mapping[str, str]) -> pa.Table:
    """Return the rules as rows of `RuleList.rules`, measured on what they were fitted to."""
    number, picks = rule_of(rules, early), picks_of(rules, early)
    rows = []
    for place, rule in enumerate(rules):
        own = number == place
        weight = early.weight[own]
        total = float(weight.sum())
        picked = np.bincount(early.pick[own], weight, len(early.candidates))
        first, second = rule.order[0], (*rule.order, rule.order[0])[1]
        rows.append({
            "rule": condition(rule, early), "label": words(rule, early, labels),
            "pick": early.candidates[first],
            "runner_up": early.candidates[second] if picked[second] else None, "decisions": total,
            "share": total / float(early.weight.sum()),
            "fidelity": float(weight @ (picks[own] == early.pick[own])) / total,
            "runner_up_share": float(picked[second]) / total,
        })  # fmt: skip
    kinds = dict.fromkeys(("rule", "label", "pick", "runner_up"), pa.string())
    numbers = ("decisions", "share", "fidelity", "runner_up_share")
    schema = pa.schema([*kinds.items(), *((name, pa.float64()) for name in numbers)])
    return pa.Table.from_pylist(rows, schema=schema)


def by_candidate(late: Cells, picks: NDArray[np.int64]) -> pa.Table:
    """Return how the rules do for each candidate, as rows of `RuleList.candidates`."""
    count, total = len(late.candidates), float(late.weight.sum())
    own = np.bincount(late.pick, late.weight, count)
    found = np.bincount(late.pick, late.weight * (picks == late.pick), count)
    by_rules = np.bincount(picks, late.weight, count)
    order = np.argsort(-own, kind="stable")
    return pa.table({
        "candidate": pa.array([late.candidates[place] for place in order], pa.string()),
        "decisions": own[order],
        "recall": np.divide(found, own, out=np.full(count, np.nan), where=own > 0)[order],
        "share": own[order] / total, "rule_share": by_rules[order] / total,
    })  # fmt: skip


def by_group(late: Cells, is_right: Floats) -> pa.Table:
    """Return how the rules do for each value, as rows of `RuleList.groups`."""
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(late.dimensions):
        count = len(late.values[place])
        weight = np.bincount(late.codes[:, place], late.weight, count)
        right = np.bincount(late.codes[:, place], late.weight * is_right, count)
        rows += [
            {"dimension": name, "value": late.values[place][value] or None,
             "decisions": float(weight[value]), "fidelity": float(right[value] / weight[value])}
            for value in np.flatnonzero(weight).tolist()
        ]  # fmt: skip
    rows.sort(key=lambda row: -row["decisions"] * (1 - row["fidelity"]))
    schema = pa.schema([("dimension", pa.string()), ("value", pa.string()),
                        ("decisions", pa.float64()), ("fidelity", pa.float64())])  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)
