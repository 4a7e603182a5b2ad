"""What a monitor says of real streams, set against what is known to have happened in them.

Streams and what is known of them: `streams.py`. Checks are those of `propose_checks`, less those of
what a stream does not log, with what `CHECKS` says. Each stream is logged into a lake of its own
and looked at hour by hour, as a backtest, from four weeks after its begin (two of fraud_sim and
psp_routing, which are short). A known event is found when an alert of an incident is of what it
would show in and raised while it lasts. Incidents that find none are `wrong` (raised by chance, or
by something of which nobody knows), unless they began on a day of which something else is on record
(`beside`); `beside_share` of all days are such days.

python benchmarks/truth_streams.py
python benchmarks/truth_streams.py --streams elec2

Rows are read from `../shared/data`; streams that are not there are left out. `credit_default` has
no time and is left out: rows in source order mapped to days would make no time series.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, Literal

from harness import RESULTS, Meter, data_folder, fresh, progress
from streams import DATA, STREAMS, Known, Stream

from pellucid.log.client import Logger
from pellucid.metrics.checks import propose_checks
from pellucid.monitor.incidents.incident import Alert, Incident
from pellucid.observatory import open_system
from pellucid.spec.check import Checks
from pellucid.spec.system import Candidate, System

BENCH = "truth_streams"
_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What a team would change of the proposed checks.

    Attributes
    ----------
    without : tuple of str
        Checks of what is not logged.
    by : tuple of str or None
        Dimensions that are watched; all by default.
    after : str
        The longest usual time without a decision.
    grain : str
    holidays : tuple of str
    """

    without: tuple[str, ...] = ()
    by: tuple[str, ...] | None = None
    after: str = "3h"
    grain: Literal["1h", "1d"] = "1h"
    holidays: tuple[str, ...] = ()


CHECKS = {
    # Nothing departs for six hours a night; destinations have nine flights a day each.
    "nycflights13": Own(
        without=("traffic", "scores", "eligibility"), by=("origin", "carrier"), after="9h",
        holidays=("2013-01-01", "2013-01-21", "2013-02-18", "2013-05-27", "2013-07-04",
                  "2013-09-02", "2013-10-14", "2013-11-11", "2013-11-28", "2013-12-25"),
    ),
    # Two decisions an hour, and seven: too few to look at hours.
    "elec2": Own(without=("traffic", "eligibility"), grain="1d"),
    "nannyml_car_loan_dq": Own(without=("traffic", "eligibility"), grain="1d"),
    "fraud_sim": Own(without=("traffic", "scores", "eligibility")),
    "psp_routing": Own(without=("scores", "eligibility")),
}  # fmt: skip
_HEADS = ("stream", "incidents", "known", "found", "missed", "beside", "wrong", "a_week",
          "wrong_a_week", "cpu_s")  # fmt: skip


def measure(meter: Meter, name: str, folder: str) -> dict[str, Any]:
    """Return what was opened in a stream; in a process of its own."""
    stream = STREAMS[name]()
    lake = Path(folder) / name
    log = Logger(stream.system, to=lake)
    for table, rows in stream.tables.items():
        log.table(table, rows).raise_for_refused()
    with meter:
        found = open_system(lake, system=stream.system.name).backtest(
            checks_of(name, stream.system), over=stream.judged
        )
    return scored(name, stream, found.incidents) | {
        "series": found.series, "cpu_s": round(meter.cpu_s, 1), "mib": round(meter.peak_mib),
    }  # fmt: skip


def checks_of(name: str, system: System) -> Checks:
    """Return the checks of a stream: those that are proposed, but for what is its own."""
    own, proposed = CHECKS[name], propose_checks(system)
    left_out = {Candidate().name}
    found = []
    for check in proposed.checks:
        if check.name in own.without:
            continue
        by = own.by if own.by is not None and check.by else check.by
        changed = replace(check, by=tuple(level for level in by if level not in left_out))
        if check.rule == "late":
            changed = replace(changed, after=own.after)
        elif check.rule == "unusual":
            changed = replace(changed, grain=own.grain)
        found.append(changed)
    return replace(proposed, checks=tuple(found), holidays=own.holidays)


