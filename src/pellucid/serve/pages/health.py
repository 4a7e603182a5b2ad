"""Health of logging: when each table was last written, and which rows were refused and why."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.figures import numbers
from pellucid.figures.table import Column, Table
from pellucid.report.content import Card
from pellucid.schema.tables import QUARANTINE, TABLES
from pellucid.serve.page import Scene
from pellucid.store.reader import read_rows, snapshot, time_span, written_at

_MOST = 50


def tables_card(scene: Scene) -> Card:
    """Return what each table holds, how far it reaches and when it was last written."""
    lake = scene.obs.lake
    rows = []
    for name, table in TABLES.items():
        held = snapshot(lake, name)
        if not held.files:
            continue
        rows.append((name, table.a_row_is.replace("`", ""), held.row_count, len(held.files),
                     *(time_span(lake, name) or (None, None)), written_at(lake, name)))  # fmt: skip
    columns = (
        Column("Table"), Column("A row is"), Column("Rows", "count"), Column("Files", "count"),
        Column("First (UTC)", "time"), Column("Last (UTC)", "time"),
        Column("Last written (UTC)", "time", "when the last commit to the table was made"),
    )  # fmt: skip
    return Card(title="What is logged", table=Table(columns, tuple(rows)),
                subtitle="Tables of the standard record")  # fmt: skip


def refused_card(scene: Scene) -> Card:
    """Return the rows that wait in quarantine, by table and reason, the most frequent first."""
    title = "Rows refused"
    rows = read_rows(scene.obs.lake, QUARANTINE.name, ["table", "reasons", "refused_at"])
    if not rows.num_rows:
        return Card(title=title, findings=("No row was refused: nothing waits in quarantine.",))
    reasons = rows.column("reasons").combine_chunks()
    of_row = pc.list_parent_indices(reasons)
    each = pa.table({
        "table": rows.column("table").take(of_row), "reason": pc.list_flatten(reasons),
        "refused_at": rows.column("refused_at").take(of_row),
    })  # fmt: skip
    counted = each.group_by(["table", "reason"]).aggregate(
        [([], "count_all"), ("refused_at", "max")]
    )
    counted = counted.sort_by([("count_all", "descending"), ("refused_at_max", "descending")])
    body = tuple((row["table"], row["reason"], row["count_all"], row["refused_at_max"])
                 for row in counted.slice(0, _MOST).to_pylist())  # fmt: skip
    columns = (Column("Table"), Column("Why"), Column("Rows", "count"),
               Column("Last refused (UTC)", "time"))  # fmt: skip
    more = counted.num_rows - len(body)
    said = f"{numbers.count(rows.num_rows)} rows wait in quarantine, whole, to be mended and logged"
    return Card(
        title=title, subtitle="A row may have several reasons",
        findings=(f"{said} again{f'; {more:,} rarer reasons are not shown' if more else ''}.",),
        table=Table(columns, body),
    )  # fmt: skip
