"""The drift of one column: distances, what chance would make of them, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pellucid.monitor.drift.support import Support, shared_support
from pellucid.monitor.profiles.profile import Profile
from pellucid.stats.distances import (
    Chance,
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    l_infinity,
    observed_chance,
    psi,
    wasserstein,
)

Verdict = Literal["moved", "slightly", "steady", "constant", "too few rows", "no values"]

# Effects from which a change is called one: a tenth of a standard deviation, and the tenth that
# practice calls noticeable, of what is left of a PSI once chance is taken off.
_PSI, _DISTANCE, _DEVIATIONS = 0.1, 0.1, 0.1
_MISSING_POINTS, _UNSEEN_SHARE = 0.05, 0.01
FEWEST_ROWS = 100
_LEAST_USED = 8
# Rows of one decision may share a value: so many others that are gone are no chance.
_LEAST_OTHERS = 200.0
_NEW_POINTS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How a column's distribution differs from its baseline.

    Attributes
    ----------
    column : str
    kind : str
        ``number``, ``whole`` or ``category``.
    n, baseline_n : int
        Rows.
    missing, baseline_missing : float
        Share of rows without a value.
    unseen : float
        Share of rows with a value that the baseline never had, or in a bin beyond all of its own.
    psi : float
        Over bins as full as each other in the baseline, what is missing among them.
    psi_noise : float
        What chance alone stays below in 95 of 100 cases, at these n.
    jensen_shannon, hellinger, l_infinity : float
    kolmogorov_smirnov, wasserstein : float
        Of numbers; NaN of a category. The second in standard deviations of the baseline.
    mean, baseline_mean : float
        NaN of a category.
    p_value : float
        Of the PSI, were nothing moved.
    most_missing : float
        Highest share of missing values on a day of the baseline; 1 where its days are not known.
    last_unseen : float
        The same as `unseen` of the last day of the baseline, against the days before it; 1 where
        its days are not known.
    used, least_used : int
        Different values, as far as bins tell them apart, and the fewest on a day of the baseline;
        the latter 0 where its days are not known.
    least_varied : float
        Smallest share, on a day of the baseline, of values that are not the most common one of that
        day; 0 where its days are not known.
    is_single, was_single : bool
        Whether all values of the window, and of the baseline, are one and the same.
    support : Support
        The counts behind it.
    """

    column: str
    kind: str
    n: int
    baseline_n: int
    missing: float
    baseline_missing: float
    unseen: float
    psi: float
    psi_excess: float
    psi_noise: float
    jensen_shannon: float
    hellinger: float
    l_infinity: float
    kolmogorov_smirnov: float
    wasserstein: float
    mean: float
    baseline_mean: float
    p_value: float
    most_missing: float
    last_unseen: float
    used: int
    least_used: int
    least_varied: float
    is_single: bool
    was_single: bool
    support: Support

    @property
    def is_large(self) -> bool:
        """Whether the difference is one that matters, whatever n."""
        return (
            self.psi_excess >= _PSI or self.jensen_shannon >= _DISTANCE
            or self.wasserstein >= _DEVIATIONS or self.unseen >= _UNSEEN_SHARE
            or abs(self.missing - self.baseline_missing) >= _MISSING_POINTS
        )  # fmt: skip

    @property
    def is_stuck(self) -> bool:
        """Whether values hardly vary any more, though they did on every day before.

        There are half as many different ones as on the day with the fewest, or one alone where
        hundreds of rows should have others.
        """
        is_sparse = self.least_used >= _LEAST_USED and 2 * self.used <= self.least_used
        return is_sparse or (self.is_single and self.least_varied * self.n >= _LEAST_OTHERS)

    @property
    def is_constant(self) -> bool:
        """Whether all values are one and the same, in the window and in the baseline."""
        held = (self.support.counts[:-1] > 0) | (self.support.baseline[:-1] > 0)
        return self.is_single and self.was_single and int(held.sum()) == 1

    @property
    def is_gone(self) -> bool:
        """Whether far more is missing, or new, than on the days before."""
        return (
            self.missing - self.most_missing >= _MISSING_POINTS
            or self.unseen - self.last_unseen >= _NEW_POINTS
        )

    def verdict(self, q_value: float, *, false_share: float = 0.05) -> Verdict:
        """Return what to call it, given the p-value adjusted for all columns that were asked."""
        if self.n == 0 or self.baseline_n == 0:
            return "no values"
        if min(self.n, self.baseline_n) < FEWEST_ROWS:
            return "too few rows"
        if self.is_stuck or self.is_gone:
            return "moved"
        if q_value >= false_share:
            return "constant" if self.is_constant else "steady"
        return "moved" if self.is_large else "slightly"


