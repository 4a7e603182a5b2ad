"""Live logging in one process: what is taken, refused, dropped, replayed and stored."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pellucid.log.client import Logger
from pellucid.log.kinds import DECISION
from pellucid.log.live import LiveSettings
from pellucid.log.records import Shape, make_batch
from pellucid.observatory import open_system
from pellucid.spec.system import Candidate, Dimension, Feature, Layer, Outcome, System

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SYSTEM = System(
    name="live", dimensions=(Dimension(name="country"),), features=(Feature(name="amount"),),
    candidate=Candidate(name="route", dimensions=(Dimension(name="processor"),),
                        repeats=("country",)),
    layers=(Layer(name="fees"), Layer(name="contract", kind="contract")),
    outcomes=(Outcome(name="approved", matures_after="1h"),),
)  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Logger:
    return Logger(SYSTEM, to=tmp_path / "lake", live=settings(tmp_path))


def settings(folder: Path, **changes) -> LiveSettings:
    # Patient, for machines that do much else.
    patience = {"flush_seconds": 0.05, "close_seconds": 60.0}
    return LiveSettings(spool=folder / "spool", **{**patience, **changes})


def decide(log: Logger, name: str, **fields) -> None:
    with log.decision(name, at=NOW, dims={"country": "BR"}, raw={"bin": "41"}, amount_minor=100,
                      currency="EUR", **fields) as d:  # fmt: skip
        d.candidate("a", features={"amount": 1.5}, probability=0.90, dims={"processor": "p"})
        d.candidate("b", features={"amount": 1.5}, probability=0.88, dims={"processor": "q"})
        d.candidate("c", eligible=False, reason="cap", dims={"processor": "q"})
        d.layer("fees", {"a": -0.05, "b": -0.01})
        d.layer("contract", picks="a")
        d.chose("a", propensity=0.95)


def test_a_decision_reaches_the_tables_whole(log: Logger, tmp_path: Path) -> None:
    decide(log, "d1", request_id="r1", attempt=1)
    log.outcome("d1", "approved", 1, at=NOW, reason="ok")
    assert log.close()
    obs = open_system(tmp_path / "lake")
    row = obs.records.rows("decisions").to_pylist()[0]
    assert {name: row[name] for name in (
        "decision_id", "decided_at", "request_id", "attempt", "country", "raw_bin", "amount_minor",
        "chosen", "chosen_processor", "chosen_probability", "propensity", "candidate_count",
        "eligible_count", "pick_model", "pick_fees", "pick_contract")} == {
        "decision_id": "d1", "decided_at": NOW, "request_id": "r1", "attempt": 1, "country": "BR",
        "raw_bin": "41", "amount_minor": 100, "chosen": "a", "chosen_processor": "p",
        "chosen_probability": 0.90, "propensity": 0.95, "candidate_count": 3, "eligible_count": 2,
        "pick_model": "a", "pick_fees": "b", "pick_contract": "a"}  # fmt: skip
    rows = {row["candidate_id"]: row for row in obs.records.rows("candidates").to_pylist()}
    assert rows["c"]["ineligible_reason"] == "cap"
    assert (rows["a"]["f_amount"], rows["a"]["layer_fees"], rows["a"]["country"]) == (
        1.5, -0.05, "BR")  # fmt: skip
    assert [rows[name]["is_chosen"] for name in "abc"] == [True, False, False]
    assert not [f for f in obs.check() if f.severity != "ok"]
    assert "Contract" in str(obs.explain("d1")) or "contract" in str(obs.explain("d1"))


BAD = {
    "no id": {"at": NOW}, "naive time": {"id": "x", "at": datetime(2026, 1, 1)},  # noqa: DTZ001
    "unknown key": {"id": "x", "at": NOW, "colour": 1}, "not a mapping": 5, "none": None,
    "candidate without id": {"id": "x", "at": NOW, "candidates": [{}]},
    "candidates of text": {"id": "x", "at": NOW, "candidates": "abc"},
    "dims of text": {"id": "x", "at": NOW, "dims": "BR"},
    "terms of text": {"id": "x", "at": NOW, "layers": [{"name": "fees", "terms": "x"}]},
    "layer without name": {"id": "x", "at": NOW, "layers": [{"terms": {}}]},
    "a time of text": {"id": "x", "at": "2026-01-01"},
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_record_is_refused_counted_and_hurts_no_other(log: Logger, bad, tmp_path) -> None:
    decide(log, "before")
    log.record(bad)
    decide(log, "after")
    assert log.record(bad, durable=True) is False
    assert log.record({"id": "good", "at": NOW}, durable=True) is True
    assert log.close()
    health = log.health()
    assert sum(health.refused.values()) == 2
    assert health.errors
    assert (health.logged, health.stored, health.dropped) == (5, 3, {})
    ids = open_system(tmp_path / "lake").records.rows("decisions").column("decision_id")
    assert sorted(ids.to_pylist()) == ["after", "before", "good"]


def test_errors_never_hold_a_value(log: Logger) -> None:
    secret = "4111111111111111"
    log.record({"id": "x", "at": NOW, secret: 1})
    log.record({"id": "x", "at": secret})
    log.record({"id": "x", "at": NOW, "candidates": [{secret: 1}]})
    log.close()
    assert secret not in str(log.health())


def test_bad_values_are_quarantined_and_the_rest_of_the_batch_stored(log, tmp_path) -> None:
    log.record({"id": "good", "at": NOW, "amount_minor": 5})
    log.record({"id": "bad", "at": NOW, "propensity": 7.0})
    log.record({"id": "mixed", "at": NOW, "amount_minor": "five"})
    log.record({"id": "late", "at": datetime.now(UTC) + timedelta(days=400)})
    log.record({"id": "odd", "at": NOW, "dims": {"planet": "mars"}})
    assert log.close()
    obs = open_system(tmp_path / "lake")
    rows = {row["decision_id"]: row for row in obs.records.rows("decisions").to_pylist()}
    assert set(rows) == {"good", "odd"}
    assert rows["odd"]["raw_planet"] == "mars"
    assert obs.records.rows("quarantine").num_rows == 3
    assert any("planet is not declared" in note for note in log.health().notes)


def test_a_batch_that_can_never_be_stored_does_not_hold_up_the_next(log, tmp_path) -> None:
    log.record({"id": "a", "at": NOW, "raw": {"x": 1}})
    assert wait_for(lambda: log.health().stored == 1)
    log.record({"id": "b", "at": NOW, "raw": {"x": "text"}})
    assert wait_for(lambda: log.health().stored == 2)
    log.record({"id": "c", "at": NOW, "raw": {"x": 2}})
    assert log.close()
    obs = open_system(tmp_path / "lake")
    assert sorted(obs.records.rows("decisions").column("decision_id").to_pylist()) == ["a", "c"]
    assert "stored as double" in str(obs.records.rows("quarantine").to_pylist())


def wait_for(condition, seconds: float = 10.0) -> bool:
    done = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return True
        done.wait(0.02)
    return False


@pytest.mark.parametrize("when_full", ["drop_new", "drop_oldest", "block"])
def test_a_full_queue_does_what_was_said_and_counts_it(tmp_path, when_full: str) -> None:
    log = Logger(SYSTEM, to=tmp_path / "lake",
                 live=settings(tmp_path, most_queued=10, when_full=when_full,
                               block_seconds=20))  # fmt: skip
    for number in range(3000):
        log.record({"id": f"d{number}", "at": NOW})
    assert log.close()
    health = log.health()
    dropped = health.dropped.get("queue full", 0)
    assert health.stored + dropped == 3000 if when_full != "drop_oldest" else health.stored > 0
    ids = open_system(tmp_path / "lake").records.rows("decisions").column("decision_id")
    assert len(ids) == health.stored
    if when_full == "drop_oldest":
        assert "d2999" in ids.to_pylist()
        assert health.stored + dropped == 3000
    if when_full == "block":
        assert dropped == 0


def test_a_closed_logger_drops_and_counts(log: Logger) -> None:
    decide(log, "d1")
    assert log.close()
    decide(log, "d2")
    assert log.health().dropped == {"logger closed": 1}
    assert log.close()


def test_by_reference_or_by_copy(tmp_path: Path) -> None:
    log = Logger(SYSTEM, to=tmp_path / "lake", live=settings(tmp_path, copies=True))
    record = {"id": "d", "at": NOW, "dims": {"country": "BR"}}
    for number in range(200):
        record["id"] = f"d{number}"
        record["dims"]["country"] = f"c{number}"
        log.record(record)
    assert log.close()
    rows = open_system(tmp_path / "lake").records.rows("decisions").to_pylist()
    assert {row["decision_id"]: row["country"] for row in rows} == {
        f"d{n}": f"c{n}" for n in range(200)
    }


def test_a_block_that_raises_logs_nothing_and_raises(log: Logger) -> None:
    with pytest.raises(RuntimeError, match="mine"), log.decision("d", at=NOW):
        raise RuntimeError("mine")
    log.close()
    assert log.health().logged == 0


def test_asyncio(log: Logger, tmp_path: Path) -> None:
    async def one(number: int) -> None:
        async with log.decision(f"d{number}", at=NOW) as d:
            await asyncio.sleep(0)
            d.candidate("a", probability=0.5)
            d.chose("a")

    async def many() -> None:
        await asyncio.gather(*(one(number) for number in range(500)))

    asyncio.run(many())
    assert log.close()
    assert open_system(tmp_path / "lake").records.rows("candidates").num_rows == 500


def test_two_systems_may_share_a_spool_folder(tmp_path: Path) -> None:
    """What one leaves is not stored in the tables of the other, nor in another lake's."""
    live = settings(tmp_path)
    left = Logger(SYSTEM, to=tmp_path / "lake", live=live)
    left._sink.store = lambda *_: (_ for _ in ()).throw(OSError("away"))
    assert left.record({"id": "left", "at": NOW}, durable=True, timeout=30)
    left.close(timeout=0.1)
    assert wait_for(lambda: not any(t.name == "pellucid-flush" for t in threading.enumerate()))
    for system, lake in ((dataclasses.replace(SYSTEM, name="other"), "lake"), (SYSTEM, "second")):
        log = Logger(system, to=tmp_path / lake, live=live)
        assert log.record({"id": "own", "at": NOW}, durable=True, timeout=30)
        assert log.close()
        rows = open_system(tmp_path / lake, system=system.name).records.rows("decisions")
        assert rows.column("decision_id").to_pylist() == ["own"]
    again = Logger(SYSTEM, to=tmp_path / "lake", live=live)
    assert again.record({"id": "own", "at": NOW}, durable=True, timeout=30)
    assert again.close()
    assert again.health().recovered == 1


