"""Which way each value of a column is redacted, and whether a column needs it at all."""

from __future__ import annotations

import datetime as dt
import numbers
from collections.abc import Sequence
from typing import Any, Literal

from pellucid.log.redact.numeric import may_hold_large
from pellucid.log.redact.scan import may_hold

Treatment = Literal["texts", "numbers", "nested", "opaque"]

_HARMLESS = frozenset({type(None), bool, dt.datetime, dt.date, dt.time, dt.timedelta})


def is_clean(values: Sequence[Any], *, reads_keys: bool) -> bool:
    """Return whether a column of numbers, or one of texts, holds nothing to look at.

    Parameters
    ----------
    values : sequence
        One value or more.
    reads_keys : bool
        JSON texts must be looked at for their keys.
    """
    if not isinstance(values[0], str):
        if may_hold_large(values) is False:
            return True
        present = [value for value in values if value is not None]
        if not present or (present[0].__class__ is not str and may_hold_large(present) is False):
            return True
    try:
        # Most columns of texts repeat a few. A value of another type is a TypeError.
        texts = set(values)
        texts.discard(None)
        return is_clean_text("\n".join(texts), reads_keys=reads_keys)
    except TypeError:
        return _HARMLESS.issuperset(map(type, values))


def is_clean_text(joined: str, *, reads_keys: bool) -> bool:
    """Return whether texts, joined by line ends, hold nothing to look at."""
    return not may_hold(joined) and not (reads_keys and "{" in joined)


def by_treatment(values: Sequence[Any]) -> dict[Treatment, list[int]]:
    """Return for each way of redacting the places of the values that take it."""
    by_type: dict[type, list[int]] = {}
    for place, value in enumerate(values):
        by_type.setdefault(type(value), []).append(place)
    places: dict[Treatment, list[int]] = {}
    for kind, found in by_type.items():
        if kind not in _HARMLESS:
            places.setdefault(_treatment(kind), []).extend(found)
    return places


def _treatment(kind: type) -> Treatment:
    if issubclass(kind, str):
        return "texts"
    if issubclass(kind, numbers.Number):
        return "numbers"
    if issubclass(kind, (dict, list, tuple, set, frozenset)):
        return "nested"
    return "opaque"
