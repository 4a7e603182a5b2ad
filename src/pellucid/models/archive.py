"""Plain arrays as bytes, in NumPy's own format: it holds no objects, so reading runs no code."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ExplainError

# The first byte of every pickle since protocol 2.
PICKLE = b"\x80"


def pack(arrays: Mapping[str, NDArray]) -> bytes:
    """Return named arrays as one file, uncompressed."""
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **arrays)
    return sink.getvalue()


def unpack(content: bytes, what: str) -> dict[str, NDArray]:
    """Return the named arrays of a file.

    Parameters
    ----------
    what : str
        What the file should hold, for the message.

    Raises
    ------
    ExplainError
        If it is no such file; a pickle is refused, whatever it holds.
    """
    with _opened(content, what) as arrays:
        return {name: arrays[name] for name in arrays.files}


def array_names(content: bytes, what: str) -> frozenset[str]:
    """Return the names of a file's arrays; raises as `unpack` does."""
    with _opened(content, what) as arrays:
        return frozenset(arrays.files)


@contextmanager
def _opened(content: bytes, what: str) -> Iterator[Any]:
    if content.startswith(PICKLE):
        raise ExplainError(
            f"this is no file of {what}: it is a pickle, which runs code when it is loaded; log "
            "the model itself with log.model(model, ...), which keeps plain arrays"
        )
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            yield arrays
    except (AttributeError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ExplainError(f"this is no file of {what}: {error}") from error
