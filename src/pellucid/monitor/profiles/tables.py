"""Which columns of a system's tables have profiles, and how those of a day are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pellucid.errors import UnknownNameError
from pellucid.spec.sources import physical_column
from pellucid.spec.system import Dimension, System

CANDIDATES, DECISIONS, ATTRIBUTIONS = "candidates", "decisions", "attributions"


@dataclass(frozen=True, slots=True)
class Profiled:
    """A column that has a profile.

    Attributes
    ----------
    name : str
        As a user asks for it: a feature by its own name, a dimension that is a feature too as
        ``dimension country``.
    label : str
        For people.
    group : str
        ``feature``, ``score``, ``eligibility``, ``decision``, ``dimension`` or ``attribution``.
    table, column : str
        Where it is stored.
    """

    name: str
    label: str
    group: str
    table: str
    column: str


def profiled_columns(system: System, *, attributed: Sequence[str] = ()) -> tuple[Profiled, ...]:
    """Return every column of a system that has a profile.

    Parameters
    ----------
    attributed : sequence of str
        Features that stored attributions are of.
    """
    features = {item.name: item.label or item.name for item in system.features}
    candidate = system.candidate.label or system.candidate.name
    found = [
        *(Profiled(name, label, "feature", CANDIDATES, f"f_{name}")
          for name, label in features.items()),
        Profiled("raw_score", "Raw score", "score", CANDIDATES, "raw_score"),
        *(Profiled(f"layer_{layer.name}", f"Term of {layer.label or layer.name}", "score",
                   CANDIDATES, f"layer_{layer.name}") for layer in system.layers),
        Profiled("is_eligible", "Eligible", "eligibility", CANDIDATES, "is_eligible"),
        Profiled("ineligible_reason", "Reason not eligible", "eligibility", CANDIDATES,
                 "ineligible_reason"),
        Profiled("chosen", f"{candidate} chosen", "decision", DECISIONS, "chosen"),
        Profiled("arm", "Arm", "decision", DECISIONS, "arm"),
        Profiled("eligible_count", "Eligible candidates", "eligibility", DECISIONS,
                 "eligible_count"),
        Profiled("propensity", "Propensity", "decision", DECISIONS, "propensity"),
        Profiled("amount_minor", "Amount, in minor units", "dimension", DECISIONS, "amount_minor"),
        *(_dimension(system, item, features) for item in system.dimensions),
        *(Profiled(f"attribution of {name}", f"Attribution of {features.get(name, name)}",
                   "attribution", ATTRIBUTIONS, f"a_{name}") for name in attributed),
    ]  # fmt: skip
    return tuple({item.name: item for item in found}.values())


def _dimension(system: System, item: Dimension, features: Mapping[str, str]) -> Profiled:
    label, column = item.label or item.name, physical_column(system, "decision", item.name)
    # What the model was given may differ from what is true: both are watched.
    if item.name in features:
        return Profiled(f"dimension {item.name}", f"{label} (dimension)", "dimension", DECISIONS,
                        column)  # fmt: skip
    return Profiled(item.name, label, "dimension", DECISIONS, column)


def picked(columns: Iterable[Profiled], names: Sequence[str]) -> tuple[Profiled, ...]:
    """Return the columns of some names; all where none is named.

    A name may be that of a group, such as ``feature``.

    Raises
    ------
    UnknownNameError
        For the first name that is neither.
    """
    every = tuple(columns)
    if not names:
        return every
    known: Mapping[str, tuple[Profiled, ...]] = {
        **{item.group: tuple(other for other in every if other.group == item.group)
           for item in every},
        **{item.name: (item,) for item in every},
    }  # fmt: skip
    found: dict[str, Profiled] = {}
    for name in names:
        if name not in known:
            raise UnknownNameError(kind="column with a profile", name=name, known=known)
        found |= {item.name: item for item in known[name]}
    return tuple(found.values())
