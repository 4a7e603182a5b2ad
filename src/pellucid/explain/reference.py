"""The reference population of a model: the candidates that its attributions compare with."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.store.artifacts import load_reference, save_reference
from pellucid.store.lake import Lake

DECISIONS = 500
DAYS = 7
# Each has tables of its own: with more of them all share one population.
MOST_CANDIDATES = 20
_CANDIDATE = "candidate_id"


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference population.

    Attributes
    ----------
    rows : pyarrow.Table
        Columns ``f_<feature>``; with ``candidate_id``, where each candidate has a population of its
        own: the same decisions for all of them, each with that candidate in it.
    described : str
        For the record: how many, of which days, and a digest of them.
    """

    rows: pa.Table
    described: str

    @property
    def candidates(self) -> tuple[str, ...]:
        """Candidates with a population of their own; none where all share one."""
        if _CANDIDATE not in self.rows.column_names:
            return ()
        return tuple(sorted(pc.unique(self.rows.column(_CANDIDATE)).to_pylist()))

    def of(self, candidate: str) -> Reference:
        """Return the population of a candidate; that of all where it has none of its own."""
        if candidate not in self.candidates:
            return self
        own = self.rows.filter(pc.equal(self.rows.column(_CANDIDATE), candidate))
        return Reference(own, f"{own.num_rows:,} decisions with {candidate} in {self.described}")


def with_candidate(
    decisions: pa.Table, own: pa.Table, shared: Collection[str], candidate: str
) -> pa.Table:
    """Return reference decisions, each with one candidate in it.

    Where the candidate was considered, as it was; elsewhere with its own features as they were in
    one of its other decisions, and the decision's as they are.

    Parameters
    ----------
    decisions : pyarrow.Table
        Candidates of the reference decisions: ``decision_id``, ``candidate_id``, ``f_`` columns.
    own : pyarrow.Table, at least one row
        Rows of the candidate, of any decisions.
    shared : collection of str
        Features of the decision.

    Returns
    -------
    pyarrow.Table
        ``candidate_id`` and the ``f_`` columns; a row for each reference decision, in order of id.

    References
    ----------
    The Shapley value of the margin between two candidates needs one population for both: only the
    candidate may differ (Merrick, L. and Taly, A. (2020). The Explanation Game: Explaining Machine
    Learning Models Using Shapley Values, on contrastive references).
    """
    ids = decisions.column("decision_id").combine_chunks()
    every = pc.unique(ids).sort()
    first = pc.index_in(every, value_set=ids)
    is_own = pc.equal(decisions.column(_CANDIDATE), candidate)
    there = decisions.filter(is_own)
    place = pc.index_in(every, value_set=there.column("decision_id").combine_chunks())
    missing = np.asarray(pc.is_null(place))
    elsewhere = np.arange(len(every)) % own.num_rows
    columns: dict[str, pa.ChunkedArray | pa.Array] = {
        _CANDIDATE: pa.array([candidate] * len(every), pa.string())
    }
    for name in (name for name in decisions.column_names if name.startswith("f_")):
        if name.removeprefix("f_") in shared:
            columns[name] = decisions.column(name).take(first)
            continue
        known = there.column(name).take(place)
        columns[name] = pc.if_else(missing, own.column(name).take(pa.array(elsewhere)), known)
    return pa.table(columns)


def stored_reference(lake: Lake, model_id: str) -> Reference | None:
    """Return the stored reference population of a model."""
    content = load_reference(lake, model_id)
    return None if content is None else _decoded(content)


def store_reference(lake: Lake, model_id: str, rows: pa.Table, days: str) -> Reference:
    """Store candidates as the reference population of a model, once and for all of its time.

    Attributions against another population would not compare with these.
    """
    kept = rows.select(_columns(rows.column_names))
    kept = kept.replace_schema_metadata({"days": days}).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, kept.schema) as writer:
        writer.write_table(kept)
    content = sink.getvalue().to_pybytes()
    save_reference(lake, model_id, content)
    return _decoded(content)


def _columns(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.startswith("f_") or name == _CANDIDATE]


def _decoded(content: bytes) -> Reference:
    rows = pa.ipc.open_file(content).read_all()
    days = (rows.schema.metadata or {}).get(b"days", b"").decode()
    digest = hashlib.sha256(content).hexdigest()[:8]
    return Reference(rows, f"{rows.num_rows:,} candidates of {days} ({digest})")
