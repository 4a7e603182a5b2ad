"""Where a change comes from: a bar for each slice that moved, and the change itself."""

from __future__ import annotations

from pellucid.figures.bars import Bar, bars_of
from pellucid.figures.figure import Figure
from pellucid.figures.table import Column, Kind, Table
from pellucid.monitor.localize.localized import REST, Localized
from pellucid.monitor.localize.wording import Units


def localized_parts(found: Localized) -> Figure:
    """Bars of what each slice adds to the change of a metric; they add up to it."""
    units = Units.of(found.metric)
    change = found.whole.value - found.whole.baseline
    names = [*(str(item) for item in found.slices), REST.capitalize()]
    parts = [Bar(name, part.contribution)
             for name, part in zip(names, found.whole.parts, strict=True)]  # fmt: skip
    return bars_of(parts, Bar("Change", change), units.amount, found.told, _table(found, units))


def _table(found: Localized, units: Units) -> Table:
    value: Kind = "rate" if units.is_share else "number"
    amount: Kind = "points" if units.is_share else "number"
    whole = found.whole
    columns = (
        Column("Slice"), Column("Before", value), Column("Now", value), Column("Adds", amount),
        Column("By itself", amount, "what its own change adds"),
        Column("By volume", amount, "what it adds by being a larger or smaller part"),
        Column("n", "count"),
    )  # fmt: skip
    names = [*(str(item) for item in found.slices), REST.capitalize()]
    rows = tuple(
        (name, part.baseline, part.value, part.contribution, part.rate, part.mix, part.n)
        for name, part in zip(names, whole.parts, strict=True)
    )
    total = ("All", whole.baseline, whole.value, whole.value - whole.baseline, None, None,
             sum(part.n for part in whole.parts))  # fmt: skip
    return Table(columns, rows, total)