def drift_of(
    column: str, profile: Profile, baseline: Profile, *, days: Sequence[Profile] = ()
) -> Drift:
    """Compare a column's profile with its baseline.

    Parameters
    ----------
    days : sequence of Profile
        Those of the baseline's days, which tell how much days differ by themselves; by default rows
        are taken as independent.

    Raises
    ------
    ShapeError
        If the profiles are not counted in the same way.
    """
    support = shared_support(profile, baseline)
    n, baseline_n = float(support.counts.sum()), float(support.baseline.sum())
    used = int(((support.counts + support.baseline) > 0).sum())
    index = float(psi(support.counts, support.baseline)) if n and baseline_n else float("nan")
    expected = limit = 0.0
    p_value = 1.0
    if n and baseline_n and used > 1:
        chance, size = _chance(days, baseline, used), n * baseline_n / (n + baseline_n)
        expected, limit = chance.expected(size), chance.limit(size)
        p_value = chance.tail(index, size)
    known = support.counts[:-1].sum() > 0 and support.baseline[:-1].sum() > 0
    is_number = baseline.binning.kind != "category" and known
    return Drift(
        column=column, kind=baseline.binning.kind, n=profile.n, baseline_n=baseline.n,
        missing=_share(profile.nulls, profile.n),
        baseline_missing=_share(baseline.nulls, baseline.n),
        unseen=_unseen(profile, baseline),
        psi=index, psi_excess=index - expected, psi_noise=limit,
        jensen_shannon=float(jensen_shannon(support.counts, support.baseline)),
        hellinger=float(hellinger(support.counts, support.baseline)),
        l_infinity=float(l_infinity(support.counts, support.baseline)),
        kolmogorov_smirnov=float(kolmogorov_smirnov(
            profile.counts.astype(np.float64), baseline.counts.astype(np.float64)
        )) if is_number else float("nan"),
        wasserstein=_wasserstein(profile, baseline) if is_number else float("nan"),
        mean=profile.mean, baseline_mean=baseline.mean, p_value=p_value,
        most_missing=max((_share(day.nulls, day.n) for day in days if day.n), default=1.0),
        last_unseen=_last_unseen(days), used=profile.used,
        least_used=_least_used(profile, days),
        least_varied=min((day.varied / day.known for day in days if day.known), default=0.0),
        is_single=profile.is_single, was_single=baseline.is_single, support=support,
    )  # fmt: skip


def _chance(days: Sequence[Profile], baseline: Profile, used: int) -> Chance:
    """Return what chance makes of a PSI: of independent rows, or of days that differ by more."""
    indices, sizes = [], []
    for day in days:
        support = shared_support(day, baseline)
        rest = support.baseline - support.counts
        n, other = support.counts.sum(), rest.sum()
        if n and other and (rest >= 0).all():
            indices.append(float(psi(support.counts, rest)))
            sizes.append(n * other / (n + other))
    return observed_chance(np.array(indices), np.array(sizes), used)


def _least_used(profile: Profile, days: Sequence[Profile]) -> int:
    # A day of few rows has few values by itself, and so has a window of few.
    typical = float(np.median([day.known for day in days])) if days else 0.0
    if profile.known < typical / 2:
        return 0
    return min((day.used for day in days if day.known >= typical / 2), default=0)


def _unseen(profile: Profile, baseline: Profile) -> float:
    if not profile.n or not baseline.known:
        return 0.0
    if baseline.binning.kind == "category":
        new = sum(count for name, count in profile.levels.items() if name not in baseline.levels)
        return _share(new, profile.n)
    used = np.flatnonzero(baseline.counts)
    inside = profile.counts[used[0] : used[-1] + 1].sum()
    return _share(int(profile.counts.sum() - inside), profile.n)


def _last_unseen(days: Sequence[Profile]) -> float:
    if len(days) < 2:
        return 1.0
    before = days[0]
    for day in days[1:-1]:
        before += day
    return _unseen(days[-1], before)


def _wasserstein(profile: Profile, baseline: Profile) -> float:
    deviation = baseline.deviation
    if not np.isfinite(deviation) or deviation == 0:
        return float("nan")
    edges = baseline.binning.edges
    centres = (edges[:-1] + edges[1:]) / 2
    values = np.concatenate([edges[:1], centres, edges[-1:]])
    distance = wasserstein(
        profile.counts.astype(np.float64), baseline.counts.astype(np.float64), values
    )
    return float(distance) / deviation


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
