"""What a roll-up holds: the measures of a unit's metrics by hour, at several breakdowns.

Whether a label is mature depends on when one asks, and cells do not know that. So a measure that
reads it is kept as if every label of the hour were mature, and as if none were; the question says
which holds for an hour, and hours in which both do are read from the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from pellucid.spec.codec import fingerprint
from pellucid.spec.expression import columns
from pellucid.spec.measure import Measure, measures_of
from pellucid.spec.substitution import constant, substituted
from pellucid.spec.system import Metric, System, Unit

HOUR_US = 3_600_000_000
LEVEL = "level"
_MATURE = "_mature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """The cells of one unit.

    Attributes
    ----------
    unit : str
        What a row behind a cell is.
    by : tuple of str
        Dimensions of the widest level.
    alone : tuple of str
        Dimensions that each have a level of their own; those of `by`, and others that have too
        many values to stand beside them.
    measures : tuple of Measure
        Settled ones: none reads whether a label is mature.
    is_weighted : bool
        Whether decisions are a sample.
    definitions : str
        Fingerprint of the outcomes and columns that the measures stand on.
    """

    unit: Unit
    by: tuple[str, ...]
    alone: tuple[str, ...]
    measures: tuple[Measure, ...]
    is_weighted: bool
    definitions: str

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """Breakdowns, narrow ones first: none, each dimension alone, all that stand together."""
        narrow = [(), *((name,) for name in self.alone)]
        return (*narrow, *([self.by] if len(self.by) > 1 else []))

    @property
    def mark(self) -> str:
        """Fingerprint: cells of another definition are no use."""
        return fingerprint(self)

    def level_for(self, names: Iterable[str]) -> tuple[str, ...] | None:
        """Return the narrowest level that has all of some dimensions, or None."""
        needed = set(names)
        return next((level for level in self.levels if needed <= set(level)), None)


def rollup_of(
    system: System, unit: Unit, metrics: Iterable[Metric], *, by: Sequence[str],
    alone: Sequence[str], is_weighted: bool,
) -> Rollup:  # fmt: skip
    """Return the roll-up that can answer all metrics of a unit."""
    measures = dict.fromkeys(
        settled
        for metric in metrics if metric.unit == unit
        for measure in measures_of(metric, is_weighted=is_weighted).values()
        for settled in variants(measure).values() if settled is not None
    )  # fmt: skip
    stands_on = (system.outcomes, system.candidate, system.dimensions, system.columns)
    return Rollup(
        unit=unit, by=tuple(by), alone=tuple(alone), measures=tuple(measures),
        is_weighted=is_weighted, definitions=fingerprint(stands_on),
    )  # fmt: skip


@lru_cache(maxsize=4096)
def variants(measure: Measure) -> dict[tuple[tuple[str, bool], ...], Measure | None]:
    """Return a measure for each state of the labels that it reads; None where it has no rows.

    Returns
    -------
    dict
        From ((outcome, whether its labels are mature), ...) to the settled measure. One entry, with
        an empty key, where the measure reads no label's state.
    """
    names = sorted({
        name.removesuffix(_MATURE)
        for text in (measure.value, measure.per, measure.where) if text
        for name in columns(text) if name.endswith(_MATURE)
    })  # fmt: skip
    return {
        state: settled(measure, dict(state))
        for values in product((True, False), repeat=len(names))
        for state in [tuple(zip(names, values, strict=True))]
    }


def settled(measure: Measure, is_mature: Mapping[str, bool]) -> Measure | None:
    """Return a measure over hours in which labels are known to be mature or not."""
    if not is_mature:
        return measure
    known = {f"{name}{_MATURE}": state for name, state in is_mature.items()}
    value, per, where = (
        substituted(text, known) if text else ""
        for text in (measure.value, measure.per, measure.where)
    )
    picks = constant(where) if where else None
    if picks is False:
        return None
    return replace(measure, value=value, per=per, where="" if picks else where)
