"""Aligned text tables, and the cells of them."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.figures import numbers
from pellucid.stats.student import half_width


def text_table(
    heads: Sequence[str], body: Sequence[Sequence[str]], *, right: Sequence[str] = ()
) -> str:
    """Return rows as aligned text under their heads."""
    widths = [
        max([len(head), *(len(row[index]) for row in body)]) for index, head in enumerate(heads)
    ]

    def line(cells: Sequence[str]) -> str:
        aligned = [
            cell.rjust(width) if head in right else cell.ljust(width)
            for cell, width, head in zip(cells, widths, heads, strict=True)
        ]
        return "  ".join(aligned).rstrip()

    rule = "  ".join("─" * width for width in widths)
    return "\n".join([line(heads), rule, *(line(row) for row in body)])


def amount(value: float | None, scale: str) -> str:
    """Return a value on a scale, signed."""
    return numbers.points(value, 2) if scale == "probability" else numbers.log_odds(value)


def half(error: float | None, scale: str, degrees: float) -> str:
    """Return the half width of a 95% interval, of an error with so many degrees of freedom."""
    if error is None or not numbers.is_known(error):
        return numbers.NONE
    return amount(half_width(error, degrees), scale).lstrip("+±")


def shown(value: object) -> str:
    """Return a logged value, safe to print."""
    # A logged string must not move the cursor, or break the table.
    return "".join(mark if mark.isprintable() else "·" for mark in str(value))
