"""Two sides of a question, side by side: windows, arms, segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pellucid.monitor.answer import Answer, sample_note
from pellucid.monitor.tabular import Tabular
from pellucid.spec.system import Metric
from pellucid.stats.intervals import difference_interval

SIDE, OTHER = "side", "other"
_LENGTHS = "the two windows differ in length: totals are not comparable"


@dataclass(frozen=True, slots=True)
class Comparison(Tabular):
    """Metrics of one side less those of the other.

    Attributes
    ----------
    rows : pyarrow.Table
        One row for each metric, group and level: ``metric``, the `by` dimensions, ``level``,
        ``value``, ``baseline``, ``change`` (value less baseline), ``low`` and ``high`` (its
        interval), ``relative`` (change over baseline), ``n``, ``baseline_n``, ``note``. What only
        one side has reads as null on the other.
    by : tuple of str
    metrics : tuple of Metric
    names : tuple of str
        What the side and the baseline are, in words.
    """

    rows: pa.Table
    by: tuple[str, ...]
    metrics: tuple[Metric, ...]
    names: tuple[str, str]

    @property
    def note(self) -> str:
        """How to read estimates, where decisions are a sample; else empty."""
        return sample_note(self.rows)


def compare_answers(
    side: pa.Table, other: pa.Table, answer: Answer, names: tuple[str, str], *, same_length: bool
) -> Comparison:
    """Join the rows of two sides and take the differences.

    Parameters
    ----------
    side, other : pyarrow.Table
        Rows of one answer, without segment and time.
    same_length : bool
        Whether both sides span as much time.

    References
    ----------
    Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures: a
    general approach. Statistics in Medicine 27, 1693-1702. For rates, Newcombe's hybrid score.
    """
    keys = ["metric", "level", *answer.by]
    left, right = _by_key(side, keys), _by_key(other, keys)
    found = dict.fromkeys([*left, *right])
    rank = {metric.name: place for place, metric in enumerate(answer.metrics)}
    ordered = sorted(found, key=lambda key: (rank[key[0]], -_depth(key[1]), key[1],
                                             tuple(str(part) for part in key[2:])))  # fmt: skip
    nothing: dict[str, Any] = {}
    pairs = [(left.get(key, nothing), right.get(key, nothing)) for key in ordered]

    def column(index: int, name: str) -> np.ndarray:
        values = [pair[index].get(name) for pair in pairs]
        return np.array([np.nan if item is None else item for item in values], dtype=np.float64)

    value, baseline = column(0, "value"), column(1, "value")
    low, high = difference_interval(
        value, column(0, "low"), column(0, "high"), baseline, column(1, "low"), column(1, "high")
    )
    change = value - baseline
    relative = np.divide(change, baseline, out=np.full_like(change, np.nan), where=baseline != 0)
    grows = {metric.name for metric in answer.metrics if metric.finalizer in ("count", "total")}
    notes = [
        pair[0].get("note") or pair[1].get("note")
        or (None if same_length or key[0] not in grows else _LENGTHS)
        for key, pair in zip(ordered, pairs, strict=True)
    ]  # fmt: skip
    texts = {name: pa.array([key[place] for key in ordered], pa.string())
             for place, name in enumerate(keys)}  # fmt: skip
    numbers = {"value": value, "baseline": baseline, "change": change, "low": low, "high": high,
               "relative": relative}  # fmt: skip
    columns: dict[str, pa.Array] = {"metric": texts.pop("metric")}
    columns |= {name: texts[name] for name in answer.by} | {"level": texts["level"]}
    columns |= {name: pa.array(item, pa.float64(), from_pandas=True)
                for name, item in numbers.items()}  # fmt: skip
    columns |= {name: pa.array([pair[index].get("n", 0) for pair in pairs], pa.int64())
                for index, name in enumerate(("n", "baseline_n"))}  # fmt: skip
    columns["note"] = pa.array(notes, pa.string())
    return Comparison(pa.table(columns), answer.by, answer.metrics, names)


def _by_key(rows: pa.Table, keys: list[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[name] for name in keys): row for row in rows.to_pylist()}


def _depth(level: str) -> int:
    return len(level.split(",")) if level else 0
