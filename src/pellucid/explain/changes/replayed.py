"""Why a candidate's traffic share changed, by replaying each period with parts of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.errors import ExplainError
from pellucid.explain.changes.components import (
    POPULATION,
    SWAPPED,
    Component,
    find_components,
    label_of,
    main_models,
)
from pellucid.explain.changes.periods import Periods, logged_shares, read_periods
from pellucid.explain.changes.replay_story import DRAWN, REST, Replayed, ReplayedChange
from pellucid.explain.filters import check_apart, decision_filter
from pellucid.explain.means import DaySums, difference_spread, sums_by_day
from pellucid.explain.records import Records
from pellucid.explain.traffic.replay import MOST_TERMS
from pellucid.explain.traffic.utilities import Utilities, picks
from pellucid.spec.system import System
from pellucid.stats.shapley import coalition_weights
from pellucid.windows import Window, spanning

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_DECISIONS = 20_000


def replay_change(
    system: System,
    records: Records,
    candidate: str,
    *,
    window: Window,
    baseline: Window,
    where: str = "",
    most_decisions: int = MOST_DECISIONS,
) -> ReplayedChange:
    """Split the change of a candidate's share by replaying it under parts of either period.

    The factors are the decisions that came in, the eligibility rules, the model, and each layer
    whose terms are a table in both periods. Each set of factors is taken from the window and the
    others from the baseline: the decisions of the one are scored by the other's model file, ruled
    by its rules and given its terms. What cannot be taken from its decisions, such as exploration,
    goes with them and counts as population.

    Parameters
    ----------
    where : str
        Decisions to look at; all where empty. The control arm is left out.
    most_decisions : int, default 20000
        Decisions of each period to replay, drawn by a hash of their id.

    Returns
    -------
    ReplayedChange
        Each part is a mean over the decisions of the one period plus a mean over those of the other
        of what each adds to it: standard errors are of these means, clustered by day.

    Raises
    ------
    ExplainError
        If the windows overlap; one has no decision that names its model; a model's file was not
        logged or needs features that the other period lacks; or more than 12 factors differ.
    UnknownNameError
        If there is no such candidate in either window.
    SpecError
        If `where` does not bind.

    References
    ----------
    Shapley, L. S. (1953). A value for n-person games; the worth of a coalition is the share that
    the replay gives the candidate. For two factors this is Kitagawa, E. M. (1955). Components of a
    Difference Between Two Rates.
    """
    check_apart(window, baseline)
    chosen = decision_filter(system, where)
    windows = (baseline, window)
    periods = read_periods(system, records, windows, chosen, most_decisions)
    if candidate not in periods.candidates:
        records.check_candidate(candidate, spanning(windows))
    components = find_components(system, records, periods, windows)
    values, won, is_same = _values(components, periods, candidate)
    sums = [
        sums_by_day(np.column_stack([values, won, is_same])[own], periods.weight[own],
                    periods.day[own])
        for own in (periods.side == 0, periods.side == 1)
    ]  # fmt: skip
    logged = [logged_shares(system, records, candidate, own, chosen) for own in windows]
    shares = [float(own.means[0]) for own, _ in logged]
    total = difference_spread(logged[1][0], logged[0][0], is_same_window=False)
    return ReplayedChange(
        candidate, where, window, baseline, shares[0], shares[1], float(total.errors[0]),
        float(total.degrees[0]), _sides(sums, logged),
        _parts(system, components, sums, [own for own, _ in logged]),
        _described(system, components), main_models(periods), _newcomers(periods),
    )  # fmt: skip


def _values(
    components: Sequence[Component], periods: Periods, candidate: str
) -> tuple[Floats, Floats, Bools]:
    """Return what each decision adds to each part, its replayed pick, and if that was the logged.

    Returns
    -------
    array of float64, shape (n, 2 + swapped)
        Population, each component that is swapped, and what the replay misses. Means over the
        window's decisions plus means over the baseline's are the parts.
    array of float64, shape (n,)
        1 where the replay under its own period picks the candidate.
    array of bool, shape (n,)
        Whether that replay picks what was picked.
    """
    swapped = [at for at, part in enumerate(components) if part.handling == SWAPPED]
    active = [at for at in swapped if components[at].differs]
    players = 1 + len(active)
    if players > MOST_TERMS:
        raise ExplainError(
            f"{players} factors differ between the periods, too many to replay each subset of "
            f"(at most {MOST_TERMS}); choose periods closer to each other"
        )
    coefficients = coalition_weights(players)
    names = periods.candidates
    place = names.index(candidate) if candidate in names else len(names)
    of = [0, *(1 + swapped.index(at) for at in active)]
    values = np.zeros((len(periods.side), 2 + len(swapped)))
    won, is_same = np.zeros(len(values)), np.zeros(len(values), dtype=bool)
    for side in (0, 1):
        own = periods.side == side
        for others in range(2 ** len(active)):
            version = {at: others >> bit & 1 for bit, at in enumerate(active)}
            replayed = _replayed(components, periods, own, version, side)
            picked = (replayed == place).astype(np.float64)
            values[np.ix_(own, of)] += np.outer(picked, coefficients[others << 1 | side])
            if all(taken == side for taken in version.values()):
                won[own], is_same[own] = picked, replayed == periods.chosen[own]
    is_chosen = (periods.chosen == place).astype(np.float64)
    values[:, -1] = np.where(periods.side == 1, 1.0, -1.0) * (is_chosen - won)
    return values, won, is_same


def _replayed(
    components: Sequence[Component], periods: Periods, own: Bools, version: Mapping[int, int],
    side: int,
) -> NDArray[np.int64]:  # fmt: skip
    """Return the picks of a period's decisions under the given versions of components."""
    eligible, score, *layers = (
        part.versions[version.get(at, side)][own] for at, part in enumerate(components)
    )
    base = np.where((eligible > 0) & np.isfinite(score), score, -np.inf)
    added = np.stack(layers) if layers else np.zeros((0, *base.shape))
    names = tuple(part.name for part in components[2:])
    return picks(Utilities(periods.candidates, names, base, added))


