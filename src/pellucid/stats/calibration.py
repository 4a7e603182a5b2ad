"""Whether probabilities are what happens, and how to make them so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.stats.distributions import isotonic_fit, normal_tail
from pellucid.stats.intervals import wilson_interval

Floats = NDArray[np.float64]
_MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A rising function from scores to probabilities: lines between knots, level outside of them.

    Attributes
    ----------
    scores, probabilities : array of float64, shape (knots,)
        In order.
    """

    scores: Floats
    probabilities: Floats

    def __call__(self, scores: Floats) -> Floats:
        """Return the probability of each score."""
        return np.interp(scores, self.scores, self.probabilities)


def fit_calibrator(scores: Floats, labels: Floats, weights: Floats | None = None) -> Calibrator:
    """Fit the rising function that is nearest to the labels, by isotonic regression.

    Parameters
    ----------
    scores, labels : array of float64, shape (n,)
    weights : array of float64, shape (n,), optional

    Raises
    ------
    MissingExtraError
        If scipy is not installed.

    References
    ----------
    Zadrozny, B. and Elkan, C. (2002). Transforming classifier scores into accurate multiclass
    probability estimates. KDD.
    """
    given = np.ones(len(scores)) if weights is None else weights
    knots, place = np.unique(scores, return_inverse=True)
    total = np.bincount(place, given).astype(np.float64)
    share = np.bincount(place, given * labels) / total
    return Calibrator(knots, isotonic_fit(share, total))


@dataclass(frozen=True, slots=True)
class Reliability:
    """Predicted against realised, in bins that hold about as many rows.

    Attributes
    ----------
    n : array of int64, shape (bins,)
    predicted, realised, low, high : array of float64, shape (bins,)
        Mean probability, share of positives, and its Wilson interval.
    error : float
        Expected squared calibration error, root of, without what chance adds: 0 where nothing is
        left of it.
    gap : float
        Mean probability less the share of positives, over all rows.
    gap_error : float
        Its standard error, were the probabilities right.
    slope, intercept : float
        Of a logistic regression of the label on the log-odds of the probability: 1 and 0 where
        calibrated; a slope below 1 where probabilities are too extreme.
    slope_error, intercept_error : float
    p_value : float
        Spiegelhalter's, of the probabilities being right.
    """

    n: NDArray[np.int64]
    predicted: Floats
    realised: Floats
    low: Floats
    high: Floats
    error: float
    gap: float
    gap_error: float
    slope: float
    slope_error: float
    intercept: float
    intercept_error: float
    p_value: float


def reliability(probabilities: Floats, labels: Floats, *, bins: int = 10) -> Reliability:
    """Measure how far probabilities are from what happened.

    The plain expected calibration error is above 0 by chance alone; this one takes off what chance
    adds to its square.

    Parameters
    ----------
    probabilities, labels : array of float64, shape (n,)
        Labels 0 or 1; n at least 1.
    bins : int, default 10

    References
    ----------
    Bröcker, J. (2012). Estimating reliability and resolution of probability forecasts. Climate
    Dynamics 39. Spiegelhalter, D. J. (1986). Probabilistic prediction in patient management.
    Statistics in Medicine 5. Cox, D. R. (1958). Two further applications of a model for binary
    regression. Biometrika 45.
    """
    order = np.argsort(probabilities, kind="stable")
    edges = np.unique(np.linspace(0, len(order), bins + 1).round().astype(np.int64))
    starts = edges[:-1]
    n = np.diff(edges)
    predicted = np.add.reduceat(probabilities[order], starts) / n
    hits = np.add.reduceat(labels[order], starts)
    realised = hits / n
    low, high = wilson_interval(hits, n.astype(np.float64))
    several = n > 1
    chance = np.where(several, realised * (1 - realised) / np.maximum(n - 1, 1), 0.0)
    squared = float((n / n.sum() * ((predicted - realised) ** 2 - chance)).sum())
    spread = probabilities * (1 - probabilities)
    (intercept, slope), (intercept_error, slope_error) = _cox(probabilities, labels)
    return Reliability(
        n, predicted, realised, low, high, float(np.sqrt(max(squared, 0.0))),
        float(probabilities.mean() - labels.mean()),
        float(np.sqrt(spread.sum()) / len(labels)), slope, slope_error, intercept,
        intercept_error, _spiegelhalter(probabilities, labels, spread),
    )  # fmt: skip


def _spiegelhalter(probabilities: Floats, labels: Floats, spread: Floats) -> float:
    slant = 1 - 2 * probabilities
    variance = float((slant**2 * spread).sum())
    if variance <= 0:
        return float("nan")
    score = float(((labels - probabilities) * slant).sum()) / np.sqrt(variance)
    return float(2 * normal_tail(abs(score)))


def _cox(probabilities: Floats, labels: Floats) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return intercept and slope of the label's log-odds on the predicted ones, and errors."""
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    design = np.stack([np.ones(len(labels)), np.log(clipped / (1 - clipped))], axis=1)
    unknown = (float("nan"), float("nan"))
    if not 0 < labels.sum() < len(labels) or np.ptp(design[:, 1]) == 0:
        return unknown, unknown
    beta = np.array([0.0, 1.0])
    for _ in range(_MOST_STEPS):
        fitted = 1 / (1 + np.exp(-np.clip(design @ beta, -35, 35)))
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design
        try:
            step = np.linalg.solve(information, design.T @ (labels - fitted))
        except np.linalg.LinAlgError:
            return unknown, unknown
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return (float(beta[0]), float(beta[1])), (float(errors[0]), float(errors[1]))
