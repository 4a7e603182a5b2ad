"""A change of an outcome's rate split into who came, who was allowed, the policy and outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.explain.changes.jackknife import day_spread
from pellucid.stats.shapley import joining_weights
from pellucid.stats.student import Spread

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

MIX, ELIGIBILITY, ROUTING, LABELS, OUTCOME = range(5)
_FACTORS = 5


@dataclass(frozen=True, slots=True)
class RateCounts:
    """Decisions of two windows by cell, eligible set, candidate and day.

    A row is of one candidate: it holds the decisions of its cell and set that each stage sent to
    it, and what became of those that went there in the end.

    Attributes
    ----------
    window : array of int64, shape (rows,)
        0 for the baseline, 1 for the window.
    cell, group, place : array of int64, shape (rows,)
        Combination of dimensions; of cell and set; and of cell, set and candidate.
    day : array of int64, shape (rows,)
    hits : array of float64, shape (stages, rows)
        Weighted decisions sent to the candidate after each stage; the last is where they went.
    known, positive : array of float64, shape (rows,)
        Of the last: those whose outcome is known and final, and those of them that had it.
    """

    window: Places
    cell: Places
    group: Places
    place: Places
    day: Places
    hits: Floats
    known: Floats
    positive: Floats


@dataclass(frozen=True, slots=True)
class RateChange:
    """A change of a rate in parts.

    Attributes
    ----------
    before, after : float
    parts : array of float64, shape (2 + stages + 2,)
        Mix, eligibility, the preference of the model, each layer, labels, outcome; they add up to
        the change.
    spread : Spread
        Of the change and of each part, shape (1 + parts,), by leaving out each day; NaN where a
        window has fewer than two.
    cells : array of float64, shape (cells, 2)
        For each cell, the change that comes with its part in the known decisions (against the mean
        rate), and with its own rate; they add up to the change.
    """

    before: float
    after: float
    parts: Floats
    spread: Spread
    cells: Floats


def split_rate(counts: RateCounts) -> RateChange:
    """Split the change of a rate.

    The rate is Σ w e s c r / Σ w e s c over cells, sets and candidates: the share of a cell, of a
    set in it, of a candidate there, the part of its outcomes that are known, and the rate among
    them. What one window lacks is taken from the other, as in `shares.split_share`.

    References
    ----------
    Das Gupta, P. (1993), vector factors with a ratio as the rate: Shapley values over the factors;
    within that of candidates, stages move in the order of the policy, from either window.

    Raises
    ------
    ValueError
        If a window has no known outcome.
    """
    owner = _owners(counts)
    sums = _summed(counts, np.ones(len(counts.day), dtype=bool))
    if (sums.known.sum(axis=1) <= 0).any():
        raise ValueError("a window has no known outcome")
    before, after, parts = _split(sums, owner)
    return RateChange(before, after, parts, _spread(counts, sums, owner), _by_cell(sums, owner))


@dataclass(frozen=True, slots=True)
class _Sums:
    hits: Floats  # (2, stages, places)
    known: Floats  # (2, places)
    positive: Floats  # (2, places)


@dataclass(frozen=True, slots=True)
class _Owners:
    group_of: Places  # (places,)
    cell_of: Places  # (groups,)


def _owners(counts: RateCounts) -> _Owners:
    group_of = np.zeros(int(counts.place.max(initial=-1)) + 1, dtype=np.int64)
    group_of[counts.place] = counts.group
    cell_of = np.zeros(int(counts.group.max(initial=-1)) + 1, dtype=np.int64)
    cell_of[counts.group] = counts.cell
    return _Owners(group_of, cell_of)


def _summed(counts: RateCounts, rows: NDArray[np.bool_]) -> _Sums:
    places = int(counts.place.max(initial=-1)) + 1
    key = (counts.window * places + counts.place)[rows]

    def total(values: Floats) -> Floats:
        return np.bincount(key, values[rows], 2 * places).astype(np.float64).reshape(2, places)

    return _Sums(
        np.stack([total(stage) for stage in counts.hits], axis=1), total(counts.known),
        total(counts.positive),
    )  # fmt: skip


def _added(place: Places, windows: Floats, count: int) -> Floats:
    """Return sums by place of the values of each window, shape (2, count)."""
    return np.stack([np.bincount(place, own, count).astype(np.float64) for own in windows])


def _ratio(top: Floats, below: Floats) -> Floats:
    """Return a ratio of the two windows' sums; where one has none, that of the other."""
    found = np.divide(top, below, out=np.full_like(top, np.nan), where=below > 0)
    return np.nan_to_num(np.where(np.isnan(found), found[::-1], found))


