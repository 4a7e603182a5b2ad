"""Health as Prometheus metrics: a real registry, its text read back by Prometheus's own parser."""

from __future__ import annotations

import os
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from adapter_logs import Logged

pytest.importorskip("prometheus_client")

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families

from pellucid.log.adapters.prometheus import HealthCollector
from pellucid.log.health import Health

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CARD = "4111111111111111"

Sample = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged.under(tmp_path)


def scrape(logged: Logged, **options: bool) -> dict[Sample, float]:
    registry = CollectorRegistry()
    registry.register(HealthCollector(logged.log, **options))
    text = generate_latest(registry).decode()
    assert CARD not in text
    found = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    # Stricter about names and units than the older format.
    assert list(read_openmetrics(generate_openmetrics(registry).decode()))
    return found


def sample(name: str, **labels: str) -> Sample:
    return f"pellucid_log_{name}", frozenset({"system": "adapters", **labels}.items())


def test_every_number_of_health_is_there(logged: Logged) -> None:
    for number in range(3):
        logged.log.record({"id": f"d{number}", "at": NOW, "raw": {"note": f"card {CARD}"}})
    logged.log.record({"id": "bad", "at": datetime(2026, 6, 1)})  # noqa: DTZ001
    logged.log.close()
    logged.log.record({"id": "late", "at": NOW})
    found = scrape(logged)
    expected = {
        sample("logged_total"): 4, sample("spooled_total"): 3, sample("stored_total"): 3,
        sample("queued"): 0, sample("dropped_total", reason="logger closed"): 1,
        sample("refused_total", reason="time without zone"): 1,
        sample("redacted_total", kind="card", column="raw_note"): 3,
        sample("lag_seconds"): 0, sample("spool_bytes"): 0,
        sample("recovered_total"): 0, sample("damaged_bytes_total"): 0,
        sample("sampled_out_total"): 0,
    }  # fmt: skip
    assert found == expected
    told = {name.removeprefix("pellucid_log_").removesuffix("_total") for name, _ in found}
    assert told == {item.name for item in fields(Health)} - {"errors", "notes"}


def test_a_registry_learns_the_names_without_asking_the_logger(logged, monkeypatch) -> None:
    monkeypatch.setattr(logged.log, "health", lambda: pytest.fail("asked"))
    registry = CollectorRegistry()
    registry.register(HealthCollector(logged.log))
    with pytest.raises(ValueError, match="pellucid_log_logged"):
        registry.register(HealthCollector(logged.log))


def test_processes_are_told_apart_where_that_is_asked_for(logged: Logged) -> None:
    assert scrape(logged, by_process=True)[sample("queued", pid=str(os.getpid()))] == 0


def of(logged: Logged, monkeypatch, **numbers: dict[str, int]) -> dict[Sample, float]:
    monkeypatch.setattr(logged.log, "health", lambda: Health(**numbers))
    names = {f"pellucid_log_{name}_total" for name in numbers}
    return {key: value for key, value in scrape(logged).items() if key[0] in names}


def test_reasons_are_classes_and_never_values(logged: Logged, monkeypatch) -> None:
    """Texts that name columns, outcomes or counts are as many as callers make them."""
    found = of(logged, monkeypatch, refused={
        **{f"decision: {n} unknown keys; known: arm, at": 1 for n in range(500)},
        **{f"outcome 'paid-{n}' is not declared in the spec": 1 for n in range(500)},
        f"outcome '{CARD}' is not declared in the spec; did you mean 'approved'?": 1,
        **{f"raw_{n} is stored as double, and a text does not fit": 1 for n in range(500)},
        "decision: malformed (KeyError)": 2, "outcome: malformed (TypeError)": 3,
        f"something new about {CARD}": 7,
    })  # fmt: skip
    assert found == {
        sample("refused_total", reason="unknown key"): 500,
        sample("refused_total", reason="name not declared"): 501,
        sample("refused_total", reason="wrong type"): 500,
        sample("refused_total", reason="malformed"): 5,
        sample("refused_total", reason="other"): 7,
    }


def test_reasons_of_lost_records_leave_out_what_the_system_says(logged, monkeypatch) -> None:
    found = of(logged, monkeypatch, dropped={
        "queue full": 1, "disk (No space left on device)": 2, "disk (Input/output error)": 3,
    })  # fmt: skip
    assert found == {
        sample("dropped_total", reason="queue full"): 1, sample("dropped_total", reason="disk"): 5
    }  # fmt: skip


def test_columns_are_few_and_their_names_plain(logged: Logged, monkeypatch) -> None:
    columns = {f"card: raw_key_{n}": 1 for n in range(500)}
    odd = [f"raw_{CARD}", "raw_ann@example.com", "x" * 65, "raw_with space", 'raw_"'] * 2
    found = of(logged, monkeypatch, redacted={
        "card: raw_first": 5, **{f"email: {name}": 1 for name in odd}, **columns,
        "phone: f_last": 9,
    })  # fmt: skip
    assert found[sample("redacted_total", kind="card", column="raw_first")] == 5
    assert found[sample("redacted_total", kind="email", column="other")] == 5
    assert found[sample("redacted_total", kind="phone", column="other")] == 9
    assert len(found) <= 103
    assert sum(found.values()) == 5 + 5 + 500 + 9


def test_a_series_that_is_there_stays(logged: Logged, monkeypatch) -> None:
    """A counter that moved to `other` when columns become many would seem to go back."""
    few = {f"card: raw_key_{n}": 1 for n in range(90)}
    many = dict.fromkeys(few, 2) | {f"card: raw_more_{n}": 1 for n in range(90)}
    before, after = of(logged, monkeypatch, redacted=few), of(logged, monkeypatch, redacted=many)
    assert all(after[key] == 2 for key in before)
