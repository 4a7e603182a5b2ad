"""The redactor's way over Arrow tables: whole columns, and only what is suspect value by value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pellucid.log.redact.naming import Naming
from pellucid.log.redact.numeric import EXACT
from pellucid.log.redact.treatment import is_clean_text
from pellucid.log.redact.vector import BEYOND, SMALLEST, are_cards, are_issued, running_sum

if TYPE_CHECKING:
    from pellucid.log.redact.redactor import Redactor

_SMALLEST_PHONE = 10**6
_NUMBER = "^[0-9]{12,19}$"
_SUSPECT = (
    r"(?i)[0-9](?:[ .\-+_\t/()]{0,6}[0-9]){9}|[@%+]|\\u|cv|security|verification|"
    r'[\s"]*c(?:id|sc)\b'
)

_DIGEST = (
    "^(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|"
    "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})$"
)
_DIGEST_LENGTHS = (32, 36, 40, 64)
_SAMPLE = 2048
# Above, looking at a column value by value in Arrow's own loops is the cheaper way.
_SHORT = 4096


def redact_rows(redactor: Redactor, table: str, rows: pa.Table) -> pa.Table:
    """Return rows with nothing in them that must not be written; see `Redactor.columns`."""
    kept = {
        name: column
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if redactor.is_safe_name(name)
    }
    found = {}
    for name, column in kept.items() if rows.num_rows else ():
        naming = redactor.naming((name,))
        if not naming.decides and _is_clean(column, reads_keys=redactor.reads_keys):
            continue
        redacted = _Columns(redactor, table, name).redact(column)
        if redacted is not column:
            found[name] = redacted
    return pa.table({**kept, **found}) if found or len(kept) < rows.num_columns else rows


def _is_clean(column: pa.ChunkedArray, *, reads_keys: bool) -> bool:
    """Return whether one look at the whole of a short column shows nothing to redact."""
    kind = column.type
    if len(column) > _SHORT:
        return False
    if pt.is_null(kind) or pt.is_boolean(kind) or pt.is_temporal(kind):
        return True
    if pt.is_integer(kind) or pt.is_floating(kind):
        return all(_is_small(chunk) for chunk in column.chunks)
    if not pt.is_string(kind):
        return False
    texts = column.unique().drop_null()
    whole = pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts)
    return is_clean_text(pc.binary_join(whole, "\n")[0].as_py(), reads_keys=reads_keys)


def _is_small(chunk: pa.Array) -> bool:
    values = chunk.to_numpy(zero_copy_only=False)
    if values.dtype == object or not len(values):
        return not len(values)
    # Comparisons with NaN are false: it is no card number, and hides none.
    with np.errstate(invalid="ignore"):
        return bool(np.fmax.reduce(values) < SMALLEST and np.fmin.reduce(values) > -SMALLEST)


class _Columns:
    """The ways of redacting one column."""

    def __init__(self, redactor: Redactor, table: str, name: str) -> None:
        self.redactor = redactor
        self.table = table
        self.path = (name,)
        self.naming: Naming = redactor.naming(self.path)
        self.judge = redactor.judge(table, self.path, self.naming)

    def redact(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        kind = column.type
        if pt.is_dictionary(kind):
            plain = column.cast(kind.value_type)
            redacted = self.redact(plain)
            return column if redacted is plain else redacted
        if self.naming.is_dropped or self.naming.forbidden:
            self.redactor.declared(self.naming, [True] * (len(column) - column.null_count))
            return pa.chunked_array([pa.nulls(len(column), kind)], kind)
        if self.naming.is_hashed:
            values = self.redactor.declared(self.naming, column.to_pylist())
            return pa.chunked_array([pa.array(values, pa.string())])
        if pt.is_null(kind) or pt.is_boolean(kind) or pt.is_temporal(kind):
            return column
        if pt.is_integer(kind) or pt.is_floating(kind):
            return self._by_chunk(column, self._numbers)
        if pt.is_string(kind) or pt.is_large_string(kind):
            return self._by_chunk(column, self._texts)
        return self._by_value(column)

    @staticmethod
    def _by_chunk(column: pa.ChunkedArray, redact: Any) -> pa.ChunkedArray:
        chunks = [redact(chunk) if len(chunk) else chunk for chunk in column.chunks]
        if all(new is old for new, old in zip(chunks, column.chunks, strict=True)):
            return column
        return pa.chunked_array(chunks, column.type)

    def _by_value(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        values = column.to_pylist()
        redacted = self.redactor.column(self.table, self.path, values)
        if redacted is values:
            return column
        try:
            return pa.chunked_array([pa.array(redacted, column.type)])
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            # A token where a number stood, deep in a nested type; Arrow's error would show values.
            self.redactor.counts["refused", self.naming.column] += len(values)
            return pa.chunked_array([pa.nulls(len(values), column.type)], column.type)

    def _numbers(self, chunk: pa.Array) -> pa.Array:
        least = _SMALLEST_PHONE if self.naming.is_phone else SMALLEST
        bounds = pc.min_max(chunk)
        low, high = bounds["min"].as_py(), bounds["max"].as_py()
        if low is None or (-least < low and high < least):
            return chunk
        if self.naming.is_phone:
            values = chunk.to_pylist()
            redacted = self.redactor.column(self.table, self.path, values)
            return chunk if redacted is values else pa.array(redacted, chunk.type)
        numbers = np.abs(_whole(chunk).astype(np.uint64, copy=False))
        places = np.flatnonzero((numbers >= SMALLEST) & (numbers < BEYOND))
        flagged = self._flagged(places, numbers[places], exact=not pt.is_floating(chunk.type))
        if not len(flagged):
            return chunk
        self.redactor.counts["card", self.naming.column] += len(flagged)
        if self.naming.is_structural:
            self.redactor.counts["refused", self.naming.column] += len(flagged)
        return _replaced(chunk, flagged, [None] * len(flagged))

    def _flagged(
        self, places: np.ndarray, numbers: np.ndarray, *, exact: bool = True
    ) -> np.ndarray:
        if self.naming.is_kept or not len(places):
            return places[:0]
        passed = are_cards(numbers)
        if not exact:
            passed |= (numbers >= EXACT) & are_issued(numbers)
        passing = int(passed.sum())
        peak, level = running_sum(passed, self.judge.level)
        verdict = self.judge.observe_counts(len(places), passing, peak=peak, level=level)
        choice = self.redactor.choose(self.naming, self.judge, verdict, passing)
        if choice == "all":
            return places
        return places[passed] if choice == "passing" else places[:0]

    def _suspects(self, texts: pa.Array) -> np.ndarray:
        if _are_digests(texts.slice(0, _SAMPLE)) and _are_digests(texts):
            return np.zeros(len(texts), dtype=bool)
        suspect = pc.or_(
            pc.match_substring_regex(texts, _SUSPECT), pc.invert(pc.string_is_ascii(texts))
        )
        if self.redactor.reads_keys:
            suspect = pc.or_(suspect, pc.match_substring(texts, "{"))
        hits = _as_mask(suspect)
        if hits.any():
            # Digits inside a digest or UUID are no number; ids are often such.
            hits &= ~_as_mask(pc.match_substring_regex(texts, _DIGEST))
        return hits

    def _texts(self, chunk: pa.Array) -> pa.Array:
        if self.naming.is_phone:
            hits = _as_mask(chunk.is_valid())
        elif _repeats(chunk) and not self._suspects(chunk.dictionary_encode().dictionary).any():
            # A few names, many times over: each was looked at once.
            return chunk
        else:
            hits = self._suspects(chunk)
        if not hits.any():
            return chunk
        plain = hits & _as_mask(pc.match_substring_regex(chunk, _NUMBER))
        if self.naming.is_phone:
            plain[:] = False
        places = np.flatnonzero(plain)
        numbers = chunk.take(pa.array(places)).cast(pa.uint64()).to_numpy(zero_copy_only=False)
        flagged = self._flagged(places, numbers)
        taken = chunk.take(pa.array(flagged)).to_pylist()
        chunk = _replaced(
            chunk, flagged, [self.redactor.number(self.naming, value) for value in taken]
        )
        places = np.flatnonzero(hits & ~plain)
        if not len(places):
            return chunk
        values = chunk.take(pa.array(places)).to_pylist()
        redacted = self.redactor.column(self.table, self.path, values)
        return chunk if redacted is values else _replaced(chunk, places, redacted)


def _are_digests(texts: pa.Array) -> bool:
    # Of one length first: most columns of text fail there, at once.
    lengths = pc.min_max(pc.binary_length(texts))
    if lengths["min"] != lengths["max"] or lengths["min"].as_py() not in _DIGEST_LENGTHS:
        return False
    return bool(pc.all(pc.match_substring_regex(texts, _DIGEST)).as_py())


def _repeats(chunk: pa.Array) -> bool:
    sample = chunk.slice(0, _SAMPLE)
    return len(sample) == _SAMPLE and pc.count_distinct(sample).as_py() < _SAMPLE // 8


def _whole(chunk: pa.Array) -> np.ndarray:
    """Return the whole numbers of an array as integers; 0 for all else."""
    values = chunk.fill_null(0).to_numpy(zero_copy_only=False)
    if values.dtype.kind == "u":
        return values
    if values.dtype.kind == "i":
        return np.abs(values.astype(np.int64))
    values = np.abs(values.astype(np.float64))
    with np.errstate(invalid="ignore"):
        is_whole = (values < BEYOND) & (np.floor(values) == values)
    return np.where(is_whole, values, 0).astype(np.uint64)


def _replaced(chunk: pa.Array, places: np.ndarray, values: Sequence[Any]) -> pa.Array:
    if not len(places):
        return chunk
    mask = np.zeros(len(chunk), dtype=bool)
    mask[places] = True
    return pc.replace_with_mask(chunk, pa.array(mask), pa.array(values, chunk.type))


def _as_mask(mask: pa.Array) -> np.ndarray:
    return pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
