"""Changes to a policy, as plain values, and what decisions become under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ExplainError, UnknownNameError
from pellucid.explain.traffic.utilities import Utilities, picks
from pellucid.spec.system import System

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DropLayer:
    """The layer adds nothing."""

    layer: str

    def __str__(self) -> str:
        return f"no {self.layer}"


@dataclass(frozen=True, slots=True)
class ScaleLayer:
    """What the layer adds is multiplied: to every candidate, or to one."""

    layer: str
    factor: float
    candidate: str = ""

    def __str__(self) -> str:
        return f"{self.layer}{_of(self.candidate)} × {self.factor:g}"


@dataclass(frozen=True, slots=True)
class AddToLayer:
    """The layer adds so much more, in the policy's unit: to every candidate, or to one."""

    layer: str
    amount: float
    candidate: str = ""

    def __str__(self) -> str:
        return f"{self.layer}{_of(self.candidate)} {self.amount:+g}"


@dataclass(frozen=True, slots=True)
class CapShare:
    """A candidate has at most so much of each UTC day's decisions.

    Beyond it those decisions go to their second best in which it is the least ahead.
    """

    candidate: str
    share: float

    def __str__(self) -> str:
        return f"{self.candidate} at most {100 * self.share:g}% of a day"


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A candidate whose score, in the policy's unit, is below it is not picked."""

    least: float

    def __str__(self) -> str:
        return f"no score below {self.least:g}"


PolicyChange = DropLayer | ScaleLayer | AddToLayer | CapShare | Cutoff


def by_name(system: System, changes: Sequence[PolicyChange]) -> tuple[PolicyChange, ...]:
    """Return changes with layers by their names, where some were given by what people call them."""
    names = {layer.name for layer in system.layers}
    labels: dict[str, list[str]] = {}
    for layer in system.layers:
        labels.setdefault(layer.label, []).append(layer.name)
    found: list[PolicyChange] = []
    for change in changes:
        if isinstance(change, (DropLayer, ScaleLayer, AddToLayer)) and change.layer not in names:
            # A label that two layers share tells neither.
            meant = labels.get(change.layer, [])
            found.append(replace(change, layer=meant[0]) if len(meant) == 1 else change)
        else:
            found.append(change)
    return tuple(found)


def told_changes(system: System, changes: Sequence[PolicyChange]) -> tuple[str, ...]:
    """Return changes for people, with the labels of layers."""
    labels = {layer.name: layer.label or layer.name for layer in system.layers}
    return tuple(
        str(replace(change, layer=labels[change.layer]))
        if isinstance(change, (DropLayer, ScaleLayer, AddToLayer)) else str(change)
        for change in changes
    )  # fmt: skip


def check_changes(system: System, changes: Sequence[PolicyChange]) -> None:
    """Raise for the first change that names no layer of the system, or makes no sense.

    Raises
    ------
    UnknownNameError
        If there is no such layer.
    ExplainError
        If there is no change, or a number is out of its range.
    """
    if not changes:
        raise ExplainError("nothing is changed; name a change, such as DropLayer('fees')")
    layers = [layer.name for layer in system.layers]
    for change in changes:
        if isinstance(change, (DropLayer, ScaleLayer, AddToLayer)) and change.layer not in layers:
            raise UnknownNameError(kind="layer", name=change.layer, known=layers)
        if isinstance(change, CapShare) and not 0 <= change.share <= 1:
            raise ExplainError(f"a cap of {change.share:g} is not a share between 0 and 1")
        numbers = [value for value in (getattr(change, name) for name in change.__slots__)
                   if isinstance(value, float)]  # fmt: skip
        if not np.isfinite(numbers).all():
            raise ExplainError(f"'{change}' is not a finite number")


def changed_utilities(utilities: Utilities, changes: Sequence[PolicyChange]) -> Utilities:
    """Return utilities after the changes of layers and cutoffs; of bases that are scores."""
    base, added = utilities.base, utilities.added.copy()
    eligible = np.isfinite(base)
    for change in changes:
        if isinstance(change, Cutoff):
            base = np.where(utilities.base >= change.least, base, -np.inf)
        if not isinstance(change, (DropLayer, ScaleLayer, AddToLayer)):
            continue
        place = utilities.terms.index(change.layer)
        if isinstance(change, DropLayer):
            added[place] = 0.0
            continue
        whose = eligible.copy()
        if change.candidate:
            whose &= np.array(utilities.candidates) == change.candidate
        if isinstance(change, ScaleLayer):
            added[place] = np.where(whose, added[place] * change.factor, added[place])
        else:
            added[place] = np.where(whose, added[place] + change.amount, added[place])
    return replace(utilities, base=base, added=added)


def capped_picks(
    utilities: Utilities, changes: Sequence[PolicyChange], day: Ints, weight: Floats
) -> Ints:
    """Return the picks of utilities under the caps of the changes; -1 for none.

    Parameters
    ----------
    day, weight : array, shape (n,)
    """
    found = picks(utilities)
    caps = [change for change in changes if isinstance(change, CapShare)
            and change.candidate in utilities.candidates]  # fmt: skip
    if not caps:
        return found
    total = utilities.base + utilities.added.sum(axis=0)
    every = np.arange(len(total))
    full: list[int] = []
    for cap in caps:
        place = utilities.candidates.index(cap.candidate)
        full.append(place)
        others = total.copy()
        others[:, full] = -np.inf
        second = others.argmax(axis=1)
        is_between = np.isfinite(total[:, place]) & np.isfinite(others[every, second])
        margin = np.where(is_between, total[:, place], np.inf) - np.where(
            is_between, others[every, second], 0.0
        )
        for one in np.unique(day):
            of_day = day == one
            own = np.flatnonzero(of_day & (found == place) & np.isfinite(margin))
            over = weight[of_day & (found == place)].sum() - cap.share * weight[of_day].sum()
            order = own[np.argsort(margin[own], kind="stable")]
            before = np.cumsum(weight[order]) - weight[order]
            moved = order[before < over - 1e-9]
            found[moved] = second[moved]
    return found


def _of(candidate: str) -> str:
    return f" of {candidate}" if candidate else ""
