"""Where a change comes from, as text."""

from __future__ import annotations

from collections.abc import Callable

from pellucid.figures import numbers
from pellucid.monitor.localize.localized import Localized
from pellucid.monitor.localize.wording import Units
from pellucid.terminal.tables import shown, text_table


def localized_text(found: Localized) -> str:
    """Return the paragraph, then a row for each slice and one for everything else."""
    units = Units.of(found.metric)
    heads = ["slice", "value", "baseline", "effect", "95% interval", "of the change", "share",
             "q", "n", "baseline n"]  # fmt: skip
    body = [
        [shown(row["slice"]), _written(row["value"], units.value),
         _written(row["baseline"], units.value), _written(row["effect"], units.effect),
         "" if row["low"] is None else f"{units.effect(row['low'])} to {units.effect(row['high'])}",
         units.amount(row["contribution"]), numbers.rate(row["share"], 0),
         "" if row["q_value"] is None else f"{row['q_value']:.2g}",
         numbers.count(row["n"]), numbers.count(row["baseline_n"])]
        for row in found.rows.to_pylist()
    ]  # fmt: skip
    searched = f"Searched: {', '.join(found.dimensions)}."
    return "\n\n".join([shown(found.told), text_table(heads, body, right=heads[1:]), searched])


def _written(value: float | None, write: Callable[[float], str]) -> str:
    return numbers.NONE if value is None else write(value)
