"""A small table for people: typed columns that know how to be shown and how to be downloaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import compress
from typing import Any, Literal

from pellucid.errors import DataError
from pellucid.figures import numbers

Kind = Literal[
    "text", "candidate", "count", "rate", "bar", "points", "log_odds", "number", "money",
    "interval", "heat", "pill", "time", "link",
]  # fmt: skip
Cell = Any
TEXT_KINDS = frozenset({"text", "candidate", "pill", "time", "link"})
SMALL_N = 100


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    label : str
        Heading.
    kind : str
        What its cells hold: ``text``; ``candidate`` (text, shown with its colour); ``count``;
        ``rate`` and ``bar`` (0 to 1, the second with a bar); ``points`` (difference of rates);
        ``log_odds``; ``number``; ``money``: (minor units, currency); ``interval``: (low, high);
        ``heat``: (rate, n), shown on a coloured ground; ``pill``: (text, tone) with tone ``good``,
        ``bad``, ``warn`` or empty; ``time``: an aware datetime; ``link``: (text, address), plain
        text where there is no server; without a heading it only leads somewhere, and is left out
        there and of downloads. None shows as a dash.
    note : str
        Definition, shown on the heading.
    """

    label: str
    kind: Kind = "text"
    note: str = ""

    @property
    def is_number(self) -> bool:
        """Whether cells are aligned to the right."""
        return self.kind not in TEXT_KINDS

    @property
    def holds_values(self) -> bool:
        """Whether it says something, and does not only lead somewhere."""
        return self.kind != "link" or bool(self.label)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows, as plain values.

    Attributes
    ----------
    columns : tuple of Column
        Columns, in order.
    rows : tuple of tuple
        One cell for each column.
    total : tuple, optional
        A last row for the whole.
    marked : tuple of int
        Positions of rows to set off, for example the chosen candidate.
    is_whole : bool, default True
        Whether no row is left out, so that a reader may sort them.

    Raises
    ------
    DataError
        If a row has more or fewer cells than there are columns.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] | None = None
    marked: tuple[int, ...] = ()
    is_whole: bool = True

    def __post_init__(self) -> None:
        rows = (*self.rows, *(() if self.total is None else (self.total,)))
        for place, row in enumerate(rows):
            if len(row) != len(self.columns):
                raise DataError(
                    f"row {place} of a table",
                    [f"has {len(row)} cells for {len(self.columns)} columns"],
                )

    @property
    def of_values(self) -> Table:
        """The table without columns that only lead somewhere."""
        kept = [column.holds_values for column in self.columns]
        if all(kept):
            return self
        return replace(
            self, columns=tuple(compress(self.columns, kept)),
            rows=tuple(tuple(compress(row, kept)) for row in self.rows),
            total=self.total and tuple(compress(self.total, kept)),
        )  # fmt: skip

    def csv_records(self) -> dict[str, list[Any]]:
        """Return headings and rows of raw values, as a download should hold them.

        Returns
        -------
        dict
            ``columns``: list of str; ``rows``: list of lists of text, numbers or None. Compound
            cells take two columns; rates stay 0 to 1; times are ISO 8601.
        """
        whole = self.of_values
        heads = [name for column in whole.columns for name in _csv_heads(column)]
        rows = [*whole.rows, *(() if whole.total is None else (whole.total,))]
        return {
            "columns": heads,
            "rows": [
                [value for column, cell in zip(whole.columns, row, strict=True)
                 for value in _csv_values(column, cell)]
                for row in rows
            ],
        }  # fmt: skip


def cell_text(column: Column, cell: Cell) -> str:
    """Return a cell as it is written for people."""
    if cell is None:
        return numbers.NONE
    match column.kind:
        case "count":
            return numbers.count(cell)
        case "rate" | "bar":
            return numbers.rate(cell)
        case "points":
            return numbers.points(cell)
        case "log_odds":
            return numbers.log_odds(cell)
        case "number":
            return numbers.number(cell)
        case "time":
            return numbers.instant(cell)
        case "interval":
            return numbers.interval(*cell)
        case "money":
            return numbers.money(*cell)
        case "heat":
            return numbers.rate(cell[0])
        case "pill" | "link":
            return str(cell[0])
        case _:
            return str(cell)


_PARTS = {"money": ("minor units", "currency"), "interval": ("low", "high"), "heat": ("rate", "n")}


def _csv_heads(column: Column) -> tuple[str, ...]:
    parts = _PARTS.get(column.kind)
    return (column.label,) if parts is None else tuple(f"{column.label} {p}" for p in parts)


def sort_key(column: Column, cell: Cell) -> float | str | None:
    """Return what a cell is sorted by where that is not its text: a number, or a time as text."""
    value = cell[0] if column.kind in _PARTS and cell is not None else cell
    if isinstance(value, datetime):
        return value.isoformat()
    return value if column.is_number and numbers.is_known(value) else None


def _csv_values(column: Column, cell: Cell) -> tuple[Any, ...]:
    if column.kind in _PARTS:
        return (None, None) if cell is None else tuple(_plain(part) for part in cell)
    if column.kind in ("pill", "link") and cell is not None:
        return (str(cell[0]),)
    return (_plain(cell),)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not numbers.is_known(value):
        return None
    return value
