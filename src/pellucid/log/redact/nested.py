"""Nested values: their leaves as columns, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DEEPEST = 32

Path = tuple[str, ...]


class TooDeep:
    """Stands for what lies too deep, or in a cycle; it is not kept."""


TOO_DEEP = TooDeep()


def visit(
    value: Any, path: Path, leaf: Callable[[Path, Any], Any], key: Callable[[Any], Any]
) -> Any:
    """Return a nested value with every leaf and key replaced; the same object if none changed.

    Parameters
    ----------
    path : tuple of str
        The column and the keys down to here; positions in lists are not part of it.
    leaf : callable
        From path and leaf to what stands instead; called in a fixed order.
    key : callable
        From a mapping's key to what stands instead.
    """
    return _visit(value, path, leaf, key, ())


def _visit(
    value: Any, path: Path, leaf: Callable[[Path, Any], Any], key: Callable[[Any], Any],
    above: tuple[int, ...],
) -> Any:  # fmt: skip
    if not isinstance(value, (dict, list, tuple, set, frozenset)):
        return leaf(path, value)
    if len(above) >= DEEPEST or id(value) in above:
        return leaf(path, TOO_DEEP)
    above = (*above, id(value))
    if isinstance(value, dict):
        pairs = [
            (key(name), _visit(item, (*path, str(name)), leaf, key, above))
            for name, item in value.items()
        ]
        same = all(
            new is item and name is old
            for (name, new), (old, item) in zip(pairs, value.items(), strict=True)
        )
        return value if same else dict(pairs)
    items = list(value)
    changed = [_visit(item, path, leaf, key, above) for item in items]
    if all(new is item for new, item in zip(changed, items, strict=True)):
        return value
    return changed
