"""A change of a traffic share split into mix, eligibility, the model and each layer, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.explain.changes.jackknife import day_spread
from pellucid.stats.shapley import product_effects
from pellucid.stats.student import Spread

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StageCounts:
    """Decisions of two windows by cell, eligible set and day, and where each stage sent them.

    Attributes
    ----------
    window : array of int64, shape (rows,)
        0 for the baseline, 1 for the window.
    cell : array of int64, shape (rows,)
        Combination of dimensions.
    group : array of int64, shape (rows,)
        Combination of cell and set of eligible candidates.
    day : array of int64, shape (rows,)
    decisions : array of float64, shape (rows,)
        Weighted.
    hits : array of float64, shape (stages, rows)
        Of these, those that the policy would send to the candidate after each stage; the last is
        where they went.
    """

    window: Places
    cell: Places
    group: Places
    day: Places
    decisions: Floats
    hits: Floats


@dataclass(frozen=True, slots=True)
class ShareChange:
    """A change of share in parts.

    Attributes
    ----------
    before, after : float
        Shares.
    mix, eligibility : float
        What more or fewer decisions of each cell, and other eligible sets within them, changed.
    stages : array of float64, shape (stages,)
        What the preference of the model (first), then of each layer changed.
    cells : array of float64, shape (cells, 2 + stages)
        The same by cell, mix first; mix by cell is against the mean share, so that more traffic in
        a cell of low share counts as a loss there.
    spread : Spread
        Of the change, mix, eligibility and each stage, shape (3 + stages,), by leaving out each
        day. NaN where a window has fewer than two days.
    """

    before: float
    after: float
    mix: float
    eligibility: float
    stages: Floats
    cells: Floats
    spread: Spread


def split_share(counts: StageCounts) -> ShareChange:
    """Split the change of a candidate's traffic share.

    A cell that only one window has counts wholly as mix, and an eligible set that only one window
    has as eligibility: what its preferences would be in the other is taken from the one that has
    it. So nothing is dropped, and the parts always add up to the change.

    Raises
    ------
    ValueError
        If a window has no decisions.
    """
    groups = int(counts.group.max()) + 1 if len(counts.group) else 0
    cell_of = np.zeros(groups, dtype=np.int64)
    cell_of[counts.group] = counts.cell
    decisions, hits = _summed(counts, np.ones(len(counts.day), dtype=bool), groups)
    if (decisions.sum(axis=1) == 0).any():
        raise ValueError("a window has no decisions")
    parts, cells = _split(decisions, hits, cell_of)
    shares = hits[:, -1].sum(axis=1) / decisions.sum(axis=1)
    return ShareChange(
        float(shares[0]), float(shares[1]), float(parts[1]), float(parts[2]), parts[3:], cells,
        _spread(counts, decisions, hits, cell_of),
    )  # fmt: skip


def _summed(counts: StageCounts, rows: NDArray[np.bool_], groups: int) -> tuple[Floats, Floats]:
    """Return decisions, shape (2, groups), and hits, shape (2, stages, groups)."""
    key = (counts.window * groups + counts.group)[rows]
    decisions = np.bincount(key, counts.decisions[rows], 2 * groups).astype(np.float64)
    hits = np.stack([
        np.bincount(key, stage[rows], 2 * groups).reshape(2, groups) for stage in counts.hits
    ], axis=1)  # fmt: skip
    return decisions.reshape(2, groups), hits.astype(np.float64)


def _split(decisions: Floats, hits: Floats, cell_of: Places) -> tuple[Floats, Floats]:
    """Return change, mix, eligibility and stages; and the parts by cell."""
    cells, stages = int(cell_of.max()) + 1, hits.shape[1]
    of_cell = np.stack([np.bincount(cell_of, window, cells) for window in decisions])
    weight = (of_cell / of_cell.sum(axis=1, keepdims=True))[:, cell_of]
    own = of_cell[:, cell_of]
    eligible = np.divide(decisions, own, out=np.full_like(decisions, np.nan), where=own > 0)
    # A cell that a window lacks has the eligible sets of the other window. What both lack (it was
    # of a day that is left out) has no weight, and so any rate.
    eligible = np.nan_to_num(np.where(np.isnan(eligible), eligible[::-1], eligible))
    gained = np.diff(hits, axis=1, prepend=0.0)
    here = decisions[:, None, :]
    rate = np.divide(gained, here, out=np.full_like(gained, np.nan), where=here > 0)
    rate = np.nan_to_num(np.where(np.isnan(rate), rate[::-1], rate))
    parts = np.zeros((cells, 2 + stages))
    for stage in range(stages):
        before, after = (
            np.stack([weight[t], eligible[t], rate[t, stage]]) for t in (0, 1)
        )  # fmt: skip
        mix, sets, preference = product_effects(before, after)
        parts[:, 0] += np.bincount(cell_of, mix, cells)
        parts[:, 1] += np.bincount(cell_of, sets, cells)
        parts[:, 2 + stage] = np.bincount(cell_of, preference, cells)
    total = parts.sum(axis=0)
    share = hits[:, -1].sum(axis=1) / decisions.sum(axis=1)
    shift = np.diff(of_cell / of_cell.sum(axis=1, keepdims=True), axis=0)[0]
    # Shifts of all cells add up to nothing, so this moves parts between cells only.
    parts[:, 0] -= shift * share.mean()
    return np.concatenate([[share[1] - share[0]], total]), parts


def _spread(counts: StageCounts, decisions: Floats, hits: Floats, cell_of: Places) -> Spread:
    def without(rows: NDArray[np.bool_]) -> Floats | None:
        own, gone = _summed(counts, rows, decisions.shape[1])
        rest = decisions - own
        if (rest.sum(axis=1) <= 0).any():
            return None
        # Rounding can leave a group that is gone slightly above nothing.
        rest = np.where(rest < 1e-9, 0.0, rest)
        left = np.where(rest[:, None] > 0, hits - gone, 0.0)
        return _split(rest, left, cell_of)[0]

    return day_spread(counts.window, counts.day, 3 + hits.shape[1], without)
