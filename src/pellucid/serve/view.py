"""The state of a page: what its query string says, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from pellucid.engine.sql import column, text
from pellucid.errors import did_you_mean
from pellucid.spec.expression import all_of
from pellucid.windows import parse_instant

RANGES = ("24h", "7d", "14d", "30d", "60d", "90d")
DEFAULT_RANGE = "30d"
COMPARE = ("previous", "none")
MISSING = "(missing)"
# A filter's key starts so, for a dimension may be called as a page's own key is.
FILTER = "is."
_MOST_VALUES = 50
_LONGEST_CONDITION = 2_000
_SHARED = ("range", "from", "to", "compare", "where")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a page shows: the same view, the same address.

    Attributes
    ----------
    range : str
        A span that ends with the records, such as ``30d``; not used where there are dates.
    start, end : date or None
        First and last day shown, UTC.
    compare : str
        ``previous`` or ``none``.
    filters : tuple of (str, tuple of str)
        Dimension to the values that are kept, ``(missing)`` for null.
    where : str
        A condition in SQL beside them.
    own : tuple of (str, str)
        Keys of the page itself, as it reads them.
    """

    range: str = DEFAULT_RANGE
    start: date | None = None
    end: date | None = None
    compare: str = COMPARE[0]
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    where: str = ""
    own: tuple[tuple[str, str], ...] = ()

    @property
    def over(self) -> str:
        """The window as `pellucid.windows.parse_window` reads it."""
        if self.start is None or self.end is None:
            return self.range
        return f"{self.start}..{self.end + timedelta(days=1)}"

    @property
    def condition(self) -> str:
        """The filters and the condition as SQL."""
        filters = " AND ".join(_condition(name, values) for name, values in self.filters)
        return all_of(filters, self.where)

    def get(self, key: str, default: str = "") -> str:
        """Return a key of the page's own."""
        return dict(self.own).get(key, default)

    def kept(self, dimension: str) -> tuple[str, ...]:
        """Return the values that a filter keeps; none where there is no filter."""
        return dict(self.filters).get(dimension, ())

    def only(self, dimension: str, value: str | None) -> View:
        """Return the view with one filter set to a single value."""
        kept = {**dict(self.filters), dimension: (MISSING if value is None else value,)}
        return replace(self, filters=tuple(sorted(kept.items())))

    def also(self, values: Mapping[str, str]) -> View:
        """Return the view of rows that have some values too, given by column."""
        conditions = (_condition(name, (value,)) for name, value in values.items())
        return replace(self, where=all_of(self.where, " AND ".join(conditions)))

    def without(self, dimension: str) -> View:
        """Return the view without a filter."""
        return replace(self, filters=tuple(
            (name, values) for name, values in self.filters if name != dimension))  # fmt: skip

    def asking(self, **own: str) -> View:
        """Return the view with other keys of a page's own, and no others."""
        return replace(self, own=tuple((key, value) for key, value in own.items() if value))

    @property
    def query(self) -> str:
        """The query string: canonical, defaults left out, with ``?`` unless it is empty."""
        pairs: list[tuple[str, str]] = []
        if self.start is not None and self.end is not None:
            pairs += [("from", str(self.start)), ("to", str(self.end))]
        elif self.range != DEFAULT_RANGE:
            pairs.append(("range", self.range))
        if self.compare != COMPARE[0]:
            pairs.append(("compare", self.compare))
        pairs += [(FILTER + name, value) for name, values in self.filters for value in values]
        if self.where:
            pairs.append(("where", self.where))
        pairs += self.own
        return f"?{urlencode(pairs)}" if pairs else ""


def parse_view(
    pairs: Iterable[tuple[str, str]], dimensions: Sequence[str], own: Mapping[str, Sequence[str]]
) -> tuple[View, tuple[str, ...]]:
    """Return the view that a query string asks for, and what of it could not be read.

    What cannot be read falls back to its default; keys that no page knows are ignored.

    Parameters
    ----------
    pairs : iterable of (str, str)
        Keys and values, decoded.
    dimensions : sequence of str
        What can be filtered by.
    own : mapping of str to sequence of str
        Keys of the page, with the values that each may have; any where there are none.
    """
    problems: list[str] = []
    found: dict[str, str] = {}
    filters: dict[str, list[str]] = {}
    for key, value in pairs:
        if key.startswith(FILTER):
            filters.setdefault(key.removeprefix(FILTER), []).append(value)
        elif key in _SHARED or key in own:
            found[key] = value.strip()
    start, end = _days(found, problems)
    if len(found.get("where", "")) > _LONGEST_CONDITION:
        problems.append(f"where: is over {_LONGEST_CONDITION:,} characters, and left out.")
        del found["where"]
    view = View(
        range=_one_of("range", found, RANGES, DEFAULT_RANGE, problems), start=start, end=end,
        compare=_one_of("compare", found, COMPARE, COMPARE[0], problems),
        filters=_known(filters, dimensions, problems), where=found.get("where", ""),
        own=tuple((key, _one_of(key, found, allowed, "", problems))
                  for key, allowed in own.items() if found.get(key)),
    )  # fmt: skip
    return replace(view, own=tuple(pair for pair in view.own if pair[1])), tuple(problems)


def _one_of(
    key: str, found: Mapping[str, str], allowed: Sequence[str], default: str, problems: list[str]
) -> str:
    value = found.get(key, default) or default
    if not allowed or value in allowed or value == default:
        return value
    problems.append(f"{key}: '{value}' is none of its values{did_you_mean(value, allowed)}.")
    return default


def _days(found: Mapping[str, str], problems: list[str]) -> tuple[date | None, date | None]:
    if not (found.get("from") or found.get("to")):
        return None, None
    try:
        days = tuple(date.fromisoformat(found.get(key, "")) for key in ("from", "to"))
        for day in days:
            parse_instant(str(day))
    except ValueError:
        problems.append("from and to: both must be days of our time, such as 2026-10-01.")
        return None, None
    if days[0] > days[1]:
        problems.append(f"from and to: {days[0]} is after {days[1]}; set the later day last.")
        return None, None
    return days[0], days[1]


def _known(
    filters: Mapping[str, Sequence[str]], dimensions: Sequence[str], problems: list[str]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    kept = []
    for name, values in sorted(filters.items()):
        if name not in dimensions:
            problems.append(
                f"filter '{name}': no dimension is called so{did_you_mean(name, dimensions)}."
            )
            continue
        unique = tuple(dict.fromkeys(value for value in values if value))
        if len(unique) > _MOST_VALUES:
            problems.append(f"filter '{name}': only its first {_MOST_VALUES} values are used.")
        if unique:
            kept.append((name, unique[:_MOST_VALUES]))
    return tuple(kept)


def _condition(name: str, values: Sequence[str]) -> str:
    named = [text(value) for value in values if value != MISSING]
    key = column(name)
    parts = [f"{key} = {named[0]}" if len(named) == 1 else f"{key} IN ({', '.join(named)})"]
    parts = parts if named else []
    if MISSING in values:
        parts.append(f"{key} IS NULL")
    return parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"
