"""What each layer of the policy does to traffic: whom it moves, and what that costs in outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.errors import ExplainError
from pellucid.explain import wording
from pellucid.explain.filters import decision_filter
from pellucid.explain.means import joined, sums_by_day
from pellucid.explain.records import Records
from pellucid.explain.spans import day_spans
from pellucid.explain.stages import Stage, find_stages
from pellucid.explain.traffic.terms import MOST_ROWS, LoggedTerms, only, scored_terms
from pellucid.explain.traffic.utilities import NOBODY
from pellucid.spec.system import System
from pellucid.stats.student import half_width
from pellucid.windows import Window

Floats = NDArray[np.float64]
_MEASURES = ("moved", "outcome", "own")


@dataclass(frozen=True, slots=True)
class LayerEffects:
    """What the layers did, each against the stage before it.

    Attributes
    ----------
    window : Window
    where : str
    n : int
        Decisions stored, with a pick at every stage and scores of all eligible candidates.
    decisions : float
        What they stand for.
    days : int
    effects : pyarrow.Table
        ``layer`` (several with `` and `` between, where picks of the first were not logged),
        ``label``; ``moved``: the part of the decisions whose pick it changed;
        ``outcome``: what that changed in the mean probability of what is picked, which is the
        model's own; ``outcomes``: the same as a number of decisions, won where positive; ``own``:
        what it changed in the layer's own mean term, such as fees saved. Each with an ``_error``,
        and ``degrees``, the degrees of freedom of them all.
    unlogged : tuple of str
        What to know of layers whose picks are missing.
    """

    window: Window
    where: str
    n: int
    decisions: float
    days: int
    effects: pa.Table
    unlogged: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before trusting it."""
        if self.n < wording.MINIMUM:
            few = f"Only {wording.decisions(self.n)} behind it: fewer than {wording.MINIMUM}."
            return (few, *self.unlogged)
        return self.unlogged

    @property
    def told(self) -> str:
        """The answer as one paragraph."""
        return " ".join([*_told(self), *self.notes])


def layer_effects(
    system: System, records: Records, *, window: Window, where: str = ""
) -> LayerEffects:
    """Measure what each layer changed, from the logged picks, scores and terms.

    Raises
    ------
    ExplainError
        If the system has no layers, or no decision has its picks and scores logged.
    SpecError
        If `where` does not bind.
    """
    if not system.layers:
        raise ExplainError(f"system '{system.name}' declares no policy layers; nothing moves picks")
    chosen = decision_filter(system, where)
    stages = find_stages(system, records, (window,))
    steps = [*stages.policy[1:], *([stages.last] if stages.last.layers else [])]
    logged = [*(list(system.stages).index(stage.pick.removeprefix("pick_"))
                for stage in stages.policy), *([-1] if stages.last.layers else [])]  # fmt: skip
    sums = []
    for span in day_spans(records, "candidates", window, most_rows=MOST_ROWS):
        terms = scored_terms(system, records, span, [chosen])
        whole = terms.flags[0] & (terms.picks[logged] != NOBODY).all(axis=0)
        if whole.any():
            own = only(terms, whole)
            sums.append(sums_by_day(_columns(steps, logged, own), own.weight, own.day))
    if not sums:
        among = f" where {where}" if where else ""
        raise ExplainError(
            f"no decision{among} from {wording.span(window)} has a pick of the model and of every "
            "layer, and scores of all its eligible candidates"
        )
    days = joined(sums)
    total = float(days.weight.sum())
    columns: dict[str, object] = {
        "layer": [wording.listed(step.layers) for step in steps],
        "label": [step.label for step in steps],
    }
    for place, name in enumerate(_MEASURES):
        columns[name] = days.means[place :: len(_MEASURES)]
        columns[f"{name}_error"] = days.errors[place :: len(_MEASURES)]
    columns["degrees"] = np.full(len(steps), days.degrees)
    columns["outcomes"] = days.means[1 :: len(_MEASURES)] * total
    columns["outcomes_error"] = days.errors[1 :: len(_MEASURES)] * total
    return LayerEffects(window, where, int(days.n.sum()), total, len(days.day), pa.table(columns),
                        stages.notes)  # fmt: skip


def _columns(steps: Sequence[Stage], logged: Sequence[int], terms: LoggedTerms) -> Floats:
    """Return the measures of each step, from the rows of picks before and after it."""
    every = np.arange(len(terms.weight))
    columns = []
    for step, (start, end) in zip(steps, pairwise(logged), strict=True):
        before, after = terms.picks[start], terms.picks[end]
        own = [terms.utilities.terms.index(name) for name in step.layers]
        added = terms.utilities.added[own].sum(axis=0)
        gain = terms.probability[every, after] - terms.probability[every, before]
        columns += [before != after, np.nan_to_num(gain),
                    added[every, after] - added[every, before]]  # fmt: skip
    return np.column_stack(columns).astype(np.float64)


def _told(answer: LayerEffects) -> list[str]:
    among = f" where {answer.where}" if answer.where else ""
    rows = [row for row in answer.effects.to_pylist() if row["moved"]]
    lines = [
        f"Of {wording.decisions(answer.decisions)}{among}, from {wording.span(answer.window)}:"
    ]
    for row in sorted(rows, key=lambda row: -row["moved"]):
        is_clear = abs(row["outcome"]) > half_width(row["outcome_error"], row["degrees"])
        won = "won" if row["outcomes"] > 0 else "lost"
        lines.append(
            f"{row['label']} moved {wording.percent(row['moved'])} to another candidate"
            + (f", and with it {won} about {abs(row['outcomes']):,.0f} outcomes by the model's "
               "own probabilities." if is_clear else ", with no clear effect on outcomes.")
        )  # fmt: skip
    return lines if rows else [*lines, "no layer moved a single pick."]
