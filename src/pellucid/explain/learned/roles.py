"""Which features tell the day of the week, and which the candidate, found by their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.engine.sql import quoted, text
from pellucid.explain.learned.daily import WEEKDAY_SQL
from pellucid.explain.records import Records, within
from pellucid.windows import Window


@dataclass(frozen=True, slots=True)
class FeatureRoles:
    """What features of a model are, whatever their names.

    Attributes
    ----------
    calendar : tuple of str
        Functions of the day of the week: the day itself, whether it is a weekend, a point on the
        circle of the week.
    identity : tuple of str
        Functions of the candidate.
    other : tuple of str
    values : dict of str to dict of int to str
        Of each calendar feature its value on each weekday, 0 for Monday.
    """

    calendar: tuple[str, ...]
    identity: tuple[str, ...]
    other: tuple[str, ...]
    values: dict[str, dict[int, str]]


def feature_roles(
    records: Records, window: Window, model_id: str, features: Sequence[str]
) -> FeatureRoles:
    """Return the roles of features in the candidates that a model scored.

    A feature is a function of the weekday (the candidate) if it never has two values on one weekday
    (for one candidate), missing ones aside, and not the same on all. Days are UTC days.
    """
    weekday = _values(records, window, model_id, features, f"CAST({WEEKDAY_SQL} AS VARCHAR)")
    candidate = _values(records, window, model_id, features, "candidate_id")
    calendar = tuple(name for name in features if _is_function(weekday[name]))
    identity = tuple(
        name for name in features if _is_function(candidate[name]) and name not in calendar
    )
    values = {
        name: {int(day): str(value) for day, value in weekday[name].items() if value is not None}
        for name in calendar
    }
    other = tuple(name for name in features if name not in {*calendar, *identity})
    return FeatureRoles(calendar, identity, other, values)


def _values(
    records: Records, window: Window, model_id: str, features: Sequence[str], key: str
) -> dict[str, dict[str, str | None]]:
    """Return each feature's value by key; nothing for a feature that has two for some key."""
    columns = [quoted(f"f_{name}") for name in features]
    selected = [
        f"min({name}) IS DISTINCT FROM max({name}) AS many_{place}, "
        f"CAST(min({name}) AS VARCHAR) AS value_{place}"
        for place, name in enumerate(columns)
    ]
    rows = records.query(
        f"WITH d AS (SELECT decision_id FROM decisions WHERE {within(window)} "
        f"AND model_id = {text(model_id)}) "
        f"SELECT {key} AS key, {', '.join(selected)} FROM candidates SEMI JOIN d "
        "USING (decision_id) "
        f"WHERE raw_score IS NOT NULL AND {within(window)} GROUP BY 1",
        ("decisions", "candidates"),
        window,
    ).to_pylist()
    return {
        name: {}
        if any(row[f"many_{place}"] for row in rows)
        else {row["key"]: row[f"value_{place}"] for row in rows}
        for place, name in enumerate(features)
    }


def _is_function(values: dict[str, str | None]) -> bool:
    return len({value for value in values.values() if value is not None}) > 1
