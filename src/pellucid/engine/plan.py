"""Plans: many metrics, segments and windows folded into one grouped scan for each unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pellucid.errors import SpecError, UnknownNameError
from pellucid.schema.tables import DECISIONS
from pellucid.spec.expression import BOOLEAN, NUMBER, STRING, columns, problems_in
from pellucid.spec.measure import Measure
from pellucid.spec.sources import outcome_columns, source_columns
from pellucid.spec.system import Outcome, Segment, System, Unit
from pellucid.windows import GRAINS, Window, parse_duration, spanning

# Whole weeks since 1970 begin on a Thursday; buckets begin on Monday.
_WEEK_OFFSET_US = 4 * 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One grouped scan: what to read, how to group it, which measures to fold.

    Attributes
    ----------
    unit : str
        What a row is.
    by : tuple of str
        Columns to group by.
    windows : tuple of Window
        May overlap; rows outside all of them are not read.
    grain : str
        ``1h``, ``1d``, ``1w``, or empty for whole windows.
    where : str
        Rows to read; all where empty.
    segments : tuple of Segment
        May overlap; each adds a true/false key.
    measures : tuple of Measure
        Folded in each group, in this order.
    as_of : datetime
        Nothing recorded later is seen, and labels are mature or pending as of then.
    is_weighted : bool
        Whether decisions carry sample weights; where not, ``sample_weight`` is 1 and not read.
    """

    system: System
    unit: Unit
    by: tuple[str, ...]
    windows: tuple[Window, ...]
    grain: str
    where: str
    segments: tuple[Segment, ...]
    measures: tuple[Measure, ...]
    as_of: datetime
    is_weighted: bool = False

    @property
    def span(self) -> Window:
        """The smallest window around all windows."""
        return spanning(self.windows)

    @property
    def cuts(self) -> tuple[datetime, ...]:
        """Every start and end of a window, in order: between two cuts, all rows are alike."""
        return tuple(sorted({edge for w in self.windows for edge in (w.start, w.end)}))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of every column that the scan reads."""
        texts = [self.where, *(segment.where for segment in self.segments)]
        texts += [text for m in self.measures for text in (m.value, m.per, m.where)]
        named = {name for text in texts if text for name in columns(text)}
        return tuple(sorted({*named, *self.by, "decided_at"}))

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes that the scan's columns come from."""
        if self.unit == "candidate":
            return ()
        read = set(self.columns)
        return tuple(item for item in self.system.outcomes if read & set(outcome_columns(item)))

    @property
    def grain_us(self) -> tuple[int, int]:
        """Length of a bucket and offset of the first one, in microseconds since 1970."""
        length = round(parse_duration(self.grain).total_seconds() * 1_000_000)
        return length, _WEEK_OFFSET_US if self.grain == "1w" else 0


def make_scan(
    system: System,
    unit: Unit,
    measures: Iterable[Measure],
    *,
    windows: Sequence[Window],
    as_of: datetime,
    by: Sequence[str] = (),
    where: str = "",
    grain: str = "",
    segments: Sequence[Segment] = (),
) -> Scan:
    """Bind names to the unit's columns and return the scan.

    Raises
    ------
    UnknownNameError
        If there is nothing to group by under a name.
    SpecError
        With every expression that does not bind, or a wrong grain.
    """
    known = source_columns(system, unit)
    for name in by:
        if known.get(name) != STRING and name not in ("attempt", "is_eligible"):
            names = [key for key, family in known.items() if family == STRING]
            raise UnknownNameError(kind=f"dimension of a {unit}", name=name, known=names)
    distinct = tuple(dict.fromkeys(measures))
    repeated = [name for name in dict.fromkeys(by) if list(by).count(name) > 1]
    if repeated:
        raise SpecError("query", [f"breaks down by '{name}' twice" for name in repeated])
    problems = list(problems_in(where, known, result=BOOLEAN)) if where else []
    for segment in segments:
        problems += problems_in(segment.where, known, result=BOOLEAN)
    for measure in distinct:
        problems += _measure_problems(measure, known)
    if grain and grain not in GRAINS:
        problems.append(f"grain '{grain}' is not one of {', '.join(GRAINS)}")
    if problems:
        raise SpecError(f"query over {unit}s", list(dict.fromkeys(problems)))
    return Scan(
        system=system, unit=unit, by=tuple(by), windows=tuple(windows), grain=grain, where=where,
        segments=tuple(segments), measures=distinct, as_of=as_of,
    )  # fmt: skip


def make_rows_scan(
    system: System,
    unit: Unit,
    columns: Sequence[str],
    *,
    window: Window,
    as_of: datetime,
    where: str = "",
) -> Scan:
    """Bind names to the unit's columns and return a scan that reads them row by row.

    Raises
    ------
    SpecError
        With every name and expression that does not bind.
    """
    read = [Measure(fold="count", where=f'"{name}" IS NOT NULL') for name in columns]
    return make_scan(system, unit, read, windows=[window], as_of=as_of, where=where)


def is_whole(measure: Measure) -> bool:
    """Whether a sum is over a whole-number column, and so must be exact."""
    field = DECISIONS.field(measure.value)
    return measure.fold == "sum" and field is not None and field.type.startswith("int")


def _measure_problems(measure: Measure, known: dict[str, str]) -> list[str]:
    family = STRING if measure.fold in ("smallest", "largest") else NUMBER
    problems = list(problems_in(measure.where, known, result=BOOLEAN)) if measure.where else []
    for text in (measure.value, measure.per):
        if text:
            problems += problems_in(text, known, result=family)
    return problems
