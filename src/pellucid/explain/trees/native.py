"""The compiled look-up of a prepared ensemble, where a compiler was there when it was installed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.explain.trees.codes import Codes, Coding, category_table
from pellucid.explain.trees.patterns import Group
from pellucid.models.ensemble import Ensemble, Floats

try:
    from pellucid.explain.trees import _lookup
except ImportError:
    _lookup = None  # type: ignore[assignment]

# As in the source: a table has at least so many entries, so that they fill the registers.
_FEWEST_ENTRIES = 64


@dataclass(frozen=True, slots=True)
class Lookups:
    """A prepared ensemble as the compiled kernel reads it.

    Attributes
    ----------
    arrays : tuple of array
        In the order of the source's enumeration.
    features, players, most_nodes : int
        `most_nodes` is the size of the largest tree.
    """

    arrays: tuple[NDArray, ...]
    features: int
    players: int
    most_nodes: int


def versions() -> list[str]:
    """Return the names of the kernels that this processor can run, fastest first."""
    return [] if _lookup is None else list(_lookup.versions())


def make_lookups(
    ensemble: Ensemble,
    coding: Coding,
    groups: Sequence[Sequence[Group]],
    tables: Sequence[Sequence[Floats]],
    players: int,
) -> Lookups:
    """Return the arrays of a prepared ensemble.

    Parameters
    ----------
    groups, tables : sequence of sequence
        By tree.
    """
    flat = [group for some in groups for group in some]
    roots = [int(start) for start, some in zip(ensemble.starts, groups, strict=False) for _ in some]
    category = np.full(len(ensemble.feature), -1, dtype=np.int32)
    left = bytearray()
    for node in ensemble.categories:
        category[node] = len(left)
        goes = category_table(ensemble, coding, node)
        left += np.int32(len(goes)).tobytes() + goes.astype(np.uint8).tobytes()
    bits = [edges for group in flat for edges in group.bits]
    edge = [
        edge - 2 * root
        for group, root in zip(flat, roots, strict=True)
        for edges in group.bits for edge in edges
    ]  # fmt: skip
    entries = [_padded(table) for some in tables for table in some]
    arrays = (
        ensemble.starts, ensemble.feature, coding.split, ensemble.missing_left.astype(np.uint8),
        category, np.frombuffer(bytes(left) or b"\0", dtype=np.uint8),
        _ends(map(len, groups)), _ends(len(group.bits) for group in flat), _ends(map(len, bits)),
        np.array(edge, dtype=np.int32), _ends(len(group.players) for group in flat),
        np.array([p for group in flat for p in group.players], dtype=np.int32),
        np.cumsum([0, *(len(part) for part in entries)])[:-1].astype(np.int64),
        np.concatenate(entries) if entries else np.zeros(1, dtype=np.float32),
    )  # fmt: skip
    largest = int(np.diff(ensemble.starts).max()) if ensemble.trees else 0
    return Lookups(tuple(map(np.ascontiguousarray, arrays)), ensemble.features, players, largest)


def look_up(lookups: Lookups, codes: Codes, version: str) -> NDArray[np.float32]:
    """Return the attributions of coded rows.

    Parameters
    ----------
    codes : array of uint16, shape (features, n)
    version : str
        One of `versions`.

    Returns
    -------
    array of float32, shape (n, players)
    """
    count = codes.shape[1]
    out = np.empty((lookups.players, count), dtype=np.float32)
    _lookup.look_up(
        version, lookups.arrays, np.ascontiguousarray(codes), out, count, lookups.features,
        lookups.players, lookups.most_nodes,
    )  # fmt: skip
    return out.T


def _padded(table: Floats) -> NDArray[np.float32]:
    players, patterns = table.shape
    wide = np.zeros((players, max(patterns, _FEWEST_ENTRIES)), dtype=np.float32)
    wide[:, :patterns] = table
    return wide.ravel()


def _ends(sizes: Iterable[int]) -> NDArray[np.int32]:
    return np.cumsum([0, *sizes]).astype(np.int32)
