"""What another policy would have earned, from decisions whose probabilities were logged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.stats.student import half_width

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Value:
    """An estimate of a policy's mean reward.

    Attributes
    ----------
    value, error : float
        The estimate and its standard error.
    degrees : float
        Degrees of freedom that the error is known with.
    influence : array of float64, shape (n,)
        What each decision moves the estimate by, times n; with mean 0.
    """

    value: float
    error: float
    degrees: float
    influence: Floats

    @property
    def low(self) -> float:
        """Lower end of the 95% interval."""
        return self.value - half_width(self.error, self.degrees)

    @property
    def high(self) -> float:
        """Upper end of the 95% interval."""
        return self.value + half_width(self.error, self.degrees)


@dataclass(frozen=True, slots=True)
class Support:
    """Whether the logged decisions can tell of a policy at all.

    Attributes
    ----------
    effective_size : float
        Decisions that the weighted ones are worth.
    mean_weight, mean_weight_error : float
        1 but for chance, where the logged probabilities are right and cover the policy.
    largest_share : float
        Part of all weight that the heaviest decision has.
    """

    effective_size: float
    mean_weight: float
    mean_weight_error: float
    largest_share: float

    @property
    def is_off(self) -> bool:
        """Whether the mean weight is further from 1 than chance makes it."""
        return abs(self.mean_weight - 1) > 3 * self.mean_weight_error


def support(weights: Floats) -> Support:
    """Return what the weights say of an estimate.

    Parameters
    ----------
    weights : array of float64, shape (n,)
        Probability of the logged pick under the policy, over that under the logging one.
    """
    total, n = float(weights.sum()), len(weights)
    squares = float(np.square(weights).sum())
    return Support(
        total**2 / squares if squares else 0.0, total / n if n else float("nan"),
        float(weights.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan"),
        float(weights.max()) / total if total else float("nan"),
    )  # fmt: skip


def inverse_propensity(
    weights: Floats, rewards: Floats, *, clusters: NDArray[np.int64] | None = None
) -> Value:
    """Weight each reward by how much likelier the policy would have picked as was picked.

    Parameters
    ----------
    weights, rewards : array of float64, shape (n,)
    clusters : array of int64, shape (n,), optional
        Decisions of one cluster, such as a day, are not independent.

    References
    ----------
    Horvitz, D. G. and Thompson, D. J. (1952). A generalization of sampling without replacement from
    a finite universe. JASA 47.
    """
    parts = weights * rewards
    return _value(float(parts.mean()), parts - parts.mean(), clusters)


def self_normalised(
    weights: Floats, rewards: Floats, *, clusters: NDArray[np.int64] | None = None
) -> Value:
    """Return the weighted mean of the rewards: within their range, and steadier.

    Parameters
    ----------
    weights, rewards : array of float64, shape (n,)
    clusters : array of int64, shape (n,), optional

    References
    ----------
    Swaminathan, A. and Joachims, T. (2015). The self-normalized estimator for counterfactual
    learning. NeurIPS.
    """
    value = float((weights * rewards).sum() / weights.sum())
    return _value(value, weights / weights.mean() * (rewards - value), clusters)


def doubly_robust(
    weights: Floats,
    rewards: Floats,
    expected: Floats,
    expected_of_policy: Floats,
    *,
    clusters: NDArray[np.int64] | None = None,
) -> Value:
    """Take what a model expects of the policy, and mend it by what the model misses.

    Right where either the probabilities or the model's expectations are.

    Parameters
    ----------
    weights, rewards : array of float64, shape (n,)
    expected : array of float64, shape (n,)
        Reward to expect of the logged pick, by a model not fitted on that decision.
    expected_of_policy : array of float64, shape (n,)
        Reward to expect of the policy's picks.
    clusters : array of int64, shape (n,), optional

    References
    ----------
    Dudík, M., Langford, J. and Li, L. (2011). Doubly robust policy evaluation and learning. ICML.
    """
    parts = expected_of_policy + weights * (rewards - expected)
    return _value(float(parts.mean()), parts - parts.mean(), clusters)


def difference(one: Value, other: Value, *, clusters: NDArray[np.int64] | None = None) -> Value:
    """Return how much more one policy earns than another, on the same decisions."""
    return _value(one.value - other.value, one.influence - other.influence, clusters)


def _value(value: float, influence: Floats, clusters: NDArray[np.int64] | None) -> Value:
    n = len(influence)
    if clusters is None:
        error = float(np.sqrt(np.square(influence).sum() / max(n - 1, 1) / n))
        return Value(value, error, float("inf"), influence)
    _, place = np.unique(clusters, return_inverse=True)
    sums = np.bincount(place, influence)
    count = len(sums)
    if count < 2:
        return Value(value, float("nan"), float("nan"), influence)
    error = float(np.sqrt(np.square(sums).sum() * count / (count - 1))) / n
    return Value(value, error, count - 1.0, influence)
