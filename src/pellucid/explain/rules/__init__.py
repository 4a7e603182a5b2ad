"""Readable rules: what static rules would pick as the policy does, and where they fail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pellucid.errors import ExplainError
from pellucid.explain import wording
from pellucid.explain.filters import check_apart, check_dimensions, decision_filter
from pellucid.explain.means import sums_by_day
from pellucid.explain.records import Records
from pellucid.explain.rules.cells import Cells, load_cells
from pellucid.explain.rules.fidelity import by_candidate, by_group, rules_table
from pellucid.explain.rules.fit import Rule, condition, fit_rules, picks_of, rule_of, words
from pellucid.explain.rules.story import RuleChange, RuleList
from pellucid.spec.system import System
from pellucid.windows import Window

_HELD_OUT = 0.25


def find_rules(
    system: System, records: Records, *, window: Window, where: str = "", by: Sequence[str] = (),
    most: int = 16,
) -> RuleList:  # fmt: skip
    """Find a short list of rules that picks as the policy does.

    Rules name dimensions of decisions only, never scores, and pick the first of their candidates
    that is eligible. They are fitted to the first three quarters of the days and tested on the
    rest; a single day is tested on itself, which the error then does not tell.

    Parameters
    ----------
    by : sequence of str
        Dimensions that rules may name; all by default.
    most : int, default 16
        Rules, at most.

    Raises
    ------
    UnknownNameError
        If there is no such dimension.
    ExplainError
        If no decision of the policy with its eligible candidates was logged.
    SpecError
        If `where` does not bind.
    MissingExtraError
        If scikit-learn is not installed.
    """
    cells = _load(system, records, [window], where, by)[0]
    return _rule_list(system, cells, window, where, most)[0]


def compare_rules(
    system: System, records: Records, *, window: Window, baseline: Window, where: str = "",
    by: Sequence[str] = (), most: int = 16,
) -> RuleChange:  # fmt: skip
    """Find the rules of two periods and where they differ; see `find_rules`."""
    check_apart(window, baseline)
    now, then = _load(system, records, [window, baseline], where, by)
    after, new = _rule_list(system, now, window, where, most)
    before, old = _rule_list(system, then, baseline, where, most)
    places = [rule_of(old, now), rule_of(new, now)]
    picks = [picks_of(old, now), picks_of(new, now)]
    is_other = picks[0] != picks[1]
    keys = np.stack([places[0], picks[0], places[1], picks[1]])[:, is_other]
    kinds, place = np.unique(keys, axis=1, return_inverse=True)
    weight = np.bincount(place.reshape(-1), now.weight[is_other], kinds.shape[1])
    order = np.argsort(-weight, kind="stable")
    total = float(now.weight.sum())
    names, labels = now.candidates, _labels(system)
    moves = pa.table({
        "rule_before": pa.array([condition(old[kinds[0, n]], then) for n in order], pa.string()),
        "pick_before": pa.array([names[kinds[1, n]] for n in order], pa.string()),
        "rule_after": pa.array([condition(new[kinds[2, n]], now) for n in order], pa.string()),
        "pick_after": pa.array([names[kinds[3, n]] for n in order], pa.string()),
        "label": pa.array([words(new[kinds[2, n]], now, labels) for n in order], pa.string()),
        "decisions": weight[order], "share": weight[order] / total,
    })  # fmt: skip
    return RuleChange(before, after, float(weight.sum()) / total, moves)


def _load(
    system: System, records: Records, windows: Sequence[Window], where: str, by: Sequence[str]
) -> list[Cells]:
    dimensions = tuple(by) or system.dimension_names
    check_dimensions(system, dimensions)
    found = load_cells(system, records, windows, decision_filter(system, where), dimensions)
    for cells, window in zip(found, windows, strict=True):
        if not len(cells.pick):
            among = f" where {where}" if where else ""
            raise ExplainError(
                f"no decision of the policy{among} from {wording.span(window)} has its eligible "
                "candidates logged; log candidates, or widen the window"
            )
    return found


def _labels(system: System) -> dict[str, str]:
    return {item.name: (item.label or item.name).lower() for item in system.dimensions}


def _rule_list(
    system: System, cells: Cells, window: Window, where: str, most: int
) -> tuple[RuleList, list[Rule]]:
    days = np.unique(cells.day)
    cut = days[int(np.ceil((1 - _HELD_OUT) * len(days))) :][:1]
    is_late = cells.day >= cut[0] if len(cut) else np.ones(len(cells.day), dtype=bool)
    early = cells.only(~is_late) if len(cut) else cells
    late = cells.only(is_late)
    rules = fit_rules(early, most=most)
    picks = picks_of(rules, late)
    is_right = (picks == late.pick).astype(np.float64)
    sums = sums_by_day(is_right[:, None], late.weight, late.day)
    return RuleList(
        window, where, cells.dimensions, float(early.weight.sum()), float(late.weight.sum()),
        float(sums.means[0]), float(sums.errors[0]), sums.degrees,
        rules_table(rules, early, _labels(system)),
        by_candidate(late, picks), by_group(late, is_right),
    ), rules  # fmt: skip