def _factors(sums: _Sums, owner: _Owners) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return w, e, s (two windows, stages + 1 for none, places), c and r."""
    last = sums.hits[:, -1]
    groups, cells = len(owner.cell_of), int(owner.cell_of.max(initial=-1)) + 1
    of_group = _added(owner.group_of, last, groups)
    of_cell = _added(owner.cell_of, of_group, cells)
    weight = of_cell / of_cell.sum(axis=1, keepdims=True)
    eligible = _ratio(of_group, of_cell[:, owner.cell_of])
    here = of_group[:, owner.group_of]
    stages = np.stack([_ratio(sums.hits[:, n], here) for n in range(sums.hits.shape[1])], axis=1)
    return (
        weight[:, owner.cell_of][:, owner.group_of], eligible[:, owner.group_of], stages,
        _ratio(sums.known, last), _ratio(sums.positive, sums.known),
    )  # fmt: skip


def _split(sums: _Sums, owner: _Owners) -> tuple[float, float, Floats]:
    weight, eligible, stages, known, rate = _factors(sums, owner)
    count = stages.shape[1]
    gained = np.diff(stages, axis=1, prepend=0.0)
    parts = np.zeros(2 + count + 2)
    weights = joining_weights(_FACTORS)

    def worth(chosen: Sequence[int], routed: Floats) -> float:
        mass = (weight[chosen[MIX]] * eligible[chosen[ELIGIBILITY]] * routed
                * known[chosen[LABELS]])  # fmt: skip
        total = mass.sum()
        return float((mass * rate[chosen[OUTCOME]]).sum() / total) if total > 0 else 0.0

    for factor in range(_FACTORS):
        others = [other for other in range(_FACTORS) if other != factor]
        for coalition in range(2 ** len(others)):
            chosen = [0] * _FACTORS
            for place, other in enumerate(others):
                chosen[other] = coalition >> place & 1
            share = weights[coalition.bit_count()]
            if factor == ROUTING:
                # First the stages of the one window move before the rest, then those of the other,
                # so that windows that swap turn every sign.
                for start, sign in ((0, 1), (1, -1)):
                    routed = stages[start, -1]
                    reached = worth(chosen, routed)
                    for stage in range(count):
                        routed = routed + gained[1 - start, stage] - gained[start, stage]
                        moved = worth(chosen, routed)
                        parts[2 + stage] += share * sign * (moved - reached) / 2
                        reached = moved
                continue
            routed = stages[chosen[ROUTING], -1]
            moved = worth([*chosen[:factor], 1, *chosen[factor + 1 :]], routed)
            place = factor if factor < ROUTING else 2 + count + factor - LABELS
            parts[place] += share * (moved - worth(chosen, routed))
    first, last = (sums.positive.sum(axis=1) / sums.known.sum(axis=1)).tolist()
    return first, last, parts


def _by_cell(sums: _Sums, owner: _Owners) -> Floats:
    cell = owner.cell_of[owner.group_of]
    cells = int(owner.cell_of.max(initial=-1)) + 1
    known, positive = _added(cell, sums.known, cells), _added(cell, sums.positive, cells)
    rate, share = _ratio(positive, known), known / known.sum(axis=1, keepdims=True)
    mean = float((positive.sum(axis=1) / known.sum(axis=1)).mean())
    mix = (share[1] - share[0]) * (rate.mean(axis=0) - mean)
    return np.column_stack([mix, share.mean(axis=0) * (rate[1] - rate[0])])


def _spread(counts: RateCounts, sums: _Sums, owner: _Owners) -> Spread:
    def without(rows: NDArray[np.bool_]) -> Floats | None:
        own = _summed(counts, rows)
        rest = _Sums(*(
            # Rounding can leave a group that is gone slightly above nothing.
            np.where((left := whole - gone) < 1e-9, 0.0, left)
            for whole, gone in zip(
                (sums.hits, sums.known, sums.positive), (own.hits, own.known, own.positive),
                strict=True,
            )
        ))  # fmt: skip
        if (rest.known.sum(axis=1) <= 0).any():
            return None
        before, after, parts = _split(rest, owner)
        return np.array([after - before, *parts])

    return day_spread(counts.window, counts.day, 1 + 2 + sums.hits.shape[1] + 2, without)
