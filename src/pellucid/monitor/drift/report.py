"""The drift of many columns at once: ranked by effect, gated by chance, said in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pellucid.monitor.drift.drift import Drift, Verdict, drift_of
from pellucid.monitor.profiles.profile import Profile
from pellucid.monitor.tabular import Tabular
from pellucid.stats.discovery import false_discovery

_RANKS: tuple[Verdict, ...] = (
    "moved", "no values", "slightly", "constant", "steady", "too few rows",
)  # fmt: skip
_MOST_NAMED = 5
_MOST_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """A column's drift among that of others.

    Attributes
    ----------
    drift : Drift
    label : str
        Its name for people.
    q_value : float
        Share of false finds among columns found at least as clearly.
    verdict : str
        ``moved``: by more than chance and by enough to matter; ``slightly``: more than chance
        only; ``steady``; ``constant``: one value in both; ``too few rows`` to tell; ``no values``
        on one of the sides.
    why : str
        What changed, in words.
    """

    drift: Drift
    label: str
    q_value: float
    verdict: Verdict
    why: str

    @property
    def part_moved(self) -> float:
        """Part of its rows that would have to change back for it to be as before, 0 to 1."""
        support = self.drift.support
        now, before = (side / max(side.sum(), 1.0) for side in (support.counts, support.baseline))
        return 1.0 if self.drift.is_stuck else float(np.abs(now - before).sum() / 2)


@dataclass(frozen=True, slots=True)
class DriftReport(Tabular):
    """What changed in the columns of a window against a baseline.

    Attributes
    ----------
    columns : tuple of ColumnDrift
        Those that moved first, the largest effect on top.
    names : tuple of str
        What the window and the baseline are, in words.
    told : str
        The finding, as a paragraph.
    """

    columns: tuple[ColumnDrift, ...]
    names: tuple[str, str]
    told: str

    @property
    def moved(self) -> tuple[ColumnDrift, ...]:
        """Columns that moved by more than chance and by enough to matter."""
        return tuple(item for item in self.columns if item.verdict == "moved")

    @property
    def rows(self) -> pa.Table:
        """One row for each column: verdict, distances, shares and means; NaN reads as null."""
        plain = ("kind", "n", "baseline_n", "missing", "baseline_missing", "unseen", "psi",
                 "psi_noise", "jensen_shannon", "hellinger", "l_infinity", "kolmogorov_smirnov",
                 "wasserstein", "mean", "baseline_mean", "p_value")  # fmt: skip
        columns: dict[str, list[Any]] = {
            "column": [item.drift.column for item in self.columns],
            "verdict": [item.verdict for item in self.columns],
            "why": [item.why for item in self.columns],
        }
        for name in plain:
            columns[name] = [getattr(item.drift, name) for item in self.columns]
        columns["q_value"] = [item.q_value for item in self.columns]
        kinds = {name: pa.float64() for name in (*plain, "q_value")}
        kinds |= dict.fromkeys(("column", "verdict", "why", "kind"), pa.string())
        kinds |= dict.fromkeys(("n", "baseline_n"), pa.int64())
        return pa.table({
            name: pa.array(values, kinds[name], from_pandas=pa.types.is_floating(kinds[name]))
            for name, values in columns.items()
        })  # fmt: skip


def drift_report(
    profiles: Mapping[str, Profile],
    baselines: Mapping[str, Profile],
    *,
    names: tuple[str, str],
    labels: Mapping[str, str] | None = None,
    days: Mapping[str, Sequence[Profile]] | None = None,
) -> DriftReport:
    """Compare the profiles of columns with their baselines.

    Parameters
    ----------
    names : tuple of str
        What the window and the baseline are.
    labels : mapping of str to str, optional
        Business names of columns.
    days : mapping of str to sequence of Profile, optional
        By column, the days of the baseline: what they differ by among themselves is no drift.

    Raises
    ------
    ShapeError
        If two profiles are not counted in the same way.

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995). Controlling the false discovery rate. JRSS B 57(1).
    """
    labels, days = labels or {}, days or {}
    drifts = [
        drift_of(name, profiles[name], baseline, days=days.get(name, ()))
        for name, baseline in baselines.items()
    ]
    adjusted = false_discovery(np.array([item.p_value for item in drifts]))
    found = [
        ColumnDrift(item, labels.get(item.column) or item.column, float(q_value),
                    item.verdict(float(q_value)), _why(item))
        for item, q_value in zip(drifts, adjusted, strict=True)
    ]  # fmt: skip
    found.sort(key=lambda item: (_RANKS.index(item.verdict), -_effect(item.drift)))
    return DriftReport(tuple(found), names, _told(found, names))


def _effect(drift: Drift) -> float:
    sizes = [drift.psi_excess, drift.jensen_shannon, drift.wasserstein,
             abs(drift.missing - drift.baseline_missing)]  # fmt: skip
    known = [size for size in sizes if np.isfinite(size)]
    return max(known, default=0.0)


def _why(drift: Drift) -> str:
    """Return what changed most, in words."""
    parts = []
    if not drift.n or not drift.baseline_n:
        return f"no rows in the {'window' if not drift.n else 'baseline'}"
    if drift.n and drift.missing == 1 and drift.baseline_missing < 1:
        return "all values are missing now"
    if drift.baseline_n and drift.baseline_missing == 1:
        return "all values were missing in the baseline"
    if drift.is_stuck and drift.is_single:
        parts.append(f"has one value only; at least {drift.least_varied:.1%} of rows had others on "
                     "any day before")  # fmt: skip
    elif drift.is_stuck:
        parts.append(f"hardly varies: {drift.used} different values, at least {drift.least_used} "
                     "on any day before")  # fmt: skip
    if drift.is_constant:
        return "has one value only, now and before"
    if abs(drift.missing - drift.baseline_missing) >= 0.005:
        parts.append(f"missing {drift.baseline_missing:.1%} → {drift.missing:.1%}")
    if drift.unseen >= 0.001:
        where = "never seen before" if drift.kind == "category" else "outside the former range"
        parts.append(f"{drift.unseen:.1%} {where}")
    if np.isfinite(drift.mean) and np.isfinite(drift.baseline_mean):
        parts.append(f"mean {_number(drift.baseline_mean)} → {_number(drift.mean)}")
    if drift.n and drift.baseline_n and (drift.kind == "category" or not parts):
        parts.append(_largest_move(drift))
    return "; ".join(parts)


def _largest_move(drift: Drift) -> str:
    support = drift.support
    now = support.counts / support.counts.sum()
    before = support.baseline / support.baseline.sum()
    place = int(np.abs(now - before).argmax())
    return f"{support.names[place]}: {before[place]:.1%} → {now[place]:.1%} of rows"


def _number(value: float) -> str:
    decimals = 3 - math.floor(math.log10(abs(value))) if value else 0
    if decimals > _MOST_DECIMALS:
        return f"{value:.4g}".replace("-", "−")
    text = f"{value:,.{max(decimals, 0)}f}".replace("-", "−")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _told(found: Sequence[ColumnDrift], names: tuple[str, str]) -> str:
    moved = [item for item in found if item.verdict == "moved"]
    empty = sum(item.verdict == "no values" for item in found)
    slightly = sum(item.verdict == "slightly" for item in found)
    few = sum(item.verdict == "too few rows" for item in found)
    constant = [item.label for item in found if item.verdict == "constant"]
    said = f"Of {len(found)} columns, {len(moved) or 'none'} moved in {names[0]} against {names[1]}"
    if moved:
        named = [f"{item.label} ({item.why})" for item in moved[:_MOST_NAMED]]
        more = len(moved) - len(named)
        said += f": {'; '.join(named)}{f'; and {more} more' if more > 0 else ''}"
    said += "."
    if slightly:
        said += f" {slightly} more moved by more than chance, and by too little to matter."
    if constant:
        others = len(constant) - _MOST_NAMED
        said += f" {', '.join(constant[:_MOST_NAMED])}{f' and {others} more' if others > 0 else ''}"
        said += f" never {'varies' if len(constant) == 1 else 'vary'}."
    if empty:
        said += f" {empty} {'has' if empty == 1 else 'have'} no rows to compare."
    if few:
        said += f" {few} have too few rows to tell."
    return said