def test_large_records_make_the_queue_shorter(tmp_path: Path) -> None:
    live = LiveSettings(spool=tmp_path / "spool", most_queued=1000, most_queued_bytes=1_000_000)
    log = Logger(SYSTEM, to=tmp_path / "lake", live=live)
    assert log.record(
        {"id": "d", "at": NOW, "raw": {"text": "x" * 100_000}}, durable=True, timeout=30
    )
    assert 5 <= log._live._limit <= 10
    for number in range(50):
        log.record({"id": f"s{number}", "at": NOW}, durable=True, timeout=30)
    assert log._live._limit > 100
    assert log.close()


def test_sixty_four_threads_lose_nothing(log: Logger, tmp_path: Path) -> None:
    def work(worker: int) -> None:
        for number in range(100):
            log.record({"id": f"{worker}-{number}", "at": NOW})

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.close()
    ids = open_system(tmp_path / "lake").records.rows("decisions").column("decision_id")
    assert len(set(ids.to_pylist())) == len(ids) == 6400


@pytest.mark.filterwarnings("ignore:no system 'unknown' is stored")
def test_without_a_spec_it_is_inferred(tmp_path: Path) -> None:
    log = Logger("unknown", to=tmp_path / "lake", live=settings(tmp_path))
    decide(log, "d1")
    log.outcome("d1", "approved", 1, at=NOW)
    log.record({"id": "d2", "at": NOW, "dims": {"card": "debit"}})
    assert log.close()
    system = open_system(tmp_path / "lake").system
    assert system.dimension_names == ("country", "card")
    assert [layer.name for layer in system.layers] == ["fees", "contract"]
    assert [feature.name for feature in system.features] == ["amount"]
    assert [outcome.name for outcome in system.outcomes] == ["approved"]


