"""Real input, end to end: logs card payments over four PSPs, then asks and explains.

python examples/psp_routing/run.py
python examples/psp_routing/run.py --lake lake/ --write-docs docs/psp_routing.md
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from observed_answers import open_systems
from routing_answers import findings, one_decision
from routing_page import page
from routing_records import log_everything

DATA = Path(__file__).parents[3] / "shared" / "data" / "psp_routing"


def main() -> int:
    parser = argparse.ArgumentParser(description="Log, query and explain payments over four PSPs.")
    parser.add_argument("--data", type=Path, default=DATA, metavar="FOLDER",
                        help="holds transactions_*.parquet and fees.parquet "
                        "(default: ../shared/data/psp_routing beside the repository)")  # fmt: skip
    parser.add_argument("--lake", type=Path, metavar="FOLDER",
                        help="where to log; kept (default: a temporary folder)")  # fmt: skip
    parser.add_argument("--write-docs", type=Path, metavar="FILE.md",
                        help="write the findings here instead of printing them")  # fmt: skip
    options = parser.parse_args()
    if not options.data.is_dir():
        parser.error(f"no folder {options.data}; name the one that holds the data with --data")
    with tempfile.TemporaryDirectory() as scratch:
        run(options.data, options.lake or Path(scratch), options.write_docs)
    return 0


def run(data: Path, lake: Path, docs: Path | None) -> None:
    logged = log_everything(data, lake)
    sys.stdout.write("\n".join(logged.reports) + "\n\n")
    systems = open_systems(lake, logged)
    text = page(findings(systems))
    if docs is not None:
        docs.write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {docs}\n")
        return
    story = "\n".join(f"- {line}" for line in one_decision(systems))
    sys.stdout.write(f"{text}\n## One decision in words\n\n{story}\n")


if __name__ == "__main__":
    raise SystemExit(main())