def _sides(sums: Sequence[DaySums], logged: Sequence[tuple[DaySums, float]]) -> pa.Table:
    return pa.table({
        "side": ["baseline", "window"],
        "n": [int(own.n.sum()) for own in sums],
        "decisions": [float(every.weight.sum()) for every, _ in logged],
        "days": [len(own.day) for own in sums],
        "share": [float(every.means[0]) for every, _ in logged],
        "replayed": [float(own.means[-2]) for own in sums],
        "fidelity": [float(own.means[-1]) for own in sums],
        "left_out": [left for _, left in logged],
    })  # fmt: skip


def _parts(
    system: System, components: Sequence[Component], sums: Sequence[DaySums],
    logged: Sequence[DaySums],
) -> pa.Table:  # fmt: skip
    swapped = [(part.name, part.kind) for part in components if part.handling == SWAPPED]
    names = [(POPULATION, POPULATION), *swapped, (REST, REST)]
    changes = (sums[0].means + sums[1].means)[: len(names)].tolist()
    spread = difference_spread(*sums, is_same_window=False)
    errors = spread.errors[: len(names)].tolist()
    degrees = spread.degrees[: len(names)].tolist()
    if any(every.n.sum() > own.n.sum() for every, own in zip(logged, sums, strict=True)):
        names.append((DRAWN, DRAWN))
        changes.append(float(logged[1].means[0] - logged[0].means[0]) - sum(changes))
        errors.append(float("nan"))
        degrees.append(float("nan"))
    return pa.table({
        "part": [name for name, _ in names], "kind": [kind for _, kind in names],
        "label": [label_of(system, name, kind) for name, kind in names],
        "change": changes, "error": errors, "degrees": degrees,
    })  # fmt: skip


def _described(system: System, components: Sequence[Component]) -> tuple[Replayed, ...]:
    return tuple(
        Replayed(part.name, part.kind, label_of(system, part.name, part.kind), part.handling,
                 part.known_by, part.own_kept, part.stays)
        for part in components
    )  # fmt: skip


def _newcomers(periods: Periods) -> tuple[str, ...]:
    """Return the candidates that were considered in one of the two periods only."""
    side = periods.side[periods.place]
    seen = [set(np.unique(periods.whose[side == one]).tolist()) for one in (0, 1)]
    return tuple(periods.candidates[place] for place in sorted(seen[0] ^ seen[1]))