def scored(name: str, stream: Stream, incidents: Sequence[Incident]) -> dict[str, Any]:
    """Return the line of a stream: each known event and each incident, with what became of it."""
    incidents = sorted(incidents, key=lambda item: item.opened_at)
    finds = {item.incident_id: [one for one in stream.known if finds_it(item, one)]
             for item in incidents}  # fmt: skip
    known = [_event(one, [item for item in incidents if one in finds[item.incident_id]])
             for one in stream.known]  # fmt: skip
    told = [_told(item, finds[item.incident_id], stream) for item in incidents]
    weeks = (stream.judged.end - stream.judged.start) / _WEEK
    wrong = sum(one["verdict"] == "wrong" for one in told)
    found = sum(one["found"] for one in known)
    return {
        "bench": BENCH, "stream": name, "weeks": round(weeks, 1), "incidents": len(told),
        "known": len(known), "found": found, "missed": len(known) - found,
        "beside": sum(one["verdict"] == "beside" for one in told), "wrong": wrong,
        "beside_share": round(stream.beside_share, 2), "a_week": round(len(told) / weeks, 2),
        "wrong_a_week": round(wrong / weeks, 2), "events": known, "told": told,
    }  # fmt: skip


def finds_it(incident: Incident, known: Known) -> bool:
    """Return whether an incident has an alert that is about what is known."""
    return any(_is_about(alert, known) for alert in incident.alerts)


def _is_about(alert: Alert, known: Known) -> bool:
    is_then = known.start < alert.raised_at <= known.end
    return is_then and any(name in alert.subject for name in known.subjects)


def _event(one: Known, incidents: Sequence[Incident]) -> dict[str, Any]:
    raised = [alert.raised_at for item in incidents for alert in item.alerts
              if _is_about(alert, one)]  # fmt: skip
    hours = round((min(raised) - one.start) / timedelta(hours=1)) if raised else None
    return {"name": one.name, "found": bool(raised), "hours": hours}


def _told(item: Incident, finds: Sequence[Known], stream: Stream) -> dict[str, Any]:
    began = {item.started_at.astimezone(UTC).date(), item.opened_at.astimezone(UTC).date()}
    beside = next((stream.beside[day] for day in sorted(began) if day in stream.beside), "")
    verdict = "found" if finds else "beside" if beside else "wrong"
    return {
        "opened_at": f"{item.opened_at:%Y-%m-%d %H:%M}", "title": item.title,
        "began_at": f"{item.started_at:%Y-%m-%d %H:%M}",
        "last_at": f"{item.last_at:%Y-%m-%d %H:%M}",
        "checks": sorted({alert.check for alert in item.alerts}), "alerts": len(item.alerts),
        "verdict": verdict, "about": [one.name for one in finds] or [beside] * bool(beside),
    }  # fmt: skip


def _show(lines: Sequence[dict[str, Any]]) -> None:
    for line in lines:
        print(f"\n{line['stream']}: {line['weeks']} weeks, {line['series']} series")
        for event in line["events"]:
            after = f"found {event['hours']} h after its start" if event["found"] else "MISSED"
            print(f"  known: {event['name']}: {after}")
        for one in line["told"]:
            print(f"  {one['opened_at']} {one['verdict']:<7}{one['title']}")
    rows = [_HEADS, *(tuple(str(line[name]) for name in _HEADS) for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADS))]
    print(f"\n{BENCH}: of what happened in real streams, what is told, and what else?\n")
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", nargs="+", default=[*STREAMS], choices=[*STREAMS])
    given = parser.parse_args()
    lines = []
    with data_folder(BENCH) as folder:
        for name in given.streams:
            if not (DATA / name).is_dir():
                progress(f"{name}: ../shared/data/{name} is not there; left out")
                continue
            lines.append(fresh(measure, name, str(folder)).value)
            progress(f"{name}: {lines[-1]['cpu_s']} CPU s")
    _show(lines)
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    print(f"\n{text}", end="")
    _store(lines)


def _store(lines: Sequence[dict[str, Any]]) -> None:
    """Put lines in the place of those of the same streams; a stream may run for many minutes."""
    path = RESULTS / f"{BENCH}.jsonl"
    known = path.read_text().splitlines() if path.is_file() else []
    by_stream = {line["stream"]: line for line in [*map(json.loads, known), *lines]}
    RESULTS.mkdir(exist_ok=True)
    path.write_text("".join(f"{json.dumps(by_stream[name])}\n" for name in STREAMS
                            if name in by_stream))  # fmt: skip


if __name__ == "__main__":
    main()
