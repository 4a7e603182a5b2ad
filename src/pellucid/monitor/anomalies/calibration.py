"""p-values that hold: models' p-values set right by what they were where nothing is known to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.monitor.anomalies.series import Floats
from pellucid.stats.distributions import normal_scores, student_tails

LEAST_PAST = 300
_TAIL_SHARE, _LEAST_TAIL = 0.01, 30
_LEAST_P = 1e-300
_MOST_SHAPE = 1.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """Evidence, -log p, of the past, pooled over series.

    Attributes
    ----------
    past : array of float64, shape (n,)
        Ascending; empty where there is too little.
    edge : float
        Evidence beyond which the tail begins.
    tail_share : float
        Part of the past that is beyond it.
    stretch, shape : float
        Scale and shape of the evidence beyond the edge; 1 and 0 where models are right, never less.
    count : int
        Points of the past.
    """

    past: Floats
    edge: float
    tail_share: float
    stretch: float
    shape: float
    count: int


def calibrate(
    p_values: Floats, *, least: int = LEAST_PAST, most_shape: float = _MOST_SHAPE
) -> Calibration:
    """Learn how rare points of the past are under the models that they were judged by.

    Within the bulk, ranks: a conformal p-value. One series of a few hundred points has no rank
    beyond 1 in a few hundred, so that beyond the rarest 1% a generalised Pareto law of the evidence
    goes on, fitted by its quartiles: past incidents are among the rarest points, and move it
    little.

    Parameters
    ----------
    p_values : array of float64, shape (n,)
        Of all series of one kind, before what is asked about; NaN is left out.
    least : int, default 300
        Points below which nothing is learned.
    most_shape : float, default 1
        Largest shape. At 0 the tail falls off as models say, only slower: so that what is far
        beyond all of the past is as rare as it looks.

    References
    ----------
    Vovk, V., Gammerman, A. and Shafer, G. (2005). Algorithmic Learning in a Random World,
    section 2.2. Pickands, J. (1975). Statistical inference using extreme order statistics. Annals
    of Statistics 3(1).
    """
    known = p_values[np.isfinite(p_values)]
    evidence = np.sort(-np.log(np.maximum(known, _LEAST_P)))
    count = len(evidence)
    if count < least:
        return Calibration(np.empty(0), 0.0, 1.0, 1.0, 0.0, count)
    beyond = max(_LEAST_TAIL, int(_TAIL_SHARE * count))
    edge = float(evidence[-beyond])
    half, three_quarters = np.quantile(evidence[-beyond:] - edge, (0.5, 0.75))
    shape = np.log2((three_quarters - half) / half) if three_quarters > half > 0 else 0.0
    shape = float(np.clip(shape, 0.0, most_shape))
    stretch = half * shape / (2**shape - 1) if shape > 0 else half / np.log(2)
    if not most_shape:
        nine_tenths = float(np.quantile(evidence[-beyond:] - edge, 0.9))
        stretch = max(stretch, three_quarters / np.log(4), nine_tenths / np.log(10))
    return Calibration(evidence, edge, beyond / count, max(1.0, float(stretch)), shape, count)


def calibrated(p_values: Floats, past: Calibration) -> Floats:
    """Return p-values as rare as they say; NaN stays."""
    evidence = -np.log(np.maximum(p_values, _LEAST_P))
    if not len(past.past):
        # Too little to rank: a spread known from so few points has Student's tails.
        scores = normal_scores(p_values)
        return student_tails(scores, max(min(past.count, 30) - 1, 1)) + 0 * p_values
    rank = len(past.past) - np.searchsorted(past.past, evidence - 1e-12)
    bulk = (rank + 1) / (len(past.past) + 1)
    beyond = np.maximum(evidence - past.edge, 0) / past.stretch
    slow = np.log1p(past.shape * beyond) / past.shape if past.shape > 0 else beyond
    tail = past.tail_share * np.exp(-slow)
    found = np.where(evidence > past.edge, np.minimum(tail, bulk), bulk)
    return np.asarray(np.maximum(np.where(np.isnan(p_values), np.nan, found), _LEAST_P))
