"""How well a model did, as labels say, and what to expect where they are not there yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pellucid.monitor.performance.measures import binary_performance
from pellucid.monitor.tabular import Tabular
from pellucid.stats.calibration import Calibrator, Reliability, fit_calibrator, reliability
from pellucid.stats.classification import Estimate
from pellucid.stats.student import half_width

Floats = NDArray[np.float64]
_FEWEST_LABELS = 30


@dataclass(frozen=True, slots=True)
class Scored:
    """Decisions of a model, in the order of time.

    Attributes
    ----------
    at : array of int64, shape (n,)
        Microseconds since 1970.
    scores : array of float64, shape (n,)
        Predicted probabilities.
    labels : array of float64, shape (n,)
        0 or 1; NaN while not mature, and where it never came.
    is_pending : array of bool, shape (n,)
        Whether the label may still come.
    cutoffs : dict of str to array of float64, shape (n,)
        The cutoffs in force, by name; NaN where none was.
    """

    at: NDArray[np.int64]
    scores: Floats
    labels: Floats
    is_pending: NDArray[np.bool_]
    cutoffs: dict[str, Floats]

    def __getitem__(self, rows: NDArray[np.bool_]) -> Scored:
        """Return some of the decisions."""
        return Scored(
            self.at[rows], self.scores[rows], self.labels[rows], self.is_pending[rows],
            {name: values[rows] for name, values in self.cutoffs.items()},
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Performance(Tabular):
    """What a model's scores were worth.

    Attributes
    ----------
    rows : pyarrow.Table
        One row for each measure and bucket, and for the whole: ``measure``, ``cutoff`` (null where
        none is needed), ``start_at``, ``end_at``, ``level`` (``bucket`` or empty), ``value``,
        ``low``, ``high`` (on mature labels), ``n`` (those), ``expected``, ``expected_low``,
        ``expected_high`` (of all decisions, before labels), ``decisions``, ``pending``.
    reliability : Reliability or None
        Predicted against realised, of the whole; None where there are too few labels.
    told : str
        The finding, as a paragraph.
    """

    rows: pa.Table
    reliability: Reliability | None
    told: str


def performance_of(
    scored: Scored, buckets: list[tuple[int, int]], calibrator: Calibrator | None
) -> pa.Table:
    """Return every measure of each bucket of time, and of all of them together.

    Parameters
    ----------
    buckets : list of (int, int)
        Half-open, in microseconds since 1970; the first is the whole.
    calibrator : Calibrator or None
        From scores to probabilities, fitted on the labels of an earlier window; None where it had
        too few, so that nothing can be expected.
    """
    rows: list[dict[str, Any]] = []
    for place, (start, end) in enumerate(buckets):
        part = scored if place == 0 else scored[(scored.at >= start) & (scored.at < end)]
        known = ~np.isnan(part.labels)
        counts = {
            "start_at": start, "end_at": end, "level": "bucket" if place else "",
            "n": int(known.sum()), "decisions": len(part.at),
            "pending": int(part.is_pending.sum()),
        }  # fmt: skip
        for cutoff, measure, value, expected in _measures(part, known, calibrator):
            rows.append({"measure": measure, "cutoff": cutoff, **counts,
                         **_ends("", value), **_ends("expected", expected)})  # fmt: skip
    time = pa.timestamp("us", tz="UTC")
    kinds: list[tuple[str, pa.DataType]] = [
        ("measure", pa.string()), ("cutoff", pa.string()), ("start_at", time), ("end_at", time),
        ("level", pa.string()), *((name, pa.float64()) for name in ("value", "low", "high")),
        ("n", pa.int64()),
        *((name, pa.float64()) for name in ("expected", "expected_low", "expected_high")),
        ("decisions", pa.int64()), ("pending", pa.int64()),
    ]  # fmt: skip
    return pa.table({
        name: pa.array([row[name] for row in rows], pa.int64() if kind == time else kind).cast(kind)
        for name, kind in kinds
    })  # fmt: skip


def calibrator_of(scored: Scored) -> Calibrator | None:
    """Return the calibrator of an earlier window, or None where it has too few labels."""
    known = ~np.isnan(scored.labels)
    labels = scored.labels[known]
    if min(labels.sum(), (1 - labels).sum()) < _FEWEST_LABELS:
        return None
    return fit_calibrator(scored.scores[known], labels)


def reliability_of(scored: Scored) -> Reliability | None:
    """Return how predicted probabilities held, or None where there are too few labels."""
    known = ~np.isnan(scored.labels)
    if known.sum() < _FEWEST_LABELS:
        return None
    return reliability(scored.scores[known], scored.labels[known])


def _measures(
    part: Scored, known: NDArray[np.bool_], calibrator: Calibrator | None
) -> Iterator[tuple[str | None, str, Estimate | None, Estimate | None]]:
    expected = calibrator(part.scores) if calibrator is not None and len(part.scores) else None
    named: dict[str | None, Floats | None] = {None: None}
    for name, cutoff in part.cutoffs.items():
        if not np.isnan(cutoff).any():
            named[name] = (part.scores >= cutoff).astype(np.float64)
    for cutoff_name, called in named.items():
        realised = binary_performance(
            part.scores[known], part.labels[known],
            predicted=None if called is None else called[known],
        )  # fmt: skip
        due = {} if expected is None else binary_performance(part.scores, expected,
                                                             predicted=called)  # fmt: skip
        for measure, value in realised.items():
            # Without a cutoff there are only measures that need none, and those come once.
            needs_none = measure in ("roc_auc", "average_precision", "log_loss", "brier")
            if (cutoff_name is None) == needs_none:
                yield cutoff_name, measure, value, due.get(measure)


def _ends(prefix: str, estimate: Estimate | None) -> dict[str, float | None]:
    names = ("value", "low", "high") if not prefix else (prefix, f"{prefix}_low", f"{prefix}_high")
    if estimate is None or np.isnan(estimate.value):
        return dict.fromkeys(names)
    if np.isnan(estimate.error):
        return dict(zip(names, (estimate.value, None, None), strict=True))
    half = half_width(estimate.error, np.inf)
    return dict(zip(names, (estimate.value, estimate.value - half, estimate.value + half),
                    strict=True))  # fmt: skip
