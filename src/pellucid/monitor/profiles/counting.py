"""Counts Arrow columns into profiles, and chooses the bins for one."""

from __future__ import annotations

import math
import sys
from collections import Counter
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.monitor.profiles.profile import (
    Binning,
    Counts,
    Floats,
    Profile,
    from_ordered_bits,
    ordered_bits,
)

BINS = 1024
_NUMPY_NAMES = {"halffloat": "float16", "float": "float32", "double": "float64"}
# A small range of whole numbers is counted value by value: counts of items, hours, codes.
_MOST_WHOLE = 1024
# Bins reach beyond the values that they are chosen by, by this part of their range at each end.
_MARGIN = 0.25
# Bits of entropy by which the log scale must tell values apart better to be taken.
_CLEARLY = 0.5
# Beyond it a float cannot hold the half below a whole number.
_MOST_EXACT = 2.0**51
_LARGEST = sys.float_info.max
_FINITE_BITS = (-9.218868437227405e18, 9.218868437227405e18)


def is_profiled(kind: pa.DataType) -> bool:
    """Whether columns of a type have a profile: numbers, texts, and true or false."""
    if pa.types.is_dictionary(kind):
        return is_profiled(kind.value_type)
    return (
        is_number(kind) or pa.types.is_boolean(kind)
        or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    )  # fmt: skip


def is_number(kind: pa.DataType) -> bool:
    """Whether columns of a type are counted as numbers."""
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def choose_binning(sample: pa.ChunkedArray, low: float, high: float) -> Binning:
    """Return how to count a column, by its type and the values of its baseline.

    Parameters
    ----------
    sample : pyarrow.ChunkedArray
        Some of the values.
    low, high : float
        The smallest and largest of all values; NaN where not known.
    """
    kind = sample.type
    if pa.types.is_dictionary(kind) or not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind)
    ):
        return Binning(kind="category")
    values = _floats(sample.drop_null())
    values = values[np.isfinite(values)]
    # Infinite ends are no range: such values are counted below and above all bins.
    low, high = (end if math.isfinite(end) else math.nan for end in (low, high))
    if len(values):
        low = float(np.nanmin([low, values.min()]))
        high = float(np.nanmax([high, values.max()]))
    if not (np.isfinite(low) and np.isfinite(high)):
        low, high = 0.0, 1.0
    if pa.types.is_integer(kind) and high - low < _MOST_WHOLE and max(-low, high) < _MOST_EXACT:
        margin = round(_MARGIN * (high - low)) + 1
        return Binning(kind="whole", low=low - margin - 0.5, high=high + margin + 0.5,
                       bins=int(high - low) + 2 * margin + 1)  # fmt: skip
    if high - low <= 8 * math.ulp(max(abs(low), abs(high))):
        # One value: bins around it, to tell what joins it later.
        low = max(low - max(abs(low), 1.0), -_LARGEST)
        high = min(high + max(abs(high), 1.0), _LARGEST)
    if not np.isfinite(2 * (high - low) + max(abs(low), abs(high))):
        return _wider(low, high, "log")
    choices = [_wider(low, high, "linear")]
    ends = ordered_bits(np.array([low, high])).astype(np.float64)
    if ends[1] - ends[0] > BINS * BINS:
        choices.append(_wider(low, high, "log"))
    with np.errstate(over="ignore"):
        spread = [
            _entropy(np.bincount(_places(item, values), minlength=BINS + 2)) if len(values) else 0
            for item in choices
        ]
    return choices[-1] if spread[-1] > spread[0] + _CLEARLY else choices[0]


def _wider(low: float, high: float, scale: Literal["linear", "log"]) -> Binning:
    """Return bins with room for what a later day may bring."""
    if scale == "linear":
        margin = _MARGIN * (high - low)
        return Binning(kind="number", low=low - margin, high=high + margin, bins=BINS)
    ends = ordered_bits(np.array([low, high])).astype(np.float64)
    margin = _MARGIN * (ends[1] - ends[0])
    wide = np.clip([ends[0] - margin, ends[1] + margin], *_FINITE_BITS).astype(np.int64)
    start, end = from_ordered_bits(wide).tolist()
    return Binning(kind="number", low=start, high=end, scale="log", bins=BINS)


