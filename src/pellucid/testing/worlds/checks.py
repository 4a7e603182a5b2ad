"""Checks that planted incidents name things that the world has."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.errors import SpecError, did_you_mean
from pellucid.testing.worlds.clock import WEEKDAYS
from pellucid.testing.worlds.features import FEATURES
from pellucid.testing.worlds.incidents import Incident, UnitChange
from pellucid.testing.worlds.population import COUNTRIES, ISSUERS
from pellucid.testing.worlds.routes import ROUTE_NAMES

_KNOWN: dict[str, tuple[str, ...]] = {
    "route": ROUTE_NAMES,
    "issuer": ISSUERS,
    "country": tuple(country.code for country in COUNTRIES),
    "feature": tuple(feature.name for feature in FEATURES),
    "weekday": WEEKDAYS,
}
_NUMBERS = tuple(feature.name for feature in FEATURES if feature.kind == "number")


def check_incidents(incidents: Sequence[Incident]) -> None:
    """Check every incident's names and time.

    Raises
    ------
    SpecError
        If one names a route, issuer, country, feature or weekday that the world lacks, changes the
        unit of what is not a number, or starts at a time without zone; all problems at once.
    """
    problems = []
    for place, incident in enumerate(incidents):
        where = f"incident {place}, {type(incident).__name__}"
        if incident.start_at.tzinfo is None:
            problems.append(f"{where}: 'start_at' needs a time zone, for example datetime.UTC")
        for kind, known in _KNOWN.items():
            name = getattr(incident, kind, None)
            allowed = _NUMBERS if kind == "feature" and isinstance(incident, UnitChange) else known
            if name is not None and name not in allowed:
                hint = did_you_mean(name, allowed)
                problems.append(f"{where}: no {kind} is called '{name}'{hint}")
    if problems:
        raise SpecError("payment world", problems)
