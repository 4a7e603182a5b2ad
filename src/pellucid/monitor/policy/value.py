"""What another policy would have earned: the model alone, a stage, static rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.errors import DataError
from pellucid.monitor.tabular import Tabular
from pellucid.stats.calibration import fit_calibrator
from pellucid.stats.offpolicy import (
    Support,
    Value,
    difference,
    doubly_robust,
    inverse_propensity,
    self_normalised,
    support,
)

Floats = NDArray[np.float64]
# Below it a decision would stand for a thousand; above, the effective size tells.
_LEAST_PROPENSITY = 0.001
_MOST_UNSUPPORTED = 0.05
_FEWEST_EFFECTIVE = 100


@dataclass(frozen=True, slots=True)
class LoggedPicks:
    """Decisions with a known outcome, and what another policy would have picked.

    Attributes
    ----------
    day : array of int64, shape (n,)
    reward : array of float64, shape (n,)
    propensity : array of float64, shape (n,)
        Of the logged pick.
    is_same : array of bool, shape (n,)
        Whether the policy picks what was picked.
    chance : array of float64, shape (n,)
        Logged propensity of the policy's pick; 0 where it was not eligible or had no chance.
    score, policy_score : array of float64, shape (n,)
        The model's probabilities of the logged pick and of the policy's; NaN where it has none.
    """

    day: NDArray[np.int64]
    reward: Floats
    propensity: Floats
    is_same: NDArray[np.bool_]
    chance: Floats
    score: Floats
    policy_score: Floats


@dataclass(frozen=True, slots=True)
class PolicyValue(Tabular):
    """What a policy would have earned on the decisions of a window.

    Attributes
    ----------
    rows : pyarrow.Table
        One row for each estimator, and for what was logged: ``method``, ``value``, ``low``,
        ``high``, ``difference`` (to what was logged), ``difference_low``, ``difference_high``.
    support : Support
        Whether the log can tell.
    unsupported : float
        Share of decisions in which the policy's pick had next to no chance; they are left out.
    agreement : float
        Share of decisions in which it picks what was picked.
    decisions : int
    told : str
        The finding, as a paragraph.
    """

    rows: pa.Table
    support: Support
    unsupported: float
    agreement: float
    decisions: int
    told: str


def value_of(picks: LoggedPicks, *, name: str, outcome: str) -> PolicyValue:
    """Value a policy from what was logged; by days, whose decisions are not independent.

    Raises
    ------
    DataError
        If no decision has a known outcome and a propensity, or the policy picks what was never
        tried: then no weighting of the log can tell, and only an experiment does.
    MissingExtraError
        If scipy is not installed.
    """
    count = len(picks.reward)
    if not count:
        raise DataError("policy value", [
            "no decision of the window has a mature outcome and a propensity; log `propensity` "
            "with each decision"
        ])  # fmt: skip
    reaches = picks.chance >= _LEAST_PROPENSITY
    unsupported = float(1 - reaches.mean())
    if unsupported > _MOST_UNSUPPORTED:
        raise DataError("policy value", [
            f"in {unsupported:.1%} of the decisions {name} picks what had less than "
            f"{_LEAST_PROPENSITY:.1%} chance in the log, or was not eligible, so what it would "
            "have earned is not known: explore more, run an experiment, or ask about a part where "
            "it was tried"
        ])  # fmt: skip
    day, reward = picks.day[reaches], picks.reward[reaches]
    weights = np.where(picks.is_same, 1 / picks.propensity, 0.0)[reaches]
    found = support(weights)
    if found.effective_size < _FEWEST_EFFECTIVE:
        raise DataError("policy value", [
            f"the {int(reaches.sum()):,} decisions are worth {found.effective_size:.0f} for "
            f"{name}, which picked the same in few of them; {_FEWEST_EFFECTIVE} are needed"
        ])  # fmt: skip
    logged = self_normalised(np.ones(len(reward)), reward, clusters=day)
    values = {"self-normalised": self_normalised(weights, reward, clusters=day),
              "inverse propensity": inverse_propensity(weights, reward, clusters=day)}  # fmt: skip
    expected = _expected(picks, reaches)
    if expected is not None:
        robust = doubly_robust(weights, reward, *expected, clusters=day)
        values = {"doubly robust": robust, **values}
    rows = _rows(logged, values, day)
    agreement = float(picks.is_same.mean())
    told = _told(rows, found, name=name, outcome=outcome, agreement=agreement,
                 unsupported=unsupported)  # fmt: skip
    return PolicyValue(rows, found, unsupported, agreement, count, told)


def _expected(picks: LoggedPicks, reaches: NDArray[np.bool_]) -> tuple[Floats, Floats] | None:
    """Return the reward to expect of both picks, calibrated on the other half of the days."""
    score, other = picks.score[reaches], picks.policy_score[reaches]
    reward, half = picks.reward[reaches], picks.day[reaches] % 2
    if np.isnan(score).any() or np.isnan(other).any() or len(np.unique(half)) < 2:
        return None
    expected, of_policy = np.empty(len(score)), np.empty(len(score))
    for part in (0, 1):
        calibrator = fit_calibrator(score[half != part], reward[half != part])
        expected[half == part] = calibrator(score[half == part])
        of_policy[half == part] = calibrator(other[half == part])
    return expected, of_policy


def _rows(logged: Value, values: dict[str, Value], day: NDArray[np.int64]) -> pa.Table:
    rows = [{"method": "logged", "value": logged.value, "low": logged.low, "high": logged.high}]
    for method, value in values.items():
        gap = difference(value, logged, clusters=day)
        rows.append({
            "method": method, "value": value.value, "low": value.low, "high": value.high,
            "difference": gap.value, "difference_low": gap.low, "difference_high": gap.high,
        })  # fmt: skip
    names = ("value", "low", "high", "difference", "difference_low", "difference_high")
    kinds = [("method", pa.string()), *((name, pa.float64()) for name in names)]
    return pa.Table.from_pylist(rows, schema=pa.schema(kinds))


def _told(
    rows: pa.Table, found: Support, *, name: str, outcome: str, agreement: float,
    unsupported: float,
) -> str:  # fmt: skip
    logged, best = rows.to_pylist()[:2]
    gap, low, high = (100 * best[key] for key in
                      ("difference", "difference_low", "difference_high"))  # fmt: skip
    if low <= 0 <= high:
        compared = f"no clear difference ({gap:+.2f} pp, {low:+.2f} to {high:+.2f})"
    else:
        compared = f"{abs(gap):.2f} pp {'more' if gap > 0 else 'less'} ({low:+.2f} to {high:+.2f})"
    told = (
        f"{name[:1].upper()}{name[1:]} would have had {outcome} in {best['value']:.1%} of the "
        f"decisions, where the logged policy had {logged['value']:.1%}: {compared}, by the "
        f"{best['method']} estimate. It picks what was picked in {agreement:.0%} of them, and they "
        f"are worth {found.effective_size:,.0f} for it."
    )
    if unsupported:
        told += f" {unsupported:.1%} are left out, where its pick had no chance."
    if found.is_off:
        told += (
            f" The mean weight is {found.mean_weight:.2f} where it should be 1: the logged "
            "propensities are not right, and nor may this be."
        )
    return told.replace("-", "−")