def profile_of(column: pa.ChunkedArray, binning: Binning) -> Profile:
    """Return the profile of a column's rows."""
    n, nulls = len(column), column.null_count
    if binning.kind == "category":
        return Profile(binning, n, nulls, np.zeros(0, dtype=np.int64), _levels(column))
    with np.errstate(over="ignore", invalid="ignore"):
        return _numbers(column, binning, nulls)


def _numbers(column: pa.ChunkedArray, binning: Binning, nulls: int) -> Profile:
    n = len(column)
    counts: Counts = np.zeros(binning.bins + 2, dtype=np.int64)
    total = squares = 0.0
    infinite = 0
    for chunk in (column.drop_null() if nulls else column).chunks:
        values = _floats(pa.chunked_array([chunk]))
        if not len(values):
            continue
        chunk_total = float(values.sum())
        if not np.isfinite(chunk_total):
            is_nan = np.isnan(values)
            nulls += int(is_nan.sum())
            values = values[~is_nan]
            counts += np.bincount(_places(binning, values), minlength=binning.bins + 2)
            finite = values[np.isfinite(values)]
            infinite += len(values) - len(finite)
            off = finite - binning.centre
            total, squares = total + float(off.sum()), squares + _squares(off)
            continue
        counts += np.bincount(_places(binning, values), minlength=binning.bins + 2)
        off = values - binning.centre if binning.centre else values
        total, squares = total + float(off.sum()), squares + _squares(off)
    return Profile(binning, n, nulls, counts, {}, total, squares, infinite)


def _squares(values: Floats) -> float:
    # Not a product of vectors: that wakes all threads of the linear algebra library.
    return float(np.square(values).sum())


def _places(binning: Binning, values: Floats) -> NDArray[np.int32]:
    """Return the bin of each value: 0 below the first, then 1 to bins, bins + 1 above."""
    if binning.scale == "log":
        ends = ordered_bits(np.array([binning.low, binning.high]))
        start, end = float(ends[0]), float(ends[1])
        place = ordered_bits(np.ascontiguousarray(values)) - start
    else:
        start, end = binning.low, binning.high
        place = values - start
    place *= binning.bins / (end - start)
    place += 1
    np.clip(place, 0, binning.bins + 1, out=place)
    # Half as wide as places are by default: a fifth of the time of the whole count.
    return place.astype(np.int32)


def _floats(column: pa.ChunkedArray) -> Floats:
    """Return the values of a numeric column without nulls."""
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    parts = [_buffer(chunk) for chunk in column.chunks if len(chunk)]
    if not parts:
        return np.zeros(0)
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return joined.astype(np.float64, copy=False)


def _buffer(chunk: pa.Array) -> NDArray[Any]:
    """Return the values behind an array without nulls.

    Read from the buffer: Arrow's own way imports pandas wherever that is installed, which takes a
    second.
    """
    kind = _NUMPY_NAMES.get(str(chunk.type), str(chunk.type))
    whole = np.frombuffer(chunk.buffers()[1], dtype=np.dtype(kind))
    return whole[chunk.offset : chunk.offset + len(chunk)]


def _levels(column: pa.ChunkedArray) -> dict[str, int]:
    found: Counter[str] = Counter()
    for chunk in column.chunks:
        kind = chunk.type
        if not pa.types.is_dictionary(kind):
            texts = chunk.cast(pa.string()) if pa.types.is_boolean(kind) else chunk
            chunk = pc.dictionary_encode(texts)
        indices = chunk.indices.drop_null() if chunk.null_count else chunk.indices
        if not len(indices):
            continue
        counts = np.bincount(_buffer(indices)).tolist()
        # Levels that this part of the file has none of come last, or count nothing.
        for value, count in zip(chunk.dictionary.to_pylist(), counts, strict=False):
            if count:
                found[value] += count
    return dict(found)


def _entropy(counts: Counts) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())
