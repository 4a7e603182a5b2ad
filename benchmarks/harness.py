"""Shared by every benchmark: fresh processes, CPU seconds, peak memory, tables and result lines.

CPU seconds (user and system, children included) are the main figure: neighbours on a shared machine
move them little, and wall time a lot. Sides take turns, A B A B, and the median counts.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.util
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).parent
RESULTS = HERE / "results"
KEEP_DATA = "PELLUCID_BENCH_DATA"
_MIB = 1024 * 1024
_RESET_PEAK = "5"


@dataclass(slots=True)
class Meter:
    """Measures the code inside ``with meter:`` of a fresh process.

    Attributes
    ----------
    cpu_s, wall_s : float
        What it took.
    peak_mib : float
        Most resident memory of the process meanwhile, what it held before included.
    """

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mib: float = 0.0

    def __enter__(self) -> Self:
        gc.collect()
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
        self.cpu_s, self.wall_s = -cpu_seconds(), -time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu_s += cpu_seconds()
        self.wall_s += time.perf_counter()
        self.peak_mib = peak_mib()


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one side: what it took, and what it returned."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    value: Any


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the rounds."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of one figure per round."""
        return cls(min(values), statistics.median(values), max(values))

    def __str__(self) -> str:
        return " / ".join(_short(value) for value in (self.low, self.median, self.high))


@dataclass(slots=True)
class Report:
    """The cases of one benchmark.

    Parameters
    ----------
    bench : str
        Its name.
    question : str
        What it answers.
    is_full_size : bool
        Only full-size results are written to the repository.
    """

    bench: str
    question: str
    is_full_size: bool
    _lines: list[dict[str, Any]] = field(default_factory=list)
    _rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(
        self,
        case: str,
        unit: str,
        ours: Spread | float,
        other: Spread | float | None = None,
        *,
        most_ratio: float | None = None,
        most: float | None = None,
    ) -> None:
        """Add a case; smaller is better. A goal is the most of the ratio or of our own figure."""
        mine, theirs = _middle(ours), None if other is None else _middle(other)
        ratio = mine / theirs if theirs else None
        goal, met = None, None
        if most_ratio is not None and ratio is not None:
            goal, met = f"ratio <= {most_ratio:g}", ratio <= most_ratio
        elif most is not None:
            goal, met = f"ours <= {most:g}", mine <= most
        line = {"bench": self.bench, "case": case, "ours": _rounded(mine),
                "other": _rounded(theirs), "unit": unit, "ratio": _rounded(ratio),
                "goal": goal, "met": met}  # fmt: skip
        self._lines.append(line)
        shown = "" if other is None else _text(other)
        verdict = "" if met is None else "met" if met else "NOT MET"
        times = "" if ratio is None else f"{ratio:.2f}"
        self._rows.append((case, unit, _text(ours), shown, times, goal or "", verdict))

    def finish(self) -> None:
        """Print the table and the result lines; write the lines if the size was full."""
        head = ("case", "unit", "ours", "other", "ratio", "goal", "")
        widths = [max(len(row[i]) for row in [head, *self._rows]) for i in range(len(head))]
        print(f"\n{self.bench}: {self.question}\n")
        for row in (head, *self._rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())
        text = "".join(f"{json.dumps(line)}\n" for line in self._lines)
        print(f"\n{text}", end="", flush=True)
        if self.is_full_size:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{self.bench}.jsonl").write_text(text)


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked for: the size, as a part of the full one, and how many rounds."""

    scale: float
    rounds: int

    def rows(self, full: int) -> int:
        """Return a number of rows at this size."""
        return max(1000, round(full * self.scale))


def parse_options(description: str | None, *, rounds: int) -> Options:
    """Parse the command line that all benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--scale", type=float, default=1.0, help="size; 1 is the full one")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default {rounds}")
    given = parser.parse_args()
    return Options(scale=given.scale, rounds=given.rounds)


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its children that ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_mib() -> float:
    """Return the peak resident memory of this process.

    Not ``ru_maxrss``, which a process inherits from the one that started it.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmHWM in /proc/self/status: these benchmarks need Linux")


def fresh(function: Callable[..., Any], *args: Any) -> Run:
    """Call ``function(meter, *args)`` of a benchmark file in a fresh process."""
    source = Path(function.__code__.co_filename)
    done = subprocess.run(
        [sys.executable, __file__, str(source), function.__name__, json.dumps(args)],
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{function.__name__} ended with {done.returncode}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def interleave(sides: Mapping[str, Callable[[], Run]], *, rounds: int) -> dict[str, list[Run]]:
    """Run the sides in turn; return the runs of each."""
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            runs[name].append(run())
            last = runs[name][-1]
            progress(
                f"{name}: {last.cpu_s:.2f} CPU s, {last.wall_s:.1f} s, {last.peak_mib:,.0f} MiB"
            )
    return runs


def cpu(runs: Sequence[Run]) -> Spread:
    """Return the CPU seconds of runs."""
    return Spread.of([run.cpu_s for run in runs])


def peak(runs: Sequence[Run]) -> Spread:
    """Return the peak memory of runs."""
    return Spread.of([run.peak_mib for run in runs])


def progress(text: str) -> None:
    """Tell how far the benchmark is, on stderr."""
    print(f"  {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def data_folder(name: str) -> Iterator[Path]:
    """Yield a folder for generated data; it is deleted, unless PELLUCID_BENCH_DATA says where."""
    kept = os.environ.get(KEEP_DATA)
    if kept:
        folder = Path(kept) / name
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix=f"pellucid-{name}-") as folder:
        yield Path(folder)


def need_disk(folder: Path, *, gigabytes: float) -> None:
    """Stop where the disk has not that much room."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        raise SystemExit(f"{gigabytes:.0f} GB of disk needed, {free:.0f} GB free; use --scale")


def folder_mib(folder: Path) -> float:
    """Return the size of a folder's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / _MIB


def _middle(figure: Spread | float) -> float:
    return figure.median if isinstance(figure, Spread) else figure


def _text(figure: Spread | float) -> str:
    return str(figure) if isinstance(figure, Spread) else _short(figure)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.4g}")


def _serve(source: str, name: str, args: str) -> None:
    sys.path.insert(0, str(HERE))
    spec = importlib.util.spec_from_file_location(Path(source).stem, source)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    meter = Meter()
    value = getattr(module, name)(meter, *json.loads(args))
    run = {"cpu_s": meter.cpu_s, "wall_s": meter.wall_s, "peak_mib": meter.peak_mib, "value": value}
    print(json.dumps(run))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
