"""Compares what each feature does to the scores with a baseline, from sums by day."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pellucid.errors import SpecError
from pellucid.monitor.drift.attributions import FLOOR, AttributionDrift, FeatureShift, Moved
from pellucid.monitor.drift.drift import FEWEST_ROWS
from pellucid.monitor.drift.explained import (
    SUBJECT,
    Explained,
    explained_count,
    explained_side,
    is_same_reference,
    of_model,
    same_reference,
    two_models,
)
from pellucid.stats.discovery import false_discovery
from pellucid.stats.dispersion import DayTotals, Floats, mean_variances
from pellucid.stats.distributions import student_tails
from pellucid.stats.ranking import ndcg
from pellucid.stats.student import half_width, pooled

_FALSE_SHARE = 0.05
# What a change comes to at least, as a part of the importance: a tenth, as of other columns.
_LEAST_CHANGE, _LEAST_DIRECTION = 0.1, 0.1
_LEAST_OF_ALL = 0.01
_LEAST_SPANS = 3
_TINY = 1e-300


def attribution_drift(
    rows: pa.Table,
    baseline: pa.Table,
    features: Mapping[str, str],
    *,
    names: tuple[str, str],
    model: str = "",
    baseline_model: str = "",
    length: int = 1,
) -> AttributionDrift:
    """Compare what each feature does to the scores with a baseline.

    Holds within one model version and one reference: what differs between two may be the model. It
    is told where they are two.

    Parameters
    ----------
    rows, baseline : pyarrow.Table
        Of `explained_sql`, each with a row at least.
    features : mapping of str to str
        Names of all features, in the order of the query, and what to call them.
    names : tuple of str
        What the window and the baseline are.
    model, baseline_model : str
        By default the model with most attributions, and the same one.
    length : int, default 1
        Days of the window: its order is held against that of spans of as many days.

    Raises
    ------
    UnknownNameError
        If a model that is named has no attributions on its side.
    SpecError
        If attributions are on several scales.
    MissingExtraError
        If scipy is not installed.

    References
    ----------
    Of the order see `stats.ranking.ndcg`. Of a mean that has another sign: Gail, M. and Simon, R.
    (1985). Testing for qualitative interactions between treatment effects and patient subsets.
    Biometrics 41(2); of two sides it is the less clear of both one-sided tests.
    """
    models = two_models(rows, baseline, model, baseline_model)
    every = of_model(rows, models[0]), of_model(baseline, models[1])
    kept = same_reference(*every)
    now, before = (explained_side(side, len(features)) for side in kept)
    if now.scale != before.scale:
        raise SpecError(SUBJECT, [
            f"attributions of {now.model_id} are on {now.scale} and those of {before.model_id} on "
            f"{before.scale}: they cannot be compared; name models of one scale"
        ])  # fmt: skip
    is_enough, is_same = min(now.n, before.n) >= FEWEST_ROWS, is_same_reference(*kept)
    noise = _noise(before.absolute.total, length)
    return AttributionDrift(
        features=_shifts(now, before, features, is_same=is_same, is_enough=is_enough),
        names=names, models=models, is_same_reference=is_same, n=now.n, baseline_n=before.n,
        ndcg=ndcg(before.importance, now.importance), ndcg_noise=noise,
        ndcg_floor=float(np.fmin(FLOOR, noise)) if is_enough else float("nan"),
        left_out=1 - (now.n + before.n) / sum(explained_count(side) for side in every),
    )  # fmt: skip


def _noise(totals: Floats, length: int) -> float:
    """Return what the order of days of the baseline stays above in 95 of 100 cases.

    Each span of as many days as the window, against all of its other days; the lowest tenth is left
    out, lest one past incident excuse the next.
    """
    if len(totals) < _LEAST_SPANS:
        return float("nan")
    length = min(length, len(totals) // _LEAST_SPANS)
    whole = totals.sum(axis=0)
    spans = [totals[start : start + length].sum(axis=0)
             for start in range(len(totals) - length + 1)]  # fmt: skip
    found = np.sort([ndcg(whole - span, span) for span in spans])
    return float(np.quantile(found[len(found) // 10 :], 0.05))


def _shifts(
    now: Explained, before: Explained, features: Mapping[str, str], *, is_same: bool,
    is_enough: bool,
) -> tuple[FeatureShift, ...]:  # fmt: skip
    change = now.importance - before.importance
    (errors, other_errors), degrees = _errors(now.absolute, before.absolute, is_same=is_same)
    spread = pooled([errors**2, other_errors**2], degrees)
    q_values = false_discovery(_tails(change, spread.errors, spread.degrees))
    flips = false_discovery(_flip_tails(now.signed, before.signed, is_same=is_same))
    sizes = [_where_known(side, side.importance) for side in (now, before)]
    means = [_where_known(side, side.signed.means) for side in (now, before)]
    ranks = [_ranks(own) for own in sizes]
    verdicts = _verdicts(now, before, q_values, flips) if is_enough else None
    half = [half_width(float(error), max(float(own), 1.0))
            for error, own in zip(spread.errors, spread.degrees, strict=True)]  # fmt: skip
    shifts = [
        FeatureShift(
            name=name, label=label,
            importance=float(sizes[0][place]), baseline_importance=float(sizes[1][place]),
            rank=ranks[0][place], baseline_rank=ranks[1][place],
            mean=float(means[0][place]), baseline_mean=float(means[1][place]),
            low=float(change[place]) - half[place], high=float(change[place]) + half[place],
            q_value=float(q_values[place]), flip_q_value=float(flips[place]),
            verdict=verdicts[place] if verdicts else "too few rows",
        )
        for place, (name, label) in enumerate(features.items())
    ]  # fmt: skip
    known = [item for item in shifts if item.rank or item.baseline_rank]
    return tuple(sorted(known, key=lambda item: item.rank or len(shifts) + 1))


def _verdicts(now: Explained, before: Explained, q_values: Floats, flips: Floats) -> list[Moved]:
    largest = np.fmax(now.importance, before.importance)
    is_large = np.fmax(*(
        side.importance / max(float(side.importance.sum()), _TINY) for side in (now, before)
    )) >= _LEAST_OF_ALL  # fmt: skip
    change = now.importance - before.importance
    has_moved = is_large & (q_values < _FALSE_SHARE) & (np.abs(change) >= _LEAST_CHANGE * largest)
    is_directed = np.logical_and(*(
        np.abs(side.signed.means) >= _LEAST_DIRECTION * side.importance for side in (now, before)
    ))  # fmt: skip
    has_flipped = is_large & is_directed & (flips < _FALSE_SHARE)
    found: list[Moved] = []
    for place in range(len(change)):
        if not (now.has[place] and before.has[place]):
            found.append("new" if now.has[place] else "gone")
        elif has_flipped[place]:
            found.append("flipped")
        elif has_moved[place]:
            found.append("rose" if change[place] > 0 else "fell")
        else:
            found.append("steady")
    return found


def _errors(
    now: DayTotals, before: DayTotals, *, is_same: bool
) -> tuple[tuple[Floats, Floats], tuple[float, float]]:
    """Return standard errors of the means of both sides, and their degrees of freedom.

    Days of one model differ alike, of two models each in their own way.
    """
    if is_same:
        (one, other), degrees = mean_variances([now, before])
        return (np.sqrt(one), np.sqrt(other)), (degrees, degrees)
    parts = [mean_variances([side]) for side in (now, before)]
    (one,), (other,) = (variances for variances, _ in parts)
    return (np.sqrt(one), np.sqrt(other)), (parts[0][1], parts[1][1])


def _flip_tails(now: DayTotals, before: DayTotals, *, is_same: bool) -> Floats:
    """Return the p-values of the means having changed sign; 1 where they did not."""
    errors, degrees = _errors(now, before, is_same=is_same)
    tails = [
        _tails(side.means, error, np.full(len(error), own)) / 2
        for side, error, own in zip((now, before), errors, degrees, strict=True)
    ]
    return np.where(now.means * before.means < 0, np.maximum(*tails), 1.0)


def _tails(away: Floats, errors: Floats, degrees: Floats) -> Floats:
    """Return two-sided p-values; 1 where there is no saying."""
    # Days that are all the same leave no chance at all.
    scores = np.divide(away, errors, out=np.where(away == 0, 0.0, np.inf), where=errors > 0)
    is_known = np.isfinite(errors) & (degrees > 0)
    return np.where(is_known, student_tails(scores, np.fmax(degrees, 1.0)), 1.0)


def _where_known(side: Explained, values: Floats) -> Floats:
    return np.where(side.has, values, np.nan)


def _ranks(values: Floats) -> list[int | None]:
    return [None if np.isnan(own) else 1 + int((values > own).sum()) for own in values]
