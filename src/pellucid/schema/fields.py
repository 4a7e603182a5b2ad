"""The values that describe the standard record: field, field family, table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["id", "time", "dimension", "feature", "score", "layer", "money", "state", "text"]

TIMESTAMP = "timestamp[us, tz=UTC]"
ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of a table.

    Attributes
    ----------
    name : str
        Column name.
    type : str
        Arrow type by its own name, for example ``float64``.
    role : str
        What the column is for.
    meaning : str
        One sentence for people.
    unit : str
        Unit of the values; empty where there is none.
    required : bool
        A row without a value is refused.
    minimum, maximum : float or None
        Smallest and largest value allowed, inclusive.
    above : float or None
        Values must be strictly greater.
    choices : tuple of str
        The only values allowed; empty for any.
    names : str
        The values allowed are names that the spec declares: ``outcomes``; empty for any.
    default : str
        What a null or absent value becomes, in words; empty where it stays null.
    """

    name: str
    type: str
    role: Role
    meaning: str
    unit: str = ""
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    names: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Columns that a system's spec names: one for each feature, layer, stage or dimension.

    Attributes
    ----------
    prefix : str
        Column name is prefix + name; an empty prefix means the plain name.
    names : str
        Where the names come from: ``features``, ``layers``, ``stages``, ``dimensions``,
        ``candidate_dimensions``, ``cutoffs`` or ``raw``.
    type : str
        Arrow type, or ``any`` for numbers, strings and booleans as they come.
    """

    prefix: str
    names: str
    type: str
    role: Role
    meaning: str
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the standard record.

    Attributes
    ----------
    key : tuple of str
        Columns that identify a row: the same key twice is stored once.
    time : str
        The column whose UTC day partitions the table.
    """

    name: str
    a_row_is: str
    key: tuple[str, ...]
    time: str
    fields: tuple[Field, ...]
    families: tuple[Family, ...] = ()

    def field(self, name: str) -> Field | None:
        """Return the fixed field of that name, or None."""
        return next((item for item in self.fields if item.name == name), None)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the fields that every row must have."""
        return tuple(item.name for item in self.fields if item.required)