FORKS = """
import os, sys, time
from datetime import UTC, datetime
import pellucid
root, is_open, forks = sys.argv[1], sys.argv[2] == "open", int(sys.argv[3])
live = pellucid.LiveSettings(spool=root + "/spool", flush_seconds=0.02)
log = pellucid.Logger("live", to=root + "/lake", live=live)
now = datetime(2026, 6, 1, 12, tzinfo=UTC)
log.record({"id": "parent-first", "at": now})
while is_open and log.health().stored < 1:
    time.sleep(0.01)
children = []
for fork in range(forks):
    log.record({"id": f"parent-{fork}", "at": now})
    child = os.fork()
    if child == 0:
        try:
            log.record({"id": f"child-{fork}", "at": now})
            code = 0 if log.close() else 1
        finally:
            os._exit(code)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * forks
assert log.close()
"""


@pytest.mark.parametrize("state", ["new", "open"])
def test_forks_log_what_each_child_was_given(log: Logger, tmp_path: Path, state: str) -> None:
    assert log.system == SYSTEM
    command = [sys.executable, "-c", FORKS, str(tmp_path), state, "2"]
    subprocess.run(command, check=True, timeout=120)
    ids = open_system(tmp_path / "lake").records.rows("decisions").column("decision_id")
    expected = {f"{who}-{fork}" for who in ("parent", "child") for fork in range(2)}
    assert sorted(ids.to_pylist()) == sorted({"parent-first", *expected})


