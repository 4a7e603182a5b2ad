"""Where a change comes from, as a value with its paragraph."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pellucid.monitor.localize.lattice import make_lattice, matching_grain
from pellucid.monitor.localize.leaves import Ratios
from pellucid.monitor.localize.parts import Part, Whole, split_change
from pellucid.monitor.localize.reading import Read
from pellucid.monitor.localize.scan import localize
from pellucid.monitor.localize.search import Search
from pellucid.monitor.localize.wording import Units, conditions_text, told_change
from pellucid.monitor.tabular import Tabular
from pellucid.spec.system import Metric

REST = "everything else"


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice that moved.

    Attributes
    ----------
    conditions : tuple of (str, str)
        Dimension and value, ``(missing)`` where it is not known.
    part : Part
        Its effect, its contribution and what they stand on.
    """

    conditions: tuple[tuple[str, str], ...]
    part: Part

    def __str__(self) -> str:
        return conditions_text(self.conditions)


@dataclass(frozen=True, slots=True)
class Localized(Tabular):
    """Which slices account for a change of a metric.

    Attributes
    ----------
    metric : Metric
    names : tuple of str
        What the window and the baseline are, in words.
    dimensions : tuple of str
        Over which it was localized.
    whole : Whole
        The change and its parts.
    slices : tuple of Slice
        Those that moved, as found: the clearest first.
    told : str
        The finding, as a paragraph.
    """

    metric: Metric
    names: tuple[str, str]
    dimensions: tuple[str, ...]
    whole: Whole
    slices: tuple[Slice, ...]
    told: str

    @property
    def rows(self) -> pa.Table:
        """One row for each slice, then one for everything else, whose contributions add up.

        ``slice``; the dimensions, null where they are free; ``value``, ``baseline``; ``effect``
        with ``low`` and ``high``, its 95% interval, and ``shrunk``: relative changes of a count or
        total, else differences; ``contribution`` to the change, ``mix`` and ``rate``, its parts;
        ``share`` of the change; ``q_value``; ``n``, ``baseline_n``. NaN reads as null.
        """
        fixed = [dict(item.conditions) for item in self.slices]
        columns = {"slice": pa.array([*(str(item) for item in self.slices), REST], pa.string())}
        for name in self.dimensions:
            columns[name] = pa.array([*(item.get(name) for item in fixed), None], pa.string())
        for name in ("value", "baseline", "effect", "low", "high", "shrunk", "contribution", "mix",
                     "rate", "share", "q_value"):  # fmt: skip
            values = [getattr(part, name) for part in self.whole.parts]
            columns[name] = pa.array(values, pa.float64(), from_pandas=True)
        for name in ("n", "baseline_n"):
            values = [getattr(part, name) for part in self.whole.parts]
            columns[name] = pa.array(values, pa.int64())
        return pa.table(columns)


def localized(metric: Metric, read: Read, names: tuple[str, str], search: Search) -> Localized:
    """Find the slices that account for a change, and tell it.

    Parameters
    ----------
    names : tuple of str
        What the window and the baseline are, in words.

    Raises
    ------
    ShapeError
        If there is no dimension, or no row.
    MissingExtraError
        If scipy is not installed.
    """
    grain = None
    if isinstance(read.leaves, Ratios):
        grain = matching_grain(read.codes, read.leaves.below, read.leaves.base_below)
    moved = localize(make_lattice(read.codes, grain=grain), read.leaves, search)
    whole = split_change(read.leaves, moved, read.rows, read.base_rows)
    slices = tuple(
        Slice(tuple((read.dimensions[place], read.values[place][code])
                    for place, code in part.conditions), part)
        for part in whole.parts[:-1]
    )  # fmt: skip
    told = told_change(whole, [item.conditions for item in slices], names, Units.of(metric))
    return Localized(metric, names, read.dimensions, whole, slices, told)
