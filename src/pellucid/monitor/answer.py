"""The answer to a query: rows, and the definitions and knowledge they were computed with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.monitor.finalize import ESTIMATED
from pellucid.monitor.tabular import Tabular
from pellucid.spec.system import Metric


@dataclass(frozen=True, slots=True)
class Answer(Tabular):
    """The answer to a query.

    Attributes
    ----------
    rows : pyarrow.Table
        One row for each metric, group and level; see `pellucid.monitor.query.answer`.
    by : tuple of str
        The dimensions asked for.
    metrics : tuple of Metric
        Their definitions.
    as_of : datetime
        With the knowledge of when.
    """

    rows: pa.Table
    by: tuple[str, ...]
    metrics: tuple[Metric, ...]
    as_of: datetime

    @property
    def finest(self) -> pa.Table:
        """The rows broken down by every dimension."""
        level = pc.equal(self.rows.column("level"), ",".join(self.by))
        return self.rows.filter(level)

    @property
    def totals(self) -> pa.Table:
        """The rows of every coarser level, up to the whole."""
        level = pc.not_equal(self.rows.column("level"), ",".join(self.by))
        return self.rows.filter(level)

    @property
    def note(self) -> str:
        """How to read estimates, where decisions are a sample; else empty."""
        return sample_note(self.rows)


def sample_note(rows: pa.Table) -> str:
    """Return how to read the rows of an answer where some are estimates; else an empty string."""
    if ESTIMATED not in rows.column("note").unique().to_pylist():
        return ""
    return (
        f"{ESTIMATED.capitalize()}: n counts what is stored; every other number, with its "
        "interval, stands for all that was decided."
    )
