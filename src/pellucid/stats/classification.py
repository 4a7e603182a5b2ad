"""How well scores tell two classes apart; labels may be known, or probabilities of what they are.

With a label between 0 and 1 a row counts as that part of a positive and the rest of a negative, so
what is measured is what to expect: an estimate before labels is the same sum as the measurement
after them. Each value comes with the standard error that its influence on each row gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, and its standard error from row to row; NaN where there is none.

    Attributes
    ----------
    value, error : float
    """

    value: float
    error: float


_UNKNOWN = Estimate(float("nan"), float("nan"))


def roc_auc(scores: Floats, labels: Floats) -> Estimate:
    """Area under the ROC curve: how often a positive scores above a negative, ties by half.

    Parameters
    ----------
    scores : array of float64, shape (n,)
    labels : array of float64, shape (n,)
        In [0, 1].

    Returns
    -------
    Estimate
        NaN where one of the classes has no rows.

    References
    ----------
    DeLong, E. R., DeLong, D. M. and Clarke-Pearson, D. L. (1988). Comparing the areas under two or
    more correlated receiver operating characteristic curves. Biometrics 44, 837-845.
    """
    positives, negatives = labels.sum(), (1 - labels).sum()
    if not positives or not negatives:
        return _UNKNOWN
    order = np.argsort(scores, kind="stable")
    own, ends = labels[order], np.flatnonzero(np.diff(scores[order], append=np.inf))
    group = np.searchsorted(ends, np.arange(len(own)))
    below_negative = _below(1 - own, ends, group) / negatives
    above_positive = 1 - _below(own, ends, group) / positives
    value = float(own @ below_negative / positives)
    # What a row adds as a positive and as a negative, less what it would add anyway.
    as_positive = (below_negative - value) / positives
    as_negative = (above_positive - value) / negatives
    return Estimate(
        value, float(np.sqrt((own * as_positive**2 + (1 - own) * as_negative**2).sum()))
    )


def average_precision(scores: Floats, labels: Floats) -> Estimate:
    """Area under the precision-recall curve, by steps; without an error.

    Parameters
    ----------
    scores, labels : array of float64, shape (n,)

    Returns
    -------
    Estimate
        NaN where there are no positives.
    """
    positives = labels.sum()
    if not positives:
        return _UNKNOWN
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.inf))
    found = np.cumsum(labels[order])[ends]
    steps = np.diff(found, prepend=0.0) * found / (ends + 1)
    return Estimate(float(steps.sum() / positives), float("nan"))


def log_loss(probabilities: Floats, labels: Floats) -> Estimate:
    """Mean negative log-likelihood, in nats.

    Parameters
    ----------
    probabilities, labels : array of float64, shape (n,)
        Probabilities of 0 and 1 are taken as 1e-15 off them.
    """
    clipped = np.clip(probabilities, 1e-15, 1 - 1e-15)
    return _mean(labels, -np.log(clipped), -np.log1p(-clipped))


def brier_score(probabilities: Floats, labels: Floats) -> Estimate:
    """Mean squared difference of probability and label.

    Parameters
    ----------
    probabilities, labels : array of float64, shape (n,)
        Of a label that is a probability, what to expect of it.
    """
    return _mean(labels, (1 - probabilities) ** 2, probabilities**2)


@dataclass(frozen=True, slots=True)
class Confusion:
    """What was predicted against what was true: expected counts.

    Attributes
    ----------
    true_positives, false_positives, false_negatives, true_negatives : float
    """

    true_positives: float
    false_positives: float
    false_negatives: float
    true_negatives: float

    @property
    def rows(self) -> float:
        """Rows in all."""
        return (self.true_positives + self.false_positives + self.false_negatives
                + self.true_negatives)  # fmt: skip

    @property
    def accuracy(self) -> Estimate:
        """Share of rows predicted rightly."""
        return _ratio(self.true_positives + self.true_negatives, self.rows)

    @property
    def precision(self) -> Estimate:
        """Share of predicted positives that are positive."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> Estimate:
        """Share of positives that were predicted."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> Estimate:
        """Share of negatives that were predicted."""
        return _ratio(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def f1(self) -> Estimate:
        """Harmonic mean of precision and recall."""
        twice = 2 * self.true_positives
        whole = twice + self.false_positives + self.false_negatives
        if not whole:
            return _UNKNOWN
        value = twice / whole
        # Of the ratio of two sums: rows add (2, 2), (0, 1) and (0, 1) to them.
        spread = self.true_positives * (2 - 2 * value) ** 2 + (whole - twice) * value**2
        return Estimate(value, float(np.sqrt(spread)) / whole)


def confusion(labels: Floats, predicted: Floats) -> Confusion:
    """Return what was predicted against what was true.

    Parameters
    ----------
    labels : array of float64, shape (n,)
        In [0, 1].
    predicted : array of bool or float64, shape (n,)
        Whether a row was called positive.
    """
    positive = np.asarray(predicted, dtype=np.float64)
    found = float(labels @ positive)
    called, positives = float(positive.sum()), float(labels.sum())
    return Confusion(found, called - found, positives - found,
                     len(labels) - called - positives + found)  # fmt: skip


def _below(weights: Floats, ends: NDArray[np.intp], group: NDArray[np.intp]) -> Floats:
    """Return the weight below each row's score, and half of that level with it."""
    total = np.concatenate([[0.0], np.cumsum(weights)[ends]])
    return (total[group] + total[group + 1]) / 2


def _mean(labels: Floats, if_positive: Floats, if_negative: Floats) -> Estimate:
    """Return the mean of a loss that each row has as a positive and as a negative."""
    n = len(labels)
    if not n:
        return _UNKNOWN
    value = float((labels * if_positive + (1 - labels) * if_negative).mean())
    if n == 1:
        return Estimate(value, float("nan"))
    spread = labels * (if_positive - value) ** 2 + (1 - labels) * (if_negative - value) ** 2
    return Estimate(value, float(np.sqrt(spread.sum() / (n - 1) / n)))


def _ratio(part: float, whole: float) -> Estimate:
    if whole <= 0:
        return _UNKNOWN
    value = part / whole
    return Estimate(value, float(np.sqrt(max(value * (1 - value), 0) / whole)))
