"""Incidents, channels and real servers for tests of notices."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pellucid.monitor.incidents.incident import Alert, Cause, Incident, Stake
from pellucid.monitor.notices.notice import Notice, Try
from pellucid.spec.check import Channel

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CEDAR = (("route", "cedar"),)


def alert(number: int = 0, **changes: Any) -> Alert:
    values = {
        "alert_id": f"a{number}", "check": "approvals", "severity": "warn", "kind": "metric",
        "subject": "approval_rate", "label": "Approval rate", "slice": CEDAR,
        "since_at": NOW - 3 * HOUR, "raised_at": NOW - HOUR, "value": 0.812, "expected": 0.905,
        "low": 0.897, "high": 0.912, "n": 1204, "p_value": 1e-9,
        "why": "Approval rate of route=cedar fell to 81.2%, 90.5% expected",
    }  # fmt: skip
    return Alert(**(values | changes))


def incident(name: str = "1f3a", **changes: Any) -> Incident:
    values = {
        "incident_id": name, "system": "card-routing", "state": "open", "severity": "warn",
        "owner": "routing", "actor": "monitor", "note": "", "started_at": NOW - 3 * HOUR,
        "opened_at": NOW - HOUR, "last_at": NOW, "changed_at": NOW, "muted_until": None,
        "title": "Approval rate fell in route=cedar, since 2026-06-01 09:30 UTC",
        "cause": Cause(kind="metric", subject="approval_rate", label="Approval rate", slice=CEDAR,
                       told="Approval rate fell in route=cedar. Everyone else is as before."),
        "stake": None, "alerts": (alert(),),
    }  # fmt: skip
    return Incident(**(values | changes))


STAKE = Stake(lost=312.4, low=250, high=371, label="approvals", money_minor=1_240_000,
              currency="EUR")  # fmt: skip


def channel(name: str = "ops", url: str = "json://127.0.0.1:9/", **changes: Any) -> Channel:
    return Channel(name=name, url=url, **changes)


def tried(notices: Iterable[Notice], *, at: datetime = NOW, problem: str = "") -> tuple[Try, ...]:
    """Return tries of notices that all went the same way."""
    return tuple(
        Try(notice_id=item.notice_id, tried_at=at, incident_id=item.incident_id,
            channel=item.channel, kind=item.kind, severity=item.severity,
            state="failed" if problem else "sent", problem=problem)
        for item in notices
    )  # fmt: skip


@dataclass
class Hook:
    """A webhook on this machine, and what came to it."""

    status: int = 200
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    came: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def url(self, login: str = "", path: str = "/") -> str:
        return f"json://{login}127.0.0.1:{self.port}{path}"


@contextmanager
def hook(port: int = 0, **settings: Any) -> Iterator[Hook]:
    """Serve a webhook."""
    own = Hook(**settings)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(own.delay)
            own.asked.append(self.path)
            if own.status == 200:
                own.came.append(json.loads(body))
            self.send_response(own.status)
            for name, value in own.headers.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - named by the library

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            # Whoever gave up waiting is gone by now.
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    with _served(ThreadingHTTPServer(("127.0.0.1", port), Handler)) as own.port:
        yield own


@contextmanager
def mailbox() -> Iterator[tuple[int, list[str]]]:
    """Serve SMTP: the port, and the messages that came."""
    mails: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    mails.append(b"".join(lines).decode())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
                if word == b"QUIT":
                    return

    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port, mails


@contextmanager
def _served(server: socketserver.ThreadingTCPServer) -> Iterator[int]:
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
