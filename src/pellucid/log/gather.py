"""Many mappings to columns: by whole batches, since records of one shape are the rule.

Nothing here keeps one container for each record: with a heap full of records, the garbage
collector's passes would cost as much as the work itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

Columns = dict[str, Sequence[Any]]

_NONE: Mapping[str, Any] = {}


class RefusedError(Exception):
    """Records that cannot be stored; `reason` never holds a value of theirs."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def spread(maps: Sequence[Mapping[str, Any] | None]) -> Columns:
    """Return the values of mappings by key, null where a mapping lacks one or is None.

    Keys keep the order in which they first appear.

    Raises
    ------
    RefusedError
        If a key is not text.

    Examples
    --------
    >>> spread([{"a": 1, "b": 2}, None, {"b": 3}])
    {'a': [1, None, None], 'b': [2, None, 3]}
    """
    first = tuple(maps[0]) if maps and maps[0] else ()
    try:
        # Of plain dicts only: a Counter and a defaultdict have a value for keys that they lack.
        is_alike = len(first) > 1 and set(map(type, maps)) == {dict}
        if is_alike and set(map(len, maps)) == {len(first)}:  # type: ignore[arg-type]
            values = list(chain.from_iterable(map(itemgetter(*first), maps)))  # type: ignore[arg-type]
            _check_text(first)
            return {name: values[place :: len(first)] for place, name in enumerate(first)}
    except (KeyError, TypeError):
        # Not all of one shape.
        pass
    given = [item or _NONE for item in maps]
    names = tuple(dict.fromkeys(chain.from_iterable(given)))
    _check_text(names)
    return {name: [item.get(name) for item in given] for name in names}


def repeated(values: Sequence[Any], counts: Sequence[int]) -> list[Any]:
    """Return each value as often as its count says.

    Examples
    --------
    >>> repeated(["a", "b"], [2, 1])
    ['a', 'a', 'b']
    """
    return list(chain.from_iterable(map(repeat, values, counts)))


def put(columns: Columns, found: Mapping[str, Sequence[Any]], prefix: str = "") -> None:
    """Add columns under a prefix.

    Raises
    ------
    RefusedError
        If there is a column of that name already.
    """
    for name, values in found.items():
        if (whole := prefix + name) in columns:
            raise RefusedError("a name is given twice, or is that of a fixed field")
        columns[whole] = values


def text_of(name: object) -> str:
    """Return an id as text.

    A member of an enumeration of texts is equal to its text, but prints as something else.

    Examples
    --------
    >>> text_of("north"), text_of(7)
    ('north', '7')
    """
    return str.__str__(name) if isinstance(name, str) else str(name)


def size_of(value: object, depth: int = 6) -> int:
    """Return the bytes that a value of mappings and sequences holds in memory, about."""
    size = sys.getsizeof(value)
    if depth == 0:
        return size
    if isinstance(value, Mapping):
        inner: Iterable[object] = value.values()
    elif isinstance(value, (list, tuple)):
        inner = value
    else:
        return size
    return size + sum(size_of(item, depth - 1) for item in inner)


@lru_cache(maxsize=1024)
def _check_text(names: tuple[Any, ...]) -> None:
    if not all(isinstance(name, str) for name in names):
        raise RefusedError("a name is not text")
