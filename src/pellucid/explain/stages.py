"""Stages of the policy, as far as their picks were logged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pellucid.engine.sql import quoted
from pellucid.explain import wording
from pellucid.explain.records import Records, within
from pellucid.spec.system import System
from pellucid.windows import Window

OUTSIDE, _OUTSIDE_PLAIN = "Outside the policy", "outside the policy"
_MODEL = "Model"
_HARDLY = 0.02


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage whose pick was logged, with the layers right before it whose picks were not.

    Attributes
    ----------
    pick : str
        Column of decisions: where they went after it.
    layers : tuple of str
        Names; none for the model, nor for what is outside of the policy.
    label : str
    """

    pick: str
    layers: tuple[str, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of a policy.

    Attributes
    ----------
    policy : tuple of Stage
        The model, then layers in their order.
    last : Stage
        What was chosen in the end: by what is outside of the policy, and by the last layers where
        their picks were not logged.
    notes : tuple of str
        What a reader must know: layers whose picks are missing.
    """

    policy: tuple[Stage, ...]
    last: Stage
    notes: tuple[str, ...]


def joined_stages(system: System, unlogged: Collection[str]) -> Stages:
    """Return the stages where no pick of some layers was logged: these join what comes next.

    What such a layer moved shows in the next pick that was logged only, so that one part for both
    is all that the records can tell.
    """
    labels = {layer.name: layer.label or layer.name for layer in system.layers}
    policy = [Stage(f"pick_{system.stages[0]}", (), _MODEL)]
    notes, held = [], []
    for name in labels:
        held.append(name)
        if name not in unlogged:
            named = wording.listed([labels[one] for one in held])
            policy.append(Stage(f"pick_{name}", tuple(held), named))
            notes += unlogged_notes([labels[one] for one in held[:-1]], labels[name])
            held = []
    rest = [labels[one] for one in held]
    notes += unlogged_notes(rest, f"what is {_OUTSIDE_PLAIN}")
    last = Stage("chosen", tuple(held), outside_label(rest))
    return Stages(tuple(policy), last, tuple(notes))


def outside_label(unlogged: Sequence[str]) -> str:
    """Return what moved picks beyond the policy, told as one with layers of no logged pick."""
    return wording.listed([*unlogged, _OUTSIDE_PLAIN]) if unlogged else OUTSIDE


def unlogged_notes(unlogged: Sequence[str], following: str) -> list[str]:
    """Return the note that some layers are told as one with what follows; none where none are."""
    if not unlogged:
        return []
    moved = "it moved is" if len(unlogged) == 1 else "they moved is"
    return [
        f"No pick after {wording.listed(unlogged)} was logged: what {moved} told as one with "
        f"{following}."
    ]


def find_stages(system: System, records: Records, windows: Sequence[Window]) -> Stages:
    """Return the stages of a policy as far as their picks were logged in every window.

    Where the model's own picks were not, nothing is known of any layer, and each is kept.
    """
    names = [layer.name for layer in system.layers]
    unlogged: set[str] = set()
    missing = dict.fromkeys(names, 0.0)
    counts = "".join(f", count({quoted(f'pick_{name}')}) AS c{i}" for i, name in enumerate(names))
    for window in windows if names else ():
        row = records.query(
            f"SELECT count(*) AS n{counts} FROM decisions WHERE {within(window)} "
            f"AND {quoted(f'pick_{system.stages[0]}')} IS NOT NULL", ("decisions",), window,
            names={"stages": dict.fromkeys(system.stages, "")},
        ).to_pylist()[0]  # fmt: skip
        for place, name in enumerate(names):
            if row["n"]:
                missing[name] = max(missing[name], 1 - row[f"c{place}"] / row["n"])
                unlogged |= {name} if not row[f"c{place}"] else set()
    found = joined_stages(system, unlogged)
    labels = {layer.name: layer.label or layer.name for layer in system.layers}
    partly = tuple(
        f"The pick after {labels[name]} is missing in {wording.percent(part)} of the decisions, "
        "where it is taken to have moved nothing."
        for name, part in missing.items() if part > _HARDLY and name not in unlogged
    )  # fmt: skip
    return Stages(found.policy, found.last, (*found.notes, *partly))
