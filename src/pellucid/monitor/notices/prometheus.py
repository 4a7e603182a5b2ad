"""Incidents and the last run of the checks as Prometheus metrics."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer

from pellucid.errors import MissingExtraError
from pellucid.monitor.incidents.incident import STATES, Incident, State
from pellucid.monitor.localize.wording import conditions_text
from pellucid.monitor.notices.due import failing, severity_rank, standing
from pellucid.monitor.notices.notice import Try
from pellucid.spec.check import SEVERITIES, Channel, Severity

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.metrics_core import Metric

_MOST_INCIDENTS = 100
_LONGEST_LABEL = 120
_OF_INCIDENT = ["system", "incident_id", "severity", "state", "cause", "slice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the monitoring of a system stands.

    Attributes
    ----------
    system : str
    incidents : tuple of Incident
        As they stand, resolved ones of the last days among them.
    tries : tuple of Try
        All that were made to send notices.
    channels : tuple of Channel
    last_run_at : datetime or None
        When the checks were run last; None where they never were.
    checks, series : int
        How many checks there are, and series that the last run judged.
    """

    system: str
    incidents: tuple[Incident, ...] = ()
    tries: tuple[Try, ...] = ()
    channels: tuple[Channel, ...] = ()
    last_run_at: datetime | None = None
    checks: int = 0
    series: int = 0


def exposition(status: Status, *, now: datetime) -> bytes:
    """Return the metrics in Prometheus's text format, as a textfile collector takes them.

    The number of series is bounded: incidents that are not resolved are counted by severity, state
    and owner, of which there are as many as the checks name; one by one only the hundred worst
    are there, and ``pellucid_incidents_unlisted`` is the number of the others. Of an incident, the
    subject of its cause and its slice are labels, cut after 120 characters; no text is.

    Parameters
    ----------
    status : Status
    now : datetime
        Aware; decides which mutes have run out and which notices were given up.

    Returns
    -------
    bytes
        UTF-8.

    Raises
    ------
    MissingExtraError
        If prometheus-client is not installed.
    """
    text: bytes = _client().generate_latest(_registry(lambda: status, lambda: now))
    return text


def serve(read: Callable[[], Status], *, port: int, host: str = "127.0.0.1") -> Serving:
    """Serve the metrics over HTTP, from threads of their own, until closed.

    Parameters
    ----------
    read : callable
        Called at each scrape, one at a time, so that values are fresh. Where it raises, the scrape
        fails, and Prometheus's own ``up`` is 0.
    port : int
        0 for any that is free.
    host : str, default ``127.0.0.1``
        Address to listen at. There is no login: others should reach it through a proxy.

    Returns
    -------
    Serving
        A context manager, with its ``port`` and ``close``.

    Raises
    ------
    MissingExtraError
        If prometheus-client is not installed.
    """
    registry = _registry(read, lambda: datetime.now(UTC))
    server, thread = _client().start_http_server(port, addr=host, registry=registry)
    return Serving(server, thread)


class Serving:
    """A server of metrics that runs.

    Attributes
    ----------
    port : int
        Where it listens.
    """

    def __init__(self, server: WSGIServer, thread: threading.Thread) -> None:
        self.port = server.server_port
        self._server = server
        self._thread = thread

    def __enter__(self) -> Serving:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def wait(self) -> None:
        """Wait until it is closed."""
        self._thread.join()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _client() -> ModuleType:
    try:
        import prometheus_client.core
    except ImportError as error:
        raise MissingExtraError(
            package="prometheus-client", extra="prometheus", purpose="metrics of incidents"
        ) from error
    return prometheus_client


def _registry(read: Callable[[], Status], clock: Callable[[], datetime]) -> CollectorRegistry:
    registry: CollectorRegistry = _client().CollectorRegistry()
    registry.register(_Collected(read, clock))
    return registry


class _Collected:
    def __init__(self, read: Callable[[], Status], clock: Callable[[], datetime]) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without reading, for a registry to check their names."""
        return list(_families(Status(system=""), datetime.now(UTC)))

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        with self._lock:
            status = self._read()
        yield from _families(status, self._clock())


def _families(status: Status, now: datetime) -> Iterator[Metric]:
    unresolved = sorted(
        (item for item in status.incidents if item.state != "resolved"),
        key=lambda item: (-severity_rank(item.severity), item.started_at, item.incident_id),
    )
    yield _open(status.system, unresolved, now)
    yield from _one_by_one(unresolved[:_MOST_INCIDENTS], now)
    system = [status.system]
    for name, meaning, value in (
        ("incidents_unlisted", "Unresolved incidents beyond the hundred that are listed.",
         max(0, len(unresolved) - _MOST_INCIDENTS)),
        ("monitor_checks", "Checks.", status.checks),
        ("monitor_series", "Series of metrics that the last run judged.", status.series),
        ("monitor_last_run_timestamp_seconds", "When the checks were run last.",
         status.last_run_at.timestamp() if status.last_run_at else None),
    ):  # fmt: skip
        family = _gauge(name, meaning, ["system"])
        if value is not None:
            family.add_metric(system, value)
        yield family
    yield from _notices(status, now)


def _open(system: str, unresolved: Iterable[Incident], now: datetime) -> Metric:
    family = _gauge("incidents_open", "Incidents that are not resolved.",
                    ["system", "severity", "state", "owner"])  # fmt: skip
    # Zeros too: a query for critical ones must find a series where there are none.
    counts: Counter[tuple[Severity, State, str]] = Counter({
        (severity, state, ""): 0
        for severity in SEVERITIES for state in STATES if state != "resolved"
    })  # fmt: skip
    counts.update((item.severity, standing(item, now), item.owner) for item in unresolved)
    for labels, count in counts.items():
        family.add_metric([system, *labels], count)
    return family


def _one_by_one(incidents: Iterable[Incident], now: datetime) -> Iterator[Metric]:
    started = _gauge("incident_started_timestamp_seconds",
                     "Since when an incident is that is not resolved.", _OF_INCIDENT)  # fmt: skip
    lost = _gauge("incident_lost", "Outcomes, such as approvals, that it has cost so far.",
                  _OF_INCIDENT)  # fmt: skip
    for item in incidents:
        where = conditions_text(item.cause.slice)
        labels = [item.system, item.incident_id, item.severity, standing(item, now),
                  item.cause.subject[:_LONGEST_LABEL], where[:_LONGEST_LABEL]]  # fmt: skip
        started.add_metric(labels, item.started_at.timestamp())
        if item.stake:
            lost.add_metric(labels, item.stake.lost)
    yield started
    yield lost


def _notices(status: Status, now: datetime) -> Iterator[Metric]:
    found = failing(status.incidents, status.tries, status.channels, now=now)
    waiting = Counter(item.channel for item in found if item.next_at)
    given_up = Counter(item.channel for item in found if not item.next_at)
    for name, meaning, counts in (
        ("notices_failing", "Notices that could not be sent so far, and are tried again.", waiting),
        ("notices_given_up", "Notices that could not be sent in seven days.", given_up),
    ):
        family = _gauge(name, meaning, ["system", "channel"])
        for channel in status.channels:
            family.add_metric([status.system, channel.name], counts[channel.name])
        yield family


def _gauge(name: str, meaning: str, labels: list[str]) -> GaugeMetricFamily:
    family: GaugeMetricFamily = _client().core.GaugeMetricFamily(
        f"pellucid_{name}", meaning, labels=labels
    )
    return family
