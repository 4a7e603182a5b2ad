"""Which terms a share of traffic is split into: groups of features, and layers that add terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.engine.sql import quoted
from pellucid.explain.records import Records, within
from pellucid.spec.system import System
from pellucid.windows import Window

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
    movers : tuple of str
        Layers that never do, and move picks by other means.
    """

    groups: Mapping[str, tuple[str, ...]]
    layers: tuple[str, ...]
    movers: tuple[str, ...]


def find_players(system: System, records: Records, window: Window, *, most: int) -> Players:
    """Return the terms of the explained decisions of a window, at most so many.

    The features that tell candidates apart the most keep a term of their own, the rest share one.
    """
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
    rest = [feature for name in order[len(kept) :] for feature in groups[name]]
    if rest:
        found[OTHERS] = tuple(rest)
    return Players(found, layers, tuple(name for name in names if name not in added))


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
