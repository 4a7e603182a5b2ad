"""64-bit row keys: a vectorised hash of one or more columns.

A hash only ever says "certainly new" or "look closer": every hit is compared by value before a row
is called a duplicate, so a collision costs time and never a row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0xD6E8FEB86659FD93)
# Rows hashed at a time: few enough that the work stays in the processor's cache.
_STEP = 16 * 1024
_SAMPLE = 1024


def row_keys(rows: pa.Table, names: Sequence[str]) -> np.ndarray:
    """Hash the named columns of each row.

    Parameters
    ----------
    rows : pyarrow.Table, n rows
        Columns must be text, timestamps or numbers.
    names : sequence of str
        Key columns; one that is absent counts as null.

    Returns
    -------
    array of uint64, shape (n,)
        Equal for equal keys in every process and on every machine.
    """
    keys = np.zeros(rows.num_rows, dtype=np.uint64)
    for name in names:
        column = _column_keys(rows.column(name)) if name in rows.column_names else _NULL
        keys = _mix(keys ^ column)
    return keys


def _column_keys(column: pa.ChunkedArray) -> np.ndarray:
    parts = [_array_keys(chunk) for chunk in column.chunks]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)


def _array_keys(array: pa.Array) -> np.ndarray:
    if pa.types.is_null(array.type):
        return np.full(len(array), _NULL)
    if pa.types.is_string(array.type):
        array = array.cast(pa.large_string())
    if pa.types.is_large_string(array.type):
        keys = _repeated_text_keys(array) if _repeats(array) else _text_keys(array)
    else:
        width = pa.int64() if array.type.bit_width == 64 else pa.int32()
        whole = pc.fill_null(array.view(width), 0).to_numpy(zero_copy_only=False)
        keys = _mix(whole.astype(np.int64).view(np.uint64) + _MULTIPLIER)
    if array.null_count:
        keys = np.where(pc.is_null(array).to_numpy(zero_copy_only=False), _NULL, keys)
    return keys


def _repeats(array: pa.Array) -> bool:
    sample = array.slice(0, _SAMPLE)
    return len(array) > _SAMPLE and pc.count_distinct(sample).as_py() < _SAMPLE // 4


def _repeated_text_keys(array: pa.Array) -> np.ndarray:
    encoded = array.dictionary_encode()
    codes = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)
    keys = _text_keys(encoded.dictionary)
    return keys[codes] if len(keys) else np.zeros(len(array), dtype=np.uint64)


def _text_keys(array: pa.Array) -> np.ndarray:
    count = len(array)
    if count == 0:
        return np.zeros(0, dtype=np.uint64)
    _, offsets_buffer, text_buffer = array.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int64)[array.offset : array.offset + count + 1]
    text = np.frombuffer(text_buffer, dtype=np.uint8) if text_buffer else np.zeros(0, np.uint8)
    lengths = np.diff(offsets)
    if lengths.min() == lengths.max():
        # The usual case of ids: one after the other, so nothing needs gathering.
        width = int(lengths[0])
        return _keys_of_texts(text[offsets[0] : offsets[-1]].reshape(count, width))
    keys = np.empty(count, dtype=np.uint64)
    for length in np.flatnonzero(np.bincount(lengths)):
        rows = np.flatnonzero(lengths == length)
        keys[rows] = _fixed_width_keys(text, offsets[:-1][rows], int(length))
    return keys


def _fixed_width_keys(text: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    keys = np.empty(len(starts), dtype=np.uint64)
    for begin in range(0, len(starts), _STEP):
        block = starts[begin : begin + _STEP]
        keys[begin : begin + _STEP] = _keys_of_texts(text[block[:, None] + np.arange(length)])
    return keys


def _keys_of_texts(texts: np.ndarray) -> np.ndarray:
    count, length = texts.shape
    keys = _mix(np.full(count, length, dtype=np.uint64) + _MULTIPLIER)
    for begin in range(0, count, _STEP):
        block = texts[begin : begin + _STEP]
        padded = np.zeros((len(block), -(-length // 8) * 8), dtype=np.uint8)
        padded[:, :length] = block
        for word in padded.view("<u8").T:
            keys[begin : begin + _STEP] = _mix(keys[begin : begin + _STEP] ^ word)
    return keys


def _mix(keys: np.ndarray) -> np.ndarray:
    # The finalizer of splitmix64: every input bit reaches every output bit.
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
