"""The DuckDB engine: runs scans in process over the files of a snapshot."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from pellucid.engine.base import result_schema
from pellucid.engine.plan import Scan
from pellucid.engine.sql import quoted, render, statement, text
from pellucid.engine.waiting import waited_for
from pellucid.errors import EngineError, StoppedError
from pellucid.schema.files import TableFiles

_SQL_TYPES = {
    "string": "VARCHAR", "large_string": "VARCHAR", "bool": "BOOLEAN", "int32": "INTEGER",
    "int64": "BIGINT", "float": "FLOAT", "double": "DOUBLE",
    "timestamp[us, tz=UTC]": "TIMESTAMPTZ", "decimal128(38, 0)": "DECIMAL(38, 0)",
}  # fmt: skip


class DuckDBEngine:
    """Runs scans with DuckDB; safe to share between threads, each run on a cursor of its own."""

    name = "duckdb"

    def __init__(self) -> None:
        self._connection = duckdb.connect(
            config={
                # No outbound call, and no spill file in the user's working folder.
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "temp_directory": str(Path(tempfile.gettempdir()) / "pellucid-spill"),
            }
        )
        self._connection.execute("SET TimeZone = 'UTC'")

    def run(self, scan: Scan, tables: Mapping[str, TableFiles]) -> pa.Table:
        """Return the measures of each group.

        Raises
        ------
        EngineError
            If DuckDB refuses the query or a file cannot be read.
        """
        return self.query(statement(scan), tables).cast(result_schema(scan))

    def show(self, scan: Scan) -> str:
        """Return the SQL that `run` would run."""
        return render(scan)

    def query(self, sql: str, tables: Mapping[str, TableFiles]) -> pa.Table:
        """Run one query over tables by their names.

        Raises
        ------
        EngineError
            If DuckDB refuses the query or a file cannot be read.
        StoppedError
            If nobody waits for it any more; see `pellucid.engine.waiting`.
        """
        cursor = self._connection.cursor()
        try:
            with waited_for(cursor.interrupt):
                cursor.execute("SET TimeZone = 'UTC'")
                for name, table in tables.items():
                    _attach(cursor, name, table)
                return cursor.sql(sql).to_arrow_table()
        except duckdb.InterruptException as error:
            raise StoppedError from error
        except duckdb.Error as error:
            raise EngineError(f"DuckDB could not run the query: {error}") from error
        finally:
            cursor.close()


def _attach(cursor: duckdb.DuckDBPyConnection, name: str, table: TableFiles) -> None:
    nulls = ", ".join(
        f"CAST(NULL AS {_sql_type(field.type)}) AS {quoted(field.name)}" for field in table.schema
    )
    if not table.files:
        cursor.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT {nulls} WHERE FALSE")
        return
    if table.filesystem is None:
        files = ", ".join(text(path) for path in table.files)
        by_name = "false" if table.is_uniform else "true"
        rows = f"read_parquet([{files}], union_by_name = {by_name}, hive_partitioning = false)"
    else:
        rows = f"{name}_files"
        # Imported here: it loads pandas wherever that is installed, which takes a second.
        from pellucid.engine.remote import remote_files

        cursor.register(rows, remote_files(table.files, table.schema, table.filesystem))
    if table.is_uniform:
        cursor.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT * FROM {rows}")
        return
    present = {row[0] for row in cursor.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()}
    absent = "".join(
        f", CAST(NULL AS {_sql_type(field.type)}) AS {quoted(field.name)}"
        for field in table.schema
        if field.name not in present
    )
    cursor.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT *{absent} FROM {rows}")


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
    return _SQL_TYPES[str(kind)]
