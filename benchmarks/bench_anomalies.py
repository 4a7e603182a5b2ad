"""What judging many series costs: two weeks of hours by the eight weeks before."""

from __future__ import annotations

from functools import partial

import numpy as np
from harness import Meter, Report, cpu, fresh, interleave, parse_options, peak

from pellucid.monitor.anomalies.find import find
from pellucid.monitor.anomalies.judge import judge
from pellucid.monitor.anomalies.series import SeriesSet

SERIES, DAYS, LAST_DAYS = 10_000, 70, 14
HOURS = 24
MONDAY = np.datetime64("2026-01-05")


def main() -> None:
    options = parse_options(__doc__, rounds=3)
    report = Report("anomalies", "what does judging many series cost?", options.scale == 1)
    count = options.rows(SERIES)
    sides = {kind: partial(fresh, look, kind, count) for kind in ("count", "rate", "value")}
    runs = interleave(sides, rounds=options.rounds)
    for kind in sides:
        case = f"{count:,} hourly series of 8 + 2 weeks, {kind}"
        report.add(case, "CPU s", cpu(runs[kind]))
        report.add(case, "MiB peak", peak(runs[kind]))
    report.finish()


def look(meter: Meter, kind: str, count: int) -> int:
    """Judge series of one kind; return how many stand out."""
    series = made(kind, count)
    with meter:
        found = find([judge(series, last_days=LAST_DAYS)])
    return len(found)


def made(kind: str, count: int) -> SeriesSet:
    """Return quiet series with hours and weekdays, of 1 to 10,000 decisions an hour."""
    draw = np.random.default_rng(0)
    hours = np.arange(DAYS * HOURS)
    season = (1 + 0.6 * np.sin(2 * np.pi * hours / HOURS)) * np.where(
        hours // HOURS % 7 > 4, 0.6, 1
    )
    mean = 10 ** draw.uniform(0, 4, (count, 1)) * season
    n = draw.poisson(mean).astype(np.float64)
    values = n
    if kind == "rate":
        hits = draw.binomial(n.astype(np.int64), 0.85)
        values = np.divide(hits, n, out=np.full(n.shape, np.nan), where=n > 0)
    elif kind == "value":
        values = 100 + 10 * season + draw.standard_t(5, n.shape)
    return SeriesSet(kind=kind, values=values, n=n, start_on=MONDAY, points_a_day=HOURS)


if __name__ == "__main__":
    main()
