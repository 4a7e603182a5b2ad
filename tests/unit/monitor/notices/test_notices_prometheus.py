"""Incidents as metrics: text read back by Prometheus's own parser, and a dashboard over it."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from itertools import combinations, count
from typing import Any

import pytest
from noted import CEDAR, DAY, HOUR, MINUTE, NOW, STAKE, channel, incident, tried

pytest.importorskip("prometheus_client")

from prometheus_client.parser import text_string_to_metric_families

from pellucid.monitor.incidents.incident import Incident
from pellucid.monitor.notices.due import due
from pellucid.monitor.notices.grafana import dashboard
from pellucid.monitor.notices.prometheus import Status, exposition, serve

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: bytes) -> Series:
    found = [
        ((sample.name.removeprefix("pellucid_"), frozenset(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def labelled(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset({"system": "card-routing", **labels}.items())


def status(*incidents: Incident, **changes: Any) -> Status:
    return Status(system="card-routing", incidents=incidents, **changes)


def test_every_number_is_there() -> None:
    bad = incident("bad", severity="critical", stake=STAKE)
    muted = incident("quiet", state="muted", muted_until=NOW, owner="fees", stake=None)
    over = incident("over", state="resolved", stake=STAKE)
    ops, other = channel("ops"), channel("other")
    tries = tried(due([bad], (), [ops], now=NOW), problem="down")
    found = read(exposition(
        status(bad, muted, over, tries=tries, channels=(ops, other), last_run_at=NOW - HOUR,
               checks=14, series=812),
        now=NOW,
    ))  # fmt: skip
    shared = {"cause": "approval_rate", "slice": "route=cedar"}
    own = {"incident_id": "bad", "severity": "critical", "state": "open", **shared}
    ended = {"incident_id": "quiet", "severity": "warn", "state": "open", **shared}
    started = (NOW - 3 * HOUR).timestamp()
    expected = {
        **{labelled("incidents_open", severity=severity, state=state, owner=""): 0
           for severity in ("info", "warn", "critical")
           for state in ("open", "acknowledged", "muted")},
        labelled("incidents_open", severity="critical", state="open", owner="routing"): 1,
        labelled("incidents_open", severity="warn", state="open", owner="fees"): 1,
        labelled("incident_started_timestamp_seconds", **own): started,
        labelled("incident_started_timestamp_seconds", **ended): started,
        labelled("incident_lost", **own): 312.4,
        labelled("incidents_unlisted"): 0,
        labelled("monitor_last_run_timestamp_seconds"): (NOW - HOUR).timestamp(),
        labelled("monitor_checks"): 14,
        labelled("monitor_series"): 812,
        labelled("notices_failing", channel="ops"): 1,
        labelled("notices_failing", channel="other"): 0,
        labelled("notices_given_up", channel="ops"): 0,
        labelled("notices_given_up", channel="other"): 0,
    }  # fmt: skip
    assert found == expected


def test_without_a_run_there_is_no_time_of_one() -> None:
    found = read(exposition(status(), now=NOW))
    assert "monitor_last_run_timestamp_seconds" not in {name for name, _ in found}
    assert found[labelled("monitor_checks")] == 0


def test_what_was_given_up_is_told_apart() -> None:
    one, ops = incident(), channel("ops")
    tries = tried(due([one], (), [ops], now=NOW), problem="down")
    for now, failing, given_up in ((NOW + 7 * DAY - MINUTE, 1, 0), (NOW + 7 * DAY, 0, 1)):
        found = read(exposition(status(one, tries=tries, channels=(ops,)), now=now))
        assert found[labelled("notices_failing", channel="ops")] == failing
        assert found[labelled("notices_given_up", channel="ops")] == given_up


def test_many_incidents_are_counted_and_the_worst_listed() -> None:
    """However many there are, and however long their slices: a bounded number of short labels."""
    where = (("merchant", "m" * 5_000), *CEDAR)
    cause = dataclasses.replace(incident().cause, slice=where, subject="s" * 5_000)
    many = [incident(f"i{number}", cause=cause, severity="critical" if number % 10 == 0 else "info")
            for number in range(500)]  # fmt: skip
    text = exposition(status(*many), now=NOW)
    found = read(text)
    listed = [dict(labels) for name, labels in found
              if name == "incident_started_timestamp_seconds"]  # fmt: skip
    assert len(listed) == 100
    assert Counter(item["severity"] for item in listed) == {"critical": 50, "info": 50}
    assert found[labelled("incidents_unlisted")] == 400
    assert found[labelled("incidents_open", severity="info", state="open", owner="routing")] == 450
    assert max(len(value) for item in listed for value in item.values()) == 120
    assert len(text) < 100_000


@pytest.mark.parametrize("odd", ['a"b', "a\\b", "a\nb", "ü{}", "route=x,y"])
def test_labels_come_back_as_they_were(odd: str) -> None:
    cause = dataclasses.replace(incident().cause, slice=(("merchant", odd),))
    found = read(exposition(status(incident(cause=cause)), now=NOW))
    assert f"merchant={odd}" in {dict(labels).get("slice") for _, labels in found}


def scrape(port: int) -> Series:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return read(answer.read())


def test_a_scrape_reads_anew_and_a_failing_one_is_not_hidden() -> None:
    numbers = count(1)

    def fresh() -> Status:
        number = next(numbers)
        if number == 3:
            raise OSError("the lake is away")
        return status(series=number)

    with serve(fresh, port=0) as serving:
        assert scrape(serving.port)[labelled("monitor_series")] == 1
        assert scrape(serving.port)[labelled("monitor_series")] == 2
        with pytest.raises(urllib.error.HTTPError) as failed:
            scrape(serving.port)
        failed.value.close()
        assert failed.value.code == 500
        assert scrape(serving.port)[labelled("monitor_series")] == 4
    with pytest.raises(urllib.error.URLError):
        scrape(serving.port)


def test_without_the_client_only_metrics_are_missing() -> None:
    """`Status` is what an observatory returns, whether or not anyone wants metrics of it."""
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from datetime import UTC, datetime\n"
        "from pellucid.monitor.notices.prometheus import Status, exposition\n"
        "print(Status(system='x').checks)\n"
        "exposition(Status(system='x'), now=datetime.now(UTC))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout == "0\n"
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("pellucid.errors.MissingExtraError: metrics of incidents needs")
    assert last.endswith("pip install 'pellucid[prometheus]'")


SYSTEM = 'card "routing" \\ü'


def _panels() -> list[dict[str, Any]]:
    return dashboard(SYSTEM)["panels"]


def test_a_dashboard_is_plain_data_for_any_data_source() -> None:
    made = dashboard(SYSTEM)
    assert json.loads(json.dumps(made)) == made
    assert made["schemaVersion"] >= 39
    assert (made["id"], made["uid"]) == (None, None)
    (variable,) = made["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    holders = [*_panels(), *(target for panel in _panels() for target in panel["targets"])]
    assert {item["datasource"]["uid"] for item in holders} == {f"${{{variable['name']}}}"}


def test_panels_have_their_own_id_and_place() -> None:
    panels = _panels()
    assert len({panel["id"] for panel in panels}) == len(panels) >= 10
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    cells = [
        {(x, y) for x in range(place["x"], place["x"] + place["w"])
         for y in range(place["y"], place["y"] + place["h"])}
        for place in places
    ]  # fmt: skip
    assert not [pair for pair in combinations(cells, 2) if pair[0] & pair[1]]
    for panel in panels:
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs) >= 1


def test_every_query_is_of_metrics_and_labels_that_there_are() -> None:
    """And each metric is shown somewhere."""
    ops = channel("ops")
    text = exposition(
        Status(system=SYSTEM, incidents=(incident(stake=STAKE),), channels=(ops,), last_run_at=NOW),
        now=NOW,
    )
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    asked = [target["expr"] for panel in _panels() for target in panel["targets"]]
    selector = r'(pellucid_\w+)\{system=("(?:\\.|[^"\\])*")((?:,\w+!?="\w+")*)\}'
    shown = set()
    for expr in asked:
        found = re.findall(selector, expr)
        assert len(found) == expr.count("pellucid_") >= 1
        for name, system, others in found:
            assert json.loads(system) == SYSTEM
            assert set(re.findall(r",(\w+)!?=", others)) <= labels[name]
            shown.add(name)
        grouped = re.findall(r"by \((\w+)\)", expr)
        assert set(grouped) <= labels[found[0][0]]
    assert shown == set(labels)
    for panel in _panels():
        for target in panel["targets"]:
            used = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert used <= labels[re.search(r"pellucid_\w+", target["expr"])[0]]