FORK_WHILE_IMPORTING = """
import importlib.abc, os, sys, threading, time
from datetime import UTC, datetime
root, slow = sys.argv[1:]
started = threading.Event()

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == slow:
            started.set()
            time.sleep(1)

sys.meta_path.insert(0, Slow())
import pellucid
log = pellucid.Logger("live", to=root + "/lake", live=pellucid.LiveSettings(spool=root + "/spool"))
now = datetime(2026, 6, 1, 12, tzinfo=UTC)
threading.Thread(target=log.record, args=({"id": "parent", "at": now},)).start()
assert started.wait(30)
child = os.fork()
if child == 0:
    is_durable = log.record({"id": "child", "at": now}, durable=True, timeout=30)
    os._exit(0 if is_durable else 1)
assert os.waitpid(child, 0)[1] == 0
assert log.close()
"""


@pytest.mark.parametrize("module", ["pellucid.log.worker", "pyarrow.compute", "deltalake"])
def test_a_child_forked_during_an_import_does_not_wait_for_ever(
    log: Logger, tmp_path: Path, module: str
) -> None:
    assert log.system == SYSTEM
    command = [sys.executable, "-W", "ignore", "-c", FORK_WHILE_IMPORTING, str(tmp_path), module]
    subprocess.run(command, check=True, timeout=120)


def test_the_store_away_for_a_while(log: Logger, tmp_path: Path, monkeypatch) -> None:
    sink = log._sink
    real, away = sink.store, threading.Event()

    def store(*arguments) -> None:
        if not away.is_set():
            raise OSError("no route to host")
        real(*arguments)

    monkeypatch.setattr(sink, "store", store)
    for number in range(50):
        decide(log, f"d{number}")
    assert wait_for(lambda: log.health().spooled == 50 and log.health().errors)
    assert log.health().stored == 0
    assert log.health().spool_bytes > 0
    away.set()
    assert log.close()
    assert open_system(tmp_path / "lake").records.rows("decisions").num_rows == 50
    assert any("no route" in error for error in log.health().errors)


def test_what_is_not_stored_in_time_is_stored_by_the_next_logger(tmp_path, monkeypatch) -> None:
    log = Logger(SYSTEM, to=tmp_path / "lake", live=settings(tmp_path))
    monkeypatch.setattr(log._sink, "store", lambda *_: (_ for _ in ()).throw(OSError("away")))
    decide(log, "d1")
    assert wait_for(lambda: log.health().spooled == 1)
    log.close(timeout=0.2)
    assert wait_for(lambda: not any(t.name == "pellucid-flush" for t in threading.enumerate()))
    again = Logger(SYSTEM, to=tmp_path / "lake", live=settings(tmp_path))
    decide(again, "d2")
    assert again.close()
    assert again.health().recovered == 1
    ids = open_system(tmp_path / "lake").records.rows("decisions").column("decision_id")
    assert sorted(ids.to_pylist()) == ["d1", "d2"]
    assert not list((tmp_path / "spool").rglob("*.spool"))


def test_picks_follow_the_layers() -> None:
    """Worked by hand: fees move b to the top; a forced pick of c stays until a term beats it."""
    record = {
        "id": "d", "at": NOW,
        "candidates": [{"id": "a", "probability": 0.9}, {"id": "b", "probability": 0.88},
                       {"id": "c", "probability": 0.2},
                       {"id": "x", "probability": 0.99, "is_eligible": False}],
        "layers": [{"name": "fees", "terms": {"a": -0.05}}, {"name": "pin", "picks": "c"},
                   {"name": "rest", "terms": {"a": 0.0}}, {"name": "guard", "terms": {"c": -9}}],
    }  # fmt: skip
    columns = make_batch([(DECISION, record)], Shape()).parts[0]["decisions"]
    picks = [columns[f"pick_{name}"][0] for name in ("model", "fees", "pin", "rest", "guard")]
    assert picks == ["a", "b", "c", "c", "b"]
    assert columns["chosen"] == ["b"]


def test_shapes_of_records_may_differ() -> None:
    records = [{"id": "1", "at": NOW, "dims": {"a": 1}}, {"id": "2", "at": NOW, "dims": {"b": 2}},
               {"id": "3", "at": NOW, "raw": {"c": 3}}, {"id": "4", "at": NOW}]  # fmt: skip
    columns = make_batch([(DECISION, record) for record in records], Shape()).parts[0]["decisions"]
    order = columns["decision_id"]
    assert {len(values) for values in columns.values()} == {4}
    assert columns["a"][order.index("1")] == 1
    assert columns["b"][order.index("2")] == 2
    assert columns["raw_c"][order.index("3")] == 3
    assert sum(value is None for value in columns["a"]) == 3
