"""Names that a spec may not give to a column, because answers and tables use them themselves."""

from __future__ import annotations

import re

_ANSWER = frozenset({
    "metric", "segment", "level", "start_at", "end_at", "value", "low", "high", "n", "numerator",
    "denominator", "note", "depth", "rank", "period", "bucket", "day",
})  # fmt: skip
_PREFIXES = ("pick_", "chosen_", "raw_", "cutoff_", "layer_", "f_", "a_", "segment_")


def is_reserved(name: str) -> bool:
    """Whether a name is one of an answer's own columns, or looks like a column family's."""
    return name in _ANSWER or name.startswith(_PREFIXES) or bool(re.fullmatch(r"m\d+", name))
