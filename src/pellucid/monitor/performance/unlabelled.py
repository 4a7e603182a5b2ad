"""Performance before labels: what to expect of it from the scores and the rows themselves.

Both ways take the outcome given the features to be as it was in the reference: an outage that turns
good decisions bad is invisible to them, and only labels tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.stats.calibration import Calibrator, fit_calibrator
from pellucid.stats.learning import Columns, density_ratio, fitted_values

Floats = NDArray[np.float64]

# With a smaller effective part of the reference, weights are mostly noise.
_LEAST_EFFECTIVE = 0.1


@dataclass(frozen=True, slots=True)
class Expected:
    """Probabilities of the labels that rows will have.

    Attributes
    ----------
    labels : array of float64, shape (n,)
    effective : float
        Part of the reference that stands behind them; 1 where it was not weighted.
    method : str
        ``CBPE``, or ``weighted CBPE`` where the reference was weighted to look like the rows.
    """

    labels: Floats
    effective: float
    method: str


def expected_labels(calibrator: Calibrator, scores: Floats) -> Expected:
    """Return the probability of each row's label, as scores were calibrated in the reference.

    References
    ----------
    NannyML: confidence-based performance estimation (CBPE); the probabilities take the place of
    labels in every measure.
    """
    return Expected(calibrator(scores), 1.0, "CBPE")


def weighted_labels(
    scores: Floats, labels: Floats, features: Columns, current: Floats, current_features: Columns
) -> Expected:
    """Return the probability of each row's label, the reference weighted to look like the rows.

    Parameters
    ----------
    scores, labels : array of float64, shape (n,)
        Of the reference.
    features, current_features : mapping of str to array, shape (n,) and (m,)
    current : array of float64, shape (m,)
        Scores of the rows.

    Returns
    -------
    Expected
        Plain CBPE where less than a tenth of the reference is effective.

    Raises
    ------
    MissingExtraError
        If scikit-learn or scipy is not installed.

    References
    ----------
    Białek, J., Kuberski, W., Perrakis, N. and Bifet, A. (2024). Estimating model performance under
    covariate shift without labels. arXiv 2401.08348 (PAPE).
    """
    weights = density_ratio(features, current_features)
    effective = float(weights.sum() ** 2 / (np.square(weights).sum() * len(weights)))
    if effective < _LEAST_EFFECTIVE:
        return expected_labels(fit_calibrator(scores, labels), current)
    calibrator = fit_calibrator(scores, labels, weights)
    return Expected(calibrator(current), effective, "weighted CBPE")


def expected_losses(losses: Floats, features: Columns, current_features: Columns) -> Floats:
    """Return the loss to expect of each row of a regression, learned from the reference's losses.

    Parameters
    ----------
    losses : array of float64, shape (n,)
        Of the reference: absolute or squared errors.
    features, current_features : mapping of str to array, shape (n,) and (m,)
        The model's own prediction among them.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.

    References
    ----------
    NannyML: direct loss estimation (DLE).
    """
    return fitted_values(features, losses, current_features)
