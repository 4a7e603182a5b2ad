"""What a look at many checks costs: ten thousand series, by the eight weeks before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
from bench_anomalies import DAYS, HOURS, MONDAY, made
from harness import Meter, Report, cpu, fresh, interleave, parse_options, peak

from pellucid.monitor.checks.evidence import gather_evidence
from pellucid.monitor.checks.panel import Panel, look
from pellucid.spec.check import Check
from pellucid.spec.system import Metric

SERIES, JUDGED_DAYS = 10_000, 7
START = datetime(2026, 1, 5, tzinfo=UTC)


def main() -> None:
    options = parse_options(__doc__, rounds=3)
    report = Report("checks", "what does a look at many checks cost?", options.scale == 1)
    count = options.rows(SERIES)
    sides = {kind: partial(fresh, looks, kind, count) for kind in ("count", "rate", "value")}
    runs = interleave(sides, rounds=options.rounds)
    for kind in sides:
        case = f"{count:,} hourly series, {kind}: a week of looks by the weeks before"
        report.add(case, "CPU s", cpu(runs[kind]))
        report.add(case, "MiB peak", peak(runs[kind]))
    report.finish()


def looks(meter: Meter, kind: str, count: int) -> int:
    """Judge series and look at them each hour of a week; return how many failures there were."""
    series = made(kind, count)
    check = Check(name="all", metric="all")
    with meter:
        evidence = gather_evidence(series, first=DAYS - JUDGED_DAYS)
        slices = tuple((("segment", str(place)),) for place in range(count))
        panel = Panel(check, Metric(name="all"), slices, series, evidence, START,
                      timedelta(hours=1), 0)  # fmt: skip
        first = START + timedelta(days=DAYS - JUDGED_DAYS)
        found = [look([panel], first + timedelta(hours=hour), most_false=0.5 / 168)
                 for hour in range(1, JUDGED_DAYS * HOURS)]  # fmt: skip
    assert np.datetime64(START.replace(tzinfo=None), "D") == MONDAY
    return sum(len(item.failing) for item in found)


if __name__ == "__main__":
    main()
