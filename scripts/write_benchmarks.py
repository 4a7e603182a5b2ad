"""Writes docs/benchmarks.md from the results that `make bench` left."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent
TITLES = {
    "bulk_log": "Bulk logging against `pyarrow.parquet.write_table` of the same rows",
    "live_log": "A live decision: the caller, then all threads",
    "adapters": "What the adapters add to a service's own calls",
    "wrong_masks": "Ids that redaction takes for card numbers",
    "replay": "Replaying the policy: splits of shares, and other policies",
    "group_means": "Mean attributions of groups",
    "attributions": "Exact attributions of 300 trees of depth 6 over 30 features",
    "query": "Ten metrics by three dimensions over ten million decisions",
    "memory": "Peak memory of logging a file of 5 GB",
    "import": "What a service pays to import the logger",
    "install": "What the core installs",
}


def main() -> None:
    parts = [
        "# Benchmarks", "",
        "Medians of CPU seconds (user and system) over rounds in which both sides take turns, on "
        "two shared cores; each figure comes from `make bench` (`benchmarks/README.md` says how), "
        "and this page from `make docs`. A goal that is missed says so.",
    ]  # fmt: skip
    for name, title in TITLES.items():
        path = ROOT / "benchmarks" / "results" / f"{name}.jsonl"
        if not path.is_file():
            continue
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        parts += ["", f"## {title}", "", "| case | unit | pellucid | other | ratio | goal | met |",
                  "|---|---|---|---|---|---|---|"]  # fmt: skip
        parts += [_line(row) for row in rows]
    parts += _truth()
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(parts) + "\n")


def _truth() -> list[str]:
    """Return what is said of worlds whose truth is known, from `make truth`."""
    path = ROOT / "benchmarks" / "results" / "truth_learned.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    heads = ("planted", "should say", "worlds", "says it", "says another", "unclear", "silent",
             "the route lost traffic in", "and it was said in")  # fmt: skip
    names = ("case", "expected", "worlds", "hit", "wrong", "unclear", "silent", "lost",
             "lost_and_hit")  # fmt: skip
    parts = [
        "", "# Truth", "",
        "What `obs.learned` says of simulated payments in which it is known what the model was "
        "taught, from `make truth`. Silence where nothing is planted is right. A planted outage "
        "need not cost its route traffic: the model may make nothing of it, or hold it against "
        "another route; the last columns count worlds in which the route itself lost.", "",
        f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}",
    ]  # fmt: skip
    return parts + [f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows]


def _line(row: dict[str, object]) -> str:
    met = {True: "yes", False: "**no**", None: ""}[row["met"]]
    cells = [row["case"], row["unit"], row["ours"], row["other"], row["ratio"], row["goal"], met]
    return "| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
