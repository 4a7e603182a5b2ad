"""Files of a filesystem that is written in Python, scanned by DuckDB."""

from __future__ import annotations

import io
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from pellucid.engine.remote import remote_files

SCHEMA = pa.schema([("day", pa.int64()), ("name", pa.string()), ("later", pa.string())])


class Handler(fs.FSSpecHandler):
    """The local filesystem, each read through Python; counts what is opened."""

    def __init__(self, root: Path) -> None:
        self.root, self.opened = root, []

    def open_input_file(self, path: str) -> pa.PythonFile:
        self.opened.append(path)
        return pa.PythonFile(io.BytesIO((self.root / path).read_bytes()), mode="r")


@pytest.fixture
def handler(tmp_path):
    for day in range(12):
        rows = pa.table({"day": [day] * 500, "name": [f"n{place % 7}" for place in range(500)]})
        pq.write_table(rows, tmp_path / f"{day}.parquet", row_group_size=100)
    return Handler(tmp_path)


def registered(handler) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    paths = [f"{day}.parquet" for day in range(12)]
    connection.register("files", remote_files(paths, SCHEMA, fs.PyFileSystem(handler)))
    return connection


def test_rows_columns_and_conditions_are_those_of_the_files(handler):
    connection = registered(handler)
    assert connection.execute("SELECT count(*) FROM files").fetchone() == (6_000,)
    found = connection.execute(
        "SELECT day, count(*), count(later) FROM files WHERE name = 'n0' AND day >= 10 "
        "GROUP BY day ORDER BY day"
    ).fetchall()
    assert found == [(10, 72, 0), (11, 72, 0)]
    twice = "SELECT count(*) FROM files AS a JOIN files AS b USING (day, name) WHERE day = 3"
    assert connection.execute(twice).fetchone() == (sum(n * n for n in [72] * 3 + [71] * 4),)


def test_many_scans_at_once_all_end(handler):
    connection = registered(handler)
    scans = " UNION ALL ".join(f"SELECT max(day) AS d FROM files WHERE name = 'n{place}'"
                               for place in range(7))  # fmt: skip
    for _ in range(20):
        assert connection.execute(f"SELECT sum(d) FROM ({scans})").fetchone() == (77,)
    assert len(handler.opened) > 100
