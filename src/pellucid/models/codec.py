"""An ensemble as bytes, for libraries whose own files could run code when they are loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.errors import ExplainError
from pellucid.models.archive import pack, unpack
from pellucid.models.ensemble import CategorySplit, Ensemble

_ARRAYS = ("starts", "feature", "threshold", "left", "right", "missing_left", "value", "cover")


def encode_ensemble(ensemble: Ensemble) -> bytes:
    """Return an ensemble in NumPy's own format, uncompressed and without objects."""
    nodes = sorted(ensemble.categories)
    splits = [ensemble.categories[node] for node in nodes]
    codes = [split.codes.astype(np.int64) for split in splits]
    arrays: dict[str, Any] = {name: getattr(ensemble, name) for name in _ARRAYS}
    arrays |= {
        "category_nodes": np.array(nodes, dtype=np.int64),
        "category_left": np.array([split.go_left for split in splits], dtype=bool),
        "category_ends": np.cumsum([0, *map(len, codes)]),
        "category_codes": np.concatenate(codes) if codes else np.empty(0, dtype=np.int64),
        "base": np.array(ensemble.base), "features": np.array(ensemble.features),
        "precision": np.array(ensemble.precision),
    }  # fmt: skip
    return pack(arrays)


def decode_ensemble(content: bytes) -> Ensemble:
    """Return an ensemble from its bytes.

    Raises
    ------
    ExplainError
        If they are not those of an ensemble.
    """
    found = unpack(content, "an ensemble")
    try:
        ends = found["category_ends"]
        categories = {
            int(node): CategorySplit(found["category_codes"][ends[n] : ends[n + 1]], bool(left))
            for n, (node, left) in enumerate(
                zip(found["category_nodes"], found["category_left"], strict=True)
            )
        }
        return Ensemble(
            **{name: found[name] for name in _ARRAYS}, categories=categories,
            base=float(found["base"]), features=int(found["features"]),
            precision=str(found["precision"]),  # type: ignore[arg-type]
        )  # fmt: skip
    except (KeyError, ValueError) as error:
        raise ExplainError(f"this is no file of an ensemble: {error}") from error
