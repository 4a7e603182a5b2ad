"""The health of a logger as Prometheus metrics, with labels of ours only."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from pellucid.errors import MissingExtraError
from pellucid.log.client import Logger
from pellucid.log.health import Health

try:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector
except ImportError as error:
    raise MissingExtraError(
        package="prometheus-client", extra="prometheus", purpose="metrics of a logger"
    ) from error

_COUNTERS = {
    "logged": "Records handed over by callers.",
    "spooled": "Records written to this machine's disk.",
    "stored": "Records stored in the tables.",
    "sampled_out": "Decisions left out by sampling.",
    "recovered": "Records taken over from processes that died.",
    "damaged_bytes": "Bytes of the spool that could not be read back.",
}
_GAUGES = {
    "queued": "Records waiting in memory.",
    "lag_seconds": "Age of the oldest record that is not in the tables yet.",
    "spool_bytes": "Size of the spool.",
}
# Labels of refusals, and what their texts hold: those name columns and outcomes, and so are as many
# as callers make them; these are not.
_REFUSALS = {
    "batch set aside": "set aside",
    "cannot be copied": "cannot be copied",
    "malformed": "malformed",
    "unknown key": "unknown keys",
    "name not declared": "not declared",
    "bad name": "a name is",
    "model call": "model's call",
    "span": "span|outcome has attributes|not ISO 8601",
    "description raised": "describing|reading what",
    "score": "candidate's id|scores could not|could not be read",
    "time without zone": "has no time zone",
    "missing value": "is missing|is empty",
    "wrong type": "is not a (valid|datetime)|stored as|cannot be stored",
    "value out of range": "below|above|infinite|NaN|future|before|longer than|one of|not 0",
}
_LABEL_OF = [(re.compile(text), label) for label, text in _REFUSALS.items()]
_MOST_LABELS = 100
_NAME = re.compile(r"(?!.*\d{6})[A-Za-z_][A-Za-z0-9_.-]{0,63}")


class HealthCollector(Collector):
    """Gives a registry the counts of `Logger.health` at each scrape, as ``pellucid_log_*``.

    Labels hold no logged value, and their number is bounded: reasons are put into classes, and
    columns beyond a hundred, or under odd names, into ``other``; the texts themselves are in
    `Logger.health`.

    Parameters
    ----------
    log : Logger
        The logger; its system's name is the label ``system``.
    by_process : bool, default False
        Add the label ``pid``, for servers with several worker processes behind one port: a scrape
        reaches one of them, and without the label their counts would be taken for one another's.

    Examples
    --------
    >>> prometheus_client.REGISTRY.register(HealthCollector(log))         # doctest: +SKIP
    """

    def __init__(self, log: Logger, *, by_process: bool = False) -> None:
        self._log = log
        self._by_process = by_process

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without asking the logger, for a registry to check their names."""
        return list(self._families(Health()))

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        yield from self._families(self._log.health())

    def _families(self, health: Health) -> Iterator[Metric]:
        own = {"system": self._log.name}
        if self._by_process:
            own["pid"] = str(os.getpid())
        for name, meaning in _COUNTERS.items():
            counter = CounterMetricFamily(f"pellucid_log_{name}", meaning, labels=[*own])
            counter.add_metric([*own.values()], getattr(health, name))
            yield counter
        for name, meaning in _GAUGES.items():
            gauge = GaugeMetricFamily(f"pellucid_log_{name}", meaning, labels=[*own])
            gauge.add_metric([*own.values()], getattr(health, name))
            yield gauge
        for name, meaning, labels, found in (
            ("dropped", "Records lost.", ["reason"], _dropped(health.dropped)),
            ("refused", "Records and rows that cannot be stored.", ["reason"],
             _refused(health.refused)),
            ("redacted", "Values masked before anything was written.", ["kind", "column"],
             _redacted(health.redacted)),
        ):  # fmt: skip
            counter = CounterMetricFamily(f"pellucid_log_{name}", meaning, labels=[*own, *labels])
            for values, count in found.items():
                counter.add_metric([*own.values(), *values], count)
            yield counter


def _dropped(reasons: Mapping[str, int]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for reason, count in reasons.items():
        # What varies is in brackets: the system's word for the error, or its type.
        found[(reason.partition(" (")[0],)] += count
    return found


def _refused(reasons: Mapping[str, int]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for reason, count in reasons.items():
        label = next((label for text, label in _LABEL_OF if text.search(reason)), "other")
        found[(label,)] += count
    return found


def _redacted(values: Mapping[str, int]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for name, count in values.items():
        kind, _, column = name.partition(": ")
        # First come, first named: a series that is there stays, and goes on growing.
        if not _NAME.fullmatch(column) or len(found) >= _MOST_LABELS:
            column = "other"
        found[kind, column] += count
    return found
