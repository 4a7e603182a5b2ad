"""Whether features matter as they did: the order of their importances, and turned effects."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from pellucid.monitor.drift.drift import FEWEST_ROWS
from pellucid.monitor.tabular import Tabular

Moved = Literal["flipped", "rose", "fell", "new", "gone", "steady", "too few rows"]

FLOOR = 0.90
_MOST_NAMED = 5
_MOST_TITLED = 3
_LEAST_TOLD = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureShift:
    """How much a feature matters to the scores, now and in the baseline.

    Attributes
    ----------
    name, label : str
    importance, baseline_importance : float
        Mean absolute attribution, on the scale of the attributions; NaN where it has none.
    rank, baseline_rank : int or None
        By importance, from 1; of equal ones the same.
    mean, baseline_mean : float
        Mean attribution, signed.
    low, high : float
        95% interval of the change of the importance; NaN where each side is a single day.
    q_value : float
        Of that change: share of false finds among features found at least as clearly.
    flip_q_value : float
        The same, of its mean having changed sign.
    verdict : str
        ``flipped``: the mean has another sign; ``rose``, ``fell``: matters more, or less; each by
        more than chance and by enough to matter. ``new``, ``gone``: has no attributions in the
        baseline, or in the window. ``steady``; ``too few rows`` to tell.
    """

    name: str
    label: str
    importance: float
    baseline_importance: float
    rank: int | None
    baseline_rank: int | None
    mean: float
    baseline_mean: float
    low: float
    high: float
    q_value: float
    flip_q_value: float
    verdict: Moved


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionDrift(Tabular):
    """Whether features matter in a window as they did in a baseline.

    Attributes
    ----------
    features : tuple of FeatureShift
        In the order of the window, the most important first.
    names : tuple of str
        What the window and the baseline are, in words.
    models : tuple of str
        Whose attributions they are, of the window and of the baseline.
    is_same_reference : bool
        Whether both were explained in the same way and compare with the same reference.
    n, baseline_n : int
        Explained candidates.
    ndcg : float
        Of the window's order, each feature worth its importance in the baseline; 1 where the order
        is the same. NaN where nothing matters in the baseline.
    ndcg_noise : float
        What days of the baseline among themselves stay above in 95 of 100 cases; NaN where they
        are too few to tell.
    ndcg_floor : float
        Below it, the order is another: 0.90, or what days do by themselves where that is lower. NaN
        where rows are too few to tell.
    left_out : float
        Share of what was explained on either side in another way, or against another reference,
        than on the other, and is not compared.
    """

    features: tuple[FeatureShift, ...]
    names: tuple[str, str]
    models: tuple[str, str]
    is_same_reference: bool
    n: int
    baseline_n: int
    ndcg: float
    ndcg_noise: float
    ndcg_floor: float
    left_out: float

    @property
    def is_reordered(self) -> bool:
        """Whether the order of features is another than in the baseline."""
        return self.ndcg < self.ndcg_floor

    @property
    def told(self) -> str:
        """The finding, as a paragraph."""
        parts = [*_caveats(self), _order(self)]
        shown = [
            ("flipped", "whose effect turned round", _mean),
            ("rose", "matter more", _importance),
            ("fell", "matter less", _importance),
        ]
        for verdict, words, change in shown:
            found = [item for item in self.features if item.verdict == verdict]
            if found:
                named = [f"{item.label} ({change(item)})" for item in found[:_MOST_NAMED]]
                more = len(found) - len(named)
                rest = f"; and {more} more" if more else ""
                parts.append(f"Features {words}: {'; '.join(named)}{rest}.")
        return " ".join(parts)

    @property
    def why(self) -> str:
        """What about the order is another, for a title."""
        found = [item for item in self.features if item.rank != item.baseline_rank]
        found.sort(
            key=lambda item: -abs(_known(item.importance) - _known(item.baseline_importance))
        )
        named = "; ".join(f"{item.label} ({_importance(item)})" for item in found[:_MOST_TITLED])
        return f"Features no longer rank as they did (NDCG {self.ndcg:.2f}): {named}"

    @property
    def flipped(self) -> tuple[FeatureShift, ...]:
        """Features whose effect has turned round."""
        return tuple(item for item in self.features if item.verdict == "flipped")

    @property
    def rows(self) -> pa.Table:
        """One row for each feature: verdict, ranks, importances and means; NaN reads as null."""
        kinds = dict.fromkeys(_PLAIN, pa.float64())
        kinds = {"feature": pa.string(), "verdict": pa.string(), "rank": pa.int64(),
                 "baseline_rank": pa.int64()} | kinds  # fmt: skip
        return pa.table({
            name: pa.array(
                [getattr(item, "name" if name == "feature" else name) for item in self.features],
                kind, from_pandas=pa.types.is_floating(kind),
            )
            for name, kind in kinds.items()
        })  # fmt: skip


_PLAIN = ("importance", "baseline_importance", "low", "high", "q_value", "mean", "baseline_mean",
          "flip_q_value")  # fmt: skip


def _caveats(found: AttributionDrift) -> list[str]:
    parts = []
    own, other = found.models
    if own != other:
        parts.append(f"The window is of {own} and the baseline of {other}: what differs may be the "
                     "model and what it compares with, not what it was given.")  # fmt: skip
    elif not found.is_same_reference:
        parts.append(f"{own} was explained in another way, or against another reference, in the "
                     "window than in the baseline: what differs may be that.")  # fmt: skip
    if found.left_out >= _LEAST_TOLD:
        parts.append(f"{found.left_out:.1%} of what is explained is left out: the other side has "
                     "nothing explained against the same reference.")  # fmt: skip
    return parts


def _order(found: AttributionDrift) -> str:
    window, baseline = found.names
    if min(found.n, found.baseline_n) < FEWEST_ROWS:
        return (
            f"Too few candidates are explained to tell: {found.n:,} in {window}, "
            f"{found.baseline_n:,} in {baseline}; {FEWEST_ROWS} of each are enough."
        )
    if math.isnan(found.ndcg):
        return f"All attributions in {baseline} are 0: there is no order to compare with."
    agreed = f"NDCG {found.ndcg:.3f} in {window} against {baseline}"
    by_chance = (
        "its days are too few to tell what chance does" if math.isnan(found.ndcg_noise) else
        f"its days by themselves stay above {found.ndcg_noise:.3f}"
    )  # fmt: skip
    if found.is_reordered:
        return f"Features no longer rank as they did: {agreed}, below {FLOOR:.2f}; {by_chance}."
    if found.ndcg < FLOOR:
        return f"Features rank as they did, as far as can be told: {agreed}; {by_chance}."
    return f"Features rank as they did: {agreed}; below {FLOOR:.2f} they would not."


def _mean(item: FeatureShift) -> str:
    return f"mean {_signed(item.baseline_mean)} → {_signed(item.mean)}"


def _importance(item: FeatureShift) -> str:
    old, new = item.baseline_rank or "none", item.rank or "none"
    ranks = f"rank {old} → {new}, " if old != new else ""
    return (
        f"{ranks}mean size {_known(item.baseline_importance):.3g} → {_known(item.importance):.3g}"
    )


def _known(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")
