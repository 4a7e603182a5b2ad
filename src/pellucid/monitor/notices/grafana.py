"""A Grafana dashboard over the metrics of incidents, as plain data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

_SCHEMA = 39
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_GREEN, _AMBER, _RED = "green", "orange", "red"
_AS_TABLE = {"format": "table", "instant": True, "range": False}


def dashboard(system: str) -> dict[str, Any]:
    """Return a Grafana dashboard of a system's incidents.

    Its data source is a variable, so it can be imported anywhere, or put where Grafana reads
    dashboards from; ``json.dumps`` makes the file.

    Parameters
    ----------
    system : str
        Name of the system, the label ``system`` of the metrics.

    Returns
    -------
    dict
        Of strings, numbers, booleans, None, lists and dicts.
    """
    # PromQL strings are escaped as JSON's are.
    own = f"system={json.dumps(system, ensure_ascii=False)}"
    panels = [*_stats(own), *_lists(own)]
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    return {
        "id": None,
        "uid": None,
        "title": f"Incidents of {system}",
        "tags": ["pellucid"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "timezone": "utc",
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Data source", "type": "datasource",
                 "query": "prometheus", "current": {}, "hide": 0},
            ]
        },
        "annotations": {"list": []},
        "panels": panels,
    }  # fmt: skip


def _stats(own: str) -> list[dict[str, Any]]:
    """Return the first row: how bad it is, and whether anyone is looking and told."""
    unmuted = f'{own},state!="muted"'
    failing = f"sum(pellucid_notices_failing{{{own}}}) + sum(pellucid_notices_given_up{{{own}}})"
    age = f"time() - max(pellucid_monitor_last_run_timestamp_seconds{{{own}}})"
    asked = [
        ("Critical incidents", f'sum(pellucid_incidents_open{{{unmuted},severity="critical"}})',
         "short", [(1, _RED)]),
        ("Other incidents", f'sum(pellucid_incidents_open{{{unmuted},severity!="critical"}})',
         "short", [(1, _AMBER)]),
        ("Lost so far", f"sum(pellucid_incident_lost{{{own}}}) or vector(0)", "short", []),
        ("Since the last run", age, "s", [(7_200, _AMBER), (21_600, _RED)]),
        ("Notices not delivered", failing, "short", [(1, _RED)]),
        ("Series judged", f"max(pellucid_monitor_series{{{own}}})", "short", []),
    ]  # fmt: skip
    return [
        _panel("stat", title, (4 * number, 0, 4, 4), [_target(expr)], unit, steps)
        for number, (title, expr, unit, steps) in enumerate(asked)
    ]


def _lists(own: str) -> list[dict[str, Any]]:
    """Return the incidents one by one, and how many there were over time."""
    table = _panel("table", "Incidents", (0, 4, 24, 9), [
        {**_target(f"1000 * pellucid_incident_started_timestamp_seconds{{{own}}}"), **_AS_TABLE},
        {**_target(f"pellucid_incident_lost{{{own}}}", "B"), **_AS_TABLE},
    ])  # fmt: skip
    table["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {
            "excludeByName": {"Time": True, "__name__": True, "instance": True, "job": True,
                              "system": True},
            "renameByName": {"Value #A": "since", "Value #B": "lost"},
        }},
    ]  # fmt: skip
    table["fieldConfig"]["overrides"] = [{
        "matcher": {"id": "byName", "options": "since"},
        "properties": [{"id": "unit", "value": "dateTimeAsIso"}],
    }]  # fmt: skip
    over_time = _panel("timeseries", "Incidents by severity", (0, 13, 12, 8), [
        _target(f"sum by (severity) (pellucid_incidents_open{{{own}}})", legend="{{severity}}"),
    ])  # fmt: skip
    lost = _panel("timeseries", "Lost by incident", (12, 13, 12, 8), [
        _target(f"pellucid_incident_lost{{{own}}}", legend="{{cause}} {{slice}}"),
    ])  # fmt: skip
    notices = _panel("timeseries", "Notices not delivered, by channel", (0, 21, 12, 8), [
        _target(f"pellucid_notices_failing{{{own}}}", legend="{{channel}}: tried again"),
        _target(f"pellucid_notices_given_up{{{own}}}", "B", legend="{{channel}}: given up"),
    ])  # fmt: skip
    watched = _panel("timeseries", "What is watched", (12, 21, 12, 8), [
        _target(f"pellucid_monitor_series{{{own}}}", legend="series"),
        _target(f"pellucid_monitor_checks{{{own}}}", "B", legend="checks"),
        _target(f"pellucid_incidents_unlisted{{{own}}}", "C", legend="incidents not listed"),
    ])  # fmt: skip
    return [table, over_time, lost, notices, watched]


def _panel(
    kind: str, title: str, place: tuple[int, int, int, int], targets: list[dict[str, Any]],
    unit: str = "short", steps: Sequence[tuple[float, str]] = (),
) -> dict[str, Any]:  # fmt: skip
    """Return a panel at (column, row, width, height) of Grafana's grid of 24 columns."""
    names = ("x", "y", "w", "h")
    colours: list[dict[str, Any]] = [{"color": _GREEN, "value": None}]
    colours += [{"color": colour, "value": value} for value, colour in steps]
    return {
        "type": kind,
        "title": title,
        "datasource": dict(_SOURCE),
        "gridPos": dict(zip(names, place, strict=True)),
        "targets": targets,
        "fieldConfig": {
            "defaults": {"unit": unit, "thresholds": {"mode": "absolute", "steps": colours}},
            "overrides": [],
        },
        "options": {},
    }


def _target(expr: str, ref: str = "A", *, legend: str = "") -> dict[str, Any]:
    return {"refId": ref, "datasource": dict(_SOURCE), "expr": expr, "legendFormat": legend}
