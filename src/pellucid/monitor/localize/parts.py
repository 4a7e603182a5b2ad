"""What each slice that moved, and everything else, contributes to the whole change, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.monitor.localize.lattice import Conditions
from pellucid.monitor.localize.leaves import Counts, Deviations, Ratios
from pellucid.monitor.localize.search import Found, Moved
from pellucid.stats.selection import selected_mean
from pellucid.stats.shapley import product_effects

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_Z = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A slice, or everything else.

    Attributes
    ----------
    conditions : tuple of (int, int)
        Dimension and value; none of everything else.
    value, baseline : float
        The metric in the window and the baseline; of a count or total at the window's length.
    effect, low, high : float
        How far it moved, with its 95% interval: relative to the baseline of a count or total, else
        the difference. NaN where a side has nothing.
    shrunk : float
        The effect, less what it owes to having been picked as the largest of many.
    contribution : float
        To the whole change, in the metric's unit; those of all parts add up to it.
    mix, rate : float
        The contribution in two: from having more or less of the volume, and from moving itself. Of
        a count or total there is no mix.
    share : float
        Contribution over the whole change; NaN where that is 0.
    q_value : float
        See `Found`; NaN of everything else.
    n, baseline_n : int
        Rows.
    """

    conditions: Conditions
    value: float
    baseline: float
    effect: float
    low: float
    high: float
    shrunk: float
    contribution: float
    mix: float
    rate: float
    share: float
    q_value: float
    n: int
    baseline_n: int


@dataclass(frozen=True, slots=True)
class Whole:
    """The metric over everything: its two values, and the parts of its change.

    Attributes
    ----------
    value, baseline : float
    shift : float
        By how much all that is outside the slices moved together, relative for a count or total; 0
        where that may be chance.
    parts : tuple of Part
        Slices in the order in which they were found, each without the leaves of those before it;
        then everything else.
    """

    value: float
    baseline: float
    shift: float
    parts: tuple[Part, ...]


def split_change(
    leaves: Counts | Ratios, moved: Moved, rows: NDArray[np.int64], base_rows: NDArray[np.int64]
) -> Whole:
    """Split the change of a metric into the slices that moved and everything else.

    A rate is the sum over parts of their share of the volume times their rate, so that its change
    is a mix and a rate effect of each; shares are set against the mean rate, which moves mix
    between parts only. A part that a window lacks counts as mix.

    Parameters
    ----------
    rows, base_rows : array of int64, shape (leaves,)

    References
    ----------
    Kitagawa, E. M. (1955). Components of a difference between two rates. JASA 50, 1168-1194.
    Das Gupta, P. (1993), as in `pellucid.stats.shapley.product_effects`.
    """
    rest = np.ones(len(rows), dtype=bool)
    for item in moved.found:
        rest &= ~item.leaves
    masks = [*(item.leaves for item in moved.found), rest]
    shift = moved.shift
    if isinstance(leaves, Ratios):
        sides = _ratio_sides(leaves, masks)
        mix, rate = _mix_and_rate(leaves, masks)
        errors = [_ratio_error(leaves, mask, moved.spread) for mask in masks]
    else:
        sides = [(float(leaves.value[mask].sum()), float(leaves.expected[mask].sum()))
                 for mask in masks]  # fmt: skip
        mix, rate = np.zeros(len(masks)), np.array([one - two for one, two in sides])
        own = leaves.deviations(shift)
        errors = [_count_error(own, mask, two) for mask, (_, two) in zip(masks, sides, strict=True)]
        shift = (2 + shift) / (2 - shift) - 1
    value, baseline = _ends(leaves)
    found: list[Found | None] = [*moved.found, None]
    parts = tuple(
        _part(item, side, error, shift, (float(mix[place]), float(rate[place])), value - baseline,
              is_relative=isinstance(leaves, Counts),
              n=int(rows[masks[place]].sum()), baseline_n=int(base_rows[masks[place]].sum()))
        for place, (item, side, error) in enumerate(zip(found, sides, errors, strict=True))
    )  # fmt: skip
    return Whole(value, baseline, shift, parts)


def _part(
    found: Found | None, side: tuple[float, float], error: float, shift: float,
    effects: tuple[float, float], total: float, *, is_relative: bool, n: int, baseline_n: int,
) -> Part:  # fmt: skip
    value, baseline = side
    effect = value - baseline
    if is_relative:
        effect = effect / baseline if baseline > 0 else np.nan
    half, shrunk = _Z * error * np.sqrt(found.spread if found else 1.0), effect
    if found:
        score = float(np.sqrt(found.gain))
        kept = selected_mean(score, float(np.sqrt(found.needed))) / score
        shrunk = shift + (effect - shift) * kept
    contribution = effects[0] + effects[1]
    return Part(
        conditions=found.conditions if found else (), value=value, baseline=baseline, effect=effect,
        low=float(effect - half), high=float(effect + half), shrunk=float(shrunk),
        contribution=contribution, mix=effects[0], rate=effects[1],
        share=contribution / total if total else np.nan,
        q_value=found.q_value if found else np.nan, n=n, baseline_n=baseline_n,
    )  # fmt: skip


def _ends(leaves: Counts | Ratios) -> tuple[float, float]:
    if isinstance(leaves, Counts):
        return float(leaves.value.sum()), float(leaves.expected.sum())
    return (float(leaves.above.sum() / leaves.below.sum()),
            float(leaves.base_above.sum() / leaves.base_below.sum()))  # fmt: skip


def _ratio_sides(leaves: Ratios, masks: list[Mask]) -> list[tuple[float, float]]:
    return [
        (_ratio(leaves.above[mask].sum(), leaves.below[mask].sum()),
         _ratio(leaves.base_above[mask].sum(), leaves.base_below[mask].sum()))
        for mask in masks
    ]  # fmt: skip


def _mix_and_rate(leaves: Ratios, masks: list[Mask]) -> tuple[Floats, Floats]:
    sums = np.array([
        [part[mask].sum() for mask in masks]
        for part in (leaves.base_above, leaves.base_below, leaves.above, leaves.below)
    ])  # fmt: skip
    shares = np.stack([sums[1] / sums[1].sum(), sums[3] / sums[3].sum()])
    rates = np.divide(sums[::2], sums[1::2], out=np.full((2, len(masks)), np.nan),
                      where=sums[1::2] > 0)  # fmt: skip
    rates = np.nan_to_num(np.where(np.isnan(rates), rates[::-1], rates))
    mix, rate = product_effects(
        np.stack([shares[0], rates[0]]), np.stack([shares[1], rates[1]])
    )  # fmt: skip
    mean = (sums[0].sum() / sums[1].sum() + sums[2].sum() / sums[3].sum()) / 2
    return mix - (shares[1] - shares[0]) * mean, rate


def _ratio_error(leaves: Ratios, mask: Mask, spread: float) -> float:
    below, base = leaves.below[mask], leaves.base_below[mask]
    if not (below.sum() > 0 and base.sum() > 0):
        return float("nan")
    unit = leaves.variances()[mask]
    variance = (unit @ below) / below.sum() ** 2 + (unit @ base) / base.sum() ** 2
    return float(np.sqrt(spread * variance))


def _count_error(own: Deviations, mask: Mask, expected: float) -> float:
    return float(np.sqrt(own.variance[mask].sum())) / expected if expected > 0 else float("nan")


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below > 0 else float("nan")
