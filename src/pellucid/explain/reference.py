"""The reference population of a model: the candidates that its attributions compare with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from pellucid.store.artifacts import load_reference, save_reference
from pellucid.store.lake import Lake

ROWS = 1000
DAYS = 7


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference population.

    Attributes
    ----------
    rows : pyarrow.Table
        Columns ``f_<feature>``.
    described : str
        For the record: how many, of which days, and a digest of them.
    """

    rows: pa.Table
    described: str


def stored_reference(lake: Lake, model_id: str) -> Reference | None:
    """Return the stored reference population of a model."""
    content = load_reference(lake, model_id)
    return None if content is None else _decoded(content)


def store_reference(lake: Lake, model_id: str, rows: pa.Table, days: str) -> Reference:
    """Store candidates as the reference population of a model, once and for all of its time.

    Attributions against another population would not compare with these.
    """
    kept = rows.select([name for name in rows.column_names if name.startswith("f_")])
    kept = kept.replace_schema_metadata({"days": days}).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, kept.schema) as writer:
        writer.write_table(kept)
    content = sink.getvalue().to_pybytes()
    save_reference(lake, model_id, content)
    return _decoded(content)


def _decoded(content: bytes) -> Reference:
    rows = pa.ipc.open_file(content).read_all()
    days = (rows.schema.metadata or {}).get(b"days", b"").decode()
    digest = hashlib.sha256(content).hexdigest()[:8]
    return Reference(rows, f"{rows.num_rows:,} candidates of {days} ({digest})")
