"""The protocol of an engine, and the shape of what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa

from pellucid.engine.plan import Scan, is_whole
from pellucid.schema.files import TableFiles
from pellucid.schema.tables import DECISIONS, SAMPLE_WEIGHT
from pellucid.spec.measure import Measure

PERIOD = "period"
BUCKET = "bucket"


class Engine(Protocol):
    """Runs scans over the files of tables.

    `run` returns one row for each group that has rows: the scan's `by` columns; ``period``, the
    index of the span between two cuts, if there is more than one; ``bucket``, microseconds since
    1970, if there is a grain; ``segment_<i>``, true or false; and ``m<i>``, the measures.
    """

    name: str

    def run(self, scan: Scan, tables: Mapping[str, TableFiles]) -> pa.Table:
        """Return the measures of each group."""

    def show(self, scan: Scan) -> str:
        """Return the query that `run` would run."""


def holds_weights(tables: Mapping[str, TableFiles]) -> bool:
    """Whether the decisions among the files may be a sample: their table stores weights."""
    return SAMPLE_WEIGHT in tables[DECISIONS.name].schema.names


def key_names(scan: Scan) -> tuple[str, ...]:
    """Return the names of the key columns of a scan's result."""
    period = (PERIOD,) if len(scan.cuts) > 2 else ()
    bucket = (BUCKET,) if scan.grain else ()
    segments = tuple(f"segment_{index}" for index in range(len(scan.segments)))
    return (*scan.by, *period, *bucket, *segments)


def result_schema(scan: Scan) -> pa.Schema:
    """Return the schema of what `Engine.run` returns for a scan."""
    kinds: dict[str, pa.DataType] = {}
    for name in key_names(scan):
        kinds[name] = pa.bool_() if name.startswith("segment_") else pa.string()
    kinds |= {name: pa.int64() for name in (PERIOD, BUCKET) if name in kinds}
    kinds |= {f"m{place}": measure_type(item) for place, item in enumerate(scan.measures)}
    return pa.schema(list(kinds.items()))


def measure_type(measure: Measure) -> pa.DataType:
    """Return the Arrow type of a measure: exact for counts, whole sums and text."""
    if measure.fold == "count":
        return pa.int64()
    if measure.fold in ("smallest", "largest"):
        return pa.string()
    return pa.decimal128(38, 0) if is_whole(measure) else pa.float64()
