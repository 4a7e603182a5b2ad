"""Conversion of a column to its stored type; values that do not convert are found one by one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_TRUE, _FALSE = {"true", "1", "yes", "t", "y"}, {"false", "0", "no", "f", "n"}
# Beyond it neighbouring whole numbers share one float, so ids that came as floats are lost.
_EXACT_FLOATS = 2.0**53
_CONVERSION_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError, TypeError)


def convert(
    column: pa.ChunkedArray, kind: pa.DataType
) -> tuple[pa.ChunkedArray, np.ndarray | None]:
    """Convert a column.

    Parameters
    ----------
    column : pyarrow.ChunkedArray, n rows
    kind : pyarrow.DataType
        Stored type.

    Returns
    -------
    pyarrow.ChunkedArray
        Of `kind`; null where a value did not convert.
    array of bool, shape (n,), or None
        True where a value did not convert; None if all did.
    """
    if column.type == kind:
        return column, None
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        return _cast(column, kind), None
    except _CONVERSION_ERRORS:
        pass
    encoded = column.combine_chunks().dictionary_encode()
    values = [_convert_one(value, kind) for value in encoded.dictionary]
    failed = np.array(
        [new is None and old.is_valid for new, old in zip(values, encoded.dictionary, strict=True)],
        dtype=bool,
    )
    converted = pa.array(values, kind).take(encoded.indices)
    index = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)
    bad = failed[index] if len(failed) else np.zeros(len(column), dtype=bool)
    bad &= pc.is_valid(encoded.indices).to_numpy(zero_copy_only=False)
    return pa.chunked_array([converted]), bad


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_timestamp(kind):
        if pa.types.is_timestamp(column.type):
            # Finer units than microseconds are cut, not refused.
            return pc.cast(column, kind, safe=False)
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            raise TypeError("a bare number has no unit of time")
    if pa.types.is_boolean(kind) and not pa.types.is_boolean(column.type):
        raise TypeError("only 0 and 1 convert")
    if pa.types.is_string(kind) and pa.types.is_floating(column.type):
        raise TypeError("an id that came as a float has lost its form")
    return pc.cast(column, kind)


def _convert_one(value: pa.Scalar, kind: pa.DataType) -> object:
    if not value.is_valid:
        return None
    plain = value.as_py()
    if pa.types.is_boolean(kind):
        word = str(plain).lower().removesuffix(".0")
        return True if word in _TRUE else False if word in _FALSE else None
    if isinstance(plain, bool) and not pa.types.is_string(kind):
        return float(plain) if pa.types.is_floating(kind) else int(plain)
    try:
        if pa.types.is_string(kind) and isinstance(plain, float):
            is_exact = plain.is_integer() and abs(plain) < _EXACT_FLOATS
            return str(int(plain)) if is_exact else None
        return _cast(pa.chunked_array([pa.array([value])]), kind)[0].as_py()
    except _CONVERSION_ERRORS:
        return None
