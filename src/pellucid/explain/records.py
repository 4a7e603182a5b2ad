"""Stored records and model files, as explaining reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from pellucid.engine.duckdb import DuckDBEngine
from pellucid.engine.sql import instant, outcomes_since, quoted
from pellucid.errors import UnknownNameError
from pellucid.explain.attribution import LoadedModel, load_model
from pellucid.explain.reference import stored_reference
from pellucid.schema.columns import with_declared
from pellucid.schema.tables import ATTRIBUTIONS, MODELS, OUTCOMES, TABLES
from pellucid.store.artifacts import load_artifact
from pellucid.store.lake import Lake
from pellucid.store.reader import read_rows, snapshot
from pellucid.windows import Window


class Records:
    """Reads rows of a system's tables by id and time; keeps the models that it has loaded."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.engine = DuckDBEngine()
        self._models: dict[str, LoadedModel | None] = {}

    def rows(
        self,
        table: str,
        *,
        where: str = "",
        window: Window | None = None,
        columns: Sequence[str] = (),
        limit: int | None = None,
    ) -> pa.Table:
        """Return stored rows; `where` is SQL made by pellucid, never by a user."""
        start, end = (window.start, window.end) if window else (None, None)
        files = snapshot(self.lake, table, start=start, end=end)
        selected = ", ".join(quoted(name) for name in columns) or "*"
        condition = f" WHERE {where}" if where else ""
        bound = f" LIMIT {limit}" if limit is not None else ""
        return self.engine.query(
            f"SELECT {selected} FROM {table}{condition}{bound}", {table: files}
        )

    def query(
        self, sql: str, tables: Sequence[str], window: Window, *,
        names: Mapping[str, Mapping[str, str]] | None = None,
    ) -> pa.Table:  # fmt: skip
        """Run a query over the days of some tables that a window touches.

        Every field of the record can be named, and every column of the spec's `names`, as of
        `spec.bind.declared_names`; one that nobody has logged reads as null.
        """
        files = {}
        for name in tables:
            # Outcomes come after their decision, whenever they do.
            is_later = name == OUTCOMES.name
            start = outcomes_since(window.start) if is_later else window.start
            stored = snapshot(self.lake, name, start=start, end=None if is_later else window.end)
            schema = with_declared(TABLES[name], stored.schema, names or {})
            files[name] = replace(stored, schema=schema)
        return self.engine.query(sql, files)

    def attributed_features(self) -> list[str]:
        """Return the features that stored attributions are of."""
        names = snapshot(self.lake, ATTRIBUTIONS.name).schema.names
        return [name.removeprefix("a_") for name in names if name.startswith("a_")]

    def check_candidate(self, name: str, window: Window) -> None:
        """Raise an UnknownNameError if no decision of a window considered a candidate."""
        sql = f"SELECT DISTINCT candidate_id FROM candidates WHERE {within(window)}"
        known = self.query(sql, ("candidates",), window).column("candidate_id").to_pylist()
        if name not in known:
            raise UnknownNameError(kind="candidate", name=name, known=known)

    def reference_rows(self, model_id: str) -> pa.Table | None:
        """Return the candidates that a model's attributions compare with, or None."""
        reference = stored_reference(self.lake, model_id)
        return None if reference is None else reference.rows

    def latest_reference(self) -> pa.Table | None:
        """Return the reference population of the model trained last of those that have one."""
        names = [field.name for field in MODELS.fields]
        rows = read_rows(self.lake, MODELS.name, names).to_pylist()
        for row in sorted(rows, key=lambda row: row["trained_at"], reverse=True):
            found = self.reference_rows(row["model_id"])
            if found is not None:
                return found
        return None

    def model(self, model_id: str | None) -> LoadedModel | None:
        """Return a logged model, or None where its file was not logged.

        Raises
        ------
        StoreError
            If the file is not the one that was logged.
        """
        if model_id is None:
            return None
        if model_id not in self._models:
            names = [field.name for field in MODELS.fields]
            logged = read_rows(self.lake, MODELS.name, names).to_pylist()
            row = next((item for item in logged if item["model_id"] == model_id), None)
            self._models[model_id] = None
            if row is not None and row["artifact_uri"]:
                content = load_artifact(
                    self.lake, row["artifact_uri"], sha256=row["artifact_sha256"]
                )
                self._models[model_id] = load_model(
                    row, content, stored_reference(self.lake, model_id)
                )
        return self._models[model_id]


# Whole days since 1970, in UTC.
DAY_SQL = "epoch_us(decided_at) // 86400000000"


def within(window: Window) -> str:
    """Return the SQL condition that `decided_at` lies in a window."""
    return f"decided_at >= {instant(window.start)} AND decided_at < {instant(window.end)}"
