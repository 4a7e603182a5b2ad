"""Parts are built while someone waits: stopped once they leave, never in the way of others."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from served_lake import BASE

import pellucid
from pellucid.demo import SYSTEM
from pellucid.engine.duckdb import DuckDBEngine
from pellucid.engine.waiting import Waiting
from pellucid.errors import StoppedError
from pellucid.serve.app import create_app
from pellucid.serve.building import Builders
from pellucid.serve.served import Served

ENDLESS = "SELECT count(*) FROM range(1_000_000_000) AS a, range(1_000_000_000) AS b"


async def _leaves_at_once() -> bool:
    return True


async def _stays() -> bool:
    return False


def test_a_query_ends_once_nobody_waits_for_it():
    engine = DuckDBEngine()
    with pytest.raises(StoppedError):
        asyncio.run(Builders().build(lambda: engine.query(ENDLESS, {}), _leaves_at_once))


def test_the_next_query_of_who_left_does_not_begin():
    engine, waiting = DuckDBEngine(), Waiting()
    waiting.leave()
    with waiting.asking(), pytest.raises(StoppedError):
        engine.query("SELECT 1", {})
    assert engine.query("SELECT 1 AS x", {}).num_rows == 1


def test_only_the_query_of_who_left_ends():
    engine = DuckDBEngine()

    async def both() -> tuple[object, object]:
        builders = Builders()
        stopped = builders.build(lambda: engine.query(ENDLESS, {}), _leaves_at_once)
        kept = builders.build(
            lambda: engine.query("SELECT sum(x) AS x FROM range(30_000_000) AS t(x)", {}), _stays
        )
        return tuple(await asyncio.gather(stopped, kept, return_exceptions=True))

    stopped, kept = asyncio.run(both())
    assert isinstance(stopped, StoppedError)
    assert kept.column("x")[0].as_py() == sum(range(30_000_000))


def test_a_light_request_does_not_queue_behind_heavy_ones():
    release = threading.Event()

    async def ask() -> str:
        builders = Builders()
        heavy = [asyncio.ensure_future(builders.build(release.wait, _stays)) for _ in range(9)]
        await asyncio.sleep(0.05)
        answer = await asyncio.wait_for(
            builders.build(lambda: "light", _stays, is_light=True), timeout=10
        )
        release.set()
        await asyncio.gather(*heavy)
        return answer

    assert asyncio.run(ask()) == "light"


def test_opening_ahead_leaves_what_cannot_be_read_to_who_asks(lake, tmp_path):
    shutil.copytree(lake, tmp_path / "lake")
    (tmp_path / "lake" / "broken").mkdir()
    shutil.copytree(lake / SYSTEM / "decisions", tmp_path / "lake" / "broken" / "decisions")
    served = Served(str(tmp_path / "lake"))
    served.warm()
    assert served.order(served.open(SYSTEM))


def test_a_part_is_drawn_once_until_records_change(lake, tmp_path, obs):
    shutil.copytree(lake, tmp_path / "lake")
    own = pellucid.open(tmp_path / "lake", system=SYSTEM)
    served, drawn = Served(str(tmp_path / "lake")), []

    def draw() -> str:
        drawn.append(1)
        return f"{len(drawn)}"

    assert [served.part(own, ("a",), draw) for _ in range(3)] == ["1", "1", "1"]
    assert served.part(own, ("b",), draw) == "2"
    incident = own.incidents()[0].incident_id
    own.acknowledge(incident, actor="Ana")
    assert served.part(own, ("a",), draw) == "3"
    first = obs.decisions(most=1).column("decision_id")[0].as_py()
    at = obs.latest()
    pellucid.Logger(SYSTEM, to=tmp_path / "lake").outcomes(pa.table({
        "decision_id": [first], "outcome": ["approved"], "value": [1.0],
        "outcome_at": [at], "recorded_at": [at],
    })).raise_for_refused()  # fmt: skip
    assert served.part(own, ("a",), draw) == "4"


@pytest.mark.slow
def test_pages_are_whole_while_decisions_are_logged(lake, tmp_path, obs):
    shutil.copytree(lake, tmp_path / "lake")
    client = TestClient(create_app(Served(str(tmp_path / "lake"))), base_url=BASE)
    logger = pellucid.Logger(SYSTEM, to=tmp_path / "lake")
    rows = obs.records.rows("decisions", limit=200).drop_columns(["decision_id", "request_id"])
    ended = threading.Event()

    def write() -> None:
        for batch in range(8):
            ids = [f"new-{batch}-{place}" for place in range(rows.num_rows)]
            logger.decisions(rows.append_column("decision_id", [ids])).raise_for_refused()
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    counts = []
    deadline = time.monotonic() + 120
    while True:
        reply = client.get(f"/api/v1/{SYSTEM}/query", params={"metric": "decision_count"})
        assert reply.status_code == 200, reply.text
        counts.append(reply.json()[0]["n"])
        if ended.is_set() or time.monotonic() > deadline:
            break
    writer.join()
    final = client.get(f"/api/v1/{SYSTEM}/query", params={"metric": "decision_count"}).json()
    assert counts == sorted(counts)
    assert final[0]["n"] == counts[0] + 8 * rows.num_rows - (counts[0] - obs_count(obs))


def obs_count(obs: pellucid.Observatory) -> int:
    return obs.query("decision_count", over="30d").rows.to_pylist()[0]["n"]
