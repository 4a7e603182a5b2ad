"""Roll-ups in the store: days are replaced whole, by one writer at a time."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pellucid.store.lake import Lake
from pellucid.store.rollups import read_rollup, replace_days

SCHEMA = pa.schema([("level", pa.string()), ("value", pa.int64())])


def cells(*values: int) -> list[pa.Table]:
    return [pa.table({"level": [str(value)], "value": [value]}, schema=SCHEMA) for value in values]


def stored(lake: Lake, name: str = "cells") -> dict[str, list[int]]:
    found = read_rollup(lake, name)
    assert found is not None
    return {day: pq.read_table(path).column("value").to_pylist()
            for day, path in sorted(found.by_day.items())}  # fmt: skip


def replace(lake: Lake, days: dict[str, list[pa.Table]], known: int | None, note: str = "") -> bool:
    return replace_days(lake, "cells", days, schema=SCHEMA, note={"note": note}, known=known)


def test_days_are_replaced_and_others_stay(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path, "s")
    assert read_rollup(lake, "cells") is None
    assert replace(lake, {"2026-01-01": cells(1, 2), "2026-01-02": cells(3)}, None, "first")
    first = read_rollup(lake, "cells")
    assert first is not None
    assert replace(lake, {"2026-01-02": cells(4, 5)}, first.version, "second")
    assert stored(lake) == {"2026-01-01": [1, 2], "2026-01-02": [4, 5]}
    second = read_rollup(lake, "cells")
    assert second is not None
    assert second.note == {"note": "second"}
    assert second.files.schema == SCHEMA
    assert replace(lake, {"2026-01-01": []}, second.version)
    assert stored(lake) == {"2026-01-02": [4, 5]}, "a day without cells is gone"


def test_who_comes_second_changes_nothing(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path, "s")
    assert replace(lake, {"2026-01-01": cells(1)}, None)
    known = read_rollup(lake, "cells")
    assert known is not None
    assert replace(lake, {"2026-01-01": cells(2)}, known.version)
    assert not replace(lake, {"2026-01-01": cells(3)}, known.version)
    assert not replace(lake, {"2026-01-01": cells(4)}, None)
    assert stored(lake) == {"2026-01-01": [2]}


def test_each_part_is_a_row_group(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path, "s")
    replace(lake, {"2026-01-01": cells(1, 2, 3)}, None)
    found = read_rollup(lake, "cells")
    assert found is not None
    assert pq.read_metadata(found.by_day["2026-01-01"]).num_row_groups == 3


def test_many_updates_leave_a_small_log(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path, "s")
    known = None
    for number in range(45):
        assert replace(lake, {"2026-01-01": cells(number)}, known, note="x" * 500)
        found = read_rollup(lake, "cells")
        assert found is not None
        known = found.version
    assert stored(lake) == {"2026-01-01": [44]}
    log = Path(lake.uri("rollups/cells")) / "_delta_log"
    assert list(log.glob("*.checkpoint.parquet"))


def test_another_schema_starts_anew(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path, "s")
    replace(lake, {"2026-01-01": cells(1), "2026-01-02": cells(2)}, None)
    found = read_rollup(lake, "cells")
    assert found is not None
    other = pa.schema([("level", pa.string()), ("share", pa.float64())])
    rows = pa.table({"level": ["a"], "share": [0.5]}, schema=other)
    assert replace_days(lake, "cells", {"2026-01-03": [rows]}, schema=other, note={},
                        known=found.version)  # fmt: skip
    again = read_rollup(lake, "cells")
    assert again is not None
    assert list(again.by_day) == ["2026-01-03"]
    assert again.files.schema == other
