"""Why a candidate has its share of traffic: from an even split to the logged one, term by term."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.errors import ExplainError
from pellucid.explain import wording
from pellucid.explain.filters import check_apart, decision_filter
from pellucid.explain.means import DaySums, difference_spread, joined, sums_by_day
from pellucid.explain.records import Records
from pellucid.explain.spans import day_spans
from pellucid.explain.traffic.doubt import Variation, reference_size
from pellucid.explain.traffic.players import OTHERS, Players, find_players
from pellucid.explain.traffic.replay import Doubt, moves_of
from pellucid.explain.traffic.story import TrafficStory
from pellucid.explain.traffic.terms import GENERAL, UNEXPLAINED, LoggedTerms, explained_terms
from pellucid.explain.traffic.utilities import NOBODY, Utilities, picks
from pellucid.spec.system import System
from pellucid.windows import Window, spanning

Floats = NDArray[np.float64]

MOST_PLAYERS = 10
_MOST_ROWS = 400_000
_NOTHING = 1e-9
_START, _GENERAL = "Even split among the eligible", "How it does in general"


def why_traffic(
    system: System,
    records: Records,
    candidate: str,
    *,
    window: Window,
    where: str = "",
    versus: str = "",
    baseline: Window | None = None,
) -> TrafficStory:
    """Split a candidate's share of the explained decisions into features, layers and the rest.

    Attributions of every eligible candidate must be stored; the control arm, which no terms
    decided, is left out.

    Parameters
    ----------
    where : str
        The group; every decision where empty.
    versus : str
        Another group, in the same window.
    baseline : Window, optional
        Another period, of the same group.

    Raises
    ------
    UnknownNameError
        If there is no such candidate in the window.
    ExplainError
        If a side has no explained decision, or both `versus` and `baseline` are given.
    SpecError
        If a condition does not bind.

    References
    ----------
    Shapley values of the replayed argmax, as in `replay.replay_moves`; of more terms than can be
    replayed, those along the way, as in `replay.aumann_moves`.
    """
    if versus and baseline:
        raise ExplainError("compares with another group or another period, not both at once")
    windows = [window, *([baseline] if baseline else [])]
    if baseline:
        check_apart(window, baseline)
    conditions = [decision_filter(system, where), *([decision_filter(system, versus)] if versus
                                                    else [])]  # fmt: skip
    records.check_candidate(candidate, spanning(windows))
    players = find_players(system, records, windows, most=MOST_PLAYERS - 1)
    # A side is a window and a condition.
    sides = [(0, 0), *([(0, 1)] if versus else [(1, 0)] if baseline else [])]

    spans = [
        (place, span) for place, own in enumerate(windows)
        for span in day_spans(records, "attributions", own, most_rows=_MOST_ROWS)
    ]  # fmt: skip

    def loaded() -> Iterator[tuple[int, LoggedTerms]]:
        for place, span in spans:
            terms = explained_terms(system, records, span, conditions, players.groups)
            if len(terms.weight):
                yield place, terms

    # What is not cut is read once; what is cut so that it fits in memory is read twice.
    held = list(loaded()) if len(spans) <= len(windows) else None
    variation = Variation(tuple(players.groups))
    neutral = _mean_terms(loaded() if held is None else held, variation)
    doubt = variation.doubt(reference_size(records, windows))
    found: list[list[DaySums]] = [[] for _ in sides]
    for place, terms in loaded() if held is None else held:
        values = _values(system, terms, candidate, players, neutral, doubt)
        for side, (of_window, condition) in enumerate(sides):
            own = terms.flags[condition]
            if place == of_window and own.any():
                found[side].append(sums_by_day(values[own], terms.weight[own], terms.day[own]))
    for side, sums in enumerate(found):
        if not sums:
            over, among = windows[sides[side][0]], (where, versus)[sides[side][1]]
            raise _nothing(over, among)
    sums = [joined(parts) for parts in found]
    labels = _labels(system, players)
    tables = _tables(sums, labels, is_same_window=baseline is None)
    return TrafficStory(candidate, window, baseline, where, versus, *tables,
                        players.notes)  # fmt: skip


def _labels(system: System, players: Players) -> list[tuple[str, str, str]]:
    """Return part, kind and label of each value that adds up to the share, in their order."""
    features = {feature.name: feature.label or feature.name for feature in system.features}
    layers = {layer.name: layer.label or layer.name for layer in system.layers}
    return [
        ("start", "start", _START),
        (GENERAL, "general", _GENERAL),
        *((name, "feature", features.get(name, name.capitalize())) for name in players.groups),
        (UNEXPLAINED, "residual", "Not explained"),
        *((name, "layer", layers[name]) for name in players.layers),
        *((name, "layer", label) for name, label in players.movers.items()),
        ("rest", "rest", players.rest),
    ]


def _terms_of(utilities: Utilities, players: Players) -> Utilities:
    names = (GENERAL, *players.groups, UNEXPLAINED, *players.layers)
    order = [utilities.terms.index(name) for name in names]
    return replace(utilities, terms=names, added=utilities.added[order])


def _mean_terms(
    loaded: Iterable[tuple[int, LoggedTerms]], variation: Variation
) -> Mapping[tuple[str, str], float]:
    """Return what each term adds to each candidate where it is eligible, on average."""
    total: dict[tuple[str, str], float] = {}
    weight: dict[str, float] = {}
    for _, terms in loaded:
        variation.added(terms)
        utilities = terms.utilities
        own = terms.weight[:, None] * np.isfinite(utilities.base)
        for place, name in enumerate(utilities.candidates):
            weight[name] = weight.get(name, 0.0) + float(own[:, place].sum())
            for term, added in zip(utilities.terms, utilities.added, strict=True):
                key = (term, name)
                total[key] = total.get(key, 0.0) + float(own[:, place] @ added[:, place])
    return {(term, name): value / weight[name] for (term, name), value in total.items()
            if weight[name] > 0}  # fmt: skip


def _values(
    system: System, terms: LoggedTerms, candidate: str, players: Players,
    neutral: Mapping[tuple[str, str], float], doubt: Doubt,
) -> Floats:  # fmt: skip
    """Return the columns that are averaged, a row for each decision.

    First whether it was picked and whether replaying picks as was picked, then the parts in the
    order of `_labels`, then the replayed share, and that without each feature and each layer.
    """
    utilities = _terms_of(terms.utilities, players)
    replayed = picks(utilities)
    is_same = (replayed == terms.picks[-1]).astype(np.float64)
    told = (*players.groups, *players.layers)
    if candidate not in utilities.candidates:
        # Not one of these decisions had it: it has no part of them.
        columns = 5 + len(utilities.terms) + len(players.movers) + len(told)
        none = np.zeros((len(is_same), columns))
        none[:, 1] = is_same
        return none
    place = utilities.candidates.index(candidate)
    moves = moves_of(utilities, candidate, doubt)
    is_chosen = (terms.picks[-1] == place).astype(np.float64)
    shifts = _shifts(system, terms, utilities, players, place)
    rest = is_chosen - moves.after - sum(shifts, np.zeros(len(is_chosen)))
    without = [_picks_without(utilities, name, players, neutral) == place for name in told]
    return np.column_stack([
        is_chosen, is_same, moves.before, moves.values, *shifts, rest, replayed == place, *without,
    ])  # fmt: skip


def _shifts(
    system: System, terms: LoggedTerms, utilities: Utilities, players: Players, place: int
) -> list[Floats]:
    """Return what each layer without terms moved to a candidate, a row for each decision.

    Where the pick after a layer is missing, its terms are replayed to find it.
    """
    before, found = terms.picks[0], []
    for number, layer in enumerate(system.layers, start=1):
        after = terms.picks[number]
        is_missing = (after == NOBODY) & (before != NOBODY)
        if is_missing.any():
            later = tuple(name for name in players.layers
                          if name in {other.name for other in system.layers[number:]})  # fmt: skip
            made = picks(utilities, without=later)
            is_moved = made != picks(utilities, without=(layer.name, *later))
            after = np.where(is_missing, np.where(is_moved, made, before), after)
        if layer.name in players.movers:
            found.append((after == place).astype(np.float64) - (before == place))
        before = after
    return found


def _picks_without(
    utilities: Utilities, name: str, players: Players, neutral: Mapping[tuple[str, str], float]
) -> NDArray[np.int64]:
    """Return the replayed picks without a layer, or with a feature that tells no decisions apart.

    What never changes for a candidate tells none apart: without it nothing would be other.
    """
    if name in players.layers:
        return picks(utilities, without=(name,))
    level = np.array([neutral.get((name, other), 0.0) for other in utilities.candidates])
    added = utilities.added.copy()
    added[utilities.terms.index(name)] = np.where(np.isfinite(utilities.base), level, 0.0)
    return picks(replace(utilities, added=added))


def _tables(
    sums: Sequence[DaySums], labels: Sequence[tuple[str, str, str]], *, is_same_window: bool
) -> tuple[pa.Table, pa.Table, pa.Table]:
    means, errors = [own.means for own in sums], [own.errors for own in sums]
    sides = pa.table({
        "side": ["group", "versus"][: len(sums)], "n": [int(own.n.sum()) for own in sums],
        "decisions": [float(own.weight.sum()) for own in sums],
        "days": [len(own.day) for own in sums], "share": [float(own[0]) for own in means],
        "error": [float(own[0]) for own in errors], "degrees": [own.degrees for own in sums],
        "fidelity": [float(own[1]) for own in means],
    })  # fmt: skip
    whole = slice(2, 2 + len(labels))
    columns = {"value": means[0][whole], "error": errors[0][whole],
               "degrees": np.full(len(labels), sums[0].degrees)}  # fmt: skip
    if len(sums) > 1:
        spread = difference_spread(sums[0], sums[1], is_same_window=is_same_window)
        columns |= {
            "versus_value": means[1][whole],
            "difference": means[0][whole] - means[1][whole],
            "difference_error": spread.errors[whole],
            "difference_degrees": spread.degrees[whole],
        }  # fmt: skip
    order = _order(labels, columns)
    parts = _table([labels[place] for place in order],
                   {name: own[order] for name, own in columns.items()})  # fmt: skip
    # Layers that only move picks come last, and nothing is replayed without them.
    terms = [label for label in labels if label[1] in ("feature", "layer")]
    replayed = whole.stop
    count = len(means[0]) - replayed - 1
    columns = {}
    for prefix, own in zip(("", "versus_"), means, strict=False):
        columns[f"{prefix}share"] = own[replayed + 1 :]
        columns[f"{prefix}change"] = own[replayed + 1 :] - own[replayed]
    shown = sorted(range(count), key=lambda place: -abs(columns["change"][place]))
    without = _table([terms[place] for place in shown],
                     {name: own[shown] for name, own in columns.items()})  # fmt: skip
    return sides, parts, without.drop_columns(["kind"])


def _order(labels: Sequence[tuple[str, str, str]], columns: Mapping[str, Floats]) -> list[int]:
    """Return start and general, features by size, the others last, then the policy in order."""
    size = np.abs(columns.get("difference", columns["value"]))
    features = [place for place, label in enumerate(labels) if label[1] == "feature"]
    features.sort(key=lambda place: (labels[place][0] == OTHERS, -size[place]))
    idle = {"general", "residual", "rest"}
    rest = [
        place for place, label in enumerate(labels)
        if label[1] not in ("start", "feature")
        and not (label[1] in idle and all(abs(own[place]) < _NOTHING for own in columns.values()))
    ]  # fmt: skip
    general = [place for place in rest if labels[place][1] == "general"]
    return [0, *general, *features, *(place for place in rest if place not in general)]


def _table(labels: Sequence[tuple[str, str, str]], columns: Mapping[str, Floats]) -> pa.Table:
    named = {
        name: pa.array([label[place] for label in labels], pa.string())
        for place, name in enumerate(("part", "kind", "label"))
    }
    return pa.table(named | dict(columns))


def _nothing(window: Window, where: str) -> ExplainError:
    among = f" where {where}" if where else ""
    return ExplainError(
        f"no decision{among} from {wording.span(window)} has attributions of all its eligible "
        "candidates; explain them first with obs.attribute(over=...), or `pellucid attribute`, or "
        "widen the group"
    )
