"""Which terms a share of traffic is split into: groups of features, and layers that add terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.engine.sql import quoted
from pellucid.explain.records import Records, within
from pellucid.explain.stages import Stages, find_stages, outside_label, unlogged_notes
from pellucid.explain.traffic.replay import MOST_TERMS
from pellucid.explain.wording import listed
from pellucid.spec.system import System
from pellucid.windows import Window, spanning

OTHERS = "other features"


@dataclass(frozen=True, slots=True)
class Players:
    """The terms of a split.

    Attributes
    ----------
    groups : mapping of str to tuple of str
        Features of each group of the spec or, where a feature has none, its own.
    layers : tuple of str
        Layers that ever add a term.
    movers : mapping of str to str
        Labels of layers that never do, and move picks by other means; that of one whose pick was
        not logged is joined to what comes next.
    rest : str
        Label of what moved picks otherwise.
    notes : tuple of str
        What to know of layers whose picks were not logged, and of many terms.
    """

    groups: Mapping[str, tuple[str, ...]]
    layers: tuple[str, ...]
    movers: Mapping[str, str]
    rest: str
    notes: tuple[str, ...]


def find_players(
    system: System, records: Records, windows: Sequence[Window], *, most: int
) -> Players:
    """Return the terms of the explained decisions of a window, at most so many.

    The features that tell candidates apart the most keep a term of their own, the rest share one.
    """
    window = spanning(windows)
    features = records.attributed_features()
    grouped = {feature.name: feature.group or feature.name for feature in system.features}
    groups: dict[str, list[str]] = {}
    for feature in features:
        groups.setdefault(grouped.get(feature, feature), []).append(feature)
    names = [layer.name for layer in system.layers]
    added = _added_by_layers(records, names, window)
    layers = tuple(name for name in names if name in added)
    room = max(1, most - len(layers))
    spread = _spread(records, groups, window)
    order = sorted(groups, key=lambda name: -spread[name])
    kept = order if len(order) <= room else order[: room - 1]
    found = {name: tuple(groups[name]) for name in kept}
    others = [feature for name in order[len(kept) :] for feature in groups[name]]
    if others:
        found[OTHERS] = tuple(others)
    movers, rest, notes = _movers(system, layers, find_stages(system, records, windows))
    # Beside them what candidates are worth in general, and what is not explained.
    terms = 2 + len(found) + len(layers)
    if terms > MOST_TERMS:
        along = (
            f"{terms} terms are too many to replay each subset of: parts are what each term adds "
            "while all of them grow together (Aumann-Shapley)."
        )
        notes = (*notes, along)
    return Players(found, layers, movers, rest, notes)


def _movers(
    system: System, layers: Sequence[str], stages: Stages
) -> tuple[dict[str, str], str, tuple[str, ...]]:
    """Return the labels of layers that move picks otherwise, of the rest, and notes on them.

    What layers that add terms moved is replayed, so it is known whether or not picks were logged.
    """
    logged = {stage.layers[-1] for stage in stages.policy[1:]}
    movers: dict[str, str] = {}
    rest: list[str] = []
    notes: list[str] = []
    held: list[str] = []
    for layer in system.layers:
        label = layer.label or layer.name
        if layer.name in layers:
            rest, held = [*rest, *held], []
        elif layer.name in logged:
            movers[layer.name] = listed([*held, label])
            notes += unlogged_notes(held, label)
            held = []
        else:
            held.append(label)
    rest += held
    notes += unlogged_notes(rest, "what is outside the policy")
    return movers, outside_label(rest), tuple(notes)


def _added_by_layers(records: Records, names: Sequence[str], window: Window) -> set[str]:
    if not names:
        return set()
    asked = ", ".join(f"coalesce(bool_or({quoted(f'layer_{name}')} <> 0), FALSE)" for name in names)
    sql = f"SELECT {asked} FROM candidates WHERE {within(window)}"
    declared = {"layers": dict.fromkeys(names, "")}
    row = records.query(sql, ("candidates",), window, names=declared).to_pylist()[0]
    return {name for name, is_used in zip(names, row.values(), strict=True) if is_used}


def _spread(
    records: Records, groups: Mapping[str, Sequence[str]], window: Window
) -> dict[str, float]:
    """Return how far the candidates of a decision lie apart by each group, on average."""
    if not groups:
        return {}
    totals = [
        " + ".join(f"coalesce({quoted(f'a_{name}')}, 0)" for name in members)
        for members in groups.values()
    ]
    sums = ", ".join(f"stddev_pop({total}) AS s{place}" for place, total in enumerate(totals))
    means = ", ".join(f"coalesce(avg(s{place}), 0)" for place in range(len(groups)))
    row = records.query(
        f"SELECT {means} FROM (SELECT {sums} FROM attributions WHERE {within(window)} "
        "GROUP BY decision_id, model_id)", ("attributions",), window,
    ).to_pylist()[0]  # fmt: skip
    return dict(zip(groups, row.values(), strict=True))
