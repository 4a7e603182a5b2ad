"""Checks: what is watched, and whom to tell. One YAML file holds those of a system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Rule = Literal["unusual", "limit", "drift", "late", "duplicates"]
Severity = Literal["info", "warn", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warn", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something that should hold.

    Attributes
    ----------
    name : str
    rule : str
        ``unusual``: a metric is what its own past foretells; ``limit``: it is within fixed limits;
        ``drift``: columns are distributed as before; ``late``: records keep coming;
        ``duplicates``: no request and attempt is decided twice, under two decision ids.
    metric : str
        Of ``unusual`` and ``limit``: a name from the catalogue.
    by : tuple of str
        Levels that are watched beside the whole: a dimension, or several joined by a comma, such as
        ``route,country``.
    where : str
        SQL condition on the rows.
    grain : str
        How often a metric is looked at: ``1h`` or ``1d``. Columns are looked at once a day.
    least : float or None
        The smallest change that is worth telling: of ``unusual`` in points of a rate or share (0.01
        is one point), else as a part of what was expected, by default 0.01 and 0.05; of ``drift``
        the part of a column's rows that changed, by default 0.2, or where 0.05 more are missing.
    below, above : float or None
        Of ``limit``: it fails where a value is certainly below, or above, that is with its whole
        95% interval. Of ``duplicates``, `above`: the share of decisions that may be repeats; none
        by default.
    over : str
        Of ``limit`` and ``duplicates``: the span, up to the moment of looking, that is judged.
    columns : tuple of str
        Of ``drift``: columns, or groups of them such as ``feature``; all by default.
    baseline : str
        Of ``drift``: ``training``, or a duration before; 28 days by default.
    table : str
        Of ``late``: ``decisions`` or ``outcomes``.
    after : str
        Of ``late``: the longest time without a record.
    severity : str
        ``info``, ``warn`` or ``critical``.
    owner : str
        Who looks after it.
    note : str
        What to do when it fails; part of the message.
    """

    name: str
    rule: Rule = "unusual"
    metric: str = ""
    by: tuple[str, ...] = ()
    where: str = ""
    grain: Literal["1h", "1d"] = "1h"
    least: float | None = None
    below: float | None = None
    above: float | None = None
    over: str = "1d"
    columns: tuple[str, ...] = ()
    baseline: str = ""
    table: Literal["decisions", "outcomes"] = "decisions"
    after: str = ""
    severity: Severity = "warn"
    owner: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where notices go.

    Attributes
    ----------
    name : str
    url : str
        As Apprise takes it, such as ``slack://...`` or ``mailto://...``; ``${NAME}`` is read from
        the environment, so that no secret need be in the file.
    severity : str
        The least that is sent.
    owners : tuple of str
        Those whose incidents are sent; everyone's by default.
    """

    name: str
    url: str
    severity: Severity = "warn"
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Something that happened, shown beside what was found.

    Attributes
    ----------
    name : str
        In words, such as ``release 14`` or ``bank X migrates``.
    at : str
        When, as an instant in ISO 8601; a date is its midnight in UTC.
    until : str
        End, where it lasted.
    kind : str
        ``release``; ``known``: an incident that is known, whose alerts nobody need be told of.
    slice : tuple of str
        Of a known incident: where, as ``dimension=value``; everywhere by default.
    """

    name: str
    at: str
    until: str = ""
    kind: Literal["release", "known"] = "release"
    slice: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[tuple[str, str], ...]:
        """Dimension and value of each part of the slice."""
        parts = (part.partition("=") for part in self.slice)
        return tuple((name, value) for name, _, value in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """All that is watched in a system.

    Attributes
    ----------
    checks : tuple of Check
    channels : tuple of Channel
    markers : tuple of Marker
    false_a_week : float
        Incidents by chance that are accepted in a week, over all checks together.
    history : str
        How far back the past that is learned from reaches.
    holidays : tuple of str
        UTC days, such as ``2026-12-25``, that are neither learned from nor judged.
    pages : str
        Address of `pellucid serve` as who gets notices reaches it, such as
        ``http://127.0.0.1:8000``: notices then lead to their incident.
    """

    checks: tuple[Check, ...]
    channels: tuple[Channel, ...] = ()
    markers: tuple[Marker, ...] = ()
    false_a_week: float = 0.5
    history: str = "8w"
    holidays: tuple[str, ...] = ()
    pages: str = ""
