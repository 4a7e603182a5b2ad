"""The example service, run for real: worker processes, concurrent requests, SIGTERM and kill -9."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pellucid

httpx = pytest.importorskip("httpx")
parser = pytest.importorskip("prometheus_client.parser")
for needed in ("fastapi", "uvicorn", "lightgbm"):
    pytest.importorskip(needed)

EXAMPLE = Path(__file__).parents[2] / "examples" / "payment_router"
CARD, SPACED, EMAIL = "4111111111111111", "5500 0055 5555 5559", "ann.lee@example.com"
ROUTES = {"north", "south", "east", "west"}

pytestmark = pytest.mark.slow


@dataclass
class Service:
    """The router in processes of its own, on a free port.

    Attributes
    ----------
    answered : dict of str to str
        Payment to the route that the service answered.
    """

    root: Path
    workers: int
    answered: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        env = {**os.environ, "LAKE": str(self.root / "lake"),
               "XDG_STATE_HOME": str(self.root / "state")}  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port),
             "--workers", str(self.workers), "--log-level", "warning"],
            cwd=EXAMPLE, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        up: set[str] = set()
        assert wait_for(lambda: self._are_up(up) or self.process.poll() is not None)
        assert self.process.poll() is None

    def _are_up(self, up: set[str]) -> bool:
        try:
            up.update(self.counts())
        except httpx.TransportError:
            return False
        return len(up) == self.workers

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=120)

    def send(self, first: int, count: int) -> None:
        """Send payments at once, and the outcome of each as soon as it is routed."""

        async def one(client: Any, number: int) -> None:
            name = f"p{number}"
            answer = await client.post("/payments", json=payment(number))
            if answer.status_code == 200:
                self.answered[name] = answer.json()["route"]
                told = await client.post(f"/payments/{name}/outcome", json=outcome(number))
                assert told.status_code == 202

        async def every() -> None:
            # Each on a connection of its own: kept ones would stay with the worker they reached.
            limits = httpx.Limits(max_connections=20, max_keepalive_connections=0)
            async with httpx.AsyncClient(base_url=self.url, limits=limits, timeout=60) as client:
                await asyncio.gather(*(one(client, n) for n in range(first, first + count)))

        before = len(self.answered)
        asyncio.run(every())
        assert len(self.answered) == before + count

    def counts(self) -> dict[str, dict[str, float]]:
        """Return the counts of one worker, by process id; a scrape reaches any of them."""
        found: dict[str, dict[str, float]] = {}
        for family in parser.text_string_to_metric_families(httpx.get(f"{self.url}/metrics").text):
            for sample in family.samples:
                name = sample.name.removeprefix("pellucid_log_").removesuffix("_total")
                found.setdefault(sample.labels["pid"], {})[name] = sample.value
        return found

    def settled(self) -> dict[str, dict[str, float]]:
        """Wait until every worker has spooled what it was given; return the counts of each."""
        seen: dict[str, dict[str, float]] = {}

        def are_all() -> bool:
            seen.update(self.counts())
            return len(seen) == self.workers and all(
                each["queued"] == 0 and each["logged"] == each["spooled"] for each in seen.values()
            )

        assert wait_for(are_all), seen
        assert not any(each.keys() & {"dropped", "refused"} for each in seen.values()), seen
        return seen


def wait_for(condition: Callable[[], bool], seconds: float = 90.0) -> bool:
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if condition():
            return True
        pause.wait(0.05)
    return False


def payment(number: int) -> dict[str, Any]:
    return {
        "id": f"p{number}", "amount_minor": 1000 + 700 * number % 300_000, "currency": "EUR",
        "country": ("BR", "DE", "US")[number % 3], "card": ("debit", "credit")[number % 2],
        "card_number": CARD, "email": EMAIL, "note": f"order {number}, card {SPACED}, thanks",
    }  # fmt: skip


def outcome(number: int) -> dict[str, Any]:
    return {"approved": number % 5 > 0, "reason": None if number % 5 else f"call {SPACED}"}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[int], Service]]:
    begun: list[Service] = []

    def start_service(workers: int) -> Service:
        begun.append(Service(tmp_path, workers))
        begun[-1].start()
        return begun[-1]

    yield start_service
    for service in begun:
        if service.process.poll() is None:
            service.end(signal.SIGTERM)


def assert_stored_once(service: Service) -> None:
    """Every answered payment, with its candidates, layers and outcome; nothing twice."""
    obs = pellucid.open(service.root / "lake")
    decisions = obs.records.rows("decisions").to_pylist()
    chosen = {row["decision_id"]: row["chosen"] for row in decisions}
    assert len(decisions) == len(chosen)
    assert chosen == service.answered
    for row in decisions:
        assert row["candidate_count"] == 4
        assert row["pick_exploration"] == row["chosen"]
        assert {row["pick_model"], row["pick_fees"], row["pick_contract"]} <= ROUTES
        assert 0 < row["propensity"] <= 1
        assert row["model_id"] == "approval:1"
    rows = obs.records.rows("candidates").to_pylist()
    assert len(rows) == 4 * len(decisions)
    assert len({(row["decision_id"], row["candidate_id"]) for row in rows}) == len(rows)
    for row in rows:
        number = int(row["decision_id"][1:])
        is_scored = row["probability"] is not None
        assert row["is_eligible"] == is_scored == (row["layer_fees"] is not None)
        assert row["processor"]
        if is_scored:
            assert row["f_amount"] == payment(number)["amount_minor"] / 100
            assert row["raw_score"] is not None
        else:
            assert row["ineligible_reason"] in ("country", "amount")
    outcomes = {
        row["decision_id"]: row["value"] for row in obs.records.rows("outcomes").to_pylist()
    }
    assert outcomes == {
        name: float(outcome(int(name[1:]))["approved"]) for name in service.answered
    }  # fmt: skip
    assert obs.records.rows("outcomes").num_rows == len(outcomes)
    assert not [finding for finding in obs.check() if finding.severity != "ok"]


def everything_written(root: Path) -> str:
    """Return every file below a folder as text; Parquet, being compressed, by its values."""
    parts = []
    for path in sorted(root.rglob("*")):
        if path.suffix == ".parquet":
            parts.append(str(pq.ParquetFile(path).read().to_pylist()))
        elif path.is_file():
            parts.append(path.read_bytes().decode("latin-1"))
    return "\n".join(parts)


def test_two_workers_store_every_answered_payment_once(start, tmp_path: Path) -> None:
    service = start(2)
    service.send(0, 300)
    seen = service.settled()
    assert sum(each["logged"] for each in seen.values()) == 600
    assert all(each["logged"] > 0 for each in seen.values())
    assert service.end(signal.SIGTERM) in (0, -signal.SIGTERM)
    assert not list((tmp_path / "state").rglob("*.spool")), "nothing is left for the next start"
    assert_stored_once(service)
    written = everything_written(tmp_path)
    assert "order 299, card 550000******5559, thanks" in written
    assert "411111******1111" in written
    for secret in (CARD, SPACED, SPACED.replace(" ", ""), EMAIL):
        assert secret not in written
    told = str(pellucid.open(tmp_path / "lake").explain("p7"))
    assert service.answered["p7"] in told


def test_a_killed_service_loses_nothing_that_was_spooled(start, tmp_path: Path) -> None:
    service = start(1)
    service.send(0, 100)
    service.settled()
    assert service.end(signal.SIGKILL) == -signal.SIGKILL
    assert CARD not in everything_written(tmp_path)
    service.start()
    service.send(100, 20)
    service.end(signal.SIGTERM)
    assert_stored_once(service)


def test_a_killed_workers_records_are_stored_by_its_successor(start) -> None:
    service = start(2)
    service.send(0, 100)
    before = service.settled()
    victim = max(before, key=lambda pid: before[pid]["logged"])
    os.kill(int(victim), signal.SIGKILL)
    sent = 100

    def has_successor() -> bool:
        nonlocal sent
        try:
            found = service.counts()
        except httpx.TransportError:
            # The system hands connections to the dead worker until its supervisor has seen it.
            return False
        ((pid, counts),) = found.items()
        if pid in before:
            return False
        if not counts["logged"]:
            service.send(sent, 20)
            sent += 20
        return bool(counts["logged"])

    assert wait_for(has_successor)
    service.end(signal.SIGTERM)
    assert_stored_once(service)
