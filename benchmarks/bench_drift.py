"""Which of 50 columns moved: 1 million rows against 1 million, from Parquet.

30 numbers (normal, heavy-tailed, rounded), 15 texts of 10 to 1,000 values and 5 whole numbers; ten
numbers, five texts and one whole number move. Ours tells more (what is missing or new, means,
noise, verdicts) than the other side, DuckDB by hand: PSI over 30 even bins, or each value.

Profiles: the same report from stored profiles of 24 parts each, as a lake keeps them by day.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from harness import (
    Meter,
    Report,
    cpu,
    data_folder,
    fresh,
    interleave,
    need_disk,
    parse_options,
    peak,
)

import pellucid

ROWS = 1_000_000
LEVELS = (10, 10, 20, 20, 50, 50, 100, 100, 200, 200, 500, 500, 1000, 1000, 1000)
NUMBERS, WHOLE = 30, 5
PARTS = 24
MOST_CPU_S, MOST_MIB, MOST_PROFILES_S = 1.5, 200.0, 0.005
_EVEN_BINS = 30


def main() -> None:
    options = parse_options(__doc__, rounds=3)
    rows = options.rows(ROWS)
    report = Report("drift", "which of 50 columns moved?", options.scale == 1)
    with data_folder("drift") as folder:
        need_disk(folder, gigabytes=1.0 * options.scale)
        files = [_write(folder / f"{name}-{rows}.parquet", rows, seed=seed, moved=bool(seed))
                 for seed, name in enumerate(("baseline", "current"))]  # fmt: skip
        sides = {side.__name__: partial(fresh, side, *map(str, files))
                 for side in (ask, ask_duckdb, ask_profiles)}  # fmt: skip
        runs = interleave(sides, rounds=options.rounds)
    case = f"{rows / 1e6:g}M against {rows / 1e6:g}M rows x 50"
    ours, other = runs["ask"], runs["ask_duckdb"]
    if ours[0].value != other[0].value:
        raise SystemExit(f"{ours[0].value} moved, and by hand {other[0].value}")
    report.add(f"{case}; other: DuckDB by hand, PSI alone", "CPU s", cpu(ours), cpu(other),
               most=MOST_CPU_S)  # fmt: skip
    report.add(f"{case}; other: DuckDB by hand, PSI alone", "MiB peak", peak(ours), peak(other),
               most=MOST_MIB)  # fmt: skip
    report.add(f"{case} from {PARTS} stored profiles a side; other: from Parquet", "CPU s",
               cpu(runs["ask_profiles"]), cpu(ours), most=MOST_PROFILES_S)  # fmt: skip
    report.finish()


def ask(meter: Meter, baseline: str, current: str) -> list[str]:
    """Ask pellucid."""
    import scipy.special  # noqa: F401 - that of every side is loaded before the clock runs

    ask = pellucid.drift_of_files
    with meter:
        report = ask(current, baseline)
    return sorted(item.drift.column for item in report.columns if item.drift.psi > 0.01)


def ask_profiles(meter: Meter, baseline: str, current: str) -> list[str]:
    """Ask pellucid for the same report, of profiles that are made already."""
    from pellucid.monitor.drift.report import drift_report
    from pellucid.monitor.profiles.files import profile_baseline, profile_files
    from pellucid.monitor.profiles.profile import Profile

    before = profile_baseline([baseline])
    now = profile_files([current], {name: item.binning for name, item in before.items()})
    drift_report(now, before, names=("current", "baseline"))

    def whole(profile: Profile) -> Profile:
        total = profile
        for _ in range(PARTS - 1):
            total += profile
        return total

    with meter:
        report = drift_report(
            {name: whole(item) for name, item in now.items()},
            {name: whole(item) for name, item in before.items()}, names=("current", "baseline"),
        )  # fmt: skip
    return sorted(item.drift.column for item in report.columns if item.drift.psi > 0.01)


def ask_duckdb(meter: Meter, baseline: str, current: str) -> list[str]:
    """Ask DuckDB, by hand."""
    import duckdb

    connection = duckdb.connect()
    with meter:
        names = [row[0] for row in connection.execute(f"DESCRIBE FROM '{baseline}'").fetchall()]
        numbers = [name for name in names if not name.startswith("c")]
        ends = connection.execute(
            f"SELECT {', '.join(f'min({name}), max({name})' for name in numbers)} FROM '{baseline}'"
        ).fetchone()
        indices = dict(zip(numbers, _even(connection, numbers, ends, baseline, current),
                           strict=True))  # fmt: skip
        for name in set(names) - set(numbers):
            counts = [dict(connection.execute(
                f"SELECT {name}, count(*) FROM '{path}' GROUP BY 1").fetchall())
                for path in (current, baseline)]  # fmt: skip
            values = sorted(set(counts[0]) | set(counts[1]))
            indices[name] = _psi(*(np.array([side.get(value, 0) for value in values])
                                   for side in counts))  # fmt: skip
    return sorted(name for name, index in indices.items() if index > 0.01)


def _even(connection: Any, names: list[str], ends: Any, baseline: str, current: str) -> list[float]:
    folds = []
    for place, name in enumerate(names):
        low, high = float(ends[2 * place]), float(ends[2 * place + 1])
        cell = f"CAST(floor(({name} - {low!r}) * {_EVEN_BINS / (high - low)!r}) AS INT)"
        folds.append(f"histogram(least(greatest({cell}, -1), {_EVEN_BINS}))")
    sides = [connection.execute(f"SELECT {', '.join(folds)} FROM '{path}'").fetchone()
             for path in (current, baseline)]  # fmt: skip
    return [
        _psi(*(np.array([bins.get(cell, 0) for cell in range(-1, _EVEN_BINS + 1)])
               for bins in pair))
        for pair in zip(*sides, strict=True)
    ]  # fmt: skip


def _psi(counts: np.ndarray, baseline: np.ndarray) -> float:
    now, before = ((side + 0.5) / (side + 0.5).sum() for side in (counts, baseline))
    return float(((now - before) * np.log(now / before)).sum())


def _write(path: Path, rows: int, *, seed: int, moved: bool) -> Path:
    if path.exists():
        return path
    draw = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {}
    for place in range(NUMBERS):
        values = draw.standard_normal(rows) + (0.25 if moved and place < 10 else 0)
        values = (values, np.exp(values), np.round(values, 2))[place % 3]
        missing = draw.random(rows) < 0.01 if place in (4, 14, 24) else None
        columns[f"f{place:02}"] = pa.array(values, mask=missing)
    for place, levels in enumerate(LEVELS):
        share = 1 / np.arange(1, levels + 1) ** 0.8
        if moved and place % 3 == 0:
            share *= np.linspace(1, 1.7, levels)
        codes = draw.choice(levels, rows, p=share / share.sum()).astype(np.int32)
        words = pa.array([f"c{place:02}_{level:04}" for level in range(levels)])
        columns[f"c{place:02}"] = pa.DictionaryArray.from_arrays(codes, words).cast(pa.string())
    for place in range(WHOLE):
        mean = 22 if moved and place == 0 else 20
        columns[f"i{place:02}"] = pa.array(draw.poisson(mean, rows))
    part = path.with_suffix(".part")
    pq.write_table(pa.table(columns), part, row_group_size=131_072)
    part.rename(path)
    return path


if __name__ == "__main__":
    main()
